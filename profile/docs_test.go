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
		shipped(t, block[2], block[1])
	}
}

// shipped runs a profile of the guide that has the name of a shipped one on that one's published examples.
func shipped(t *testing.T, name, text string) {
	t.Helper()
	raw, err := os.ReadFile("library/" + name + ".vectors.json")
	if err != nil {
		return
	}
	list, err := profile.LoadVectors(name, raw)
	if err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if list[i].Alternative != "" {
			continue
		}
		if r := profile.Run(p, &list[i]); !r.OK {
			t.Errorf("the guide's %s: %s", name, r.Problem)
		}
	}
}

// TestGuideFunctions evaluates every example of the tables of functions and options.
func TestGuideFunctions(t *testing.T) {
	examples := regexp.MustCompile("\\| `([^`]+)` → `([^`]+)` \\|\n").FindAllStringSubmatch(guide(t), -1)
	if len(examples) < 55 {
		t.Fatalf("%d examples found", len(examples))
	}
	for _, e := range examples {
		expression, want := strings.ReplaceAll(e[1], `\|`, "|"), strings.ReplaceAll(e[2], `\|`, "|")
		if got := evaluate(t, expression); got != want {
			t.Errorf("%s gives %q, the guide says %q", expression, got, want)
		}
	}
}

// TestGuideCookbook compiles every expression of the cookbook.
func TestGuideCookbook(t *testing.T) {
	_, book, _ := strings.Cut(guide(t), "## Cookbook")
	book, _, _ = strings.Cut(book, "## Reference")
	rows := regexp.MustCompile(`(?m)^\| .* \| (.*) \|$`).FindAllStringSubmatch(book, -1)
	n := 0
	for _, row := range rows[2:] {
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			text := strings.ReplaceAll(code[1], `\|`, "|")
			field := "message"
			for _, word := range []string{"key", "signature", "message"} {
				if rest, is := strings.CutPrefix(text, word+": "); is {
					field, text = word, rest
				}
			}
			if strings.Contains(text, "…") || strings.ContainsAny(text, "{}\"") && !strings.Contains(text, "'{}'") || regexp.MustCompile("^(trim_prefix|[a-z_0-9]+(=.*)?|[a-z]+: .*|un[a-z0-9]+\\(secret\\)|unb64.*)$").MatchString(text) {
				continue // a fragment
			}
			if n++; !compiles(field, text) {
				t.Errorf("%s: %s does not compile", field, text)
			}
		}
	}
	if n < 60 {
		t.Errorf("%d expressions found", n)
	}
}

// compiles says whether an expression is one of the language, whatever it covers.
func compiles(field, text string) bool {
	algorithm, message := "hmac-sha256", text
	if field != "message" {
		message = "body"
	} else if strings.Contains(text, "secret") {
		algorithm = "sha256"
	}
	for _, ambiguous := range []string{"refuse", "spelling", "accept"} {
		for _, open := range []string{"", "body", "time", "body, time"} {
			file := fmt.Sprintf("profile: demo\nlanguage: 2\nkind: webhook\nalgorithm: %s\nsecrets: [token_secret]\nambiguous: %s\nuncovered: [%s]\n", algorithm, ambiguous, open) +
				"vars: {date: {max: 8}, region: {max: 9}, service: {max: 9}, account: {max: 9}, head: {max: 9}, claims: {max: 9}, signed: {list: ';', must: [host]}}\n" +
				"wire: {X-Key: '{key_id}', X-Time: '{ts}', X-Sig: '{sig}'}\ntime: {window: 5m}\nmessage: |\n  " + strings.ReplaceAll(message, "a, b, c", "h.a, h.b, h.c") + "\n"
			file = strings.Replace(file, "  a + b + c", "  h.a + h.b + h.c", 1)
			file = strings.Replace(file, "'\\n', h.a", "'\\n', h.a", 1)
			if strings.Contains(message, "nonce") {
				file = strings.Replace(file, "wire: {", "wire: {X-Nonce: '{nonce}', ", 1)
			}
			file = regexp.MustCompile(`\((x)([,)])`).ReplaceAllString(file, "(h.$1$2")
			if field != "message" {
				file += field + ": |\n  " + text + "\n"
			}
			if _, err := profile.Parse("demo.yaml", []byte(file)); err == nil {
				return true
			}
		}
	}
	return false
}

// guideRequest is the request that the guide's examples are about.
func guideRequest(expression string) scheme.Request {
	r := scheme.Request{Method: "POST", Target: "/v1/pay?b=2&a=1%20x&a=0", Scheme: "https", Host: "api.example:8443",
		Header: map[string][]string{"X-Acme-Two": {"two"}, "X-Acme-One": {"a  b"}},
		Body:   []byte(`{"id": 7, "who": {"name": "Ann"}, "ok": true, "tags": ["x", "y"], "price": 10.50}`)}
	if strings.Contains(expression, "'form'") || strings.HasPrefix(expression, "f(") {
		r.Body = []byte("z=1&y=a+b&e=")
	}
	return r
}

// evaluate is the value of an expression for the guide's request.
func evaluate(t *testing.T, expression string) string {
	t.Helper()
	var err error
	for _, ambiguous := range []string{"refuse", "spelling", "accept"} {
		for _, open := range []string{"", "body", "time", "body, time"} {
			file := fmt.Sprintf("profile: demo\nlanguage: 2\nkind: webhook\nalgorithm: hmac-sha256\nambiguous: %s\nuncovered: [%s]\n", ambiguous, open) +
				"wire: {X-Time: '{ts}', X-Nonce: '{nonce}', X-Sig: '{sig}'}\ntime: {window: 5m}\nmessage: |\n  'nonce ' + nonce + '\\n\\n' + " + expression + "\n"
			var p *profile.Profile
			if p, err = profile.Parse("demo.yaml", []byte(file)); err != nil {
				continue
			}
			s, err := p.Compile()
			if err != nil {
				t.Fatal(err)
			}
			r := guideRequest(expression)
			var presented scheme.Presented
			if err := s.Present(&r, scheme.Claims{Nonce: "0123456789abcdef", Time: time.Unix(1763625600, 0)}, &presented); err != nil {
				t.Fatalf("%s: %v", expression, err)
			}
			canonical, err := s.Canonical(&r, &presented)
			if err != nil {
				t.Fatalf("%s: %v", expression, err)
			}
			_, value, _ := strings.Cut(string(canonical), "\n\n")
			return value
		}
	}
	t.Fatalf("%s: %v", expression, err)
	return ""
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
	functions := "join hex b64 b64url upper lower sha1 sha256 sha384 sha512 md5 unhex unb64 unb64url trim_prefix pct or opt when eq in not q f j h params param headers " +
		"hmac chain slice head tail date strip_ws trim squeeze replace before after trim_suffix strip_prefix unpct normalize compact decimal len remove"
	for _, word := range strings.Fields(functions) {
		if !strings.Contains(text, "`"+word+"(") {
			t.Errorf("the guide has no function %s", word)
		}
	}
	words := "profile language title source kind algorithm message key secrets signature wire wire_query wire_form wire_json several vars checks time nonce target uncovered ambiguous alternatives " +
		"method target path query body ts key_id url base_url scheme host hostname port secret mac unix unix_ms unix_us unix_ns unix_open unix_fraction http_date rfc2822 rfc3339 rfc3339_ms compact " +
		"hmac-sha1 hmac-sha256 hmac-sha384 hmac-sha512 hmac-md5 md5 sha1 sha256 sha384 sha512 from match value default list must about chars min max " +
		"sort enc lower keep kv sep tail skip only drop_empty multi show strip mask trim bare plus path at bool null absent squeeze join case"
	for _, word := range strings.Fields(words) {
		if !strings.Contains(text, "`"+word+"`") {
			t.Errorf("the guide has no %s", word)
		}
	}
}
