package console

import (
	"net/http"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func credentialRoutes() []route {
	return []route{
		{pattern: "GET /console/partners/{partner}/credentials/new", serve: (*visit).credentialNew},
		{pattern: "POST /console/partners/{partner}/credentials/new", serve: (*visit).credentialIssue},
		{pattern: "GET /console/credentials/{credential}", serve: (*visit).credential},
		{pattern: "POST /console/credentials/{credential}/unlock", serve: (*visit).credentialUnlock, done: map[string]string{
			"credential-unlocked": "Unlocked: it may authenticate again."}},
		{pattern: "POST /console/credentials/{credential}/revoke-tokens", serve: (*visit).credentialTokens,
			done: map[string]string{
				"tokens-revoked": "All access tokens of this credential are refused from now on. Its secret goes on."}},
		{pattern: "POST /console/credentials/{credential}/reveal", serve: (*visit).credentialReveal},
		{pattern: "GET /console/credentials/{credential}/client-keys", serve: (*visit).credentialKeys},
		{pattern: "POST /console/credentials/{credential}/client-keys", serve: (*visit).credentialBind, done: map[string]string{
			"credential-bound": "The client keys of this credential are set."}},
		{pattern: "GET /console/credentials/{credential}/schedule", serve: (*visit).credentialSchedule},
		{pattern: "POST /console/credentials/{credential}/schedule", serve: (*visit).credentialScheduled,
			done: map[string]string{
				"credential-scheduled": "The schedule is set."}},
		{pattern: "POST /console/credentials/{credential}/unschedule", serve: (*visit).credentialUnscheduled,
			done: map[string]string{
				"credential-unscheduled": "The schedule has ended. A person rotates this credential from now on."}},
		{pattern: "GET /console/credentials/{credential}/rotate", serve: (*visit).rotate},
		{pattern: "POST /console/credentials/{credential}/rotate", serve: (*visit).rotated},
		{pattern: "GET /console/credentials/{credential}/rotation", serve: (*visit).rotation},
		{pattern: "POST /console/credentials/{credential}/retire", serve: (*visit).credentialRetire, done: map[string]string{
			"version-retired": "Retired: that version is refused from now on."}},
		{pattern: "GET /console/credentials/{credential}/revoke", serve: (*visit).revoke},
		{pattern: "POST /console/credentials/{credential}/revoke", serve: (*visit).revoked, done: map[string]string{
			"credential-revoked":         "Revoked, for good. Every server has confirmed that it refuses it.",
			"credential-revoked-waiting": "Revoked, for good. Not every server has confirmed it yet: below, and under Settings, Nodes, stands which."}},
	}
}

// credentialPage is one credential: what it is, its versions with their use, and what can be done about it.
type credentialPage struct {
	versionsView
	C                                                        api.Credential
	Partner, State, Tone, Kind, KeyWord, Schedule            string
	Waiting                                                  *api.PendingSecret
	IsApp, Usable, MayWrite, MayRevoke, MayUnlock, Scheduled bool
	LiveCount                                                int
	Reveal, Unlock, Tokens                                   *page.Form
	Confirmations                                            []confirmation // after a revocation; nil: not asked for, or not known
}

// credentialFound reads the credential of a request and its partner; false: it has answered.
func (v *visit) credentialFound(w http.ResponseWriter, r *http.Request) (api.Credential, api.Partner, bool) {
	found, err := v.api.CredentialGet(r.Context(), r.PathValue("credential"))
	if err != nil {
		v.fail(w, r, err)
		return api.Credential{}, api.Partner{}, false
	}
	owner, err := v.api.PartnerGet(r.Context(), found.Value.PartnerID)
	if err != nil {
		v.fail(w, r, err)
		return api.Credential{}, api.Partner{}, false
	}
	return found.Value, owner.Value, true
}

// credentialPath is the page of a credential, or below it.
func credentialPath(c api.Credential, segments ...string) string {
	return page.Path(base+"/credentials", append([]string{c.ID}, segments...)...)
}

// credentialTrail is the way back from a page of a credential.
func credentialTrail(p api.Partner, c api.Credential, below bool) []page.Item {
	trail := partnerTrail(p)
	if below {
		trail = append(trail, page.Item{Text: keyWord(string(c.Kind)) + " in " + c.Environment, Href: credentialPath(c)})
	}
	return trail
}

func (v *visit) credential(w http.ResponseWriter, r *http.Request) {
	v.credentialAgain(w, r, nil, "", 0)
}

// credentialAgain shows the page; sent is the form of the deed named so, which was refused.
func (v *visit) credentialAgain(w http.ResponseWriter, r *http.Request, sent *page.Form, named string, status int) {
	c, p, ok := v.credentialFound(w, r)
	if !ok {
		return
	}
	data := v.credentialData(c, p)
	data.versionsView = v.usedVersions(r, c)
	if !c.RevokedAt.IsZero() {
		data.Confirmations = v.confirmations(r, c.Environment)
	}
	for name, into := range map[string]**page.Form{"reveal": &data.Reveal, "unlock": &data.Unlock, "tokens": &data.Tokens} {
		form, err := v.form()
		if err != nil {
			v.fail(w, r, err)
			return
		}
		if name == named && sent != nil {
			sent.Key, form = form.Key, sent
		}
		*into = form
	}
	v.show(w, r, "credential", page.View{Title: keyWord(string(c.Kind)) + " in " + c.Environment, Lead: page.Cut(80, p.Name),
		Section: "partners", Status: status,
		Trail: credentialTrail(p, c, false), Data: data})
}

func (v *visit) credentialData(c api.Credential, p api.Partner) credentialPage {
	data := credentialPage{C: c, Partner: p.Name, State: string(c.State), Tone: stateTone(string(c.State)),
		Kind:    kindWords(string(c.Kind)),
		KeyWord: keyWord(string(c.Kind)), IsApp: c.Kind == api.CredentialKindApp, Scheduled: c.Schedule.EverySeconds > 0}
	data.Usable = c.State == api.CredentialStateLive || c.State == api.CredentialStateLocked ||
		c.State == api.CredentialStateEnded
	data.MayWrite = v.may("credentials.write", c.Environment)
	data.MayRevoke = v.may("credentials.revoke", c.Environment) && c.RevokedAt.IsZero()
	data.MayUnlock = data.MayWrite && !c.LockedAt.IsZero() && c.RevokedAt.IsZero()
	for _, one := range c.Versions {
		if one.Live {
			data.LiveCount++
		}
	}
	if data.Scheduled {
		s := c.Schedule
		data.Schedule = "a new secret every " + spanWords(time.Duration(s.EverySeconds)*time.Second) + ", the next " +
			timeWords(s.Next) + "; set by " + actorWords(s.SetBy)
	}
	if waiting := c.Schedule.Pending; waiting.Version > 0 && c.RevokedAt.IsZero() {
		data.Waiting = &waiting
	}
	return data
}

// Deeds reports whether there is anything that the visitor may do.
func (d credentialPage) Deeds() bool {
	return d.MayUnlock || d.MayRevoke || d.MayWrite && d.Usable
}
