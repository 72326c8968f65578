package explain_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/explain"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

const secret = "s3cret-of-the-tests"

// mac is what a hand-written signer computes; it uses nothing of the code that is tested.
func mac(key, text string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return h.Sum(nil)
}

// sent is a request under finci as it arrives, with the signature of another text or another key.
type sent struct {
	method, target, body string
	ts                   string
	sig                  string
	header               map[string][]string
}

func (s sent) observed() *explain.Observed {
	ts := s.ts
	if ts == "" {
		ts = "1763625600"
	}
	h := map[string][]string{"X-Auth-Token": {"token-1"}, "X-Auth-Timestamp": {ts}, "X-Auth-Signature": {s.sig}}
	for name, values := range s.header {
		h[name] = values
	}
	return &explain.Observed{Request: scheme.Request{Method: s.method, Target: s.target, Scheme: "https", Host: "api.example.com", Header: h, Body: []byte(s.body)}}
}

func ask(t *testing.T, name string, o *explain.Observed, change func(*explain.Question)) *explain.Report {
	t.Helper()
	base, alternative, _ := strings.Cut(name, "/")
	p, err := library.Profile(base)
	if err != nil {
		t.Fatal(err)
	}
	q := &explain.Question{Observed: o, Profile: p, Alternative: alternative, Secrets: []explain.Secret{{Label: "the secret", Text: []byte(secret)}}}
	if change != nil {
		change(q)
	}
	r, err := explain.Run(q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// named says whether one of the findings consists of exactly these steps, written family/name.
func named(r *explain.Report, steps ...string) bool {
	for _, f := range r.Findings {
		var got []string
		for _, s := range f.Steps {
			got = append(got, s.Family+"/"+s.Name)
		}
		if slices.Equal(got, steps) {
			return true
		}
	}
	return false
}

// TestMistakesOfOneSigner: what was signed, and the name that it gets. The texts are written by hand.
func TestMistakesOfOneSigner(t *testing.T) {
	const ts = "1763625600"
	body := `{"b":1.0,"a":"é/x"}`
	for _, c := range []struct {
		signed, key string
		steps       []string
	}{
		{ts + "PATCH/a%2Fb?z=1&y=2+3" + body + "\n", secret, []string{"body/newline-added"}},
		{ts + "PATCH/a/b?z=1&y=2+3" + body, secret, []string{"path/decoded"}},
		{ts + "PATCH/a%2Fb?y=2+3&z=1" + body, secret, []string{"query/sorted"}},
		{ts + "PATCH/a%2Fb?z=1&y=2%203" + body, secret, []string{"query/plus-to-20"}},
		{ts + "PATCH/a%2Fb" + body, secret, []string{"query/dropped"}},
		{ts + "PATCH/a%2Fb/?z=1&y=2+3" + body, secret, []string{"path/slash-added"}},
		{ts + "patch/a%2Fb?z=1&y=2+3" + body, secret, []string{"method/lower-case"}},
		{ts + "PATCH/a%2Fb?z=1&y=2+3" + `{"b": 1.0, "a": "é/x"}`, secret, []string{"body/spaced"}},
		{ts + "PATCH/a%2Fb?z=1&y=2+3" + `{"a":"\u00e9\/x","b":1}`, secret, []string{"body/compact+sorted+slash-ascii+short-floats"}},
		{ts + "000PATCH/a%2Fb?z=1&y=2+3" + body, secret, []string{"time/milliseconds"}},
		{"1763632800PATCH/a%2Fb?z=1&y=2+3" + body, secret, []string{"time/local-time"}},
		{"1763625187PATCH/a%2Fb?z=1&y=2+3" + body, secret, []string{"time/offset"}},
		{ts + "PATCH/a%2Fb?z=1&y=2+3" + body, secret + "\n", []string{"secret/newline"}},
		{ts + "PATCH/a%2Fb?z=1&y=2+3" + body, "the-sandbox", []string{"secret/other-secret"}},
		{ts + "\nPATCH\n/a%2Fb?z=1&y=2+3\n" + body, secret, []string{"message/alternative"}},
		{"PATCH/a%2Fb?z=1&y=2+3" + ts + body, secret, []string{"message/order"}},
		{ts + "/a%2Fb?z=1&y=2+3" + body, secret, []string{"message/part-missing"}},
		{ts + "patch/a/b?z=1&y=2+3" + body, secret, []string{"path/decoded", "method/lower-case"}},
	} {
		o := sent{method: "PATCH", target: "/a%2Fb?z=1&y=2+3", body: body, sig: hex.EncodeToString(mac(c.key, c.signed))}.observed()
		r := ask(t, "finci", o, func(q *explain.Question) {
			q.Secrets = append(q.Secrets, explain.Secret{Label: "the sandbox secret", Text: []byte("the-sandbox")})
		})
		if r.Verdict != explain.Explained || !named(r, c.steps...) {
			t.Errorf("%q: want %v, got %s %+v", c.signed, c.steps, r.Verdict, r.Findings)
		}
		if len(r.Findings) > 0 && string(r.Findings[0].Input) != c.signed && c.steps[0] != "message/alternative" {
			t.Errorf("%v: says that %q was signed, it was %q", c.steps, r.Findings[0].Input, c.signed)
		}
	}
}

// TestFormsOfTheSignature: what is refused for its form gets the server's words and, where the signature can be read, the cause.
func TestFormsOfTheSignature(t *testing.T) {
	sum := mac(secret, "1763625600GET/x")
	millis := mac(secret, "1763625600123GET/x")
	for _, c := range []struct {
		sig, ts, step string
	}{
		{base64.StdEncoding.EncodeToString(sum), "", "signature/base64"},
		{base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum))), "", "signature/base64-of-hex"},
		{"sha256=" + hex.EncodeToString(sum), "", "wire/prefix-wrong"},
		{`"` + hex.EncodeToString(sum) + `"`, "", "wire/quoted"},
		{hex.EncodeToString(millis), "1763625600123", "time/sent-unix_ms"},
	} {
		r := ask(t, "finci", sent{method: "GET", target: "/x", sig: c.sig, ts: c.ts}.observed(), nil)
		if !named(r, c.step) || r.Fault == nil || r.Fault.Kind != "malformed" {
			t.Errorf("%s: got %s, fault %+v, %+v", c.step, r.Verdict, r.Fault, r.Findings)
		}
	}
}

func TestAGoodSignatureIsSaidToBeGood(t *testing.T) {
	o := sent{method: "GET", target: "/x", sig: strings.ToUpper(hex.EncodeToString(mac(secret, "1763625600GET/x")))}.observed()
	if r := ask(t, "finci", o, nil); r.Verdict != explain.Valid || r.Fault != nil {
		t.Errorf("got %+v", r)
	}
	r := ask(t, "finci", o, func(q *explain.Question) { q.At = time.Unix(1763625600+412, 0) })
	if r.Verdict != explain.Form || r.Fault.Kind != "stale" || !strings.Contains(r.Fault.Detail, "412 s in the past") {
		t.Errorf("got %s %+v", r.Verdict, r.Fault)
	}
}

// TestNothingIsExplainedThatDoesNotMatch: a signature that is nobody's has no finding, whatever is tried.
func TestNothingIsExplainedThatDoesNotMatch(t *testing.T) {
	r := ask(t, "finci", sent{method: "POST", target: "/x?a=1", body: `{"a":1}`, sig: strings.Repeat("5a", 32)}.observed(), nil)
	if r.Verdict != explain.Unexplained || len(r.Findings) != 0 || r.Tried < 10_000 || r.Tried > explain.MaxTried {
		t.Errorf("got %s, %d tried, %+v", r.Verdict, r.Tried, r.Findings)
	}
	if want := `1763625600POST/x?a=1{"a":1}`; string(r.Input) != want {
		t.Errorf("the server's input is %q, want %q", r.Input, want)
	}
}

// TestOwnCanonicalInput shows the first differing byte, and in which part it lies.
func TestOwnCanonicalInput(t *testing.T) {
	own := "1763625600POST/x?a=2%20q"
	o := sent{method: "POST", target: "/x?a=1%20q", sig: hex.EncodeToString(mac(secret, own))}.observed()
	r := ask(t, "finci", o, func(q *explain.Question) { q.Canonical = []byte(own) })
	d := r.Difference
	if r.Verdict != explain.Differs || d == nil || d.Offset != 19 || d.Part != "target" || !d.Signed {
		t.Fatalf("got %s %+v", r.Verdict, d)
	}
	if !strings.HasPrefix(d.Yours[d.Mark:], "2%20q") || !strings.HasPrefix(d.Servers[d.Mark:], "1%20q") {
		t.Errorf("the mark is not at the difference: %+v", d)
	}
	r = ask(t, "finci", o, func(q *explain.Question) { q.Canonical = []byte(own); q.Secrets[0].Text = []byte("another") })
	if r.Difference.Signed || r.Verdict == explain.Differs {
		t.Error("another secret is said to have signed it")
	}
}

// TestRule4NoReportHoldsAMAC: neither the presented nor a right signature, in any spelling, stands in text or JSON.
func TestRule4NoReportHoldsAMAC(t *testing.T) {
	right := hex.EncodeToString(mac(secret, "1763625600GET/x"))
	wrong := hex.EncodeToString(mac(secret, "1763625600GET/x\n"))
	r := ask(t, "finci", sent{method: "GET", target: "/x", sig: wrong}.observed(), nil)
	for _, text := range []string{r.Text(), r.JSON()} {
		if strings.Contains(text, right) || strings.Contains(text, wrong) || strings.Contains(text, secret) {
			t.Errorf("holds a signature or the secret: %s", text)
		}
	}
}
