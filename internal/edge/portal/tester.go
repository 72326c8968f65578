package portal

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/tester"
)

// TesterConfig says what the request tester needs. The zero value: there is no tester.
type TesterConfig struct {
	// Sender takes calls to the gateways of the environments whose Tester is set (tester.NewSender). nil: there is no tester.
	Sender *tester.Sender
}

// testerRoutes are the pages of the request tester.
func testerRoutes() []route {
	return []route{
		{pattern: "GET /tester", serve: (*visit).tester},
		{pattern: "POST /tester/build", serve: (*visit).testerBuild, back: "/tester"},
		{pattern: "POST /tester/send", serve: (*visit).testerSend, back: "/tester"},
	}
}

// maxTested bounds a form of the tester: a body of 64 KiB grows by escapes.
const maxTested = 512 << 10

// testerFields are carried from page to page, as they were typed.
var testerFields = []string{"where", tester.FieldKeyID, tester.FieldMethod, tester.FieldTarget, tester.FieldHeaders,
	tester.FieldBody, "body_form",
	tester.FieldValues, tester.FieldToken}

// testerPage is the Data of "tester".
type testerPage struct {
	Off                          string // why nothing can be tried; empty: something can
	Form, Send                   *page.Form
	Where, Keys, Methods, Bodies []page.Option
	AsksValues                   string // the hint of the field, where an API has such values
	AsksToken                    bool
	Call                         *callView
	Kept                         []page.Kept
	Programs                     []tester.Program
	TokenFirst                   string
}

// tester shows the empty form.
func (v *visit) tester(w http.ResponseWriter, r *http.Request) {
	b, ok := v.bench(w, r, nil)
	if !ok {
		return
	}
	form := v.newForm(w, r)
	if form == nil {
		return
	}
	asked := r.URL.Query()
	form.Values.Set("where", asked.Get("environment")+"/"+asked.Get("api"))
	form.Values.Set(tester.FieldMethod, http.MethodGet)
	if where := b.where(); len(where) > 0 {
		first := where[0].Value
		for _, o := range where {
			if o.Value == form.Value("where") {
				first = o.Value
			}
		}
		b.begin(form, first)
	}
	v.showTester(w, r, b, testerPage{Form: form}, 0)
}

// testerBuild shows what a call comes to: what is signed, and how. It changes nothing.
func (v *visit) testerBuild(w http.ResponseWriter, r *http.Request) {
	form, b, ok := v.testerForm(w, r)
	if !ok {
		return
	}
	call, world, err := v.build(b, form, tester.Claims{At: b.now.UTC().Truncate(time.Second)}, true)
	data := testerPage{Form: form}
	switch {
	case err != nil:
		v.fail(w, r, err, form)
		return
	case call == nil:
		data.tokenPrograms(world, form)
		v.showTester(w, r, b, data, http.StatusUnprocessableEntity)
		return
	}
	if data.Send = v.newForm(w, r); data.Send == nil {
		return
	}
	v.prepared(&data, call, form)
	v.showTester(w, r, b, data, 0)
}

// prepared adds to the page what the next form carries along.
func (v *visit) prepared(data *testerPage, call *tester.Call, form *page.Form) {
	data.Call = viewOfCall(call)
	data.Kept = append(keptOf(form), page.Kept{Name: "at", Value: call.Claims.At.Format(time.RFC3339)}, page.Kept{Name: "nonce",
		Value: call.Claims.Nonce},
		page.Kept{Name: page.KeyName, Value: data.Send.Key})
	if data.Programs = call.Programs(); call.API.Tokens != nil {
		data.TokenFirst = tokenFirst
	}
}

const tokenFirst = "An access token is had for your partner id and your partner secret. The secret must not pass through this " +
	"server, not even on its way: so the call that " +
	"exchanges it is not made from here. Each of these programs makes it on your own machine, and then the call that you typed."

// tokenPrograms shows how to get a token where the form lacks one: the programs need none.
func (data *testerPage) tokenPrograms(w *tester.World, form *page.Form) {
	environment, api, _ := strings.Cut(form.Value("where"), "/")
	if w == nil || w.Environment != environment || w.API(api) == nil || w.API(api).Tokens == nil || form.Error(tester.FieldKeyID) != "" {
		return
	}
	f := tester.Form{API: api, KeyID: form.Value(tester.FieldKeyID), Method: form.Value(tester.FieldMethod),
		Target:  form.Value(tester.FieldTarget),
		Headers: form.Value(tester.FieldHeaders), Body: form.Value(tester.FieldBody), BodyForm: form.Value("body_form"),
		Token: "token"}
	call, err := tester.Build(w, f, tester.Claims{})
	if err != nil {
		f.Method, f.Target, f.Headers, f.Body, f.BodyForm = http.MethodGet, w.API(api).BasePaths[0]+"/", "", "", ""
		if call, err = tester.Build(w, f, tester.Claims{}); err != nil {
			return
		}
	}
	data.Programs, data.TokenFirst = call.Programs(), tokenFirst
}

// testerForm reads a form of the tester; false: it was answered.
func (v *visit) testerForm(w http.ResponseWriter, r *http.Request) (*page.Form, *bench, bool) {
	form, err := page.ReadForm(w, r, maxTested)
	if err != nil || form.Key == "" && r.URL.Path != Base+"/tester/build" {
		v.notThisForm(w, r, form)
		return nil, nil, false
	}
	b, ok := v.bench(w, r, form)
	if ok && b.off(v) != "" {
		v.nowhere(w, r)
		return nil, nil, false
	}
	return form, b, ok
}

// build makes a call of the form. nil without an error: the form says what is wrong with it. fresh draws a nonce.
func (v *visit) build(b *bench, form *page.Form, claims tester.Claims, fresh bool) (*tester.Call, *tester.World, error) {
	w, f := b.typed(form)
	if w == nil || form.Bad() {
		return nil, w, nil
	}
	if fresh {
		nonce, err := w.API(f.API).Nonce(v.s.cfg.Rand)
		if err != nil {
			return nil, w, err
		}
		claims.Nonce = nonce
	}
	call, err := tester.Build(w, f, claims)
	var problems tester.Problems
	if errors.As(err, &problems) {
		refuse(form, problems)
		return nil, w, nil
	}
	return call, w, err
}

// keptOf are the typed fields, as hidden ones.
func keptOf(form *page.Form) (out []page.Kept) {
	for _, name := range testerFields {
		if value := form.Value(name); value != "" {
			out = append(out, page.Kept{Name: name, Value: value})
		}
	}
	return out
}

var methods = []page.Option{{Value: "GET", Text: "GET"}, {Value: "POST", Text: "POST"}, {Value: "PUT", Text: "PUT"},
	{Value: "PATCH", Text: "PATCH"},
	{Value: "DELETE", Text: "DELETE"}, {Value: "HEAD", Text: "HEAD"}, {Value: "OPTIONS", Text: "OPTIONS"}}

var bodies = []page.Option{{Value: tester.BodyText, Text: "text, a line feed at each line's end"}, {Value: tester.BodyCRLF,
	Text: "text, CR and LF at each line's end"},
	{Value: tester.BodyBase64, Text: "base64 of the bytes"}}

func (v *visit) showTester(w http.ResponseWriter, r *http.Request, b *bench, data testerPage, status int) {
	data.Off = b.off(v)
	data.Where, data.Keys, data.Methods, data.Bodies = b.where(), b.keys(), methods, bodies
	var asked []string
	for _, e := range b.places {
		for _, a := range e.APIs {
			data.AsksToken = data.AsksToken || a.API != nil && a.Protocol == access.Token
			if a.API == nil || a.Profile == nil {
				continue
			}
			if names := valuesOf(a); len(names) > 0 {
				asked = append(asked, a.Name+" has "+strings.Join(names, ", "))
			}
		}
	}
	if len(asked) > 0 {
		data.AsksValues = "One name: value on a line; " + strings.Join(asked, "; ") + "."
	}
	if status == 0 {
		status = http.StatusOK // said, so that testerWriter is told
	}
	v.show(testerWriter{w}, r, "tester", page.View{Title: "Try a call", Section: "tester", Status: status,
		Scripts: []string{"tester.js"}, Data: data,
		Lead: "Build a call to a sandbox, sign it in this page, and see what comes back. Your secret stays in your browser."})
}

// valuesOf are the variables that a caller may supply.
func valuesOf(a API) (names []string) {
	d, err := a.Profile.Definition(a.Alternative)
	if err != nil {
		return nil
	}
	for _, variable := range d.Vars {
		if variable.Value.Kind == 0 && variable.From == "" {
			names = append(names, variable.Name)
		}
	}
	return names
}
