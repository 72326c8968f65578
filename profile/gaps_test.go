package profile_test

import (
	"slices"
	"strings"
	"testing"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

func gap(t *testing.T, text string) (*profile.Profile, error) {
	t.Helper()
	return profile.Parse("gap.yaml", []byte("profile: gap\nlanguage: 2\nalgorithm: hmac-sha256\n"+text))
}

func mustGap(t *testing.T, text string) *scheme.Scheme {
	t.Helper()
	p, err := gap(t, text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRule1ATimeOfRFC3339EndsItself: such a time may stand before a method without a separator, because no time is the beginning of another one.
func TestRule1ATimeOfRFC3339EndsItself(t *testing.T) {
	for _, format := range []string{"rfc3339", "rfc3339_ms"} {
		s := mustGap(t, "message: ts + method + target + body\nwire: {X-Key: '{key_id}', X-Time: '{ts}', X-Sig: '{sig}'}\ntime: {format: "+format+"}\n")
		reads := func(text string) bool {
			var p scheme.Presented
			r := scheme.Request{Method: "GET", Target: "/", Header: map[string][]string{"X-Key": {"k"}, "X-Time": {text}, "X-Sig": {strings.Repeat("0", 64)}}}
			return s.Parse(&r, &p) == nil
		}
		for _, text := range []string{"2025-11-20T08:00:00Z", "2025-11-20T08:00:00.5Z", "2025-11-20T08:00:00.123456789Z", "2025-11-20T08:00:00+08:00", "2025-11-20T08:00:00.25-11:30"} {
			if !reads(text) {
				t.Errorf("%s is not read", text)
			}
			for n := range text {
				if reads(text[:n]) {
					t.Errorf("%s and its beginning %s are both times", text, text[:n])
				}
			}
		}
	}
	for _, message := range []string{"lower(method) + ts + body", "when(h.x, ts) + method + target + body", "or(h.x, ts) + method + target + body"} {
		if _, err := gap(t, "message: "+message+"\nwire: {X-Time: '{ts}', X-Sig: '{sig}'}\ntime: {format: rfc3339}\nuncovered: [path, query]\n"); err == nil {
			t.Errorf("%s is taken for unambiguous", message)
		}
	}
}

func TestRule1HeaderNamesHoldMoreThanLetters(t *testing.T) {
	const rest = "\nwire: {X-Sig: '{sig}'}\nuncovered: [method, path, query, body, time]\n"
	if _, err := gap(t, "message: headers('x-*', kv='.')"+rest); err == nil {
		t.Error("a point between name and value is taken for unambiguous")
	}
	if _, err := gap(t, "message: headers('x-*', kv=':')"+rest); err != nil {
		t.Error(err)
	}
}

// TestCapturesMayTouchBehindAFixedLength covers {sig}{rest}: the first one has one length, so that the border is known.
func TestCapturesMayTouchBehindAFixedLength(t *testing.T) {
	const rest = "\nvars: {data: {chars: a-z0-9, max: 100}}\nuncovered: [method, path, query, body, time]\n"
	s := mustGap(t, "message: join('.', ts, v.data)\nwire: {X-Sig: '{b64:{sig}{data}}', X-Two: 'a{ts}{data}'}"+strings.Replace(rest, ", time]", "]", 1)+"time: {}\n")
	key, err := s.NewKey([]byte("sec"))
	if err != nil {
		t.Fatal(err)
	}
	r := scheme.Request{Method: "GET", Target: "/", Vars: map[string]string{"data": "abc0"}}
	fields, err := s.Sign(&key, &r, scheme.Claims{TimeText: "1763625600"})
	if err != nil || !strings.HasPrefix(fields[1].Value, "a1763625600abc0") {
		t.Fatal(fields, err)
	}
	signed, err := scheme.Apply(&r, fields)
	if err != nil {
		t.Fatal(err)
	}
	var p scheme.Presented
	if f := s.Parse(&signed, &p); f != nil {
		t.Fatal(f)
	}
	if f := s.Verify(&key, &signed, &p, nil); f != nil {
		t.Fatal(f)
	}
	for _, text := range []string{"", "a", "a176362560", "a1763625600", "aabc", "a1763625600abc1"} {
		p = scheme.Presented{}
		signed.Header["X-Two"] = []string{text}
		if s.Parse(&signed, &p) == nil {
			t.Errorf("%q is read", text)
		}
	}
	for _, wire := range []string{"{data}{sig}", "{b64:{data}}{sig}", "{nonce}{sig}"} {
		if _, err := gap(t, "message: v.data\nwire: {X-Sig: '"+wire+"'}"+rest); err == nil || !strings.Contains(err.Error(), "two captures touch") {
			t.Errorf("%s: %v", wire, err)
		}
	}
}

func TestUnderscoresInHeaderNames(t *testing.T) {
	s := mustGap(t, "message: h.x_tenant + method + target + body\nwire: {access_key: '{key_id}', signature: '{sig}'}\nuncovered: [time]\nambiguous: accept\n")
	if !slices.ContainsFunc(s.Warnings(), func(w string) bool { return strings.Contains(w, "access_key has an underscore") }) {
		t.Error(s.Warnings())
	}
	key, err := s.NewKey([]byte("sec"))
	if err != nil {
		t.Fatal(err)
	}
	r := scheme.Request{Method: "GET", Target: "/", Header: map[string][]string{"X_tenant": {"a"}}}
	fields, err := s.Sign(&key, &r, scheme.Claims{KeyID: "k"})
	if err != nil || fields[0].Name != "access_key" {
		t.Error(fields, err)
	}
}

// TestNumbersInABodyStayNumbers: a time that the receiver reads as a number is written as one.
func TestNumbersInABodyStayNumbers(t *testing.T) {
	for body, want := range map[string]string{
		`{"t":1}`:    `{"t":1763625600}`,
		`{"t":"1"}`:  `{"t":"1763625600"}`,
		`{"t":null}`: `{"t":"1763625600"}`,
		`{"a":1}`:    `{"a":1,"t":"1763625600"}`,
	} {
		r := scheme.Request{Body: []byte(body)}
		if out, err := scheme.Apply(&r, []scheme.Field{{Name: "t", Value: "1763625600", In: scheme.InJSON}}); err != nil || string(out.Body) != want {
			t.Errorf("%s: %s, want %s (%v)", body, out.Body, want, err)
		}
	}
	r := scheme.Request{Body: []byte(`{"t":1}`)}
	for value, want := range map[string]string{"007": `{"t":"007"}`, "": `{"t":""}`, "1e3": `{"t":"1e3"}`, "0": `{"t":0}`} {
		if out, err := scheme.Apply(&r, []scheme.Field{{Name: "t", Value: value, In: scheme.InJSON}}); err != nil || string(out.Body) != want {
			t.Errorf("%s, want %s (%v)", out.Body, want, err)
		}
	}
}

// TestVariablesThatMayBeEmpty are computed ones, and those whose default is empty.
func TestVariablesThatMayBeEmpty(t *testing.T) {
	s := mustGap(t, "message: join('\\n', v.names, v.ext)\nvars: {names: {value: \"params('query', show='keys', sep=';')\"}, ext: {default: ''}}\n"+
		"wire: {X-Sig: 'n={names}&e={ext}&s={sig}'}\nuncovered: [method, path, query, body, time]\nambiguous: accept\n")
	key, err := s.NewKey([]byte("sec"))
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{"/": "n=&e=&s=", "/?a=1&b": "n=a;b&e=&s="} {
		r := scheme.Request{Method: "GET", Target: target}
		fields, err := s.Sign(&key, &r, scheme.Claims{})
		if err != nil || !strings.HasPrefix(fields[0].Value, want) {
			t.Fatal(target, fields, err)
		}
		signed, err := scheme.Apply(&r, fields)
		if err != nil {
			t.Fatal(err)
		}
		var p scheme.Presented
		if f := s.Parse(&signed, &p); f != nil {
			t.Fatal(f)
		}
		if f := s.Verify(&key, &signed, &p, nil); f != nil {
			t.Errorf("%s: %v", target, f)
		}
		p = scheme.Presented{}
		signed.Header["X-Sig"] = []string{strings.Replace(fields[0].Value, "n=", "n=x", 1)}
		if s.Parse(&signed, &p) == nil && s.Verify(&key, &signed, &p, nil) == nil {
			t.Errorf("%s: another list of names is accepted", target)
		}
	}
}

// TestRule1WhatACheckLosesIsLost: a part that is signed only through a check is signed no better than the check compares it.
func TestRule1WhatACheckLosesIsLost(t *testing.T) {
	for _, c := range []struct{ check, ambiguous, want string }{
		{"h.x-hash == hex(sha256(query))", "", ""},
		{"h.x-hash == hex(sha256(unpct(query)))", "", "5:34: two spellings of a request share these bytes: unpct leaves order or encoding out"},
		{"h.x-hash == hex(sha256(unpct(query)))", "spelling", ""},
		{"h.x-hash == hex(sha256(params('query', kv='', sep='')))", "spelling", "different values give one result of params"},
		{"h.x-hash == hex(sha256(params('query', kv='', sep='')))", "accept", ""},
		{"h.x-hash == hex(sha256(body + query))", "", "the end of body cannot be told from query"},
		{"h.x-hash == hex(sha256(query))", "spelling", "the message is less ambiguous than that"},
		{"lower(q.a) == h.x-hash", "", "the query is not signed"},
	} {
		text := "message: join('\\n', ts, method, path, h.x-hash)\nchecks: [\"" + c.check + "\"]\nwire: {X-Time: '{ts}', X-Sig: '{sig}'}\ntime: {}\n"
		if !strings.Contains(c.check, "body") {
			text += "uncovered: [body]\n"
		}
		if c.ambiguous != "" {
			text += "ambiguous: " + c.ambiguous + "\n"
		}
		_, err := gap(t, text)
		if err == nil && c.want != "" || err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s, %q: %v, want %q", c.check, c.ambiguous, err, c.want)
		}
	}
	// What the message signs in full need not be compared in full.
	if _, err := gap(t, "message: join('\\n', ts, method, target, h.x-hash)\nchecks: [\"h.x-hash == hex(sha256(unpct(query)))\"]\nwire: {X-Time: '{ts}', X-Sig: '{sig}'}\ntime: {}\nuncovered: [body]\n"); err != nil {
		t.Error(err)
	}
}

// TestTheBodyCannotSignItself: a signature in the JSON body is left out by compact(body) alone.
func TestTheBodyCannotSignItself(t *testing.T) {
	for _, c := range []struct {
		message, member string
		ok              bool
	}{
		{"b64(compact(body))", "sign", true},
		{"compact(body, sort=1)", "sign", true},
		{"body", "sign", false},
		{"compact(body)", "meta.sign", false},
		{"compact(body) + body", "sign", false},
		{"when(body, compact(body))", "sign", false},
		{"compact(trim(body))", "sign", false},
	} {
		_, err := gap(t, "kind: webhook\nmessage: "+c.message+"\nwire_json: {"+c.member+": '{sig}'}\nuncovered: [time]\nambiguous: spelling\n")
		if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "the body holds the signature") {
			t.Errorf("%s, %s: %v", c.message, c.member, err)
		}
	}
	s := mustGap(t, "kind: webhook\nmessage: compact(body)\nwire_json: {sign: '{sig}'}\nuncovered: [time]\nambiguous: spelling\n")
	key, err := s.NewKey([]byte("sec"))
	if err != nil {
		t.Fatal(err)
	}
	r := scheme.Request{Method: "POST", Target: "/", Body: []byte(`{"a": 1, "in": {"sign": "kept"}}`)}
	fields, err := s.Sign(&key, &r, scheme.Claims{})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := scheme.Apply(&r, fields)
	if err != nil {
		t.Fatal(err)
	}
	for change, ok := range map[string]bool{"a=a": true, "1=2": false, "kept=lost": false, `{"a"={"b":0,"a"`: false, `, "sign"=,"sign"`: true} {
		old, now, _ := strings.Cut(change, "=")
		other := signed
		other.Body = []byte(strings.Replace(string(signed.Body), old, now, 1))
		var p scheme.Presented
		if got := s.Parse(&other, &p) == nil && s.Verify(&key, &other, &p, nil) == nil; got != ok {
			t.Errorf("%s: accepted %v", other.Body, got)
		}
	}
}
