package lint

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// example is a signed request that a verifier accepts.
type example struct {
	id  string
	s   *scheme.Scheme
	d   *scheme.Definition
	key scheme.Key
	r   scheme.Request
	p   scheme.Presented
}

// accepts says whether a verifier takes the request, freshness aside.
func (e *example) accepts(r *scheme.Request) bool {
	var p scheme.Presented
	return e.s.Parse(r, &p) == nil && e.s.Verify(&e.key, r, &p, nil) == nil
}

// wireQuery are the parameters of the query that carry the signature.
func (e *example) wireQuery() (out []string) {
	for _, w := range e.d.WireQuery {
		if strings.Contains(w.Template, "{sig}") {
			out = append(out, w.Name)
		}
	}
	return out
}

// clone is the example's request to be changed.
func (e *example) clone() scheme.Request {
	r := e.r
	r.Body = slices.Clone(r.Body)
	r.Header = map[string][]string{}
	for name, values := range e.r.Header {
		r.Header[name] = slices.Clone(values)
	}
	return r
}

// fromVector signs a worked example.
func fromVector(p *profile.Profile, v *profile.Vector) (*example, error) {
	s, err := p.Alternative(v.Alternative)
	if err != nil {
		return nil, err
	}
	d, err := p.Definition(v.Alternative)
	if err != nil {
		return nil, err
	}
	result := profile.Run(p, v)
	if !result.OK {
		return nil, fmt.Errorf("%s", result.Problem)
	}
	r, err := v.Request()
	if err != nil {
		return nil, err
	}
	key, err := s.NewKeyParts(v.Secret, v.Parts)
	if err != nil {
		return nil, err
	}
	signed, err := scheme.Apply(&r, result.Fields)
	if err != nil {
		return nil, err
	}
	signed.Vars = r.Vars
	return finish(&example{id: v.ID, s: s, d: &d, key: key, r: signed})
}

func finish(e *example) (*example, error) {
	if f := e.s.Parse(&e.r, &e.p); f != nil {
		return nil, f
	}
	if f := e.s.Verify(&e.key, &e.r, &e.p, nil); f != nil {
		return nil, f
	}
	return e, nil
}

// invented are examples of our own, for a profile that has none: with and without query and body.
func invented(s *scheme.Scheme, d *scheme.Definition) ([]*example, error) {
	secret, parts := inventedSecret(d)
	key, err := s.NewKeyParts(secret, parts)
	if err != nil {
		return nil, err
	}
	var out []*example
	var first error
	for _, shape := range []struct{ id, method, target, body, media string }{
		{"own/get", "GET", "/v1/things/42", "", ""},
		{"own/get-query", "GET", "/v1/things?b=2&a=one%20two", "", ""},
		{"own/post", "POST", "/v1/things", `{"name":"Ann","amount":10}`, "application/json"},
		{"own/put-query", "PUT", "/v1/things/42?a=1&b=2", `{"name":"Bob"}`, "application/json"},
		{"own/form", "POST", "/v1/things", "b=2&a=one+two", "application/x-www-form-urlencoded"},
	} {
		r := scheme.Request{Method: shape.method, Target: shape.target, Scheme: "https", Host: "api.example.com", Header: map[string][]string{}, Vars: inventedVars(s, d), Body: []byte(shape.body)}
		if shape.media != "" {
			r.Header["Content-Type"] = []string{shape.media}
		}
		for _, name := range s.SignedHeaders() {
			if len(r.Header[name]) == 0 {
				r.Header[name] = []string{"value-of-" + strings.ToLower(name)}
			}
		}
		fields, err := s.Sign(&key, &r, inventedClaims(d))
		if err != nil {
			first = err
			continue
		}
		signed, err := scheme.Apply(&r, fields)
		if err != nil {
			first = err
			continue
		}
		e, err := finish(&example{id: shape.id, s: s, d: d, key: key, r: signed})
		if err != nil {
			first = err
			continue
		}
		out = append(out, e)
	}
	if len(out) > 0 {
		first = nil
	}
	return out, first
}

// inventedClaims satisfies the profile's own rules for key id and nonce.
func inventedClaims(d *scheme.Definition) scheme.Claims {
	c := scheme.Claims{KeyID: "0123456789abcdef0123456789abcdef", Time: time.Unix(1763625600, 0).UTC(), Nonce: "00112233445566778899"}
	if d.Nonce != nil {
		if d.Nonce.Max > 0 && d.Nonce.Max < len(c.Nonce) {
			c.Nonce = c.Nonce[:d.Nonce.Max]
		}
		for len(c.Nonce) < d.Nonce.Min {
			c.Nonce += "0123456789"
		}
		if d.Nonce.Max > 0 {
			c.Nonce = c.Nonce[:min(len(c.Nonce), d.Nonce.Max)]
		}
	}
	return c
}

// inventedSecret reads as text, as hexadecimal and as base64, and has the prefix that the key expression takes off.
func inventedSecret(d *scheme.Definition) ([]byte, map[string][]byte) {
	random := make([]byte, 24)
	for i := range random {
		random[i] = byte(i*37 + 11)
	}
	text := []byte(prefixOf(d.Key) + hex.EncodeToString(random))
	if d.Key.Kind == 0 || d.Key.Kind == scheme.Name {
		text = []byte("an example secret, used as it is")
	}
	parts := map[string][]byte{}
	for _, name := range d.Secrets {
		parts[name] = []byte(hex.EncodeToString(random[:16]))
	}
	return text, parts
}

func prefixOf(e scheme.Expr) string {
	if e.Kind == scheme.Call && (e.Text == "trim_prefix" || e.Text == "strip_prefix") && len(e.Args) == 2 {
		return e.Args[1].Text
	}
	for _, a := range e.Args {
		if p := prefixOf(a); p != "" {
			return p
		}
	}
	return ""
}

// inventedVars gives each variable of the caller a text of its characters, and those that the wire asks for as well.
func inventedVars(s *scheme.Scheme, d *scheme.Definition) map[string]string {
	out := map[string]string{}
	for _, v := range d.Vars {
		if v.Value.Kind != 0 || v.Match != "" || v.List != "" || v.Default != nil {
			continue
		}
		c := byte('a')
		if v.Chars != "" {
			c = v.Chars[0]
		}
		out[v.Name] = strings.Repeat(string(c), max(v.Min, 1))
	}
	for _, v := range d.Vars {
		if v.List != "" {
			names := slices.Clone(v.Must)
			slices.Sort(names)
			out[v.Name] = strings.Join(names, v.List)
		}
	}
	for _, name := range s.Vars() {
		if out[name] == "" {
			out[name] = "a"
		}
	}
	return maps.Clone(out)
}
