package portal

import (
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// callRow is all of a decision line that a partner is shown in a list. It is filled field by field: what is not named here is
// never shown (record 41).
type callRow struct {
	ID, Environment, API string
	At                   time.Time
	Method, Path         string
	Allowed, Proved      bool
	Status               int
	Address              string
	Reason               string // the stable word of a refusal; empty: let in, and answered
	Short                string // the same in a few words
	Tone                 string
}

// callOf takes over what a partner may see of a line that names it. The line's cause, peer, shadow, versions that were tried, query,
// other environment and derivation are not taken over.
func callOf(l *search.Line) callRow {
	c := callRow{ID: string(l.RequestID), Environment: string(l.Environment), API: string(l.API), At: l.Time, Method: string(l.Method), Path: string(l.Path),
		Allowed: l.Kind != search.Refuse, Proved: l.Proved, Status: l.Status, Reason: string(l.Reason), Tone: "bad"}
	if a := l.IP(); a.IsValid() {
		c.Address = a.String()
	}
	words, ok := reasons[c.Reason]
	switch {
	case c.Reason == access.Allowed.String():
		c.Reason, c.Short, c.Tone = "", "Let in", "good"
	case !ok: // of a newer program than this one
		c.Reason, c.Short = "", "Refused"
		if c.Allowed {
			c.Short, c.Tone = "Let in", "plain"
		}
	default:
		c.Short = words.short
		if c.Allowed {
			c.Tone = "warn"
		}
	}
	return c
}

// storyPage is the Data of "call".
type storyPage struct {
	callRow
	Finished   bool
	Where      string // the header or parameter that it was about
	Told       string // what the answer said
	Cause      string // what it was
	Cure       string // what to do
	Credential string // how the partner knows it; empty: not one that it has any more
	Link       string // to the credential
	KeyName    string
	Version    int // that proved it; 0: none, or by access token
	Country    string
	Skew       time.Duration
	Duration   time.Duration
	BytesIn    int64
	BytesOut   int64
	Notes      []string
	Debug      string // where the signature is explained; empty: nowhere
	Actions    []page.Item
	Place      Environment
}

// storyOf tells one call. What the outside was not told is told here where the member's partner is the one that the key belongs to:
// the person has proved by the sign-in to be of that partner, which the request had not.
func (v *visit) storyOf(l *search.Line, finished bool, own registry.MemberView) storyPage {
	s := storyPage{callRow: callOf(l), Finished: finished, Version: l.Version, Duration: l.Duration, BytesIn: l.BytesIn, BytesOut: l.BytesOut, Skew: l.Skew}
	if s.Proved {
		s.Country = string(l.Country) // of a stranger who merely knew the key id, it is nobody's business here
	}
	for _, c := range own.Credentials {
		if c.ID == string(l.Credential) {
			row := credentialRow{Credential: c, KeyName: "API token"}
			if c.Kind == partner.App {
				row.KeyName = "App key"
			}
			s.Credential, s.KeyName, s.Link = c.KeyID, row.KeyName, page.Path(Base+"/credentials", c.ID)
		}
	}
	if words, ok := reasons[s.Reason]; ok {
		s.Where, s.Cause, s.Cure, s.Told = whereOf(l), words.cause, words.cure, words.told
	}
	s.Place, _ = v.s.environment(s.Environment)
	s.Actions = v.actionsFor(&s)
	s.Notes = notesOf(l, &s)
	return s
}

// whereOf is the header or parameter that a reason is about: a name of the profile or of a closed list, never a value.
func whereOf(l *search.Line) string {
	where := string(l.Where)
	if strings.Trim(where, "-_.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" || len(where) > 64 {
		return ""
	}
	return where
}

// actionsFor is what can be done about a refusal on other pages of the portal.
func (v *visit) actionsFor(s *storyPage) (out []page.Item) {
	switch s.Reason {
	case access.BadSignature.String():
		if v.s.cfg.Debugger.Desk != nil {
			s.Debug = page.Link(Base+"/debugger", "request", s.ID)
			out = append(out, page.Item{Text: "Explain the signature", Href: s.Debug, Main: true})
		}
	case access.AddressNotListed.String(), access.UnprovedAddress.String(), access.CountryNotAllowed.String():
		out = append(out, page.Item{Text: "Register this address", Href: page.Link(Base+"/addresses", "environment", s.Environment, "prefix", s.Address) + "#propose", Main: true})
	case access.Locked.String(), access.RevokedCredential.String(), access.BadSecret.String():
		out = append(out, page.Item{Text: "Credentials", Href: Base + "/credentials", Main: true})
	case access.NotApproved.String(), access.Suspended.String():
		out = append(out, page.Item{Text: "Where you stand", Href: page.Path(Base+"/start", s.Environment), Main: true})
	}
	return out
}

// notesOf are further sentences about a call.
func notesOf(l *search.Line, s *storyPage) (out []string) {
	if !s.Proved {
		out = append(out, "The call named your key and did not prove to hold its secret: it may have been somebody else. Its address is where it came from, whoever that was.")
	}
	if !s.Finished {
		out = append(out, "It was let in and sent on; what became of it is not recorded yet.")
	}
	for _, warning := range []struct{ reason, text string }{
		{access.AddressNotListed.String(), "Its address is not registered. It was let in all the same for now; that will end: register the address."},
		{access.ClientCertificate.String(), "It came without the client certificate that is asked for. It was let in all the same for now; that will end."},
		{access.MalformedHeader.String(), "It carried header names with other characters than letters, digits and hyphens. They were taken off; that will become a refusal."},
	} {
		if strings.Contains(string(l.Warnings), `"`+warning.reason+`"`) {
			out = append(out, warning.text)
		}
	}
	return out
}

// reasonWords is what a partner is told of a reason.
type reasonWords struct{ short, told, cause, cure string }

// reasons are the words for each reason, by its stable name, from the one table that drives the answers.
var reasons = reasonTable()

func reasonTable() map[string]reasonWords {
	out := map[string]reasonWords{}
	for _, row := range problem.Rows() {
		if row.Reason == access.Allowed {
			continue
		}
		name := row.Reason.String()
		w := reasonWords{short: title(strings.ReplaceAll(name, "_", " ")), told: toldOf(row), cause: row.Cause, cure: row.Cure}
		if row.Reason == access.BadSignature {
			w.cure = "Find the first byte that differs from what you signed: the signature debugger of this portal does, and so does countersign explain."
		}
		out[name] = w
	}
	return out
}

// toldOf says what a caller of a signed API heard. Of a token API, whose codes are its vendor's, the cause says more.
func toldOf(row problem.Row) string {
	switch row.Telling {
	case problem.Uniform:
		return "Only that the request is not authorized: an answer to whoever has not proved who it is says no more."
	case problem.Silent:
		return "Nothing: the caller had left."
	}
	return ""
}

func reasonOptions() []page.Option {
	out := []page.Option{{Value: "", Text: "any"}}
	for name, words := range reasons {
		out = append(out, page.Option{Value: name, Text: words.short})
	}
	slices.SortFunc(out[1:], func(a, b page.Option) int { return strings.Compare(a.Text, b.Text) })
	return out
}
