package profile_test

import (
	"sync"
	"testing"
	"time"

	"countersign.dev/scheme"
)

// TestSignersReadWhatTheyWrite: a message that reads a header which signing sets, by whatever way, is made of the value that is sent. Where no message can, signing
// works on the caller's request itself; what these profiles sign would then be refused by every verifier.
func TestSignersReadWhatTheyWrite(t *testing.T) {
	for what, lines := range map[string][]string{
		"a header by its name":          {`message: join('\n', h.x-date, ts, method, target, body)`, `wire: {X-Date: "{ts}", X-Sig: "{sig}"}`},
		"a header that may be missing":  {`message: join('\n', or(h.x-date, ''), ts, method, target, body)`, `wire: {X-Date: "{ts}", X-Sig: "{sig}"}`},
		"a list of headers":             {`message: join('\n', hex(sha256(headers('x-date'))), ts, method, target, body)`, `wire: {X-Date: "{ts}", X-Sig: "{sig}"}`},
		"headers that begin alike":      {`message: join('\n', hex(sha256(headers('x-d*'))), ts, method, target, body)`, `wire: {X-Date: "{ts}", X-Sig: "{sig}"}`},
		"a list that the sender makes":  {`message: join('\n', v.signed, hex(sha256(headers(v.signed))), ts, method, target, body)`, `vars: {signed: {list: ";", must: [x-date]}}`, `wire: {X-Date: "{ts}", X-Signed: "{signed}", X-Sig: "{sig}"}`},
		"a header in a computed value":  {`message: join('\n', v.twice, ts, method, target, body)`, `vars: {twice: {value: "h.x-date + h.x-date"}}`, `wire: {X-Date: "{ts}", X-Sig: "{sig}"}`},
		"a computed value on the wire":  {`message: join('\n', h.x-digest, ts, method, target, body)`, `vars: {digest: {value: "hex(sha256(body))"}}`, `wire: {X-Date: "{ts}", X-Digest: "{digest}", X-Sig: "{sig}"}`},
		"one computed from the other":   {`message: join('\n', v.digest, ts, method, target, body)`, `vars: {digest: {value: "hex(sha256(h.x-date))"}}`, `wire: {X-Date: "{ts}", X-Digest: "{digest}", X-Sig: "{sig}"}`},
		"nothing but its own variables": {`message: join('\n', v.digest, ts, method, target, body)`, `vars: {digest: {value: "hex(sha256(body))"}}`, `wire: {X-Date: "{ts}", X-Digest: "{digest}", X-Sig: "{sig}"}`},
		"another header":                {`message: join('\n', hex(sha256(headers('content-type'))), ts, method, target, body)`, `wire: {X-Date: "{ts}", X-Sig: "{sig}"}`},
	} {
		t.Run(what, func(t *testing.T) {
			s := two(t, append(lines, "algorithm: hmac-sha256", "time: {window: 60s}")...)
			k := keyOf(t, s, "secret")
			header := map[string][]string{"Content-Type": {"text/plain"}}
			r := scheme.Request{Method: "POST", Target: "/a?b=c", Body: []byte("{}"), Header: header, Vars: map[string]string{"signed": "x-date;content-type"}}
			expect(t, s, k, signed(t, s, k, r), "accept")
			if len(header) != 1 || len(header["Content-Type"]) != 1 {
				t.Errorf("signing changed the caller's request: %v", header)
			}
			var p scheme.Presented
			if err := s.Present(&r, claims(), &p); err != nil {
				t.Fatal(err)
			}
			before, err := s.Canonical(&r, &p)
			if err != nil {
				t.Fatal(err)
			}
			sent := signed(t, s, k, r)
			if f := s.Parse(&sent, &p); f != nil {
				t.Fatal(f)
			}
			if after, err := s.Canonical(&sent, &p); err != nil || string(after) != string(before) {
				t.Errorf("a signer signs\n%q\nand a verifier reads\n%q (%v)", before, after, err)
			}
		})
	}
}

// TestRule10DerivedKeysAreTheirRequests: a key that is kept for the next request serves only one of the same scheme with the same values, whoever asked in between
// and however many ask at once.
func TestRule10DerivedKeysAreTheirRequests(t *testing.T) {
	make := func(prefix string) *scheme.Scheme {
		return two(t, `message: join('\n', ts, method, target, body)`, `key: chain('`+prefix+`' + secret, v.a, v.b)`, `vars: {a: {max: 64}, b: {max: 64, default: ''}}`,
			`wire: {X-Date: "{ts}", X-Sig: "{sig}"}`, "algorithm: hmac-sha256", "time: {window: 60s}")
	}
	first, second := make("A"), make("B")
	shared := keyOf(t, first, "secret")
	request := func(a, b string) scheme.Request {
		return scheme.Request{Method: "GET", Target: "/", Vars: map[string]string{"a": a, "b": b}}
	}
	type use struct {
		s    *scheme.Scheme
		a, b string
	}
	uses := []use{{first, "eu", "s3"}, {first, "eu", "s3"}, {second, "eu", "s3"}, {first, "eu", "s3"}, {first, "eus", "3"}, {first, "e", "us3"}, {first, "eus3", ""}, {second, "eus3", ""}, {first, "eu", "s3"}}
	signature := func(k *scheme.Key, u use) string {
		r := request(u.a, u.b)
		text, err := u.s.Signature(k, &r, claims())
		if err != nil {
			t.Error(err)
		}
		return text
	}
	want := map[use]string{}
	different := map[string]bool{}
	for _, u := range uses {
		want[u] = signature(keyOf(t, u.s, "secret"), u)
		different[want[u]] = true
	}
	if len(different) != len(want) {
		t.Fatalf("%d different uses have %d signatures", len(want), len(different))
	}
	var all sync.WaitGroup
	for shift := range 4 {
		all.Go(func() {
			for i := range 200 {
				if u := uses[(i+shift)%len(uses)]; signature(shared, u) != want[u] {
					t.Errorf("%s %q %q was signed with the key of another request", u.s.Name(), u.a, u.b)
				}
			}
		})
	}
	all.Wait()
}

// TestTimesThatSignersWrite: what a signer says of its own time is what a verifier reads, and a time that no verifier takes is not signed.
func TestTimesThatSignersWrite(t *testing.T) {
	for _, format := range []string{"unix", "unix_ms", "unix_us", "rfc3339", "http_date"} {
		for _, kind := range []string{"created", "expires"} {
			s := two(t, `message: join('\n', ts, method, target, body)`, `wire: {X-Date: "{ts}", X-Sig: "{sig}"}`, "algorithm: hmac-sha256",
				"time: {kind: "+kind+", format: "+format+", window: 60s}")
			k := keyOf(t, s, "secret")
			for _, at := range []time.Time{time.Unix(1763625600, 987654321), time.Unix(9999999990, 0).Add(-time.Minute), time.Unix(1000000000, 999999999)} {
				var ours, theirs scheme.Presented
				r := scheme.Request{Method: "GET", Target: "/"}
				c := scheme.Claims{Time: at}
				if err := s.Present(&r, c, &ours); err != nil {
					t.Fatalf("%s %s %v: %v", format, kind, at, err)
				}
				fields, err := s.Sign(k, &r, c)
				if err != nil {
					t.Fatal(err)
				}
				sent, err := scheme.Apply(&r, fields)
				if err != nil {
					t.Fatal(err)
				}
				if f := s.Parse(&sent, &theirs); f != nil {
					t.Fatal(f)
				}
				if ours.Unix != theirs.Unix || ours.TimeText != theirs.TimeText || s.Expires(&ours, 0) != s.Expires(&theirs, 0) {
					t.Errorf("%s %s %v: written as %d %s, read as %d %s", format, kind, at, ours.Unix, ours.TimeText, theirs.Unix, theirs.TimeText)
				}
				if f := s.Fresh(&ours, at, 0); f != nil {
					t.Errorf("%s %s %v: %v", format, kind, at, f)
				}
			}
			if format != "unix" && format != "unix_ms" {
				continue
			}
			for _, at := range []time.Time{time.Unix(-1763625600, 0), time.Unix(-176362560, 0), time.Unix(5, 0), time.Unix(99999999999, 0)} {
				if _, err := s.Sign(k, &scheme.Request{Method: "GET", Target: "/"}, scheme.Claims{Time: at}); err == nil {
					t.Errorf("%s %s: signed at %v", format, kind, at)
				}
			}
		}
	}
}
