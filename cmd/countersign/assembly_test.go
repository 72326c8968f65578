package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/datafolder"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway/upstream"
	"github.com/google/go-cmp/cmp"
)

// TestMetricsReferenceIsComplete: what the code publishes and what the reference tells are the same.
func TestMetricsReferenceIsComplete(t *testing.T) {
	published := regexp.MustCompile(`"(countersign_[a-z_]+)"`)
	var code []string
	for _, pattern := range []string{"*.go", "../../internal/edge/ops/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range published.FindAllStringSubmatch(string(text), -1) {
				code = append(code, m[1])
			}
		}
	}
	reference, err := os.ReadFile("../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(countersign_[a-z_]+)` \\|").FindAllStringSubmatch(string(reference), -1) {
		told = append(told, m[1])
	}
	slices.Sort(code)
	slices.Sort(told)
	if diff := cmp.Diff(slices.Compact(code), told); diff != "" {
		t.Errorf("code (-) and docs/reference/metrics.md (+): %s", diff)
	}
}

// TestRule34TextsInTheLogAreCappedAndEscaped: much of what is logged was written by somebody else.
func TestRule34TextsInTheLogAreCappedAndEscaped(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newCapped(slog.NewJSONHandler(&out, nil)))
	long := strings.Repeat("x", 5000)
	log.With("with", long).WithGroup("group").Error(long, "text", long, "error", errors.New(long), "address", netip.MustParseAddr("192.0.2.1"),
		slog.Group("inner", "deep", long), "forged", "a\n{\"level\":\"INFO\"}", "number", 7)
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Errorf("%d lines, want one: %.300s", n, &out)
	}
	if out.Len() > 6*1100 {
		t.Errorf("%d bytes for five texts with a cap of %d", out.Len(), maxLogValue)
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	group, _ := line["group"].(map[string]any)
	if group["address"] != "192.0.2.1" || group["number"] != 7.0 || group["forged"] != "a\n{\"level\":\"INFO\"}" {
		t.Errorf("short values changed: %v", group)
	}
}

func TestRule8OtherJournalsAreFound(t *testing.T) {
	dir := t.TempDir()
	for path, text := range map[string]string{
		"replay/0000000010.seg": "", "replay/lock": "", "replay-sandbox/0000000020.seg": "", "replay-production/0000000030.seg": "", "replay-production+sandbox/0000000025.seg": "",
		"replay-junk/x.seg": "", "replayed": "",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700), os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for scope, minute := range map[string]int64{"": 30, "-sandbox": 25, "-production": 25, "-production+sandbox": 30, "-other": 10} {
		if until, err := datafolder.Remembered(dir, scope, false); err != nil || until != minute*60+59 {
			t.Errorf("a server of %q: until %d, %v, want the end of minute %d", scope, until, err, minute)
		}
	}
}

func TestScopeOf(t *testing.T) {
	cfg := &config.Config{Environments: []config.Environment{{Name: "sandbox"}, {Name: "production"}}}
	for _, c := range []struct {
		wanted []string
		scope  string
		served []string
	}{
		{nil, "", nil},
		{[]string{"sandbox"}, "-sandbox", []string{"sandbox"}},
		{[]string{"sandbox", "production", "sandbox"}, "-production+sandbox", []string{"production", "sandbox"}},
	} {
		scope, served, err := scopeOf(cfg, c.wanted)
		if err != nil || scope != c.scope || !slices.Equal(served, c.served) {
			t.Errorf("%v: %q %v %v", c.wanted, scope, served, err)
		}
	}
	if _, _, err := scopeOf(cfg, []string{"sand"}); err == nil {
		t.Error("an environment that is not there")
	}
}

// TestAGenerationIsClosedByItsLastUser, once, and lets nobody in afterwards.
func TestAGenerationIsClosedByItsLastUser(t *testing.T) {
	var closed int
	g := &generation{doers: []upstream.Doer{closing{n: &closed}}, a: newAssembly(t.TempDir(), nil, discard(), 1)}
	if !g.enter() {
		t.Fatal("nobody is let in")
	}
	g.retire()
	g.retire()
	if g.enter() || closed != 0 {
		t.Errorf("retired: let in, or closed (%d) while somebody is in", closed)
	}
	g.leave()
	if closed != 1 || g.enter() || closed != 1 {
		t.Errorf("closed %d times", closed)
	}
}

// TestAGenerationUnderLoad: whoever is in is in an open generation.
func TestAGenerationUnderLoad(t *testing.T) {
	for range 200 {
		var closed int
		g := &generation{doers: []upstream.Doer{closing{n: &closed}}, a: newAssembly(t.TempDir(), nil, discard(), 1)}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for g.enter() {
					g.leave()
				}
			})
		}
		g.retire()
		all.Wait()
		if closed != 1 {
			t.Fatalf("closed %d times", closed)
		}
	}
}

type closing struct {
	upstream.Doer
	n *int
}

func (c closing) Close() error { *c.n++; return nil }

// TestOnlyStrangersAreDropped: where nothing is to be dropped everybody is admitted, and trusted proxies always.
func TestOnlyStrangersAreDropped(t *testing.T) {
	world := &worldPrint{environment: "sandbox", address: clientip.Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}}
	open := &door{world: world}
	if !open.admits(netip.MustParseAddr("192.0.2.1")) {
		t.Error("a listener that drops nobody dropped somebody")
	}
	d := &door{world: world, print: doorPrint{dropUnlisted: true}}
	if !d.admits(netip.MustParseAddr("10.0.0.7")) {
		t.Error("a trusted proxy was dropped") // and the union was not even asked: there is none
	}
}

// TestWhatCannotChangeWhileServing is named, and nothing else is.
func TestWhatCannotChangeWhileServing(t *testing.T) {
	load := func(edit ...string) *config.Config {
		t.Helper()
		text := strings.NewReplacer(edit...).Replace(`data: /d
environments:
  sandbox:
    hosts: [a.example]
    listeners: [{address: "127.0.0.1:1", tls: {certificate: /c, key: /k}}]
    apis: {card: {profile: finci, base_paths: [/api], upstream: {url: "http://127.0.0.1:2"}}}
`)
		cfg, err := config.Parse("c.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	old := load()
	for name, c := range map[string]struct {
		new  *config.Config
		says string
	}{
		"nothing":           {load(), ""},
		"an API's paths":    {load("[/api]", "[/api, /more]"), ""},
		"a listener":        {load("127.0.0.1:1", "127.0.0.1:3"), ""},
		"hosts":             {load("[a.example]", "[b.example]"), ""},
		"the data folder":   {load("data: /d", "data: /e"), "data"},
		"the operators'":    {load("data: /d", "data: /d\nops: {listen: 127.0.0.1:7}"), "ops"},
		"the records":       {load("data: /d", "data: /d\nrecords: {decisions: {keep: forever}}"), "records"},
		"the traces":        {load("data: /d", "data: /d\ntracing: {endpoint: \"http://127.0.0.1:7/v1/traces\"}"), "tracing"},
		"the memory":        {load("data: /d", "data: /d\nmemory: {bodies: 1MiB}"), "memory"},
		"an environment":    {load("  sandbox:", "  other:"), "environments.sandbox (it is gone)"},
		"its keys":          {load("    hosts:", "    key_file: /other\n    hosts:"), "environments.sandbox.key_file"},
		"the register's":    {load("data: /d", "data: /d\nkeys: {file: /other}"), "keys"},
		"the engine":        {load("data: /d", "data: /d\nregister: {engine: postgres, url_file: /u}"), "register"},
		"the cache":         {load("data: /d", "data: /d\nvalkey: {addresses: [/s]}"), "valkey"},
		"the guard":         {load("data: /d", "data: /d\nreplay: {durability: sync}"), "replay"},
		"the counters":      {load("data: /d", "data: /d\nvalkey: {addresses: [/s]}\nlimits: {engine: valkey}"), "limits"},
		"what is not ours?": {load("data: /d", "data: /d\nlog: {level: debug}"), ""},
	} {
		err := fits(old, c.new, []string{"sandbox"}, true)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestRule29AClientWhoseAuthorityIsGone is a client without a certificate.
func TestRule29AClientWhoseAuthorityIsGone(t *testing.T) {
	r := &http.Request{}
	d := &door{print: doorPrint{tls: tlsPrint{clientCA: "x", clientAuth: tls.RequireAndVerifyClientCert}}}
	if !d.clientStands(r) {
		t.Error("a request without TLS does not come from a listener; the gateway refuses it by itself")
	}
	r.TLS = &tls.ConnectionState{}
	if d.clientStands(r) {
		t.Error("a connection without a certificate, where one is required now")
	}
	d.print.tls.clientAuth = tls.VerifyClientCertIfGiven
	if !d.clientStands(r) {
		t.Error("a connection without a certificate, where none is required")
	}
}

// TestReplayTroubleIsForgotten: where nobody is sent here because of it, nobody would find out that it is over.
func TestReplayTroubleIsForgotten(t *testing.T) {
	w := &watchedReplay{now: time.Now}
	w.failed.Store(&replayFailure{time.Now(), errors.New("disk full")})
	if w.healthy() == nil {
		t.Error("a failure a moment ago is not told")
	}
	w.failed.Store(&replayFailure{time.Now().Add(-replayMemory), errors.New("disk full")})
	if err := w.healthy(); err != nil {
		t.Errorf("told for ever: %v", err)
	}
}
