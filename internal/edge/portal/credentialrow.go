package portal

import (
	"encoding/json"
	"net/netip"
	"time"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/traffic"
)

// soon is how long before its end a version is warned of.
const soon = 14 * 24 * time.Hour

// credentialRow is a credential as its owner sees it.
type credentialRow struct {
	partner.Credential
	Name       string // "API token 3f9a... (sandbox)"
	KindWords  string
	KeyName    string // "API token" or "app key"
	Word, Tone string
	Versions   []versionRow
	ByToken    *traffic.VersionUsage // calls by access token, which belong to no version; nil: not known, or none
	Last       time.Time             // of all versions; zero: none is known
	Warnings   []string
	Pending    *registry.PendingSecret // a secret that waits to be taken
	Next       time.Time               // of the next rotation by schedule; zero: none
	Live       int
}

// versionRow is one version of a credential.
type versionRow struct {
	partner.Version
	Word, Tone string
	Used       *traffic.VersionUsage // nil: not known, or never in the last 30 days
	CanRetire  bool
}

// used is what is known of the partner's own calls.
type used struct {
	known    bool
	versions map[versionKey]traffic.VersionUsage
	usage    traffic.Usage
}

type versionKey struct {
	credential string
	version    int
}

// usage asks how the partner calls, in the last 30 days; where that is not known, or not all of it, pages say so instead of failing.
func (v *visit) usage(own registry.MemberView) used {
	if v.s.cfg.Usage == nil {
		return used{}
	}
	ids := make([]string, len(own.Credentials))
	for i, c := range own.Credentials {
		ids[i] = c.ID
	}
	u, err := v.s.cfg.Usage.Usage(v.partner, ids, traffic.Month, nil)
	if err != nil {
		v.s.cfg.Log("read usage", err)
		return used{}
	}
	out := used{known: len(u.Faults) == 0, versions: map[versionKey]traffic.VersionUsage{}, usage: u}
	for _, e := range u.Environments {
		for _, x := range e.Versions {
			out.versions[versionKey{x.Credential, x.Version}] = x
		}
	}
	return out
}

// addresses are those that an environment was really called from with a proof.
func (u used) addresses(environment string) (out []netip.Addr) {
	seen := map[netip.Addr]bool{}
	for _, e := range u.usage.Environments {
		if e.Environment != environment {
			continue
		}
		for _, x := range e.Versions {
			for _, a := range x.Addresses {
				if !seen[a] {
					seen[a], out = true, append(out, a)
				}
			}
		}
	}
	return out
}

// letIn reports whether a call of the last 30 days was let in.
func (u used) letIn(environment string) bool {
	for _, e := range u.usage.Environments {
		if e.Environment == environment && e.Allowed > 0 {
			return true
		}
	}
	return false
}

// rowOf describes a credential.
func rowOf(c partner.Credential, own registry.MemberView, u used, now time.Time) credentialRow {
	row := credentialRow{Credential: c, KindWords: kindWords(c.Kind), KeyName: "API token", Word: "In force", Tone: "good"}
	if c.Kind == partner.App {
		row.KeyName = "App key"
	}
	row.Name = row.KeyName + " " + page.Short(c.KeyID)
	for i, x := range c.Versions {
		row.Versions = append(row.Versions, versionOf(x, i == 0, u, c.ID, now))
		if x.Live(now) {
			row.Live++
		}
		if use := row.Versions[i].Used; use != nil && use.Last.After(row.Last) {
			row.Last = use.Last
		}
	}
	if use, ok := u.versions[versionKey{c.ID, 0}]; ok {
		row.ByToken = &use
		if use.Last.After(row.Last) {
			row.Last = use.Last
		}
	}
	for _, s := range own.Schedules {
		if s.CredentialID == c.ID {
			row.Next, row.Pending = s.Next, s.Pending
		}
	}
	row.judge(own, now)
	for i := range row.Versions {
		x := &row.Versions[i]
		x.CanRetire = x.Live(now) && row.Live > 1 && i > 0 && c.RevokedAt.IsZero()
	}
	return row
}

// judge says how the credential stands, and what its owner should know.
func (row *credentialRow) judge(own registry.MemberView, now time.Time) {
	switch review := reviewOf(own, row.Environment).State; {
	case !row.RevokedAt.IsZero():
		row.Word, row.Tone = "Revoked", "plain"
		return
	case row.Locked():
		row.Word, row.Tone = "Locked", "bad"
		row.Warnings = append(row.Warnings, "Too many wrong secrets came in a row. Ask your operator to unlock it, and find out who sent them.")
	case row.Live == 0:
		row.Word, row.Tone = "Ended", "bad"
		row.Warnings = append(row.Warnings, "No secret of it counts any more: every call with it is refused.")
	case review != partner.ReviewApproved:
		row.Word, row.Tone = "No access", "bad"
		row.Warnings = append(row.Warnings, "Your access to "+row.Environment+" is not approved, or suspended: every call is refused.")
	}
	newest := len(row.Versions) > 0 && row.Versions[0].Live(now)
	for i, x := range row.Versions {
		if !x.Live(now) || x.NotAfter.IsZero() || x.NotAfter.Sub(now) > soon {
			continue
		}
		if i == 0 || !newest {
			row.Word, row.Tone = "Ends soon", "warn"
			row.Warnings = append(row.Warnings, "The secret ends on "+x.NotAfter.UTC().Format("2 January 2006 15:04 UTC")+" and nothing replaces it yet: replace it now.")
		} else if x.Used != nil {
			row.Warnings = append(row.Warnings, "The old secret ends on "+x.NotAfter.UTC().Format("2 January 2006 15:04 UTC")+", and was used in the last 30 days: see that all programs have the new one.")
		}
	}
	if row.Pending != nil {
		row.Warnings = append(row.Warnings, "A new secret was made by schedule and waits to be taken, until "+row.Pending.Until.UTC().Format("2 January 2006 15:04 UTC")+".")
	}
}

// versionOf describes one version.
func versionOf(x partner.Version, newest bool, u used, credentialID string, now time.Time) versionRow {
	row := versionRow{Version: x, Word: "In force", Tone: "good"}
	switch {
	case !x.NotBefore.IsZero() && now.Before(x.NotBefore):
		row.Word, row.Tone = "Not yet", "plain"
	case !x.Live(now):
		row.Word, row.Tone = "Ended", "plain"
	case !newest:
		row.Word, row.Tone = "Still counts", "warn"
	}
	if use, ok := u.versions[versionKey{credentialID, x.Number}]; ok {
		row.Used = &use
	}
	return row
}

// credentialOf is the credential that the parameters of an operation name.
func credentialOf(op registry.Operation) string {
	var p struct {
		Credential string `json:"credential"`
	}
	if json.Unmarshal(op.Params, &p) != nil {
		return ""
	}
	return p.Credential
}
