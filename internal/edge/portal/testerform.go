package portal

import (
	"net/http"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/tester"
)

// bench is what a member may try: the environments for it, and the partner's credentials in them.
type bench struct {
	places []Environment
	own    registry.MemberView
	now    time.Time
}

// bench reads what may be tried; false: it was answered.
func (v *visit) bench(w http.ResponseWriter, r *http.Request, form *page.Form) (*bench, bool) {
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, form)
		return nil, false
	}
	b := &bench{own: own, now: v.s.cfg.Now()}
	for _, e := range v.s.cfg.Environments() {
		if e.Tester && reviewOf(own, e.Name).State != "" { // before access was asked for, an environment's APIs are not told
			b.places = append(b.places, e)
		}
	}
	return b, true
}

// off says why nothing can be tried; empty: something can.
func (b *bench) off(v *visit) string {
	switch {
	case v.s.cfg.Tester.Sender == nil:
		return "The tester is not switched on here."
	case len(b.places) == 0:
		return "First ask for access to an environment that is made for trying things out: see Getting started."
	case len(b.keys()) == 0:
		return "You need a credential of such an environment: see Credentials."
	}
	return ""
}

// options of the form's choices.
func (b *bench) where() (out []page.Option) {
	for _, e := range b.places {
		for _, a := range e.APIs {
			if a.API != nil {
				out = append(out, page.Option{Value: e.Name + "/" + a.Name, Text: e.Name + ": " + a.Name + " " +
					"(" + strings.Join(a.BasePaths, ", ") + ")"})
			}
		}
	}
	return out
}

func (b *bench) keys() (out []page.Option) {
	for _, c := range b.own.Credentials {
		if _, ok := b.place(c.Environment); !ok {
			continue
		}
		text := c.Environment + ": API token " + c.KeyID
		if c.Kind == partner.App {
			text = c.Environment + ": app key " + c.KeyID
		}
		if !c.RevokedAt.IsZero() {
			text += " (revoked)"
		}
		out = append(out, page.Option{Value: c.KeyID, Text: text})
	}
	return out
}

func (b *bench) place(name string) (Environment, bool) {
	for _, e := range b.places {
		if e.Name == name {
			return e, true
		}
	}
	return Environment{}, false
}

// worldOf is an environment as the tester knows it.
func worldOf(e Environment) *tester.World {
	w := &tester.World{Environment: e.Name, BaseURL: e.BaseURL}
	for _, a := range e.APIs {
		if a.API == nil {
			continue
		}
		t := tester.API{Name: a.Name, BasePaths: a.BasePaths}
		if a.Protocol == access.Signed {
			t.Profile, t.Alternative = a.Profile, a.Alternative
		} else {
			t.Tokens = &tester.Tokens{KeyHeader: access.AppKeyHeader, TokenHeader: access.AppTokenHeader, Endpoint: a.TokenEndpoint}
		}
		if t.Profile != nil || t.Tokens != nil {
			w.APIs = append(w.APIs, t)
		}
	}
	return w
}

// begin fills in what a call to an API needs in any case: a path of it, and a credential that it takes.
func (b *bench) begin(form *page.Form, where string) {
	environment, name, _ := strings.Cut(where, "/")
	place, _ := b.place(environment)
	a, found := place.API(name)
	if !found || a.API == nil {
		return
	}
	if len(a.BasePaths) > 0 {
		form.Values.Set(tester.FieldTarget, a.BasePaths[0]+"/")
	}
	kind := partner.SigningKey
	if a.Protocol == access.Token {
		kind = partner.App
	}
	for _, c := range b.own.Credentials {
		if c.Environment == environment && c.Kind == kind && c.RevokedAt.IsZero() {
			form.Values.Set(tester.FieldKeyID, c.KeyID)
			return
		}
	}
}

// typed reads the form, and refuses what is not the partner's: whichever way a key id is not, it is told in the same words
// (security rule 9).
func (b *bench) typed(form *page.Form) (w *tester.World, f tester.Form) {
	environment, api, _ := strings.Cut(form.Value("where"), "/")
	place, ok := b.place(environment)
	if !ok {
		form.Refuse("where", "Choose one of these APIs.")
		return nil, f
	}
	w = worldOf(place)
	f = tester.Form{API: api, KeyID: form.Value(tester.FieldKeyID), Method: form.Value(tester.FieldMethod),
		Target:  form.Value(tester.FieldTarget),
		Headers: form.Value(tester.FieldHeaders), Body: form.Value(tester.FieldBody), BodyForm: form.Value("body_form"),
		Values: form.Value(tester.FieldValues)}
	found := w.API(api)
	if found == nil {
		form.Refuse("where", "Choose one of these APIs.")
		return nil, f
	}
	kind := partner.SigningKey
	if found.Tokens != nil {
		kind, f.Token = partner.App, strings.TrimSpace(form.Value(tester.FieldToken))
	}
	if !b.owns(f.KeyID, environment, kind) {
		form.Refuse(tester.FieldKeyID, "Choose one of your own credentials of "+environment+": for this API it is the "+
			""+kindWords(kind)+".")
	}
	return w, f
}

func (b *bench) owns(keyID, environment string, kind partner.Kind) bool {
	for _, c := range b.own.Credentials {
		if c.KeyID == keyID && c.Environment == environment && c.Kind == kind {
			return true
		}
	}
	return false
}

// refuse puts the problems of a call beside their fields.
func refuse(form *page.Form, problems tester.Problems) {
	for _, p := range problems {
		name := p.Field
		if name == tester.FieldEnvironment || name == tester.FieldAPI {
			name = "where"
		}
		form.Refuse(name, p.Text)
	}
}
