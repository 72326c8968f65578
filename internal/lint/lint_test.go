package lint_test

import (
	"strings"
	"testing"

	"countersign.dev/internal/lint"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
)

// vectors are the shipped examples of a profile; those in our own form have none that can be read here.
func vectors(t *testing.T, name string) []profile.Vector {
	t.Helper()
	text, err := library.FS.ReadFile(name + ".vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	list, err := profile.LoadVectors(name, text)
	if err != nil {
		return nil
	}
	return list
}

func check(t *testing.T, p *profile.Profile, alternative string, list []profile.Vector) *lint.Report {
	t.Helper()
	r, err := lint.Check(p, alternative, list)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestNoShippedProfileHasAnError attacks every profile of the library and each of its alternatives.
func TestNoShippedProfileHasAnError(t *testing.T) {
	attacked := 0
	for _, name := range library.Names() {
		p, err := library.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, alternative := range append([]string{""}, p.Names()...) {
			r := check(t, p, alternative, vectors(t, name))
			if r.Errors() > 0 {
				t.Errorf("%s", r.Text())
			}
			if r.Examples > 0 && r.Mutations < 10 {
				t.Errorf("%s was hardly attacked: %+v", r.Scheme, r)
			}
			attacked += min(r.Examples, 1)
			if r.Examples == 0 {
				t.Logf("not attacked: %s", strings.TrimSpace(r.Text()))
			}
		}
	}
	if attacked < 50 {
		t.Errorf("only %d schemes were attacked", attacked)
	}
}

func parse(t *testing.T, text string) *profile.Profile {
	t.Helper()
	p, err := profile.Parse("own.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const wire = `
wire:
  X-Key: "{key_id}"
  X-Time: "{ts}"
  X-Sig: "{sig}"
`

// has says whether a report holds a finding whose message begins with text.
func has(r *lint.Report, severity lint.Severity, code, text string) bool {
	for _, f := range r.Findings {
		if f.Severity == severity && f.Code == code && strings.HasPrefix(f.Message, text) {
			return true
		}
	}
	return false
}

// TestWhatIsTold: each weakness of a profile has its finding.
func TestWhatIsTold(t *testing.T) {
	const head = "profile: own\nlanguage: 2\n"
	for _, c := range []struct {
		name, text string
		severity   lint.Severity
		code, says string
	}{
		{"an open part", "algorithm: hmac-sha256\nmessage: ts + path + body\nuncovered: [method, query]\ntime: {window: 5m}", lint.Info, "not-signed", "not signed: method"},
		{"no time", "algorithm: hmac-sha256\nmessage: join('\\n', method, target, body)\nuncovered: [time]", lint.Warn, "no-freshness", "no time is checked"},
		{"a long window", "algorithm: hmac-sha256\nmessage: join('\\n', ts, method, target, body)\ntime: {window: 1h}", lint.Warn, "long-window", "a captured request can be sent again for 1h0m0s"},
		{"no nonce", "algorithm: hmac-sha256\nmessage: join('\\n', ts, method, target, body)\ntime: {window: 5m}", lint.Info, "no-nonce", "there is no nonce"},
		{"SHA-1", "algorithm: hmac-sha1\nmessage: join('\\n', ts, method, target, body)\ntime: {window: 5m}", lint.Warn, "weak", "HMAC over sha1"},
		{"a keyed plain hash", "algorithm: sha256\nmessage: join('\\n', ts, method, target, hex(sha256(body))) + secret\ntime: {window: 5m}", lint.Warn, "plain-hash", "a keyed plain hash"},
		{"parts that run together", "algorithm: hmac-sha256\nmessage: ts + method + lower(target) + body\nambiguous: accept\ntime: {window: 5m}", lint.Warn, "collision", "another request has the same signed bytes"},
		{"white space that does not count", "algorithm: hmac-sha256\nmessage: join('\\n', ts, method, target, strip_ws(body))\nambiguous: accept\ntime: {window: 5m}", lint.Info, "spelling", "accepted although it is written otherwise: body"},
	} {
		text := head + c.text + wire
		if c.code == "no-freshness" {
			text = strings.Replace(text, "  X-Time: \"{ts}\"\n", "", 1)
		}
		r := check(t, parse(t, text), "", nil)
		if !has(r, c.severity, c.code, c.says) {
			t.Errorf("%s: no %s %s in\n%s", c.name, c.severity, c.code, r.Text())
		}
		if r.Examples == 0 || r.Errors() > 0 {
			t.Errorf("%s: %s", c.name, r.Text())
		}
	}
}

// TestAGoodProfileIsQuiet: what we recommend has neither errors nor warnings.
func TestAGoodProfileIsQuiet(t *testing.T) {
	p, err := library.Profile("countersign-v1")
	if err != nil {
		t.Fatal(err)
	}
	r := check(t, p, "", nil)
	for _, f := range r.Findings {
		if f.Severity != lint.Info {
			t.Errorf("%+v", f)
		}
	}
	if r.Examples < 4 || r.Mutations < 400 || r.Pairs < 10_000 {
		t.Errorf("%+v", r)
	}
}

// TestExamplesThatDoNotHoldAreErrors, and a secret that only looks encoded is told.
func TestExamplesThatDoNotHoldAreErrors(t *testing.T) {
	p := parse(t, "profile: own\nlanguage: 1\nalgorithm: hmac-sha256\nmessage: join('\\n', ts, method, target, body)\ntime: {window: 5m}"+wire)
	r := check(t, p, "", []profile.Vector{{ID: "one", Method: "GET", URL: "https://a/", Secret: []byte("whsec_0123456789abcdef0123"), Vars: map[string]string{"ts": "1763625600"}, Signature: strings.Repeat("0", 64)}})
	if !has(r, lint.Error, "example", "the example does not hold") || !has(r, lint.Info, "raw-secret", "the secret looks to have a prefix") {
		t.Error(r.Text())
	}
	if strings.Contains(r.Text(), "whsec_0123") {
		t.Error("the report holds the secret")
	}
}

// TestInventedExamplesHold: what is written beside a new profile is what Vectors reads and Run accepts.
func TestInventedExamplesHold(t *testing.T) {
	for _, name := range []string{"finci", "countersign-v1", "slack", "standard-webhooks", "bitmex"} {
		p, err := library.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := lint.Invent(p)
		if err != nil {
			t.Fatal(err)
		}
		list, err := lint.Vectors("x.json", text)
		if err != nil || len(list) < 3 {
			t.Fatalf("%s: %d examples, %v", name, len(list), err)
		}
		for i := range list {
			if r := profile.Run(p, &list[i]); !r.OK {
				t.Errorf("%s %s: %s", name, r.ID, r.Problem)
			}
		}
	}
}

// FuzzVectors: no text makes the reader panic.
func FuzzVectors(f *testing.F) {
	f.Add([]byte(`{"profile":"x","vectors":[{"id":"a","expect":"accept","secret_hex":"00","signature":"aa","body_base64":"!!"}]}`))
	f.Add([]byte(`[{"id":1}]`))
	f.Add([]byte(`{"profile":"x","vectors":[{"id":"a","expect":"accept","secret_hex":"7a","signature":"aa","target":"/","ts":1}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := lint.Vectors("x.json", text)
		if (err == nil) != (len(list) > 0) {
			t.Errorf("%d vectors, error %v", len(list), err)
		}
	})
}
