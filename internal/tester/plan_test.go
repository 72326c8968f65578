package tester_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/tester"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

const keyID = "0123456789abcdef0123456789abcdef"

var start = time.Unix(1763625600, 0).UTC()

// world is a sandbox with one signed API.
func world(p *profile.Profile, alternative string) *tester.World {
	return &tester.World{Environment: "sandbox", BaseURL: "https://sandbox.example.com", APIs: []tester.API{
		{Name: "card", BasePaths: []string{"/api/v1"}, Profile: p, Alternative: alternative}}}
}

func shipped(t *testing.T, name string) *profile.Profile {
	t.Helper()
	p, err := library.Profile(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// form is a call with everything that some profile signs.
func form() tester.Form {
	return tester.Form{API: "card", KeyID: keyID, Method: "POST", Target: "/api/v1/cards?b=2&a=1%20x", Body: `{"n":"Zoë"}`,
		Headers: "Content-Type: application/json\r\nDate: Thu, 20 Nov 2025 08:00:00 GMT\r\n"}
}

// typed is what the user of a profile has to type for it beside the request.
var typed = map[string]string{"akamai-edgegrid": "access_token: akab-1", "bca": "access_token: at-1", "aws-sigv4": "region: " +
	"eu-1\nservice: card\nsigned: host;x-amz-date",
	"aws-sigv4-presigned": "region: eu-1\nservice: card\nsigned: host\nexpires: 60\nseconds: 60\nlifetime: 60",
	"tencent-tc3":         "service: cvm\r\nsigned: content-type;host\r\n",
	"baidu-bce":           "signed: host\nexpiry: 60", "tencent-cos": "until: 1763629200\nsigned: host"}

// each calls f for every shipped profile and alternative whose requests an API can admit.
func each(t *testing.T, f func(t *testing.T, p *profile.Profile, alternative string, s *scheme.Scheme)) {
	for _, name := range library.Names() {
		p := shipped(t, name)
		for _, alternative := range append([]string{""}, p.Names()...) {
			s, err := p.Alternative(alternative)
			if err != nil {
				t.Fatal(err)
			}
			if !s.HasKeyID() || s.InBody() || len(s.Vars()) > 0 || len(s.Secrets()) > 0 || s.Webhook() {
				continue // access refuses it for an API
			}
			t.Run(s.Name(), func(t *testing.T) { f(t, p, alternative, s) })
		}
	}
}

func build(w *tester.World, f tester.Form) (*tester.Call, error) {
	if p := w.APIs[0].Profile; p != nil {
		f.Values = typed[p.Name()]
		switch p.Name() {
		case "duo", "lazada": // they sign a form
			f.Body, f.Headers = "a=1&b=Zo%C3%AB", strings.Replace(f.Headers, "application/json",
				"application/x-www-form-urlencoded", 1)
		case "gemini":
			f.Headers += "X-Gemini-Payload: eyJyZXF1ZXN0IjoiL2FwaS92MS9jYXJkcyJ9\n"
		case "aws-s3-v2-presigned":
			w.BaseURL = "https://bucket.s3.amazonaws.com"
		}
	}
	nonce, err := w.APIs[0].Nonce(strings.NewReader(strings.Repeat("a nonce for a test, of bytes that count for nothing", 20)))
	if err != nil {
		return nil, err
	}
	c, err := tester.Build(w, f, tester.Claims{At: start, Nonce: nonce})
	var p tester.Problems
	if errors.As(err, &p) && strings.Contains(p.For(tester.FieldHeaders), "Date is set by the tester") {
		f.Headers = strings.Replace(f.Headers, "Date: Thu, 20 Nov 2025 08:00:00 GMT\r\n", "", 1)
		return tester.Build(w, f, tester.Claims{At: start, Nonce: nonce})
	}
	return c, err
}

// TestEveryShippedProfile: of each profile that an API can have, either the plan makes signatures that the scheme takes, or it
// is said why a page cannot.
func TestEveryShippedProfile(t *testing.T) {
	signed, beyond := 0, map[string]string{}
	each(t, func(t *testing.T, p *profile.Profile, alternative string, s *scheme.Scheme) {
		c, err := build(world(p, alternative), form())
		if err != nil {
			t.Fatalf("%v", err)
		}
		if c.Plan == nil {
			if c.Beyond == nil || !strings.Contains(c.Beyond.Error(), s.Name()) {
				t.Errorf("neither a plan nor a reason: %v", c.Beyond)
			}
			beyond[s.Name()] = c.Beyond.Construct
			return
		}
		signed++
		secret := []byte(strings.Repeat("6b", 32))
		key, err := s.NewKey(secret)
		if err != nil {
			secret = append([]byte("whsec_"), secret...)
			if key, err = s.NewKey(secret); err != nil {
				t.Skip(err)
			}
		}
		signature, err := c.Plan.Sign(secret, c.Canonical)
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.Message(signature)
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, m)
		if _, fault := s.Check([]*scheme.Key{&key}, r, start, 0); fault != nil {
			t.Errorf("a verifier says %v of\n%s", fault, m.Bytes())
		}
		if r.Body[0] ^= 1; len(s.Uncovered()) == 0 {
			if _, fault := s.Check([]*scheme.Key{&key}, r, start, 0); fault == nil {
				t.Error("another body is taken as well")
			}
		}
	})
	t.Logf("%d are signed in a page; not: %v", signed, beyond)
	if signed < 20 {
		t.Errorf("only %d profiles are signed in a page", signed)
	}
}

// TestShellSignsTheSame: the program without a browser prints the signature that the page would make.
func TestShellSignsTheSame(t *testing.T) {
	for _, tool := range []string{"sh", "openssl", "od"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is missing", tool)
			}
			t.Skipf("%s is missing", tool)
		}
	}
	each(t, func(t *testing.T, p *profile.Profile, alternative string, s *scheme.Scheme) {
		c, err := build(world(p, alternative), form())
		if err != nil || c.Plan == nil {
			return
		}
		secret := []byte(strings.Repeat("6b", 32))
		want, err := c.Plan.Sign(secret, c.Canonical)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		run := exec.CommandContext(ctx, "sh")
		run.Stdin, run.Env = strings.NewReader(c.Shell()), []string{"PATH=" + os.Getenv("PATH"), "API_SECRET=" + string(secret)}
		got, err := run.CombinedOutput()
		if err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%v: %s instead of %s\n%s", err, got, want, c.Shell())
		}
	})
}

// TestSecretNeverStandsInWhatIsShown: plan, canonical input, programs and the bytes hold nothing of a secret, since nobody gave
// one; the plan says so in JSON as well.
func TestPlanIsData(t *testing.T) {
	c, err := build(world(shipped(t, "countersign-v1"), ""), form())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c.Plan)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"hash":"SHA-256","key":{"op":"secret"},"signature":{"op":"hex","args":[{"op":"mac"}]}}`
	if string(text) != want {
		t.Errorf("%s instead of %s", text, want)
	}
}
