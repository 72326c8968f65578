package library_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"countersign.dev/scheme"
)

// signedRequest is a request with a valid signature, to be changed in one place and offered again.
type signedRequest struct {
	scheme *scheme.Scheme
	key    scheme.Key
	req    scheme.Request
}

// check offers a request and says what stops it; nil means that it is accepted. Freshness is left out.
func (s *signedRequest) check(r scheme.Request) *scheme.Fault {
	var p scheme.Presented
	if f := s.scheme.Parse(&r, &p); f != nil {
		return f
	}
	return s.scheme.Verify(&s.key, &r, &p, nil)
}

func (s *signedRequest) clone() scheme.Request {
	r := s.req
	r.Body = slices.Clone(r.Body)
	r.Header = map[string][]string{}
	for name, values := range s.req.Header {
		r.Header[name] = slices.Clone(values)
	}
	return r
}

// mutation changes one part of a request in the smallest way.
type mutation struct {
	part  string
	apply func(*scheme.Request)
}

func lastByte(s string) string {
	b := []byte(s)
	if b[len(b)-1] == 'a' {
		b[len(b)-1] = 'b'
	} else {
		b[len(b)-1] = 'a'
	}
	return string(b)
}

// mutations are one changed byte in each part, and for the query and the body also the step from something to nothing.
func mutations(r *scheme.Request) []mutation {
	path, query, has := strings.Cut(r.Target, "?")
	out := []mutation{
		{"method", func(r *scheme.Request) { r.Method = "X" + r.Method }},
		{"path", func(r *scheme.Request) {
			r.Target = lastByte(path)
			if has {
				r.Target += "?" + query
			}
		}},
		{"query", func(r *scheme.Request) { r.Target = path + "?" + query + "z=1" }},
		{"body", func(r *scheme.Request) { r.Body = append([]byte("{"), r.Body...) }},
	}
	if has {
		out = append(out, mutation{"query", func(r *scheme.Request) { r.Target = path }},
			mutation{"query", func(r *scheme.Request) { r.Target = path + "?" + lastByte(query) }})
	}
	for i := range r.Body {
		if i == len(r.Body)-1 || i == len(r.Body)/2 {
			out = append(out, mutation{"body", func(r *scheme.Request) { r.Body[i] ^= 1 }})
		}
	}
	if len(r.Body) > 0 {
		out = append(out, mutation{"body", func(r *scheme.Request) { r.Body = nil }})
	}
	return out
}

// exercise changes every part in turn: a covered one must be refused, an uncovered one must not, so that "uncovered" is neither too short nor too long.
func exercise(t *testing.T, s *signedRequest) {
	t.Helper()
	for _, m := range mutations(&s.req) {
		r := s.clone()
		m.apply(&r)
		fault := s.check(r)
		if slices.Contains(s.scheme.Uncovered(), m.part) {
			if fault != nil {
				t.Errorf("%s is said to be uncovered, and yet a change of it is refused: %v", m.part, fault)
			}
			continue
		}
		if fault == nil {
			t.Errorf("a changed %s is accepted: %q %q", m.part, r.Target, r.Body)
		}
	}
	for _, name := range s.scheme.Headers() {
		exerciseHeader(t, s, name)
	}
	for _, name := range s.scheme.SignedHeaders() {
		r := s.clone()
		r.Header[name][0] = lastByte(r.Header[name][0])
		if f := s.check(r); f == nil {
			t.Errorf("a changed %s is accepted", name)
		}
	}
}

// exerciseHeader changes every character of a credential header to another one. Only a change of the key id alone may pass here, because the key id
// is covered by selecting the secret, and only a time that the profile admits not to sign.
func exerciseHeader(t *testing.T, s *signedRequest, name string) {
	t.Helper()
	var before scheme.Presented
	if f := s.scheme.Parse(&s.req, &before); f != nil {
		t.Fatal(f)
	}
	value := s.req.Header[name][0]
	for i := range value {
		for _, to := range []byte{'0', 'b', '/', value[i] ^ 1} {
			r := s.clone()
			changed := []byte(value)
			changed[i] = to
			if strings.EqualFold(string(changed), value) {
				continue
			}
			r.Header[name][0] = string(changed)
			var p scheme.Presented
			if s.scheme.Parse(&r, &p) != nil || s.scheme.Verify(&s.key, &r, &p, nil) != nil {
				continue
			}
			if p.KeyID == before.KeyID && !(p.TimeText != before.TimeText && slices.Contains(s.scheme.Uncovered(), "time")) {
				t.Errorf("%s: %q is accepted instead of %q", name, changed, value)
			}
		}
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// headers makes request headers of signed fields and others.
func headers(fields []scheme.Field, others map[string]string) map[string][]string {
	out := map[string][]string{}
	for name, value := range others {
		out[canonical(name)] = []string{value}
	}
	for _, f := range fields {
		out[canonical(f.Name)] = []string{f.Value}
	}
	return out
}
