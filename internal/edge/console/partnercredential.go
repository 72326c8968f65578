package console

import (
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// partnerCredential is one credential of a partner's page with its versions and their use.
type partnerCredential struct {
	api.Credential
	Path, What string
	Tone, Word string
	Rotates    string
	Uses       []partnerVersion
	Earlier    int // ended versions that are not listed
}

// partnerVersion is one version and its use in the last 30 days.
type partnerVersion struct {
	api.Version
	Known            bool // of its use
	LastUse          time.Time
	Allowed, Refused int64
	From             []string
	More             bool
	ByToken          bool // no version: calls by access token, which belong to none
}

// How many ended versions and how many addresses of one version are listed.
const (
	endedVersions = 2
	fromMost      = 4
)

// partnerCredentialRows lay the use of each version beside it.
func partnerCredentialRows(list []api.Credential, usage []api.EnvironmentUsage, known bool) (rows []partnerCredential) {
	for _, c := range list {
		row := partnerCredential{Credential: c, Path: page.Path(base+"/credentials", c.ID), What: kindName(c.Kind)}
		row.Tone, row.Word = credentialWords(c.State)
		if c.Schedule.EverySeconds > 0 {
			row.Rotates = "rotates every " + spanWords(time.Duration(c.Schedule.EverySeconds)*time.Second)
			if c.Schedule.Pending.Version > 0 {
				row.Rotates = "a new secret waits to be handed over"
			}
		}
		ended := 0
		for _, version := range c.Versions {
			if !version.Live {
				if ended++; ended > endedVersions {
					row.Earlier++
					continue
				}
			}
			row.Uses = append(row.Uses, partnerVersionUse(c.ID, version, usage, known))
		}
		if token := partnerVersionUse(c.ID, api.Version{}, usage, known); !token.LastUse.IsZero() {
			token.ByToken = true
			row.Uses = append(row.Uses, token)
		}
		if len(row.Uses) == 0 {
			row.Uses = []partnerVersion{{}}
		}
		rows = append(rows, row)
	}
	return rows
}

// partnerVersionUse is one version with its use.
func partnerVersionUse(credential string, version api.Version, usage []api.EnvironmentUsage, known bool) partnerVersion {
	row := partnerVersion{Version: version, Known: known}
	for _, e := range usage {
		for _, u := range e.Versions {
			if u.CredentialID != credential || u.Version != version.Number {
				continue
			}
			row.Allowed, row.Refused, row.LastUse = u.Allowed, u.Refused, u.LastAt
			row.From, row.More = u.Addresses[:min(len(u.Addresses), fromMost)], u.MoreAddresses || len(u.Addresses) > fromMost
		}
	}
	return row
}

func credentialWords(state api.CredentialState) (tone, word string) {
	switch state {
	case api.CredentialStateLive:
		return "good", "live"
	case api.CredentialStateLocked:
		return "bad", "locked"
	case api.CredentialStateRevoked:
		return "plain", "revoked"
	case api.CredentialStateEnded:
		return "plain", "ended"
	case api.CredentialStateClosed:
		return "plain", "closed"
	}
	return "plain", string(state)
}
