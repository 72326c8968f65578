package portal

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/explain"
	"countersign.dev/internal/tester"
)

// DebuggerConfig says what the signature debugger needs. The zero value: there is no debugger.
type DebuggerConfig struct {
	// Explainer has the secrets. nil: nothing is explained with one, and the page says so.
	Explainer Explainer
	// Desk bounds how often a member may ask (tester.NewDesk; some ten times a minute, two at once). nil: there is no debugger.
	Desk *tester.Desk
}

// Explainer explains signatures with secrets that stay where they are. The partner is that of the session. It bounds nothing
// but what it is told by q.Tries and q.Bytes, and is asked only for environments whose Captures is set.
type Explainer interface {
	// ExplainOwn explains q with the secrets of the credential of this partner in this environment that has keyID; q.Secrets is
	// set there. Whether a key id is unknown, another partner's, revoked or of another environment must not show, also not in
	// what is done: the answer to all of them is tester.ErrNoSecret (security rule 9).
	ExplainOwn(ctx context.Context, partnerID, environment, keyID string, q explain.Question) (*explain.Report, error)
	// ExplainCaptured explains a refused request of one of this partner's credentials that was kept (record 28). The error is
	// tester.ErrNoCapture for one that was not kept, is not this partner's or has expired, and tester.ErrTooOften where the
	// credential has asked too often.
	ExplainCaptured(ctx context.Context, partnerID, environment, api, requestID string) (*explain.Report, error)
}

// debuggerRoutes are the pages of the signature debugger.
func debuggerRoutes() []route {
	return []route{
		{pattern: "GET /debugger", serve: (*visit).debugger},
		{pattern: "POST /debugger", serve: (*visit).debuggerPasted, back: "/debugger"},
		{pattern: "POST /debugger/kept", serve: (*visit).debuggerKept, back: "/debugger"},
	}
}

// debuggerPage is the Data of "debugger".
type debuggerPage struct {
	Off                string
	Form               *page.Form
	Where, Keys, Forms []page.Option
	Rows               []callRow // refusals of one's own whose signature did not match, in environments that keep them
	Keeps              []string  // the environments that do
	Asked              string    // the request id that a link named
	Report             template.HTML
	Used               string // which secret was used, or why none was
	Aided              bool
	Problem            string
}

// keptRefusals is how many refusals are offered.
const keptRefusals = 10

// debugger shows the empty form, and the refusals that can be explained.
func (v *visit) debugger(w http.ResponseWriter, r *http.Request) {
	d, ok := v.doubts(w, r, nil)
	if !ok {
		return
	}
	form := v.newForm(w, r)
	if form == nil {
		return
	}
	data := debuggerPage{Form: form}
	if id := strings.TrimSpace(r.URL.Query().Get("request")); isRequestID(id) {
		data.Asked = id // whoever's it is: the page offers to ask, and the answer says whether there is anything
	}
	v.showDebugger(w, r, d, data, 0)
}

func isRequestID(id string) bool {
	return len(id) == 32 && strings.Trim(id, "0123456789abcdef") == ""
}

// enter takes a place at the desk; false: it was answered.
func (v *visit) enter(w http.ResponseWriter, r *http.Request, d *doubts, form *page.Form) (leave func(bool), ok bool) {
	if v.s.cfg.Debugger.Desk == nil {
		v.nowhere(w, r)
		return nil, false
	}
	leave, err := v.s.cfg.Debugger.Desk.Enter(v.who.ID, "")
	if err != nil {
		w.Header().Set("Retry-After", "10")
		v.showDebugger(w, r, d, debuggerPage{Form: form, Problem: "You have asked as often as is possible in a minute, or another " +
			"question of yours is still being answered. Wait a little, and ask again."},
			http.StatusTooManyRequests)
		return nil, false
	}
	return leave, true
}

// debuggerPasted explains a request that was pasted.
func (v *visit) debuggerPasted(w http.ResponseWriter, r *http.Request) {
	form, err := page.ReadForm(w, r, maxTested)
	if err != nil {
		v.notThisForm(w, r, form)
		return
	}
	d, ok := v.doubts(w, r, form)
	if !ok {
		return
	}
	place, api, found := d.find(form.Value("where"))
	if !found {
		form.Refuse("where", "Choose one of these APIs.")
	}
	q := question(form, place, api)
	if form.Bad() {
		v.showDebugger(w, r, d, debuggerPage{Form: form}, http.StatusUnprocessableEntity)
		return
	}
	leave, ok := v.enter(w, r, d, form)
	if !ok {
		return
	}
	defer leave(true)
	data := debuggerPage{Form: form}
	report, err := v.explained(r.Context(), d, place, api, form.Value(tester.FieldKeyID), q, &data)
	if err != nil {
		v.debuggerFailed(w, r, d, form, err)
		return
	}
	view := page.NewReportView(report)
	if !data.Aided && report.Verdict == explain.Unexplained {
		view.Headline = "Whether the signature is right cannot be said without a secret. This is what a server verifies: compare " +
			"it with what you signed."
	}
	data.Report = view.HTML()
	v.showDebugger(w, r, d, data, 0)
}

// debuggerKept explains a refusal that was kept.
func (v *visit) debuggerKept(w http.ResponseWriter, r *http.Request) {
	form, err := page.ReadForm(w, r, 0)
	if err != nil {
		v.notThisForm(w, r, form)
		return
	}
	d, ok := v.doubts(w, r, form)
	if !ok {
		return
	}
	leave, ok := v.enter(w, r, d, form)
	if !ok {
		return
	}
	defer leave(true)
	report, err := v.kept(r.Context(), d, strings.TrimSpace(form.Value("request_id")))
	if err != nil {
		v.debuggerFailed(w, r, d, form, err)
		return
	}
	v.showDebugger(w, r, d, debuggerPage{Form: form, Asked: strings.TrimSpace(form.Value("request_id")), Aided: true,
		Report: page.NewReportView(report).HTML(),
		Used:   "It is your call as it arrived, explained with the secret of the API token that it named."}, 0)
}

// debuggerFailed answers what was not explained.
func (v *visit) debuggerFailed(w http.ResponseWriter, r *http.Request, d *doubts, form *page.Form, err error) {
	switch {
	case errors.Is(err, tester.ErrNoCapture):
		v.showDebugger(w, r, d, debuggerPage{Form: form, Problem: "No call of yours is kept under this id: it is kept only where " +
			"its environment does so, for a while, and if its signature was refused; of many at once only some are. Paste it below " +
			"instead."}, http.StatusNotFound)
	case errors.Is(err, tester.ErrTooOften), errors.Is(err, tester.ErrBusy):
		w.Header().Set("Retry-After", "60")
		v.showDebugger(w, r, d, debuggerPage{Form: form, Problem: "Explanations were asked for too often. Wait a minute, and ask " +
			"again."}, http.StatusTooManyRequests)
	case errors.Is(err, explain.ErrInput):
		form.Refuse("request", "This cannot be explained: "+page.Cut(200, err.Error())+".")
		v.showDebugger(w, r, d, debuggerPage{Form: form}, http.StatusUnprocessableEntity)
	default:
		v.fail(w, r, err, form)
	}
}

var canonicalForms = []page.Option{{Value: tester.BodyText, Text: "text, a line feed at each line's end"},
	{Value: tester.BodyCRLF, Text: "text, CR and LF at each line's end"},
	{Value: tester.BodyBase64, Text: "base64 of the bytes"}}

func (v *visit) showDebugger(w http.ResponseWriter, r *http.Request, d *doubts, data debuggerPage, status int) {
	data.Where, data.Keys, data.Forms = d.where(), d.keys(), canonicalForms
	switch {
	case v.s.cfg.Debugger.Desk == nil:
		data.Off = "The debugger is not switched on here. On your own machine, countersign explain does the same."
	case len(d.places) == 0:
		data.Off = "First ask for access to an environment with a signed API: see Getting started."
	}
	for _, e := range d.places {
		if e.Captures && v.s.cfg.Debugger.Explainer != nil {
			data.Keeps = append(data.Keeps, e.Name)
		}
	}
	if data.Off == "" && data.Report == "" {
		data.Rows = v.refusals(r.Context(), data.Keeps)
	}
	v.show(w, r, "debugger", page.View{Title: "Signature debugger", Section: "debugger", Status: status, Problem: data.Problem,
		Data: data,
		Lead: "Find out why a signature was refused: which bytes were signed, which bytes a server verifies, and what was done " +
			"differently."})
}

// refusals are the latest ones of the partner's own whose signature did not match, where they are kept. The page does without
// them where the record cannot be read.
func (v *visit) refusals(ctx context.Context, keeps []string) (out []callRow) {
	if v.s.cfg.Records == nil || len(keeps) == 0 {
		return nil
	}
	found, err := v.s.cfg.Records.Find(ctx, search.Query{Partner: v.partner, Reason: access.BadSignature.String(),
		Decision: "refuse", Limit: keptRefusals})
	if err != nil {
		if !errors.Is(err, errCrowded) {
			v.s.cfg.Log("find refusals to explain", err)
		}
		return nil
	}
	for i := range found.Found {
		if row := callOf(&found.Found[i].Line); slices.Contains(keeps,
			row.Environment) && isRequestID(row.ID) && utf8.ValidString(row.Path) {
			out = append(out, row)
		}
	}
	return out
}
