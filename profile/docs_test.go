package profile_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// guide is docs/profile.md.
func guide(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/profile.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestGuideProfiles compiles every profile of the guide, or gets exactly the error that the guide prints below it.
func TestGuideProfiles(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(profile: ([a-z-]+).*?)```\n(?:\nRefused: `(.*?)`\n)?").FindAllStringSubmatch(guide(t), -1)
	if len(blocks) < 7 || len(blocks) != strings.Count(guide(t), "```yaml") {
		t.Fatalf("%d profiles found", len(blocks))
	}
	for _, block := range blocks {
		got := ""
		if _, err := profile.Parse(block[2]+".yaml", []byte(block[1])); err != nil {
			got = err.Error()
		}
		if got != block[3] {
			t.Errorf("%s: %q, the guide says %q", block[2], got, block[3])
		}
	}
}

// TestGuideFunctions evaluates every example of the table of functions.
func TestGuideFunctions(t *testing.T) {
	examples := regexp.MustCompile("\\| `([^`]+)` → `([^`]+)` \\|\n").FindAllStringSubmatch(guide(t), -1)
	if len(examples) < 10 {
		t.Fatalf("%d examples found", len(examples))
	}
	for _, e := range examples {
		if got := evaluate(t, e[1]); got != e[2] {
			t.Errorf("%s gives %q, the guide says %q", e[1], got, e[2])
		}
	}
}

// evaluate is the value of an expression of texts.
func evaluate(t *testing.T, expression string) string {
	t.Helper()
	text := strings.Replace(good, "join('\\n', ts, method, target, body)", fmt.Sprintf("|\n  join('\\n', ts, method, target, hex(sha256(body)), '', %s)", expression), 1)
	text, _, _ = strings.Cut(text, "alternatives:")
	p, err := profile.Parse("example.yaml", []byte(text))
	if err != nil && strings.Contains(err.Error(), "ambiguous: accept") {
		p, err = profile.Parse("example.yaml", []byte(text+"ambiguous: accept\n"))
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	var presented scheme.Presented
	r := scheme.Request{Method: "GET", Target: "/"}
	if err := s.Present(&r, scheme.Claims{KeyID: "k", Time: time.Unix(1763625600, 0)}, &presented); err != nil {
		t.Fatal(err)
	}
	canonical, err := s.Canonical(&r, &presented)
	if err != nil {
		t.Fatal(err)
	}
	_, value, _ := strings.Cut(string(canonical), "\n\n")
	return value
}

// TestGuideFirstExample computes the canonical input that the guide prints.
func TestGuideFirstExample(t *testing.T) {
	text := guide(t)
	first := regexp.MustCompile("(?s)```yaml\n(profile: payments.*?)```").FindStringSubmatch(text)
	want := regexp.MustCompile("(?s)```text\n(.*?)\n```").FindStringSubmatch(text)
	if first == nil || want == nil {
		t.Fatal("the example has moved")
	}
	p, err := profile.Parse("payments.yaml", []byte(first[1]))
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	var presented scheme.Presented
	r := scheme.Request{Method: "POST", Target: "/v1/pay?dry=1", Body: []byte(`{"amount":5}`)}
	if err := s.Present(&r, scheme.Claims{KeyID: "k", Time: time.Unix(1763625600, 0)}, &presented); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Canonical(&r, &presented); err != nil || string(got) != want[1] {
		t.Errorf("%q, the guide says %q", got, want[1])
	}
}

// TestGuideListsEveryFunctionAndKey keeps the reference complete.
func TestGuideListsEveryFunctionAndKey(t *testing.T) {
	text := guide(t)
	for _, word := range strings.Fields("join hex b64 b64url upper lower sha1 sha256 sha384 sha512 md5 unhex unb64 unb64url trim_prefix pct") {
		if !strings.Contains(text, "`"+word+"(") {
			t.Errorf("the guide has no function %s", word)
		}
	}
	words := "profile language title source algorithm message key signature wire time nonce uncovered ambiguous alternatives " +
		"method target path query body ts key_id url scheme host secret mac unix unix_ms http_date rfc3339"
	for _, word := range strings.Fields(words) {
		if !strings.Contains(text, "`"+word+"`") {
			t.Errorf("the guide has no %s", word)
		}
	}
}
