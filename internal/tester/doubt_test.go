package tester_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/explain"
	"countersign.dev/internal/tester"
)

// refused is a request of finci as a member pastes it.
const refused = "POST /api/v1/cards HTTP/1.1\r\nHost: sandbox.example.com\r\nX-Auth-Token: " + keyID + "\r\nX-Auth-Timestamp: " +
	"1763625600\r\n" +
	"X-Auth-Signature: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\r\nContent-Length: 9\r\n\r\n{\r\n\"a\":1}"

func TestWhatWasPasted(t *testing.T) {
	w := world(shipped(t, "finci"), "")
	for name, tc := range map[string]struct{ text, target, body string }{
		"as on the wire": {refused, "/api/v1/cards", "{\r\n\"a\":1}"},
		"with line feeds": {strings.ReplaceAll(strings.Replace(refused, "Content-Length: 9", "Content-Length: 8", 1),
			"\r\n", "\n"), "/api/v1/cards", "{\n\"a\":1}"},
		"a form's line ends": {strings.Replace(refused, "Content-Length: 9", "Content-Length: 8", 1), "/api/v1/cards",
			"{\n\"a\":1}"},
		"without a body":         {"\n GET /x?a=%2F HTTP/1.1\nHost: a.example", "/x?a=%2F", ""},
		"a curl command":         {"curl -X PUT https://sandbox.example.com/api/v1/x?y=1 \\\r\n  -d '{\"a\": 1}'", "/api/v1/x?y=1", `{"a": 1}`},
		"a curl command, pasted": {"$ curl https://sandbox.example.com/api/v1/x", "/api/v1/x", ""},
		"an absolute target line": {"GET http://sandbox.example.com/api/v1/x HTTP/1.1\nHost: sandbox.example.com\n\n",
			"/api/v1/x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := tester.Observe(w, tc.text)
			if err != nil {
				t.Fatal(err)
			}
			if o.Request.Target != tc.target || string(o.Request.Body) != tc.body {
				t.Errorf("%q with %q", o.Request.Target, o.Request.Body)
			}
		})
	}
	for _, bad := range []string{"", " \r\n", "hello", "curl", "curl -d @/etc/passwd https://a.example/", "curl " +
		"https://a.example/ --config x", strings.Repeat("x", tester.MaxDoubt+1)} {
		if o, err := tester.Observe(w, bad); err == nil {
			t.Errorf("%.40q is read as %+v", bad, o.Request)
		}
	}
}

func unaided(t *testing.T, text string, change func(*explain.Question)) *explain.Report {
	t.Helper()
	w := world(shipped(t, "finci"), "")
	o, err := tester.Observe(w, text)
	if err != nil {
		t.Fatal(err)
	}
	q := &explain.Question{Observed: o, Profile: w.APIs[0].Profile}
	change(q)
	r, err := tester.Unaided(q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWithoutASecret(t *testing.T) {
	r := unaided(t, refused, func(q *explain.Question) { q.Canonical = []byte("1763625600POST/api/v1/cards{\n\"a\":1}") })
	if r.Verdict != explain.Unexplained || r.KeyID != keyID || string(r.Input) != "1763625600POST/api/v1/cards{\r\n\"a\":1}" {
		t.Errorf("%+v", r)
	}
	if d := r.Difference; d == nil || d.Offset != 28 || d.Part != "body" || d.Signed {
		t.Errorf("the difference is %+v", r.Difference)
	}
	r = unaided(t, refused, func(q *explain.Question) { q.At = start.Add(time.Hour) })
	if r.Fault == nil || r.Fault.Kind != "stale" {
		t.Errorf("an hour later: %+v", r.Fault)
	}
	r = unaided(t, strings.Replace(refused, "X-Auth-Timestamp: 1763625600\r\n", "", 1), func(*explain.Question) {})
	if r.Verdict != explain.Form || r.Fault == nil || r.Fault.Where != "X-Auth-Timestamp" {
		t.Errorf("without a time: %+v", r)
	}
	if w := r.Verdict.Known(); !w {
		t.Error("a fault of form is known")
	}
}

// TestRule9AKeyIDChangesNothing: without a secret, two key ids of which one may be somebody's get the same answer but for
// themselves.
func TestRule9AKeyIDChangesNothing(t *testing.T) {
	other := strings.Repeat("e", 32)
	one, _ := json.Marshal(unaided(t, refused, func(*explain.Question) {}))
	two, _ := json.Marshal(unaided(t, strings.ReplaceAll(refused, keyID, other), func(*explain.Question) {}))
	if string(one) != strings.ReplaceAll(string(two), other, keyID) {
		t.Errorf("%s\n%s", one, two)
	}
}

func TestTheKeyIDOfARequest(t *testing.T) {
	w := world(shipped(t, "finci"), "")
	o, err := tester.Observe(w, refused)
	if err != nil {
		t.Fatal(err)
	}
	if id := w.APIs[0].KeyID(&o.Request); id != keyID {
		t.Errorf("%q", id)
	}
	o.Request.Header = nil
	if id := w.APIs[0].KeyID(&o.Request); id != "" {
		t.Errorf("%q of a request that names none", id)
	}
}

// FuzzObserve: nothing that is pasted does more than to be read or refused.
func FuzzObserve(f *testing.F) {
	for _, seed := range []string{refused, "curl https://a.example/ -d x", "GET / HTTP/1.1\n\n", "\xff\r\n\r\n", "$ curl -", "GET " +
		"/\r\nContent-Length: 99\r\n\r\nx\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w := world(shipped(t, "finci"), "")
		o, err := tester.Observe(w, text)
		if err != nil {
			return
		}
		r, err := tester.Unaided(&explain.Question{Observed: o, Profile: w.APIs[0].Profile, Canonical: []byte("x"), At: start})
		if err != nil || r == nil {
			t.Errorf("%v of %q", err, text)
		}
		_ = w.APIs[0].KeyID(&o.Request)
	})
}
