package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/gateway"
	captures "countersign.dev/internal/explain/capture"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/turnstile"
)

// TestCapturesAreTheSandboxsAlone: what a configuration that says nothing of them comes to.
func TestCapturesAreTheSandboxsAlone(t *testing.T) {
	cfg, err := config.Parse("c.yaml", []byte(`data: /d
environments:
  sandbox:
    listeners: [{address: "127.0.0.1:1", tls: {certificate: /c, key: /k}}]
    apis:
      card: {profile: finci, base_paths: [/api], upstream: {url: "http://127.0.0.1:2"}}
      more: {profile: finci, base_paths: [/more], upstream: {url: "http://127.0.0.1:2"}}
      agg: {token: {endpoint: /agg/token}, base_paths: [/agg], upstream: {url: "http://127.0.0.1:2"}}
  production:
    listeners: [{address: "127.0.0.1:3", tls: {certificate: /c, key: /k}}]
    apis: {card: {profile: finci, base_paths: [/api], upstream: {url: "http://127.0.0.1:2"}}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(&serveOptions{}, cfg, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.blueprint(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][][]string{
		{{"/api", gateway.ExplainBase, gateway.ExplainBase + "/card"}, {"/more", gateway.ExplainBase + "/more"}, {"/agg"}}, {{"/api"}},
	} {
		w := b.worlds[i]
		if (w.captures != nil) != (w.environment == "sandbox") {
			t.Errorf("%s: %+v", w.environment, w.captures)
		}
		for j, p := range w.apis {
			if !slices.Equal(p.api.BasePaths, want[j]) || (p.source != nil) != (len(want[j]) > 1) {
				t.Errorf("%s/%s: %v, %v", w.environment, p.api.Name, p.api.BasePaths, p.source)
			}
		}
	}
}

// TestKeepingNeverWaits: where nobody takes requests out of the queue, they are dropped and counted.
func TestKeepingNeverWaits(t *testing.T) {
	k := &captureStores{queue: make(chan queuedCapture, 1)}
	p := &apiCaptures{all: k}
	for range 3 {
		p.Keep(&gateway.Captured{})
	}
	if k.dropped.Load() != 2 || len(k.queue) != 1 {
		t.Errorf("%d dropped, %d wait", k.dropped.Load(), len(k.queue))
	}
}

// TestCapturesGoWhereTheyAreSwitchedOff: what was kept is removed, of environments that this server serves and no others.
func TestCapturesGoWhereTheyAreSwitchedOff(t *testing.T) {
	dir := t.TempDir()
	keys := secret.KeyFile{Path: filepath.Join(dir, "keys"), Create: true}
	a := newAssembly(dir, []string{"sandbox", "production"}, discard(), 1)
	defer a.close()
	a.captures.a = a
	print, err := profileOf(config.Profile{Name: "finci"})
	if err != nil {
		t.Fatal(err)
	}
	on := worldPrint{environment: "sandbox", captures: &capturePrint{keep: time.Hour, keys: keys}}
	for _, name := range []string{"card", "more"} {
		on.apis = append(on.apis, apiPrint{api: &access.API{Name: name, Protocol: access.Signed}, source: print})
	}
	a.captures.rings = map[string]*secret.Ring{"sandbox": new(secret.Ring)}
	a.captures.stores = map[captureKey]*captureStore{}
	first, err := a.captures.of(&on)
	if err != nil || len(first) != 2 {
		t.Fatal(err)
	}
	for _, name := range []string{"sandbox/card/x", "sandbox/more/x", "other/card/x"} {
		path := filepath.Join(dir, "captures", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	there := func() (all []string) {
		files, _ := filepath.Glob(filepath.Join(dir, "captures/*/*/x"))
		for _, f := range files {
			rel, _ := filepath.Rel(filepath.Join(dir, "captures"), f)
			all = append(all, filepath.ToSlash(rel))
		}
		return all
	}
	a.captures.keepOnly(&blueprint{worlds: []worldPrint{on}})
	if got := there(); len(got) != 3 || len(a.captures.stores) != 2 {
		t.Errorf("in use: %v", got)
	}
	less := on
	less.apis = on.apis[:1]
	a.captures.keepOnly(&blueprint{worlds: []worldPrint{less}})
	if got := there(); !slices.Equal(got, []string{"other/card/x", "sandbox/card/x"}) {
		t.Errorf("one API less: %v", got)
	}
	a.captures.keepOnly(&blueprint{worlds: []worldPrint{{environment: "sandbox"}}})
	if got := there(); !slices.Equal(got, []string{"other/card/x"}) || len(a.captures.stores) != 0 {
		t.Errorf("switched off: %v", got)
	}
}

// TestSecretsThatCountComeFirst: the others may say why an old one does not count.
func TestSecretsThatCountComeFirst(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	version := func(n int, text string, from time.Time) partner.Version {
		return partner.Version{Number: n, Secret: secret.NewValue([]byte(text)), NotBefore: from}
	}
	got := secretsOf(&partner.Credential{Versions: []partner.Version{version(2, "not yet", now.Add(time.Hour)), version(1, "now", time.Time{})}}, now)
	if len(got) != 2 || string(got[0].Text) != "now" || string(got[1].Text) != "not yet" {
		t.Errorf("%q", got)
	}
}

// TestCapturesAreFewInASecond: a flood of refused requests is not a flood of files.
func TestCapturesAreFewInASecond(t *testing.T) {
	var pace secondly
	now := time.Unix(1_800_000_000, 0)
	for range 2 {
		through := 0
		for range 10 * capturesASecond {
			if pace.allows(now) {
				through++
			}
		}
		if through != capturesASecond {
			t.Errorf("%d in a second", through)
		}
		now = now.Add(time.Second)
	}
}

// TestOneSearchAtATime: beyond those who may wait, it is said at once that it is too often.
func TestOneSearchAtATime(t *testing.T) {
	k := &captureStores{turn: turnstile.New(1, 0)}
	if err := k.turn.Enter(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := (&apiCaptures{all: k}).Explain(context.Background(), "crd_1", "x"); !errors.Is(err, captures.ErrTooOften) {
		t.Errorf("%v", err)
	}
	gone, leave := context.WithCancel(context.Background())
	leave()
	if _, err := (&apiCaptures{all: k}).Explain(gone, "crd_1", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
