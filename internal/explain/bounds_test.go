package explain_test

import (
	"strings"
	"testing"

	"countersign.dev/internal/explain"
	"countersign.dev/profile/library"
)

// hostile are bodies that would cost much if they were written anew without bounds.
func hostile() map[string]string {
	return map[string]string{
		"deep":         strings.Repeat("[", 100_000),
		"deep, closed": strings.Repeat("[", 60) + strings.Repeat("[],", 20_000) + "[]" + strings.Repeat("]", 60),
		"wide numbers": "[" + strings.Repeat("1e300,", 100_000) + "1]",
		"controls":     `{"a":"` + strings.Repeat(`\u0001`, 100_000) + `"}`,
		"large":        `{"a":"` + strings.Repeat("x", explain.MaxBody-20) + `"}`,
		"too large":    `{"a":"` + strings.Repeat("x", explain.MaxBody) + `"}`,
		"no text":      strings.Repeat("\xff\xfe", 50_000),
		"many fields":  strings.Repeat("a=1&", 50_000) + "a=1",
	}
}

// TestSearchIsBounded: whatever the body is, the search ends within its bounds and says whether it is complete.
func TestSearchIsBounded(t *testing.T) {
	for name, body := range hostile() {
		if every > 1 && name != "deep, closed" && name != "wide numbers" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r := ask(t, "finci", sent{method: "POST", target: "/x", body: body, sig: strings.Repeat("5a", 32)}.observed(), func(q *explain.Question) {
				if q.Bytes = 192 << 20; every > 1 {
					q.Tries = 5000
				}
			})
			if r.Tried > explain.MaxTried || len(r.Findings) != 0 {
				t.Errorf("%d tried, %+v", r.Tried, r.Findings)
			}
			if len(body) > explain.MaxBody && r.Complete {
				t.Error("a body over the bound is said to be searched")
			}
			if len(r.Text()) > 64<<10 {
				t.Errorf("the text has %d bytes", len(r.Text()))
			}
		})
	}
}

// TestASearchThatWasEndedSaysSo: with a tighter bound, as a server has it.
func TestASearchThatWasEndedSaysSo(t *testing.T) {
	o := sent{method: "POST", target: "/x", body: "{}", sig: strings.Repeat("5a", 32)}.observed()
	r := ask(t, "finci", o, func(q *explain.Question) { q.Tries = 1000 })
	if r.Complete || r.Tried != 1000 || !strings.Contains(r.Text(), "is not complete") {
		t.Errorf("%d tried, complete: %v", r.Tried, r.Complete)
	}
	r = ask(t, "finci", o, func(q *explain.Question) { q.Bytes = 100_000 })
	if r.Complete || r.Tried > 1000 {
		t.Errorf("%d tried, complete: %v", r.Tried, r.Complete)
	}
}

// TestQuestionsThatCannotBeAsked are errors, and no panic.
func TestQuestionsThatCannotBeAsked(t *testing.T) {
	p, err := library.Profile("finci")
	if err != nil {
		t.Fatal(err)
	}
	o := sent{method: "GET", target: "/", sig: ""}.observed()
	for _, q := range []*explain.Question{nil, {}, {Observed: o}, {Observed: o, Profile: p}, {Observed: o, Profile: p, Secrets: []explain.Secret{{}}},
		{Observed: o, Profile: p, Secrets: []explain.Secret{{Text: []byte("x")}}, Alternative: "none"}} {
		if _, err := explain.Run(q); err == nil {
			t.Errorf("%+v is answered", q)
		}
	}
}

// TestVisibleHidesNothing: two texts that look alike are written in two ways, and nothing acts on a terminal.
func TestVisibleHidesNothing(t *testing.T) {
	for in, want := range map[string]string{
		"a b":        "a b",
		" a ":        "␠a␠",
		"a\n\r\t":    `a\n\r\t`,
		"\x1b[31m":   `\x1b[31m`,
		"a\u00a0b":   `a\u{00a0}b`,
		"a\u200bb":   `a\u{200b}b`,
		"\ufeff{}":   `\u{feff}{}`,
		"e\u0301":    `e\u{0301}`,
		"\xff":       `\xff`,
		`\n`:         `\\n`,
		"\u202etxt.": `\u{202e}txt.`,
	} {
		if got := explain.Visible([]byte(in), true); got != want {
			t.Errorf("%q is shown as %s, want %s", in, got, want)
		}
	}
}

// FuzzRun: no request makes the engine panic, and nothing is explained by a signature that nobody made.
func FuzzRun(f *testing.F) {
	f.Add("GET /x?a=1&b HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\nX-Auth-Timestamp: 1763625600\r\nX-Auth-Signature: 00\r\n\r\n", "secret")
	f.Add("POST /%2F%zz?&&= HTTP/1.1\nHost: a\nX-Auth-Token: t\nX-Auth-Token: u\nX-Auth-Timestamp: 1763625600123\n\n{\"a\":1e9}", "whsec_AAAA")
	f.Add("P / HTTP/1.1\nStripe-Signature: t=1763625600,v1=zz\n\n[1,\"\xff\"]", "\x00")
	f.Fuzz(func(t *testing.T, raw, key string) {
		o, err := explain.ParseRaw([]byte(raw))
		if err != nil || key == "" || len(raw) > 2000 {
			return
		}
		for _, name := range []string{"finci", "stripe-webhook", "aws-sigv4"} {
			p, err := library.Profile(name)
			if err != nil {
				t.Fatal(err)
			}
			o.Request.Header["X-Auth-Signature"] = []string{strings.Repeat("0", 64)}
			r, err := explain.Run(&explain.Question{Observed: o, Profile: p, Secrets: []explain.Secret{{Text: []byte(key)}}, Canonical: []byte(raw), Tries: 3000, Bytes: 4 << 20})
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(r.Text(), "\x1b") || r.JSON() == "" {
				t.Error("the report is not clean")
			}
		}
	})
}
