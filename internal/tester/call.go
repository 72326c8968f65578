package tester

import (
	"errors"
	"net/textproto"
	"slices"
	"strings"

	"countersign.dev/scheme"
)

// Call is a form that was understood: what is to be signed, and everything of the request but the signature. It holds no
// secret; of an API with access tokens it holds the token. Immutable, safe for concurrent use.
type Call struct {
	API    *API
	Form   Form
	Claims Claims
	// Plan says how a page signs; nil where nothing is signed (access tokens), or where a page cannot do it: then Beyond says why.
	Plan   *Plan
	Beyond *BeyondError
	// Canonical is what is signed, and Parts where each byte of it comes from. Nil where nothing is signed, or where the secret
	// is a part of it.
	Canonical []byte
	Parts     []scheme.Part

	world   *World
	request *scheme.Request
	lines   []line
	fields  []scheme.Field
	marker  string // stands for the signature in fields; empty: there is none
	escape  bool   // it stands there percent-encoded
}

// Build makes a Call of a form. Problems is its error for what the visitor typed; any other error is ours. A profile whose
// signatures a page cannot make is no error: see Call.Beyond. w and f are not changed.
func Build(w *World, f Form, c Claims) (*Call, error) {
	var problems Problems
	api := w.API(f.API)
	if api == nil {
		problems.add(FieldAPI, "Choose one of the APIs of this environment.")
	}
	r, lines := f.request(w, &problems)
	if f.KeyID == "" || strings.Trim(f.KeyID, "0123456789abcdef") != "" || len(f.KeyID) > 128 {
		problems.add(FieldKeyID, "Choose one of your own credentials of this environment.")
	}
	if api != nil && problems.For(FieldTarget) == "" {
		belongs(w, api, f.Target, &problems)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	call := &Call{API: api, Form: f, Claims: c, world: w, request: r, lines: lines}
	if api.Profile == nil {
		return call.withToken()
	}
	return call.signed()
}

// belongs holds the target to the API that was chosen. Otherwise a call to one API could bring the key id of another one in a
// header that only the tester of that API keeps for itself.
func belongs(w *World, api *API, target string, p *Problems) {
	path, _, _ := strings.Cut(target, "?")
	switch found := w.Locate(path); {
	case found == nil:
		p.add(FieldTarget, "No API of this environment has this path. %s begins with %s.", api.Name, strings.Join(api.BasePaths,
			" or "))
	case found != api:
		p.add(FieldTarget, "This path belongs to the API %s: choose that one, or a path below %s.", found.Name,
			strings.Join(api.BasePaths, " or "))
	case api.Tokens != nil && api.Tokens.Endpoint == path:
		p.add(FieldTarget, "The token endpoint is not called from here: its body holds your partner secret, which this server "+
			"must not see. Use the program "+
			"below on your own machine, and paste the access token that it prints.")
	}
}

// withToken adds the two headers of an API with access tokens.
func (c *Call) withToken() (*Call, error) {
	var p Problems
	t := c.API.Tokens
	if t == nil {
		return nil, errors.New("tester: an API has neither a profile nor tokens")
	}
	for _, own := range []string{t.KeyHeader, t.TokenHeader} {
		if c.request.Header[textproto.CanonicalMIMEHeaderKey(own)] != nil {
			p.add(FieldHeaders, "%s is set by the tester: leave it out.", own)
		}
	}
	switch token := c.Form.Token; {
	case token == "":
		p.add(FieldToken, "Paste an access token: the program below gets one.")
	case len(token) > MaxToken || !isVisible(token):
		p.add(FieldToken, "An access token is visible ASCII without spaces, of at most %d bytes.", MaxToken)
	}
	if len(p) > 0 {
		return nil, p
	}
	c.fields = []scheme.Field{{Name: t.KeyHeader, Value: c.Form.KeyID}, {Name: t.TokenHeader, Value: c.Form.Token}}
	return c, nil
}

// isVisible says whether a text can stand in a header as one word: this is what keeps line ends, and anything else, out of
// values that come from outside.
func isVisible(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

// signed computes what is to be signed, and holds the plan against the scheme.
func (c *Call) signed() (*Call, error) {
	s, err := c.API.Profile.Alternative(c.API.Alternative)
	if err != nil {
		return nil, err
	}
	def, err := c.API.Profile.Definition(c.API.Alternative)
	if err != nil {
		return nil, err
	}
	if p := c.own(s); len(p) > 0 {
		return nil, p
	}
	err = c.prepare(s, def)
	var b *BeyondError
	if errors.As(err, &b) {
		b.Profile = s.Name()
		c.Plan, c.Beyond, c.Canonical, c.Parts, c.fields, c.marker = nil, b, nil, nil, nil, ""
		return c, nil
	}
	if fault := (*scheme.Fault)(nil); errors.As(err, &fault) {
		return nil, Problems{problemOf(fault)}
	}
	return c, err
}

// own refuses the headers that the profile sets, so that no other key id than the chosen one can go out.
func (c *Call) own(s *scheme.Scheme) (p Problems) {
	for _, key := range s.Headers() {
		if c.request.Header[key] != nil {
			p.add(FieldHeaders, "%s is set by the tester, as the profile says: leave it out.", key)
		}
	}
	return p
}

// problemOf puts a fault of the scheme beside the field that can mend it.
func problemOf(f *scheme.Fault) Problem {
	text := strings.TrimSpace(f.Where + " " + f.Detail)
	if text != "" {
		text = "The request cannot be signed: " + text + "."
	}
	switch f.Where {
	case "method":
		return Problem{FieldMethod, text}
	case "target", "query", "path":
		return Problem{FieldTarget, text}
	case "body":
		return Problem{FieldBody, text}
	}
	switch {
	case f.Kind == scheme.FaultAmbiguousBody:
		return Problem{FieldBody, text}
	case strings.HasPrefix(f.Where, "v."):
		return Problem{FieldValues, text}
	}
	return Problem{FieldHeaders, text}
}

// complete is the request with a signature in its place.
func (c *Call) complete(signature string) (*scheme.Request, error) {
	r, err := scheme.Apply(c.request, c.filled(signature))
	return &r, err
}

func (c *Call) filled(signature string) []scheme.Field {
	fields := slices.Clone(c.fields)
	if c.marker == "" {
		return fields
	}
	if c.escape {
		signature = percent(signature)
	}
	for i := range fields {
		fields[i].Value = strings.Replace(fields[i].Value, c.marker, signature, 1)
	}
	return fields
}
