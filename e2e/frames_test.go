package e2e_test

import (
	"fmt"
	"strings"
	"testing"
)

// pseudo are the fields of c over HTTP/2, signed, in their order.
func (c call) pseudo(e environment) [][2]string {
	ts := now()
	signature := mac(e.Card.APISecret, ts, c.method, c.target, c.body)
	tell(signature)
	return [][2]string{
		{":method", c.method}, {":scheme", "https"}, {":authority", e.address()}, {":path", c.target},
		{"x-auth-token", e.Card.APIToken}, {"x-auth-timestamp", ts}, {"x-auth-signature", signature},
	}
}

// TestRule37HostBesideAuthority: a Host that differs from :authority is 400, an equal one is not.
func TestRule37HostBesideAuthority(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	r.untouched(t, func() {
		f := r.frames(t, sandbox)
		f.headers(t, true, append(get("host").pseudo(e), [2]string{"host", "other.example"})...)
		r.refused(t, f.answer(t), 400, "host_mismatch", "host_mismatch")
	})
	f := r.frames(t, sandbox)
	f.headers(t, true, append(get("host").pseudo(e), [2]string{"host", e.address()})...)
	f.answer(t).want(t, 200)
}

// TestRule37TrailersOverHTTP2: announced or not, a trailer named like an identity header does not arrive.
func TestRule37TrailersOverHTTP2(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	for _, announced := range []bool{false, true} {
		c := patch("h2-trailer")
		fields := c.pseudo(e)
		if announced {
			fields = append(fields, [2]string{"trailer", "countersign-partner"})
		}
		requests, size := r.upstream.mark()
		f := r.frames(t, sandbox)
		f.headers(t, false, fields...)
		if err := f.WriteData(1, false, []byte(c.body)); err != nil {
			t.Fatal(err)
		}
		f.headers(t, true, [2]string{"countersign-partner", "spoof"}, [2]string{"x-auth-token", "spoof"}, [2]string{"x-note", "spoof"})
		if a := f.answer(t); a.status != 200 && a.status != 400 {
			t.Errorf("%v", a)
		}
		if _, bytes := r.upstream.since(requests, size); strings.Contains(bytes, "spoof") {
			t.Errorf("a trailer arrived: %q", bytes)
		}
	}
}

// TestHostileHTTP2: what cannot be said in HTTP/1.1 without a trick is refused over HTTP/2 too: by an answer, or by the end
// of the stream.
func TestHostileHTTP2(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	set := func(c call, name, value string) [][2]string {
		fields := c.pseudo(e)
		for i := range fields {
			if fields[i][0] == name {
				fields[i][1] = value
			}
		}
		return fields
	}
	add := func(name, value string) [][2]string {
		return append(get("h2-hostile").pseudo(e), [2]string{name, value})
	}
	target := func(s string) [][2]string { return call{method: "GET", target: s}.pseudo(e) }
	cases := map[string][][2]string{
		"line break in a value":    add("x-note", "a\r\nx-auth-token: b"),
		"line break in the path":   target("/api/v1/a HTTP/1.1\r\nHost: x\r\n\r\n"),
		"space in the path":        target("/api/v1/a b"),
		"line break in the method": set(get("h2"), ":method", "GET /api/v1/x HTTP/1.1\r\n"),
		"capital header name":      add("X-Note", "a"),
		"line break in a name":     add("x-note\r\nx", "a"),
		"transfer-encoding":        add("transfer-encoding", "chunked"),
		"connection":               add("connection", "x-auth-signature"),
		"upgrade":                  add("upgrade", "h2c"),
		"doubled token":            add("x-auth-token", e.Card.APIToken),
		"underscore":               add("x_auth_token", "a"),
		"origin":                   add("origin", "https://shop.example"),
		"CONNECT":                  {{":method", "CONNECT"}, {":authority", "127.0.0.1:443"}},
		"empty path":               set(get("h2"), ":path", ""),
		"asterisk":                 target("*"),
		"fragment":                 target("/api/v1/a#b"),
		"escaped slash":            target("/api/v1/a%2fb"),
		"empty segment":            target("/api/v1//a"),
		"dot segments":             target("/api/v1/../v1/a"),
		"non-ASCII":                target("/api/v1/\xc3\xa9"),
		"two paths":                append([][2]string{{":path", "/api/v1/other"}}, get("h2").pseudo(e)...),
		"pseudo header behind":     append(get("h2").pseudo(e)[1:], [2]string{":method", "GET"}),
	}
	for name, fields := range cases {
		t.Run(name, func(t *testing.T) {
			r.untouched(t, func() {
				f := r.frames(t, sandbox)
				f.headers(t, true, fields...)
				if a := f.answer(t); a.status != 0 && (a.status < 400 || a.status == 401 || a.status > 499) {
					t.Errorf("%v", a)
				}
			})
		})
	}
}

// TestRule24LengthsOverHTTP2: a stated length that is not a number, comes twice or is not the body's makes a request
// malformed (RFC 9113 §8.1.1), although the frames would tell where it ends.
func TestRule24LengthsOverHTTP2(t *testing.T) {
	r := onRecorder(t)
	for name, lengths := range map[string][]string{
		"too long": {"27"}, "too short": {"25"}, "no number": {"abc"}, "signed": {"+26"}, "a list": {"26, 26"},
		"twice": {"26", "26"}, "two": {"26", "0"}, "two, turned": {"0", "26"}, "empty": {""}, "nothing": {"0"},
	} {
		for _, empty := range []bool{false, true} {
			if empty && name == "nothing" {
				continue // honest
			}
			t.Run(fmt.Sprintf("%s, without a body %t", name, empty), func(t *testing.T) {
				c := patch("h2-length")
				if empty {
					c.body = ""
				}
				fields := c.pseudo(r.Environments[sandbox])
				for _, n := range lengths {
					fields = append(fields, [2]string{"content-length", n})
				}
				r.untouched(t, func() {
					f := r.frames(t, sandbox)
					f.headers(t, empty, fields...)
					if !empty {
						if err := f.WriteData(1, true, []byte(c.body)); err != nil {
							t.Fatal(err)
						}
					}
					if a := f.answer(t); a.status != 0 && (a.status < 400 || a.status == 401 || a.status > 499) {
						t.Errorf("%v", a)
					}
				})
			})
		}
	}
}

// TestEmptyPostOverHTTP2: a POST whose headers end the stream is an empty one, with a length of 0 or without.
func TestEmptyPostOverHTTP2(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	token := r.token(t, sandbox)
	for _, more := range [][][2]string{nil, {{"content-length", "0"}}} {
		fields := [][2]string{
			{":method", "POST"}, {":scheme", "https"}, {":authority", e.address()}, {":path", "/aggregation/v1/customers/1/accounts"},
			{"finicity-app-key", e.Aggregation.AppKey}, {"finicity-app-token", token},
		}
		requests, size := r.upstream.mark()
		f := r.frames(t, sandbox)
		f.headers(t, true, append(fields, more...)...)
		f.answer(t).want(t, 200)
		if got, raw := r.upstream.since(requests, size); len(got) != 1 || got[0].method != "POST" || len(got[0].body) != 0 {
			t.Errorf("%q", raw)
		}
	}
}
