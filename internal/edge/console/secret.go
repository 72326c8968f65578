package console

import (
	"net/http"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// secretShown is the page that shows a secret, in the answer to a POST and nowhere else (security rule 33). Without a value it
// says that the
// secret was shown already, and what to do about that.
type secretShown struct {
	title, section string
	trail          []page.Item

	Label, Value, File string
	Says               string // what was done
	Gone               string // why it is not shown; empty: it was shown already
	Lost               string // what to do where it is lost
	Until              string
	Facts              []diffRow // what goes with it and is no secret
	Next               []string
	Links              []page.Item
}

// showSecret shows it. The page is never kept by a browser (page.Protect), and has no address of its own: to load it again is
// to send
// the form again, which shows nothing.
func (v *visit) showSecret(w http.ResponseWriter, r *http.Request, s secretShown) {
	s.Gone = orWord(s.Gone, "It was shown already, in the answer to the first press of the button, and cannot be shown again.")
	v.show(w, r, "secretshown", page.View{Title: s.title, Section: s.section, Trail: s.trail, Narrow: true, Data: s})
}

// issuedSecret is the secret of a new credential or version.
func issuedSecret(made api.CredentialIssued, title, says string) secretShown {
	c := made.Credential
	here := page.Path(base+"/credentials", c.ID)
	s := secretShown{title: title, section: "partners", Says: says, Value: made.Secret, Label: secretWord(string(c.Kind)),
		File:  "secret-" + made.KeyID + ".txt",
		Lost:  "If it was lost, rotate the credential: that makes a new secret, and shows it once.",
		trail: []page.Item{{Text: "Partner", Href: page.Path(base+"/partners", c.PartnerID)}, {Text: "Credential", Href: here}},
		Facts: []diffRow{{What: keyWord(string(c.Kind)), Then: made.KeyID}, {What: "Environment", Then: c.Environment},
			{What: "Version", Then: versionWords(made.Version)}},
		Links: []page.Item{{Text: "I have kept it: to the credential", Href: here, Main: true}}}
	if made.Login != "" {
		s.Facts = append(s.Facts, diffRow{What: "Partner id at the token endpoint", Then: made.Login})
	}
	return s
}

// secretWord and keyWord are what the partner's documents call the two halves of a credential.
func secretWord(kind string) string {
	if kind == "app" {
		return "Partner secret"
	}
	return "API secret"
}

func keyWord(kind string) string {
	if kind == "app" {
		return "App key"
	}
	return "API token"
}

// linkSecret is the one-time link of somebody who was invited.
func linkSecret(login, link string, until time.Time, section string, back page.Item) secretShown {
	s := secretShown{title: "One-time link", section: section, Label: "One-time link for " + page.Cut(60, login), Value: link,
		File: "one-time-link.txt",
		Says: "Invited.", Lost: "If it was lost, make a new link: the former one counts no more then.",
		Next:  []string{"Hand the link over in person or by a way that only its receiver reads: whoever opens it first is the account.", "It is opened once, and a way to sign in is registered then."},
		Links: []page.Item{back}}
	if !until.IsZero() {
		s.Until = "It ends " + timeWords(until) + "."
	}
	return s
}

// appliedSecret is what applying an approved change has made.
func appliedSecret(done api.ProposalChanged) secretShown {
	p := done.Proposal
	back := page.Item{Text: "To the change", Href: page.Path(base+"/proposals", p.ID)}
	var s secretShown
	switch p.Operation {
	case "credential.issue", "credential.rotate":
		if done.Credential.ID != "" {
			s = issuedSecret(api.CredentialIssued{Credential: done.Credential, KeyID: done.KeyID, Login: done.Login,
				Version: done.Version, Secret: done.Secret}, "", "")
		} else {
			s = secretShown{Label: "Secret",
				Lost: "If it was lost, rotate the credential: that makes a new secret, and shows it once."}
		}
	case "account.invite":
		s = linkSecret(orWord(done.Account.Login, "the account"), done.Secret, done.Account.InvitedUntil, "settings",
			page.Item{Text: "To the accounts", Href: base + "/accounts"})
	case "member.invite":
		s = linkSecret("the member", done.Secret, time.Time{}, "partners", page.Item{Text: "To the partner",
			Href: page.Path(base+"/partners", p.PartnerID)})
	case "service.create":
		s = secretShown{Label: "Token of the service account", Value: done.Secret, File: "service-token.txt",
			Lost: "If it was lost, revoke the service account and make a new one."}
	case "break_glass.make":
		s = secretShown{Label: "Break-glass code", Value: done.Secret, File: "break-glass-code.txt",
			Lost: "If it was lost, end the code and make a new one."}
	default:
		s = secretShown{Label: "Secret", Value: done.Secret, File: "secret.txt", Lost: "If it was lost, make a new one."}
	}
	s.title, s.section, s.Says = operationWords(p.Operation), "proposals", "It was carried out."
	s.trail = []page.Item{{Text: "Proposals", Href: base + "/proposals"}, back}
	s.Links = append(s.Links, back)
	return s
}
