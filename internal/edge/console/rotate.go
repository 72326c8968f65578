package console

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// rotatePage is the first half of a rotation: who uses what, and how long both are to count.
type rotatePage struct {
	C     api.Credential
	Page  versionsView
	Notes []string
	Steps []stepItem
	Form  *page.Form
	Ends  []page.Option
	Until page.Field
}

type stepItem struct {
	Text       string
	Done, Here bool
}

// rotationSteps are the four steps, with the one that is shown.
func rotationSteps(here int) []stepItem {
	texts := []string{"See who uses what", "Choose the overlap", "Hand over the new secret", "Watch, and retire the old one"}
	list := make([]stepItem, 0, len(texts))
	for i, text := range texts {
		list = append(list, stepItem{text, i < here, i == here})
	}
	return list
}

// chosenEnd is the answer for a day of one's own.
const chosenEnd = "chosen"

// overlapEnds are absolute ends: the form sends the very instant that was on the page, so that its second sending is the same
// request, and
// nobody gets less time than the page said (security rule 36).
func (v *visit) overlapEnds() (list []page.Option) {
	now := v.s.cfg.Now().UTC().Truncate(time.Minute)
	for _, one := range []struct {
		after time.Duration
		text  string
	}{{24 * time.Hour, "after a day"}, {72 * time.Hour, "after three days"}, {168 * time.Hour, "after a week"},
		{720 * time.Hour, "after 30 days"}} {
		end := now.Add(one.after)
		list = append(list, page.Option{Value: end.Format(time.RFC3339), Text: one.text, Hint: timeWords(end)})
	}
	return append(list, page.Option{Value: chosenEnd, Text: "on a day of your choice", Hint: "See below."},
		page.Option{Value: "now", Text: "at once", Hint: "Whoever still uses an older version is refused from that moment on."})
}

func (v *visit) rotate(w http.ResponseWriter, r *http.Request) {
	c, p, ok := v.credentialFound(w, r)
	if !ok || !v.needs(w, r, "credentials.write", c.Environment) {
		return
	}
	ends := v.overlapEnds()
	form, err := v.form("etag", c.Etag, "overlap", ends[2].Value)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	v.rotateAgain(w, r, form, c, p, 0)
}

func (v *visit) rotateAgain(w http.ResponseWriter, r *http.Request, form *page.Form, c api.Credential, p api.Partner,
	status int) {
	data := rotatePage{C: c, Steps: rotationSteps(0), Form: form, Ends: v.overlapEnds(),
		Until: momentField(form, "until", "On a day of your choice",
			"In UTC; at most 90 days from now. It counts only where you chose it above.", false).Field}
	if at, err := time.Parse(time.RFC3339, form.Value("overlap")); err == nil && !slices.ContainsFunc(data.Ends,
		func(o page.Option) bool { return o.Value == form.Value("overlap") }) {
		data.Ends = append([]page.Option{{Value: form.Value("overlap"), Text: "as chosen before", Hint: timeWords(at)}},
			data.Ends...)
	}
	view, all := v.rehearsed(r, c)
	data.Page, data.Notes = view, all.Notes
	v.show(w, r, "rotate", page.View{Title: "Rotate with overlap", Lead: page.Cut(80, p.Name) + ", " + c.Environment,
		Section: "partners", Status: status,
		Trail: credentialTrail(p, c, true), Data: data})
}

// overlapUntil reads the end that was chosen.
func overlapUntil(form *page.Form) time.Time {
	switch chosen := form.Value("overlap"); chosen {
	case "now":
		return time.Time{}
	case chosenEnd:
		at := momentOf(form, "until")
		if at.IsZero() {
			form.Refuse("until", "Name the day on which the older versions end.")
		}
		return at
	default:
		at, err := time.Parse(time.RFC3339, chosen)
		if err != nil {
			form.Refuse("overlap", "Choose when the older versions end.")
		}
		return at
	}
}

func (v *visit) rotated(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	c, p, ok := v.credentialFound(w, r)
	if !ok {
		return
	}
	until := overlapUntil(form)
	if form.Bad() {
		v.rotateAgain(w, r, form, c, p, http.StatusUnprocessableEntity)
		return
	}
	made, err := v.api.CredentialRotate(r.Context(), c.ID, api.CredentialRotateParams{IdempotencyKey: form.Key,
		IfMatch: match(form.Value("etag"))},
		api.CredentialRotate{OverlapUntil: until, Reason: form.Value("reason")})
	switch {
	case errors.Is(err, api.Stale):
		form.Problem = "Somebody changed this credential after your page was made, and nothing of yours was carried out. Below it stands as it is now: decide again."
		form.Values.Set("etag", c.Etag)
		v.rotateAgain(w, r, form, c, p, http.StatusPreconditionFailed)
	case err != nil && refused(form, err, "overlap_until", "overlap"):
		v.rotateAgain(w, r, form, c, p, statusOf(err))
	case err != nil:
		v.fail(w, r, err)
	case v.waits(w, r, made.Waiting):
	default:
		s := issuedSecret(made.Value, "The new secret", "The new version was made, beside the older ones.")
		s.trail, s.Next = credentialTrail(p, c, true), rotationNext
		s.Facts = append(s.Facts, diffRow{What: "Older versions", Then: endWords(until)})
		s.Links = []page.Item{{Text: "I have kept it: watch the rotation", Href: credentialPath(c, "rotation"), Main: true},
			{Text: "To the credential", Href: credentialPath(c)}}
		v.showSecret(w, r, s)
	}
}
