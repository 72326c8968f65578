package access_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

func TestSettingsThatNobodyCouldServeAreRefused(t *testing.T) {
	finci, err := library.Load("finci")
	if err != nil {
		t.Fatal(err)
	}
	webhook, err := profile.Parse("webhook.yaml", []byte(`profile: webhook
language: 1
algorithm: hmac-sha256
message: body
wire: {X-Signature: "{sig}"}
uncovered: [method, path, query, time]
`))
	if err != nil {
		t.Fatal(err)
	}
	anonymous, err := webhook.Compile()
	if err != nil {
		t.Fatal(err)
	}
	plain := func() access.API {
		return access.API{Name: "card", Environment: "sandbox", Protocol: access.Signed, BasePaths: []string{"/api/v1"}, Scheme: finci}
	}
	shipped := func(name string) *scheme.Scheme {
		s, err := library.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	now := func() time.Time { return start }
	guard := &fakeGuard{}
	if a := plain(); true {
		if _, err := access.New(access.Config{APIs: []*access.API{&a}, Replay: guard, Now: now}); err != nil {
			t.Fatalf("the plain settings: %v", err)
		}
	}
	for _, c := range []struct {
		what   string
		change func(*access.API)
		say    string
	}{
		{"no name", func(a *access.API) { a.Name = "" }, "name"},
		{"no environment", func(a *access.API) { a.Environment = "" }, "environment"},
		{"no base path", func(a *access.API) { a.BasePaths = nil }, "base path"},
		{"a base path that ends in a slash", func(a *access.API) { a.BasePaths = []string{"/api/"} }, "base path"},
		{"a base path with a dot segment", func(a *access.API) { a.BasePaths = []string{"/a/../b"} }, "base path"},
		{"a base path with an escape", func(a *access.API) { a.BasePaths = []string{"/a%20b"} }, "base path"},
		{"a token endpoint on a signed API", func(a *access.API) { a.TokenEndpoint = "/api/v1/token" }, "token endpoint"},
		{"a token endpoint elsewhere", func(a *access.API) { a.Protocol, a.TokenEndpoint = access.Token, "/token" }, "token endpoint"},
		{"a base path with a query", func(a *access.API) { a.BasePaths = []string{"/a?b"} }, "base path"},
		{"no protocol", func(a *access.API) { a.Protocol = 0 }, "signed or takes tokens"},
		{"no profile", func(a *access.API) { a.Scheme = nil }, "profile"},
		{"a profile without a key id", func(a *access.API) { a.Scheme = anonymous }, "key id"},
		{"a profile that takes the time from the body", func(a *access.API) { a.Scheme = shipped("kraken") }, "for callers only"},
		{"a profile with a secret of two parts", func(a *access.API) { a.Scheme = shipped("oauth1") }, "for callers only"},
		{"a negative window", func(a *access.API) { a.Window = -1 }, "negative"},
		{"a window that the guard does not remember", func(a *access.API) { a.Window = access.MaxWindow + 1 }, "wider"},
	} {
		a := plain()
		c.change(&a)
		if _, err := access.New(access.Config{APIs: []*access.API{&a}, Replay: guard, Now: now}); !errors.Is(err, access.ErrAPI) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v, want an error about %q", c.what, err, c.say)
		}
	}
	one, two := plain(), plain()
	if _, err := access.New(access.Config{APIs: []*access.API{&one, &two}, Replay: guard, Now: now}); !errors.Is(err, access.ErrAPI) {
		t.Errorf("two of one name: %v", err)
	}
	two.Name = "other"
	if _, err := access.New(access.Config{APIs: []*access.API{&one, &two}, Replay: guard, Now: now}); !errors.Is(err, access.ErrAPI) {
		t.Errorf("two on one base path: %v", err)
	}
	if _, err := access.New(access.Config{APIs: []*access.API{&one}, Now: now}); !errors.Is(err, access.ErrAPI) {
		t.Errorf("no replay guard: %v", err)
	}
	if _, err := access.New(access.Config{APIs: []*access.API{&one}, Replay: guard}); err == nil {
		t.Error("no clock: accepted")
	}
}

func TestReasonsHaveStableNames(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range access.Reasons() {
		name := r.String()
		if name == "" || seen[name] || strings.ToLower(name) != name || strings.ContainsAny(name, " -") {
			t.Errorf("reason %d is called %q", r, name)
		}
		seen[name] = true
	}
	if access.Reason(250).String() != "unset" || seen["unset"] {
		t.Error("what is no reason must be unset, and unset is no reason")
	}
}
