// Package blueprint makes of a configuration what decides: the APIs of an environment with their compiled schemes. It owns that
// step alone, so that every place in which the check runs, a server, a command that asks the record, a service that has the check
// in its own process, takes the same settings from the same file. It opens no register, no listener and no upstream, and the only
// files that it reads are profiles, each of them bounded: a path in a configuration may lead to anything.
package blueprint

import (
	"fmt"
	"os"

	"countersign.dev/internal/access"
	"countersign.dev/internal/config"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

// MaxProfile bounds a profile file, in bytes; the language's own bound is tighter.
const MaxProfile = 1 << 20

// Schemes are the compiled profiles of one configuration. A profile is compiled once for all APIs that use it: they share an
// index of credentials in the snapshot. It is used by one goroutine at a time; make one with Schemes{}.
type Schemes map[config.Profile]*scheme.Scheme

// API is what decides of one API of a configuration that was loaded; e is its environment. Whoever asks owns what it gets, but
// for the schemes, which are never changed. An error says what is wrong with a profile.
func (s Schemes) API(e *config.Environment, c *config.API) (*access.API, error) {
	api := &access.API{
		Name: c.Name, Environment: e.Name, Protocol: access.Token, BasePaths: c.BasePaths, MaxBody: c.MaxBody,
		Addresses:    map[string]access.AddressRule{"required": access.AddressRequired, "optional": access.AddressOptional, "off": access.AddressOff}[c.Addresses],
		AllowBrowser: c.AllowBrowser, AllowEncodedSlash: c.AllowEncodedSlash, AllowEmptySegments: c.AllowEmptySegments,
		HideSunset:      !c.Sunset,
		WarnHeaderNames: c.HeaderNames == "warn", AddressWarn: c.AddressMismatch == "warn", ClientCertificateWarn: c.CertificateMismatch == "warn",
		ClientCertificate: map[string]access.ClientCertificateRule{
			"off": access.ClientCertificateOff, "bound": access.ClientCertificateBound, "required": access.ClientCertificateRequired}[c.ClientCertificate],
		Limits: access.APILimits{PerPartner: limitOf(c.Limits.PerPartner), PerCredential: limitOf(c.Limits.PerCredential), Total: limitOf(c.Limits.Total)},
	}
	if t := c.Token; t != nil {
		api.TokenEndpoint, api.TokenLifetime = t.Endpoint, t.Lifetime
		api.StrictEmptyPost, api.StrictXMLContentType = t.EmptyPost == "strict", t.XMLContentType == "strict"
		return api, nil
	}
	api.Protocol, api.Window = access.Signed, c.Window
	api.Replay = map[string]access.ReplayRule{"writes": access.ReplayWrites, "all": access.ReplayAll, "off": access.ReplayOff}[c.Replay]
	var err error
	if api.Scheme, err = s.of(*c.Profile); err != nil || c.Shadow == nil {
		return api, err
	}
	if api.Shadow, err = s.of(*c.Shadow); err != nil {
		return api, fmt.Errorf("shadow: %w", err)
	}
	return api, nil
}

func limitOf(l *config.Limit) *access.Rate {
	if l == nil {
		return nil
	}
	return &access.Rate{Rate: l.Rate.Count, Per: l.Rate.Per, Burst: l.Burst, Daily: l.Daily}
}

// of compiles a profile, or finds the one that was.
func (s Schemes) of(p config.Profile) (*scheme.Scheme, error) {
	if known := s[p]; known != nil {
		return known, nil
	}
	made, err := compile(p)
	if err == nil {
		s[p] = made
	}
	return made, err
}

func compile(p config.Profile) (*scheme.Scheme, error) {
	if p.File == "" {
		name := p.Name
		if p.Alternative != "" {
			name += "/" + p.Alternative
		}
		return library.Load(name)
	}
	text, err := ReadBounded(p.File, MaxProfile)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	parsed, err := profile.Parse(p.File, text)
	if err != nil {
		return nil, err
	}
	return parsed.Alternative(p.Alternative)
}

// ReadBounded reads a file that a configuration names: a regular one of at most limit bytes. It is meant for files that are
// read once, at the start or at a reload.
func ReadBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return os.ReadFile(path)
}
