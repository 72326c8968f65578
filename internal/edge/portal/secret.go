package portal

import (
	"net/http"
	"slices"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// secretPage is the Data of "newsecret": a secret, this once.
type secretPage struct {
	Environment string
	Kind        partner.Kind
	KeyName     string
	KeyID       string
	Login       string
	Version     int
	SecretName  string
	Secret      string
	File        string
	Old         bool // an older version still counts
	Credential  string
}

// handOver shows what a change made: the secret, or that it waits for an operator. It is the answer of the POST itself, kept by no
// cache (page.Protect) and by no history entry; whoever sends the form again gets to know that it was shown.
func (v *visit) handOver(w http.ResponseWriter, r *http.Request, done registry.MemberDone) {
	switch {
	case done.Issued != nil && !done.Repeated && len(done.Issued.Secret.Bytes()) > 0:
		defer done.Issued.Secret.Zero()
		v.showSecret(w, r, *done.Issued)
	case done.Issued != nil || done.Repeated && done.Proposal == nil:
		v.shownAlready(w, r)
	case done.Proposal != nil && done.Proposal.EndedAt.IsZero():
		http.Redirect(w, r, page.Link(Base+"/requests", "done", "asked"), http.StatusSeeOther)
	default:
		http.Redirect(w, r, Base+"/requests", http.StatusSeeOther)
	}
}

func (v *visit) showSecret(w http.ResponseWriter, r *http.Request, issued registry.Issued) {
	c := issued.Credential
	data := secretPage{Environment: c.Environment, Kind: c.Kind, KeyName: "API token", KeyID: issued.KeyID, Login: issued.Login, Version: issued.Version,
		SecretName: "API secret", Secret: string(issued.Secret.Bytes()), File: shellName(c.Environment, "secret") + ".txt", Credential: c.ID}
	if c.Kind == partner.App {
		data.KeyName, data.SecretName = "App key", "Partner secret"
	}
	now := v.s.cfg.Now()
	data.Old = slices.ContainsFunc(c.Versions, func(x partner.Version) bool { return x.Number != issued.Version && x.Live(now) })
	v.show(w, r, "newsecret", page.View{Title: "Your new secret", Section: "credentials", Narrow: true, Status: http.StatusOK,
		Lead: "Copy it now: it is shown this once, and nobody can show it again.", Data: data})
}

// shownAlready answers whoever asks for the same secret a second time.
func (v *visit) shownAlready(w http.ResponseWriter, r *http.Request) {
	v.show(w, r, "trouble", page.View{Title: "It was shown already", Section: "credentials", Status: http.StatusConflict, Narrow: true, Data: page.Trouble{
		Text:  "This secret was shown once, to whoever sent this form first, or it is not there to be taken any more. It is not shown again, and nothing was changed now.",
		Next:  []string{"If you have it: all is well.", "If you do not: replace the secret on the page of the credential. That makes another one."},
		Links: []page.Item{{Text: "Credentials", Href: Base + "/credentials", Main: true}}}})
}
