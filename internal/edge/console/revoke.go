package console

import (
	"errors"
	"net/http"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// confirmWait is how long a revocation waits for every server to say that it refuses the credential.
const confirmWait = "wait=2"

// revokePage says what revoking a credential would have refused, before the button.
type revokePage struct {
	C                api.Credential
	Partner, KeyWord string
	Fault, Ask       string
	Previews         []previewView
	MayRevoke        bool
	Form             *page.Form
}

// previewView is what would have been refused in one span.
type previewView struct {
	Title, Caption, Says, Partial string
	R                             api.RevocationPreview
}

func (v *visit) revoke(w http.ResponseWriter, r *http.Request) {
	c, p, ok := v.credentialFound(w, r)
	if !ok {
		return
	}
	form, err := v.form("etag", c.Etag)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	v.revokeAgain(w, r, form, c, p, 0)
}

func (v *visit) revokeAgain(w http.ResponseWriter, r *http.Request, form *page.Form, c api.Credential, p api.Partner,
	status int) {
	data := revokePage{C: c, Partner: p.Name, KeyWord: keyWord(string(c.Kind)), Form: form,
		MayRevoke: v.may("credentials.revoke", c.Environment) && c.RevokedAt.IsZero(),
		Ask:       "I have seen what it would refuse. Nothing brings this credential back."}
	for _, span := range []struct {
		title string
		of    time.Duration
	}{{"In the last day", 24 * time.Hour}, {"In the last 7 days", 168 * time.Hour}} {
		found, err := v.api.CredentialRevocationPreview(r.Context(), c.ID,
			api.CredentialRevocationPreviewParams{From: v.s.cfg.Now().Add(-span.of)})
		if err != nil {
			data.Fault = "What it would have refused cannot be told now: " + useFaultWords(err) +
				" It can be revoked all the same."
			data.Ask = "I have not seen what it would refuse. Nothing brings this credential back."
			break
		}
		data.Previews = append(data.Previews, previewView{Title: span.title, Caption: span.title +
			": what would have been refused", Says: previewSays(found.Value), R: found.Value,
			Partial: partialWords(found.Value.Truncated, 0, len(found.Value.Unread), time.Time{})})
	}
	v.show(w, r, "revoke", page.View{Title: "Revoke for good", Lead: page.Cut(80, p.Name) + ", " + c.Environment,
		Section: "partners", Status: status,
		Trail: credentialTrail(p, c, true), Data: data})
}

// previewSays is a preview in one sentence.
func previewSays(r api.RevocationPreview) string {
	if r.Requests == 0 {
		return "Nothing was let in by it: nobody would have been refused."
	}
	return page.Plural(int(r.Requests), "request", "requests") + " would have been refused, from " +
		page.Plural(int(r.Addresses.Number), "address", "addresses") + "."
}

// useFaultWords is why the record was not asked.
func useFaultWords(err error) string {
	switch {
	case errors.Is(err, api.Forbidden):
		return "your roles do not include the record of decisions."
	case errors.Is(err, api.TooManyRequests):
		return "others are searching the record."
	}
	return "the record of decisions does not answer."
}

func (v *visit) revoked(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	c, p, ok := v.credentialFound(w, r)
	if !ok {
		return
	}
	if consents(form); form.Value("reason") == "" {
		form.Refuse("reason", "Say why: it stands in the record.")
	}
	if form.Bad() {
		v.revokeAgain(w, r, form, c, p, http.StatusUnprocessableEntity)
		return
	}
	done, err := v.api.CredentialRevoke(r.Context(), c.ID, api.CredentialRevokeParams{IdempotencyKey: form.Key, Prefer: confirmWait,
		IfMatch: match(form.Value("etag"))}, api.Act{Reason: form.Value("reason")})
	switch {
	case errors.Is(err, api.Stale):
		form.Problem = "Somebody changed this credential after your page was made, and it was not revoked. Below it stands as it is now: decide again."
		form.Values.Set("etag", c.Etag)
		v.revokeAgain(w, r, form, c, p, http.StatusPreconditionFailed)
	case err != nil && refused(form, err):
		v.revokeAgain(w, r, form, c, p, statusOf(err))
	case err != nil:
		v.fail(w, r, err)
	case v.waits(w, r, done.Waiting):
	default:
		key := "credential-revoked-waiting"
		if told := done.Value.Confirmed; told != nil && *told {
			key = "credential-revoked"
		}
		v.doneAt(w, r, credentialPath(c), key, done.Value.Revision)
	}
}
