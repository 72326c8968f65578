package profile_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/profile"
)

const good = `profile: demo
language: 1
algorithm: hmac-sha256
message: join('\n', ts, method, target, body)
wire:
  X-Key: "{key_id}"
  X-Signature: "t={ts},v1={sig}"
time: {from: ts, format: unix, window: 300s}
alternatives:
  dot: {message: "join('.', ts, method, target, body)"}
  path: {message: "join('\n', ts, method, path, body)", uncovered: [query]}
`

func TestParse(t *testing.T) {
	p, err := profile.Parse("some/where/demo.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dot", "path"}, p.Names()); diff != "" || p.Name() != "demo" {
		t.Error(p.Name(), diff)
	}
	for name, want := range map[string]string{"": "demo", "dot": "demo/dot", "path": "demo/path"} {
		s, err := p.Alternative(name)
		if err != nil || s.Name() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, err := p.Compile(); err != nil || len(s.Uncovered()) != 0 {
		t.Error("an alternative's key leaks into the profile")
	}
	if _, err := p.Alternative("dto"); !errors.Is(err, profile.ErrNoAlternative) || !strings.Contains(err.Error(), `did you mean "dot"?`) {
		t.Error(err)
	}
	if _, err := (&profile.Profile{}).Compile(); !errors.Is(err, profile.ErrNoAlternative) {
		t.Error(err)
	}
	if _, err := profile.Parse("demo.yaml", []byte(strings.ReplaceAll(good, "\n", "\r\n"))); err != nil {
		t.Error("CRLF line ends:", err)
	}
	if _, err := profile.Parse("demo.yaml", []byte("---\n"+good)); err != nil {
		t.Error("a document header:", err)
	}
}

// replace is a profile with one text replaced.
func replace(t *testing.T, old, new string) string {
	t.Helper()
	if !strings.Contains(good, old) {
		t.Fatalf("%q is not in the profile", old)
	}
	return strings.Replace(good, old, new, 1)
}

// refused is a file and a part of the error that it must give.
type refused struct{ text, want string }

func expectErrors(t *testing.T, table []refused) {
	t.Helper()
	for _, c := range table {
		p, err := profile.Parse("demo.yaml", []byte(c.text))
		var bad *profile.Error
		if p != nil || !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

// TestRule35ExpressionErrorsSayWhere is the table of expressions that are refused, with file, line, column and hint.
func TestRule35ExpressionErrorsSayWhere(t *testing.T) {
	msg := func(m string) string {
		return replace(t, `message: join('\n', ts, method, target, body)`, "message: "+m)
	}
	expectErrors(t, []refused{
		{msg("ts + method + tagret + body"), `demo.yaml:4:24: unknown name "tagret" (did you mean "target"?)`},
		{msg(`"join('\n', ts, method, tagret, body)"`), `demo.yaml:4:34: unknown name "tagret" (did you mean "target"?)`},
		{msg(`'ts + ''\n'' + tagret'`), `demo.yaml:4:25: unknown name "tagret" (did you mean "target"?)`},
		{msg("|\n  ts + '\\n' +\n  tagret"), `demo.yaml:6:3: unknown name "tagret" (did you mean "target"?)`},
		{msg(`"'é' + 'é' + tagret"`), `demo.yaml:4:23: unknown name "tagret" (did you mean "target"?)`},
		{msg("jion('x', ts)"), `demo.yaml:4:10: unknown function "jion" (did you mean "join"?)`},
		{msg("ts +"), `demo.yaml:4:14: the expression ends where a value should be`},
		{msg("ts method"), `demo.yaml:4:13: unexpected 'm' (terms are joined by "+")`},
		{msg("hex(ts"), `demo.yaml:4:16: unexpected end (arguments are separated by "," and end with ")")`},
		{msg("(ts"), `demo.yaml:4:13: ")" is missing`},
		{msg("ts + 'abc"), `demo.yaml:4:15: the text has no closing quotation mark`},
		{msg(`ts + '\q'`), `demo.yaml:4:16: unknown escape (\n \r \t \\ \' \xNN)`},
		{msg(`ts + '\x4'`), `demo.yaml:4:16: \x needs two hexadecimal digits`},
		{msg("ts + ' #' + body"), `the text has no closing quotation mark (in YAML " #" begins a comment`},
		{msg("'a' + ts"), "demo.yaml:4:14: not YAML: value is not allowed in this context. map key-value is pre-defined (quote the whole value"},
		{msg("h. + ts"), `demo.yaml:4:12: a header name is missing or too long (h.x-api-key)`},
		{msg("q.page + ts"), `demo.yaml:4:10: unknown name space "q." (headers are written h.name; the others need language: 2)`},
		{msg("b64(body, pad='x')"), `demo.yaml:4:20: pad is 0 or 1`},
		{msg("b64(body, pda=0)"), `demo.yaml:4:20: b64 has no option "pda" (did you mean "pad"?)`},
		{msg("hex(body, pad=0)"), `demo.yaml:4:20: hex has no option "pad"`},
		{msg("b64(pad=0, body)"), "options stand last"},
		{msg("b64(body, pad=)"), "an option's value is a number or 'text'"},
		{msg("ts + body + target"), "demo.yaml:4:10: the method is not signed (sign it, or admit it: uncovered: [method])"},
		{msg("ts + method + body + target"), "demo.yaml:4:24: two requests can share these bytes: the end of body cannot be told from target"},
		{msg("null"), "demo.yaml:4:10: message must be text"},
		{msg("[ts]"), "demo.yaml:4:10: message must be text"},
		{msg(strings.Repeat("(", 40) + "ts" + strings.Repeat(")", 40)), "nested too deeply (at most 32 levels)"},
		{msg(strings.Repeat("ts+", 70) + "ts"), "too many parts (at most 64)"},
		{msg("'" + strings.Repeat("x", 5000) + "'"), "message is too long (at most 4 KiB)"},
	})
}

// TestRule35FileErrorsSayWhere is the same for the file around them.
func TestRule35FileErrorsSayWhere(t *testing.T) {
	expectErrors(t, []refused{
		{replace(t, "algorithm:", "algoritm:"), `demo.yaml:3:1: unknown key "algoritm" (did you mean "algorithm"?)`},
		{replace(t, "window", "windw"), `unknown key "windw" (did you mean "window"?)`},
		{replace(t, "hmac-sha256", "hmac-sha26"), `demo.yaml:3:12: unknown algorithm "hmac-sha26" (did you mean "hmac-sha256"?)`},
		{replace(t, "algorithm: hmac-sha256\n", ""), `demo.yaml:1:1: the key "algorithm" is missing`},
		{replace(t, "profile: demo", "profile: Demo"), "demo.yaml:1:10: a profile's name is"},
		{replace(t, "language: 1", "language: 3"), "demo.yaml:2:11: unknown language version (language: 1 or language: 2)"},
		{replace(t, "language: 1", `language: "1"`), "demo.yaml:2:11: unknown language version"},
		{replace(t, "300s", "300"), "demo.yaml:8:40: a duration is a whole number with its unit (300s, 5m or 1h)"},
		{replace(t, "300s", "-300s"), "a duration is a whole number"},
		{replace(t, "300s", "99999999h"), "a duration is a whole number"},
		{replace(t, "300s", "25h"), "demo.yaml:8:7: the window is out of bounds (1s to 24h)"},
		{replace(t, "from: ts", "from: body"), "demo.yaml:8:14: the time comes from ts or from a header"},
		{replace(t, "format: unix", "format: unixms"), `unknown time format "unixms" (did you mean "unix_ms"?)`},
		{replace(t, "t={ts},v1={sig}", "t={ts},v1={sgi}"), `demo.yaml:7:16: unknown capture "{sgi}" (did you mean "sig"?)`},
		{replace(t, `"{key_id}"`, "{key_id}"), "demo.yaml:6:10: a template must be text (quote it: \"{sig}\")"},
		{replace(t, "  dot: {", "  dot: {wire: x, "), "wire must map header names to templates"},
		{replace(t, "uncovered: [query]", "uncovered: [query, bdoy]"), `unknown part "bdoy"`},
		{replace(t, "uncovered: [query]", "uncovered: query"), "uncovered must be a list"},
		{replace(t, "uncovered: [query]", "ambiguous: yes"), "ambiguous is accept or refuse"},
		{replace(t, ", uncovered: [query]", ""), "demo.yaml:11:20: alternative path: the query is not signed"},
		{replace(t, "  dot:", "  Dot:"), "an alternative's name is"},
		{replace(t, "  dot: {", "  dot: {wier: x, "), `unknown key "wier" (did you mean "wire"?)`},
		{replace(t, "language: 1\n", "language: 1\nlanguage: 1\n"), "demo.yaml:3:1: "},
		{replace(t, "language: 1", "nonce: {min: 8}\nlanguage: 1"), "no header carries {nonce}"},
		{replace(t, "language: 1", "nonce: {min: x}\nlanguage: 1"), "min must be a whole number above 0"},
		{good + "x: &a 1\n", "anchors, aliases, tags, directives and complex keys are not allowed"},
		{good + "x: *a\n", "anchors, aliases, tags"},
		{good + "x: !!binary aa\n", "anchors, aliases, tags"},
		{good + "<<: {a: 1}\n", "anchors, aliases, tags"},
		{good + "---\nb: 1\n", "a profile is one YAML document"},
		{good + "\tx: 1\n", "a control character"},
		{good + "x: \xff\n", "demo.yaml:12:1: the line is not UTF-8"},
		{good + "x: [[[[[[[[[[[[1]]]]]]]]]]]]\n", "nested too deeply"},
		{good + "x: " + strings.Repeat("- ", 3000) + "\n", "demo.yaml:12:"},
		{good + strings.Repeat("\n", 1000), "the file has too many lines"},
		{good + strings.Repeat("#", 70000), "the file is too large"},
		{"", "demo.yaml:1:1: "},
		{"[]", "a profile must be a mapping"},
		{"x", "a profile must be a mapping"},
	})
}

func TestRule36NoUnitIsImplied(t *testing.T) {
	for text, ok := range map[string]bool{"300s": true, "5m": true, "1h": true, "300": false, "5 m": false, "0s": false, "1.5m": false, "300000ms": false, "s": false} {
		_, err := profile.Parse("demo.yaml", []byte(replace(t, "300s", `"`+text+`"`)))
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
