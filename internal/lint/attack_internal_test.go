package lint

import (
	"strings"
	"testing"

	"countersign.dev/profile"
)

// careless is a profile that lets changes through and admits it; the tests below take the admission away, so that what the linter finds
// must be an error. The compiler refuses such a profile without it, which is why no profile file can show this.
const careless = `profile: careless
language: 2
algorithm: hmac-sha256
message: ts + upper(method) + lower(target) + strip_ws(body)
ambiguous: accept
time: {window: 5m}
wire:
  X-Key: "{key_id}"
  X-Time: "{ts}"
  X-Sig: "{sig}"
`

// TestRule2AnAcceptedChangeIsAnError, and so is rule 3: two requests with one canonical input.
func TestRule2AnAcceptedChangeIsAnError(t *testing.T) {
	p, err := profile.Parse("careless.yaml", []byte(careless))
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Alternative("")
	if err != nil {
		t.Fatal(err)
	}
	d, err := p.Definition("")
	if err != nil {
		t.Fatal(err)
	}
	d.Ambiguous = false
	list, err := invented(s, &d)
	if err != nil {
		t.Fatal(err)
	}
	r := &Report{}
	for _, e := range list {
		r.attack(e, &d)
		r.collide(e, &d)
	}
	for _, want := range []string{"accepted: a changed body is accepted: a line feed more at its end", "collision: another request has the same signed bytes: bytes moved from body to query"} {
		found := false
		for _, f := range r.Findings {
			found = found || f.Severity == Error && strings.HasPrefix(f.Code+": "+f.Message, want)
		}
		if !found {
			t.Errorf("no error %q in\n%s", want, r.Text())
		}
	}
}

// TestEveryMutationChangesTheRequest: one that changes nothing would prove nothing.
func TestEveryMutationChangesTheRequest(t *testing.T) {
	p, err := profile.Parse("careless.yaml", []byte(careless))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := p.Alternative("")
	d, _ := p.Definition("")
	list, err := invented(s, &d)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		for _, m := range mutations(e) {
			r := e.clone()
			m.apply(&r)
			same := r.Method == e.r.Method && r.Target == e.r.Target && string(r.Body) == string(e.r.Body)
			for name, values := range e.r.Header {
				same = same && strings.Join(values, "\x00") == strings.Join(r.Header[name], "\x00")
			}
			if same {
				t.Errorf("%s: %s, %s changes nothing", e.id, m.part, m.what)
			}
		}
	}
}
