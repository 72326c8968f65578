package main

import (
	"fmt"

	"countersign.dev/internal/access"
	ofconfig "countersign.dev/internal/blueprint"
	"countersign.dev/internal/config"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
)

// toldProfile is the profile of a signed API as partners may have it: they sign by it.
type toldProfile struct {
	profilePrint
	text []byte // of its file
}

// toldOf reads a profile of the configuration with its text.
func toldOf(p config.Profile) (*toldProfile, error) {
	made, err := profileOf(p)
	if err != nil {
		return nil, err
	}
	out := &toldProfile{profilePrint: *made}
	if p.File == "" {
		out.text, err = library.FS.ReadFile(p.Name + ".yaml")
	} else {
		out.text, err = ofconfig.ReadBounded(p.File, ofconfig.MaxProfile)
	}
	if err != nil {
		return nil, fmt.Errorf("read the profile's text: %w", err)
	}
	if p.File == "" {
		return out, nil
	}
	// What is handed out is what decides: the file may have been exchanged between the two readings.
	again, err := profile.Parse(p.File, out.text)
	if err != nil {
		return nil, err
	}
	out.profile = again
	return out, nil
}

// tellProfiles has w know the profiles of its signed APIs as partners may have them.
func (w *worldPrint) tellProfiles(source func(api string) (*toldProfile, error)) error {
	for i := range w.apis {
		one := &w.apis[i]
		if one.api.Protocol != access.Signed {
			continue
		}
		var err error
		if one.told, err = source(one.api.Name); err != nil {
			return fmt.Errorf("profile of %s: %w", one.api.Name, err)
		}
	}
	return nil
}
