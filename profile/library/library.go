// Package library holds the profiles that come with the program, one YAML file each, embedded.
//
// It owns the files and their names. It refuses names it does not have; it reads nothing but what is embedded, so that no path can be smuggled in a name.
package library

import (
	"embed"
	"errors"
	"fmt"
	"strings"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// FS holds the profiles, NAME.yaml, and beside each NAME.vectors.json. Read-only.
//
//go:embed *.yaml *.vectors.json
var FS embed.FS

// ErrUnknown is wrapped when no profile of the name is shipped.
var ErrUnknown = errors.New("unknown profile")

// Profile returns a shipped profile by its name, such as "finci". It returns an error that wraps ErrUnknown, with the nearest name.
func Profile(name string) (*profile.Profile, error) {
	names := Names()
	for _, known := range names {
		if known != name {
			continue
		}
		text, err := FS.ReadFile(name + ".yaml")
		if err != nil {
			return nil, fmt.Errorf("read profile: %w", err)
		}
		return profile.Parse(name+".yaml", text)
	}
	if hint := scheme.Nearest(name, names); hint != "" {
		return nil, fmt.Errorf("%w: %.64q (%s)", ErrUnknown, name, hint)
	}
	return nil, fmt.Errorf("%w: %.64q", ErrUnknown, name)
}

// Load returns the scheme of a shipped profile, "finci", or of one of its alternatives, "finci/lf". It returns an error that wraps ErrUnknown or
// profile.ErrNoAlternative.
func Load(name string) (*scheme.Scheme, error) {
	base, alternative, named := strings.Cut(name, "/")
	if named && alternative == "" {
		return nil, fmt.Errorf("%w: %.64q", ErrUnknown, name)
	}
	p, err := Profile(base)
	if err != nil {
		return nil, err
	}
	return p.Alternative(alternative)
}

// Names lists the shipped profiles in alphabetical order, without their alternatives.
func Names() []string {
	entries, err := FS.ReadDir(".")
	if err != nil {
		return nil // an embedded root can always be listed
	}
	var out []string
	for _, e := range entries {
		if name, isProfile := strings.CutSuffix(e.Name(), ".yaml"); isProfile {
			out = append(out, name)
		}
	}
	return out
}
