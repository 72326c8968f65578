package portal

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/explain"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/tester"
)

// question reads what was pasted.
func question(form *page.Form, place Environment, api API) *explain.Question {
	q := &explain.Question{Profile: api.Profile, Alternative: api.Alternative, Tries: tester.DoubtTries, Bytes: tester.DoubtBytes}
	if api.API != nil {
		q.Window = api.Window
	}
	if world := worldOf(place); world.BaseURL != "" {
		q.Hosts = []string{world.Host()}
	}
	var err error
	if q.Observed, err = tester.Observe(worldOf(place), form.Value("request")); err != nil {
		form.Refuse("request", "This cannot be read as a request: "+page.Cut(200, err.Error())+".")
	}
	text := form.Value("canonical")
	if text != "" {
		own, fault := tester.Bytes(text, form.Value("canonical_form"))
		if q.Canonical = own; fault != "" {
			form.Refuse("canonical", fault)
		}
	}
	if q.At, err = moment(form.Value("at")); err != nil {
		form.Refuse("at", "Write it as 2026-11-20T08:00:00Z, or in seconds since 1970.")
	}
	return q
}

var errMoment = errors.New("not a moment")

// moment reads Unix seconds or RFC 3339; empty is the zero time.
func moment(text string) (time.Time, error) {
	if text = strings.TrimSpace(text); text == "" {
		return time.Time{}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && n < 1<<36 {
		return time.Unix(n, 0), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, errMoment
}

// explained explains with a secret where the key id is one of the partner's own and the environment allows it, and without one
// otherwise. What is said of a key id of another partner is what is said of one that nobody has: for neither anything is looked
// up (security rule 9).
func (v *visit) explained(ctx context.Context, d *doubts, place Environment, api API, chosen string,
	q *explain.Question, data *debuggerPage) (*explain.Report, error) {
	one := tester.API{Profile: api.Profile, Alternative: api.Alternative}
	named := one.KeyID(&q.Observed.Request)
	keyID := named
	if !d.owns(keyID, place.Name) {
		keyID = chosen
	}
	switch {
	case !d.owns(keyID, place.Name):
		data.Used = "No secret was used: the request names no API token of yours in " + place.Name + ". What does not depend on a " +
			"secret is said all the same."
	case !place.Captures || v.s.cfg.Debugger.Explainer == nil:
		data.Used = "No secret was used: signatures of " + place.Name + " are not explained with one. Run countersign explain on " +
			"your own machine, which has the secret."
	default:
		report, err := v.s.cfg.Debugger.Explainer.ExplainOwn(ctx, v.partner, place.Name, keyID, *q)
		if err == nil {
			data.Aided, data.Used = true, "It was explained with the secret of your API token "+keyID+", which did not leave the "+
				"register."
			return report, nil
		}
		if !errors.Is(err, tester.ErrNoSecret) && !errors.Is(err, explain.ErrInput) {
			return nil, err
		}
		data.Used = "No secret was used: your API token " + keyID + " has none that counts. What does not depend on a secret is " +
			"said all the same."
	}
	return tester.Unaided(q)
}

// kept asks for a call of the partner's own. One that is not in the partner's own calls is not asked for at all.
func (v *visit) kept(ctx context.Context, d *doubts, id string) (*explain.Report, error) {
	if v.s.cfg.Debugger.Explainer == nil || v.s.cfg.Records == nil || !isRequestID(id) {
		return nil, tester.ErrNoCapture
	}
	found, err := v.s.cfg.Records.Find(ctx, search.Query{RequestID: id, Partner: v.partner, Decision: "refuse", Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(found.Found) == 0 {
		return nil, tester.ErrNoCapture
	}
	line := &found.Found[0].Line
	place, api, ok := d.find(string(line.Environment) + "/" + string(line.API))
	if !ok || !place.Captures {
		return nil, tester.ErrNoCapture
	}
	return v.s.cfg.Debugger.Explainer.ExplainCaptured(ctx, v.partner, place.Name, api.Name, id)
}

// doubts are the environments and APIs whose signatures a member may ask about.
type doubts struct {
	own    registry.MemberView
	places []Environment
}

func (v *visit) doubts(w http.ResponseWriter, r *http.Request, form *page.Form) (*doubts, bool) {
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, form)
		return nil, false
	}
	d := &doubts{own: own}
	for _, e := range v.s.cfg.Environments() {
		signed := slices.ContainsFunc(e.APIs, func(a API) bool { return a.API != nil && a.Protocol == access.Signed && a.Profile != nil })
		if signed && reviewOf(own, e.Name).State != "" {
			d.places = append(d.places, e)
		}
	}
	return d, true
}

// find is one API of one environment that the member may ask about.
func (d *doubts) find(where string) (Environment, API, bool) {
	environment, name, _ := strings.Cut(where, "/")
	for _, e := range d.places {
		if a, ok := e.API(name); ok && e.Name == environment && a.API != nil && a.Protocol == access.Signed && a.Profile != nil {
			return e, a, true
		}
	}
	return Environment{}, API{}, false
}

func (d *doubts) where() (out []page.Option) {
	for _, e := range d.places {
		for _, a := range e.APIs {
			if _, _, ok := d.find(e.Name + "/" + a.Name); ok {
				out = append(out, page.Option{Value: e.Name + "/" + a.Name, Text: e.Name + ": " + a.Name})
			}
		}
	}
	return out
}

// owns says whether a key id is one of the partner's own in an environment. For all others nothing is looked up.
func (d *doubts) owns(keyID, environment string) bool {
	for _, c := range d.own.Credentials {
		if keyID != "" && c.KeyID == keyID && c.Environment == environment {
			return true
		}
	}
	return false
}

func (d *doubts) keys() (out []page.Option) {
	out = []page.Option{{Value: "", Text: "the one that the request names"}}
	for _, c := range d.own.Credentials {
		if slices.ContainsFunc(d.places, func(e Environment) bool { return e.Name == c.Environment }) && c.Kind == "signing_key" {
			out = append(out, page.Option{Value: c.KeyID, Text: c.Environment + ": " + c.KeyID})
		}
	}
	return out
}
