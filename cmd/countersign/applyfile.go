package main

import (
	"fmt"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/desired"
	"countersign.dev/internal/registry"
)

// parseDesired reads a file for apply, which is untrusted, as the console reads it: package desired owns its form. The File leads
// from an item that the registry complains about to where it stands. The error is always desired.Problems.
func parseDesired(name string, text []byte) (registry.Desired, desired.File, error) {
	file, err := desired.Parse(name, text, desired.OfCommand())
	if err != nil {
		return registry.Desired{}, desired.File{}, err
	}
	var out registry.Desired
	for _, p := range file.Desired.Partners {
		one := registry.DesiredPartner{Name: p.Name, Closed: p.Closed}
		for _, e := range p.Environments {
			environment, err := desiredEnvironment(e)
			if err != nil { // the file's reader takes no prefix that this one would not
				return registry.Desired{}, desired.File{}, desired.Problems{{File: name, Message: fmt.Sprintf("%q: %v", p.Name, err)}}
			}
			one.Environments = append(one.Environments, environment)
		}
		out.Partners = append(out.Partners, one)
	}
	return out, file, nil
}

// desiredEnvironment keeps apart what is to be empty and what is to stay as it is.
func desiredEnvironment(e api.DesiredEnvironment) (registry.DesiredEnvironment, error) {
	to := registry.DesiredEnvironment{Name: e.Name, Requested: e.Requested}
	if e.Networks != nil {
		to.Networks = []registry.DesiredNetwork{}
		for _, n := range *e.Networks {
			rule := registry.DesiredNetwork{API: n.API, Country: n.Country, Note: n.Note}
			if n.Prefix != "" {
				var err error
				if rule.Prefix, err = parseNetwork(n.Prefix); err != nil {
					return to, err
				}
			}
			to.Networks = append(to.Networks, rule)
		}
	}
	if e.Limits != nil {
		to.Limits = []registry.DesiredLimit{}
		for _, l := range *e.Limits {
			to.Limits = append(to.Limits, registry.DesiredLimit{API: l.API, Credential: l.CredentialID,
				Rate: l.Rate, Per: time.Duration(l.PerSeconds) * time.Second, Burst: l.Burst, Daily: l.Daily})
		}
	}
	return to, nil
}
