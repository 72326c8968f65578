package console

import (
	"errors"
	"net/http"
	"strconv"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// schedulePage is the form of a schedule, and the one that ends it.
type schedulePage struct {
	Deed *deed
	End  *deed // nil: there is no schedule
}

// noRow is the ETag of what is not there yet.
const noRow = "none"

func (v *visit) credentialSchedule(w http.ResponseWriter, r *http.Request) {
	c, p, ok := v.credentialFound(w, r)
	if !ok || !v.needs(w, r, "credentials.write", c.Environment) {
		return
	}
	every, overlap, etag := int64(90*86400), int64(7*86400), noRow
	if s := c.Schedule; s.EverySeconds > 0 {
		every, overlap, etag = s.EverySeconds, s.OverlapSeconds, s.Etag
	}
	form, err := v.form("every", strconv.FormatInt(every, 10), "overlap", strconv.FormatInt(overlap, 10), "etag", etag)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	if !c.Schedule.Next.IsZero() {
		form.Values.Set("next", c.Schedule.Next.UTC().Format(localForm))
	}
	v.scheduleAgain(w, r, form, c, p, 0)
}

func (v *visit) scheduleAgain(w http.ResponseWriter, r *http.Request, form *page.Form, c api.Credential, p api.Partner,
	status int) {
	data := schedulePage{Deed: scheduleDeed(form, c, p)}
	if c.Schedule.EverySeconds > 0 {
		end, err := v.form()
		if err != nil {
			v.fail(w, r, err)
			return
		}
		reason := because(end)
		reason.Prefix = "end-"
		data.End = &deed{Action: credentialPath(c, "unschedule"), Button: "End the schedule", Danger: true, Form: end,
			Back:   credentialPath(c),
			Hidden: []fact{{"etag", c.Schedule.Etag}}, Fields: []deedField{reason}}
	}
	v.show(w, r, "credentialschedule", page.View{Title: data.Deed.Title, Lead: page.Cut(80, p.Name), Section: "partners",
		Trail: data.Deed.Trail, Status: status, Data: data})
}

func scheduleDeed(form *page.Form, c api.Credential, p api.Partner) *deed {
	every, _ := strconv.ParseInt(form.Value("every"), 10, 64)
	overlap, _ := strconv.ParseInt(form.Value("overlap"), 10, 64)
	return &deed{Title: "Rotate on a schedule", Trail: credentialTrail(p, c, true), Action: credentialPath(c, "schedule"),
		Back:   credentialPath(c),
		Button: "Set the schedule", Form: form, Hidden: []fact{{"etag", form.Value("etag")}},
		names: []string{"every_seconds", "every", "overlap_seconds", "overlap"},
		Notes: []deedNote{{"",
			"A new secret is made by itself, and waits on the page of the credential until somebody shows it, once, and hands it over. " +
				"The older versions go on until then, and for the overlap after it."}},
		Fields: []deedField{pick(form, "every", "A new secret every", "", withOption(everyOptions, every)),
			pick(form, "overlap", "After the handing over, the older versions go on for", "", withOption(overlapOptions,
				overlap)),
			momentField(form, "next", "The first one", "In UTC; left empty: after one span from now.", false),
			because(form)}}
}

func (v *visit) credentialScheduled(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	c, p, ok := v.credentialFound(w, r)
	if !ok {
		return
	}
	put := api.SchedulePut{EverySeconds: whole(form, "every", 315360000), OverlapSeconds: whole(form, "overlap", 315360000),
		Next:   momentOf(form, "next"),
		Reason: form.Value("reason")}
	if form.Bad() {
		v.scheduleAgain(w, r, form, c, p, http.StatusUnprocessableEntity)
		return
	}
	done, err := v.api.CredentialSchedule(r.Context(), c.ID, api.CredentialScheduleParams{IfMatch: match(form.Value("etag"))},
		put)
	s := c.Schedule
	if errors.Is(err, api.Stale) && s.EverySeconds == put.EverySeconds && s.OverlapSeconds == put.OverlapSeconds &&
		(put.Next.IsZero() || s.Next.Equal(put.Next)) {
		err = nil // it is so already
	}
	v.scheduleSettled(w, r, form, c, p, done.Waiting, err, "credential-scheduled")
}

func (v *visit) scheduleSettled(w http.ResponseWriter, r *http.Request, form *page.Form, c api.Credential, p api.Partner,
	waiting *api.Proposal, err error, key string) {
	d := scheduleDeed(form, c, p)
	switch {
	case err == nil && waiting == nil:
		v.done(w, r, credentialPath(c), key)
	case err == nil:
		v.waits(w, r, waiting)
	case errors.Is(err, api.Stale):
		form.Problem = "Somebody changed the schedule after your page was made, and nothing of yours was carried out. Look at the credential, then send this again."
		form.Values.Set("etag", orWord(c.Schedule.Etag, noRow))
		v.scheduleAgain(w, r, form, c, p, http.StatusPreconditionFailed)
	case refused(form, err, d.names...):
		v.scheduleAgain(w, r, form, c, p, statusOf(err))
	default:
		v.fail(w, r, err)
	}
}

func (v *visit) credentialUnscheduled(w http.ResponseWriter, r *http.Request) {
	sent, ok := v.read(w, r)
	if !ok {
		return
	}
	c, p, ok := v.credentialFound(w, r)
	if !ok {
		return
	}
	done, err := v.api.CredentialUnschedule(r.Context(), c.ID,
		api.CredentialUnscheduleParams{IfMatch: match(sent.Value("etag")), Reason: sent.Value("reason")})
	if errors.Is(err, api.Stale) && c.Schedule.EverySeconds == 0 {
		err = nil // it has ended already
	}
	form, fault := v.form("every", strconv.FormatInt(c.Schedule.EverySeconds, 10), "overlap",
		strconv.FormatInt(c.Schedule.OverlapSeconds, 10), "etag", c.Schedule.Etag)
	if fault != nil {
		v.fail(w, r, fault)
		return
	}
	v.scheduleSettled(w, r, form, c, p, done.Waiting, err, "credential-unscheduled")
}
