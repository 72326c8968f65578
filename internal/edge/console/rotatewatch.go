package console

import (
	"net/http"
	"slices"
	"strconv"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// rotationPage is the second half: how the use of the older versions falls.
type rotationPage struct {
	C     api.Credential
	Page  versionsView
	Notes []string
	Steps []stepItem
	Says  string
	Names []string // of the columns of Days
	Days  []rotationDay
}

type rotationDay struct {
	Day    string
	Counts []int64
}

func (v *visit) rotation(w http.ResponseWriter, r *http.Request) { v.rotationAgain(w, r, "", 0) }

func (v *visit) rotationAgain(w http.ResponseWriter, r *http.Request, problem string, status int) {
	c, p, ok := v.credentialFound(w, r)
	if !ok {
		return
	}
	view, all := v.rehearsed(r, c)
	data := rotationPage{C: c, Page: view, Notes: all.Notes, Steps: rotationSteps(3)}
	data.Names, data.Days = rotationDays(all)
	if v.may("credentials.write", c.Environment) && c.RevokedAt.IsZero() {
		form, err := v.form()
		if err != nil {
			v.fail(w, r, err)
			return
		}
		data.Page.Retire, data.Page.RetireTo = form, credentialPath(c, "retire")
		v.retirable(data.Page.Versions)
	}
	data.Says = rotationSays(data.Page.Versions)
	v.show(w, r, "rotation", page.View{Title: "Watch the rotation", Lead: page.Cut(80, p.Name) + ", " + c.Environment,
		Section: "partners", Status: status, Problem: problem,
		Trail: credentialTrail(p, c, true), Data: data})
}

// retirable says which versions may be ended by hand, and what that would mean. The contract keeps the last live one.
func (v *visit) retirable(rows []versionRow) {
	newest := slices.IndexFunc(rows, func(r versionRow) bool { return r.Live && r.Tone == "good" })
	for i := range rows {
		row := &rows[i]
		switch {
		case row.Number == 0:
			row.WhyNot = "ends with its token"
		case !row.Live:
			row.WhyNot = "has ended"
		case newest < 0 || i <= newest:
			row.WhyNot = "in use"
		case !row.Known:
			row.MayRetire, row.Ask = true, "End it: nobody uses it any more"
		case row.LastUse.IsZero():
			row.MayRetire, row.Ask = true, "End it: it is silent"
		default:
			row.MayRetire, row.Ask = true, "End it although it is in use"
		}
	}
}

// rotationSays is how far a rotation has come.
func rotationSays(rows []versionRow) string {
	var older, silent int
	first := true
	for _, row := range rows {
		if row.Number == 0 || !row.Live || row.Tone != "good" {
			continue
		}
		if !first {
			older++
			if row.Known && row.Allowed == 0 {
				silent++
			}
		}
		first = false
	}
	switch {
	case older == 0:
		return "One version counts: there is no older one to be retired."
	case silent == older:
		return "The older versions were let in for nothing in the last 7 days: they can be retired."
	}
	return plural(older-silent, "older version") +
		" still in use, or not known to be silent. Retire what is silent; the rest ends by itself where it has an end."
}

// rotationDays are the requests that were let in, day by day and version by version.
func rotationDays(all api.Rehearsal) (names []string, days []rotationDay) {
	byDay := map[string][]int64{}
	uses := all.Versions
	if all.ByToken.Allowed > 0 {
		uses = append(uses, all.ByToken)
	}
	for i, u := range uses {
		name := "version " + strconv.Itoa(u.Version)
		if u.Version == 0 {
			name = "by access token"
		}
		names = append(names, name)
		for _, d := range u.Days {
			if byDay[d.Day] == nil {
				byDay[d.Day] = make([]int64, len(uses))
			}
			byDay[d.Day][i] += d.Allowed
		}
	}
	for _, day := range sortedKeys(byDay) {
		days = append(days, rotationDay{day, byDay[day]})
	}
	return names, days
}

func (v *visit) credentialRetire(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	if !form.Has("confirmed", "yes") {
		v.rotationAgain(w, r, "Nothing was done: tick the box beside the version first.", http.StatusUnprocessableEntity)
		return
	}
	done, err := v.api.CredentialRetire(r.Context(), r.PathValue("credential"),
		api.CredentialRetireParams{IdempotencyKey: form.Key},
		api.CredentialRetire{Version: int(whole(form, "version", 1_000_000)), Reason: form.Value("reason")})
	switch {
	case err != nil && refused(form, err):
		v.rotationAgain(w, r, form.Problem, statusOf(err))
	case err != nil:
		v.fail(w, r, err)
	case v.waits(w, r, done.Waiting):
	default:
		v.done(w, r, page.Path(base+"/credentials", r.PathValue("credential"), "rotation"), "version-retired")
	}
}
