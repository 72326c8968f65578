package profile_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// FuzzEvaluate offers an expression, a template and a request together. Whatever compiles and can be signed must verify, must not panic, and must be refused with
// another secret.
func FuzzEvaluate(f *testing.F) {
	add := func(expression, template, target, header, body string) {
		f.Add(expression, template, target, header, body)
	}
	add("join('\\n', method, params('query', sort='pair', enc='rfc3986'), hex(sha256(body)))", "v1={sig}", "/a?b=1&a=%20", "x", "")
	add("params('flat', path=':', kv=':', sep=';', sort='natural', bool='1,0')", "{b64:{sig}}", "/", "x", `{"a":{"b":[1,true,null,"\u00e9"]}}`)
	add("headers('x-*', absent='skip', squeeze=1, join=',') + v.list + v.date", "{list} {date} {sig}", "/", "a  b", "")
	add("or(j.a, q.b, f.c, h.x-a, 'none') + when(eq(method, 'GET'), query, body)", "{sig}", "/?b=2", "x", "c=3")
	add("secret + url + normalize(path) + unpct(query) + compact(body, sort=1)", "$1${sig}", "/a/../b?%41", "x", `{"b":1,"a":[]}`)
	add("hex(hmac(ts, body, alg='md5')) + decimal(j.n, places=2) + replace(path, '/', '//') + slice(body, 1, 3)", "t={ts},{sig}", "/x", "x", `{"n":1.50}`)
	add("params('form?+json', param('a', ts), multi='dedup', show='values', sep=secret)", "{sig}", "/", "x", `{"a":1}`)
	add("strip_ws(body) + date(ts, '%Y%j%f') + j(body, 'a.b') + len(target)", "{sig}", "/", "x", `{"a":{"b":1}}`)
	f.Fuzz(func(t *testing.T, expression, template, target, header, body string) {
		quotedExpression, _ := json.Marshal(expression)
		quotedTemplate, _ := json.Marshal(template)
		for _, algorithm := range []string{"hmac-sha256", "sha256"} {
			for _, tail := range []string{"", "ambiguous: spelling", "ambiguous: accept"} {
				text := "profile: f\nlanguage: 2\nkind: webhook\nalgorithm: " + algorithm + "\nmessage: " + string(quotedExpression) +
					"\nvars: {list: {list: ';', default: ''}, date: {value: \"slice(ts, 0, 4)\"}, id: {from: path, match: '/{id}**', default: ''}}\nwire: {X-T: '{ts}', X-S: " + string(quotedTemplate) + "}\ntime: {}\n" + tail
				for _, open := range []string{"\n", "\nuncovered: [body]", "\nuncovered: [time]", "\nuncovered: [body, time]"} {
					p, err := profile.Parse("f.yaml", []byte(text+open))
					var bad *profile.Error
					if err != nil && !errors.As(err, &bad) {
						t.Fatalf("%T %v", err, err)
					}
					if err == nil {
						roundTrip(t, p, target, header, body)
						return
					}
				}
			}
		}
	})
}

func roundTrip(t *testing.T, p *profile.Profile, target, header, body string) {
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	k, other := keyOf(t, s, "secret"), keyOf(t, s, "other")
	r := scheme.Request{Method: "POST", Target: target, Scheme: "https", Host: "h", Body: []byte(body), Header: map[string][]string{"X-A": {header}, "Host": {"h"}}}
	fields, err := s.Sign(k, &r, claims())
	if err != nil {
		var fault *scheme.Fault
		if !errors.As(err, &fault) || strings.Contains(err.Error(), "secret") && !strings.Contains(err.Error(), "the secret") {
			t.Fatalf("%T %v", err, err)
		}
		return
	}
	sent, err := scheme.Apply(&r, fields)
	if err != nil {
		t.Fatal(err)
	}
	if _, f := s.Check([]*scheme.Key{k}, &sent, now, 0); f != nil {
		t.Fatalf("signed and refused: %v %q", f, fields)
	}
	if _, f := s.Check([]*scheme.Key{other}, &sent, now, 0); f == nil {
		t.Fatal("another secret is accepted")
	}
}

// FuzzHostileRequest offers requests to every kind of scheme in the library: no answer but a fault or a mismatch.
func FuzzHostileRequest(f *testing.F) {
	var profiles []*profile.Profile
	var keys []*scheme.Key
	for _, name := range strings.Fields("stripe-webhook oauth1 aws-sigv4 aws-sigv4-presigned ogone ecommpay hawk pusher baidu-bce azure-cosmos duo twilio adyen-webhook binance gemini") {
		text, err := os.ReadFile("library/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		p, err := profile.Parse(name, text)
		if err != nil {
			f.Fatal(err)
		}
		s, err := p.Compile()
		if err != nil {
			f.Fatal(err)
		}
		k, err := s.NewKeyParts([]byte("00c0ffee00c0ffee"), map[string][]byte{"token_secret": []byte("t")})
		if err != nil {
			f.Fatal(err)
		}
		profiles, keys = append(profiles, p), append(keys, &k)
	}
	for i := range profiles {
		f.Add(uint8(i), "POST", "/a?X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&signature=00", "OAuth oauth_nonce=\"abcdef\", oauth_signature=\"%41\"", "t=1,v1=00", "SHASIGN=00&a=%zz")
		f.Add(uint8(i), "GET", "/", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "", `{"signature":"AA==","notificationItems":[{}]}`)
	}
	f.Fuzz(func(t *testing.T, i uint8, method, target, authorization, second, body string) {
		s, _ := profiles[int(i)%len(profiles)].Compile()
		r := scheme.Request{Method: method, Target: target, Scheme: "https", Host: "h", Body: []byte(body), Header: map[string][]string{"Authorization": {authorization}}}
		for _, name := range s.Headers() {
			if r.Header[name] == nil {
				r.Header[name] = []string{second}
			}
		}
		if _, fault := s.Check([]*scheme.Key{keys[int(i)%len(keys)]}, &r, now, 0); fault == nil {
			t.Fatal("accepted")
		}
	})
}

// FuzzVectors offers files of vectors: a clear error or a result, and no secret in either.
func FuzzVectors(f *testing.F) {
	f.Add([]byte(`[{"id":"a","method":"GET","url":"https://h/?b=1","secret_hex":"736563726574","expected_signature":"00","vars":{"key_id":"k","o":{"a":"b"}}}]`))
	f.Add([]byte(`{"vectors":[{"method":1}]}`))
	f.Add([]byte(`[{"secret_hex":"zz"}]`))
	f.Add([]byte(`[{"headers":{"a":1}},null,3]`))
	text, err := os.ReadFile("library/aws-sigv4.yaml")
	if err != nil {
		f.Fatal(err)
	}
	p, err := profile.Parse("p", text)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := profile.LoadVectors("v.json", text)
		var bad *profile.Error
		if err != nil && !errors.As(err, &bad) {
			t.Fatalf("%T %v", err, err)
		}
		for i := range list {
			profile.Run(p, &list[i])
		}
	})
}
