package console

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/desired"
	"countersign.dev/internal/edge/page"
)

const applyPath = "/settings/apply"

// maxApply is the longest body of the form: the file, once as an upload and once as a text, and what is around them.
const maxApply = 2*desired.MaxBytes + 64<<10

func applyRoutes() []route {
	return []route{
		{pattern: "GET /console/settings/apply", serve: (*visit).apply},
		{pattern: "POST /console/settings/apply", serve: (*visit).applied, body: maxApply, done: map[string]string{
			"file-applied": "Applied, in one transaction. Each change stands in the record."}},
	}
}

// applyPage is the form of a declarative file, what is wrong with it, and what it would change.
type applyPage struct {
	Form     *page.Form
	Problems []desired.Problem
	Tried    bool
	Steps    stepsView
	Count    int
	Unnamed  []api.Partner
	Max      string
}

func (v *visit) apply(w http.ResponseWriter, r *http.Request) {
	if !v.needs(w, r, "register.apply", "") {
		return
	}
	form, err := v.form()
	if err != nil {
		v.fail(w, r, err)
		return
	}
	v.applyAgain(w, r, applyPage{Form: form}, 0)
}

func (v *visit) applyAgain(w http.ResponseWriter, r *http.Request, data applyPage, status int) {
	data.Max = page.Bytes(desired.MaxBytes)
	v.setting(w, r, "settingapply", applyPath, page.View{Title: "Apply a file", Status: status, Data: data,
		Lead: "Make partners, their networks and their limits what a file says. All of it in one transaction, or nothing."})
}

// readFile reads the form, which may carry a file; its text takes the place of what was typed. false: it has answered.
func (v *visit) readFile(w http.ResponseWriter, r *http.Request) (*page.Form, bool) {
	err := r.ParseMultipartForm(maxApply)
	if errors.Is(err, http.ErrNotMultipart) {
		err = r.ParseForm()
	}
	form := &page.Form{Values: r.PostForm}
	if err == nil && !page.IsKey(form.Value(page.KeyName)) {
		err = errNoKey
	}
	if err != nil {
		v.badForm(w, r, err)
		return nil, false
	}
	form.Key = form.Value(page.KeyName)
	if file, _, err := r.FormFile("file"); err == nil {
		text, err := io.ReadAll(io.LimitReader(file,
			desired.MaxBytes+1)) // one byte more: the reader of the file says that it is too long
		_ = file.Close() // only read
		if err != nil {
			v.badForm(w, r, err)
			return nil, false
		}
		if len(text) > 0 {
			form.Values.Set("text", string(text))
		}
	}
	form.Values.Set("text", strings.ReplaceAll(form.Value("text"), "\r\n", "\n")) // as browsers write the lines of a text
	return form, true
}

func (v *visit) applied(w http.ResponseWriter, r *http.Request) {
	form, ok := v.readFile(w, r)
	if !ok {
		return
	}
	data := applyPage{Form: form}
	file, err := desired.Parse("file", []byte(form.Value("text")), desired.OfPage())
	if err != nil {
		var problems desired.Problems
		errors.As(err, &problems) // it is always of this kind
		data.Problems = problems
		v.applyAgain(w, r, data, http.StatusUnprocessableEntity)
		return
	}
	file.Desired.Prune = true
	file.Desired.ClosePruned = form.Has("close", "yes")
	try := form.Value("try") != ""
	if file.Desired.ClosePruned && !try {
		consents(form)
	}
	if form.Bad() {
		v.applyAgain(w, r, data, http.StatusUnprocessableEntity)
		return
	}
	done, err := v.api.RegisterApply(r.Context(), api.RegisterApplyParams{IdempotencyKey: form.Key},
		api.Apply{Desired: file.Desired, DryRun: try, Reason: form.Value("reason")})
	switch {
	case err != nil && data.located(file, err):
		v.applyAgain(w, r, data, http.StatusUnprocessableEntity)
	case err != nil && refused(form, err):
		v.applyAgain(w, r, data, statusOf(err))
	case err != nil:
		v.fail(w, r, err)
	case v.waits(w, r, done.Waiting):
	case try:
		data.Tried, data.Steps, data.Count, data.Unnamed = true, viewSteps(done.Value.Steps), len(done.Value.Steps),
			done.Value.Unnamed
		v.applyAgain(w, r, data, 0)
	default:
		v.done(w, r, base+applyPath, "file-applied")
	}
}

// located puts what the contract says of items beside the lines where they stand, and reports whether there was any.
func (data *applyPage) located(file desired.File, err error) bool {
	var problem *api.Error
	if !errors.As(err, &problem) {
		return false
	}
	var problems desired.Problems
	for _, one := range problem.Errors {
		problems = append(problems, file.Locate(one.Pointer, one.Message))
	}
	data.Problems = problems.Sorted()
	return len(problems) > 0
}
