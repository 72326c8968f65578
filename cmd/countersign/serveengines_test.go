package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/redistest"
	"countersign.dev/internal/store/postgrestest"
)

// urlFile writes the URL of an empty database.
func urlFile(t *testing.T, server *postgrestest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "register.url")
	if err := os.WriteFile(path, []byte(server.Database(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// madeWith is a folder as init makes it, with flags, and further settings at the end of its configuration.
func madeWith(t *testing.T, settings string, flags ...string) (file string) {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	t.Cleanup(upstream.Close)
	dir, _ := initialized(t, append([]string{"--upstream", upstream.URL}, flags...)...)
	file = filepath.Join(dir, "countersign.yaml")
	changed(t, file, "\nops:", "\n"+settings+"\nops:")
	return file
}

// changed replaces texts of a file.
func changed(t *testing.T, file string, pairs ...string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(string(text), pairs[i]) {
			t.Fatalf("%s is not in\n%s", pairs[i], text)
		}
	}
	if err := os.WriteFile(file, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// served starts a server on a configuration. first: another one that has let a partner in already; nil: this one does.
func served(t *testing.T, file string, first *steppedServer) *steppedServer {
	t.Helper()
	cfg, err := config.Load(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	s := &steppedServer{t: t, file: file}
	if first == nil {
		s.onboard(cfg)
	} else {
		s.key = first.key
	}
	s.serve(cfg)
	t.Cleanup(func() { s.stop() })
	return s
}

// asOften asks until the answer is the wanted one: the server finds out by itself, at the next of its beats.
func (s *steppedServer) asOften(what string, ask func() (int, string), is func(status int, body string) bool) {
	s.t.Helper()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		status, body := ask()
		if is(status, body) {
			return
		}
		if time.Since(begun) > time.Minute {
			s.t.Fatalf("%s: never; %d %s", what, status, body)
		}
	}
}

func (s *steppedServer) ready() (int, string) { return s.fetch("GET", s.ops+"/readyz", nil, "") }

func (s *steppedServer) metric(name string) string {
	s.t.Helper()
	_, text := s.fetch("GET", s.ops+"/metrics", nil, "")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

var turn atomic.Int64

// fresh is a target that nobody has asked for.
func fresh() string { return fmt.Sprintf("/api/v1/n%d", turn.Add(1)) }

const cacheAt = "valkey: {addresses: [%s], timeout: 5s}\n" // as long as it may be: no test waits for it

// TestRule8NodesShareOneMemory: of two nodes on one database and one cache, what one let in is refused by the other, also after
// both were started anew.
func TestRule8NodesShareOneMemory(t *testing.T) {
	cache, url := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always"), urlFile(t, postgrestest.Start(t))
	settings := fmt.Sprintf(cacheAt, cache.Address) + "replay: {engine: valkey}\nlimits: {engine: valkey}\n"
	one := madeWith(t, settings, "--register", url)
	two := filepath.Join(t.TempDir(), "second")
	if err := os.CopyFS(two, os.DirFS(filepath.Dir(one))); err != nil {
		t.Fatal(err)
	}
	closedToOthers(t, two)
	two = filepath.Join(two, "countersign.yaml")
	changed(t, two, filepath.Dir(one), filepath.Dir(two))
	a := served(t, one, nil)
	b := served(t, two, a)
	now, target := time.Now(), fresh()
	for i, want := range []int{200, 409} {
		if status, body := []*steppedServer{a, b}[i].signed("POST", target, now); status != want {
			t.Errorf("node %d: %d %s, want %d", i, status, body, want)
		}
	}
	if status, body := b.signed("POST", fresh(), now); status != 200 {
		t.Errorf("another one at the second node: %d %s", status, body)
	}
	cache.Kill(t)
	cache.Run(t)
	a.asOften("the first node finds the cache again", func() (int, string) { return a.signed("POST", fresh(), time.Now()) }, func(status int, _ string) bool { return status == 200 })
	for _, s := range []*steppedServer{a, b} {
		s.asOften("the replay after a restart of the cache", func() (int, string) { return s.signed("POST", target, now) }, func(status int, _ string) bool { return status == 409 })
	}
}

// closedToOthers takes the rights of others away, as a copy of a folder should.
func closedToOthers(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		if err == nil {
			return os.Chmod(path, 0o600)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAnUnreachableCacheRefuses: the default. What needs the cache is answered 503, what does not is served; the node stays in
// service, since every other one would be as badly off, and says why in its details and metrics.
func TestAnUnreachableCacheRefuses(t *testing.T) {
	cache := redistest.Start(t)
	s := served(t, madeWith(t, fmt.Sprintf(cacheAt, cache.Address)+"replay: {engine: valkey}\n"), nil)
	want := func(status int, reason string) func(int, string) {
		return func(got int, body string) { t.Helper(); s.want(status, reason, got, body) }
	}
	now, target := time.Now(), fresh()
	want(200, "")(s.signed("POST", target, now))
	want(409, "replayed")(s.signed("POST", target, now))
	if s.metric("countersign_shared_up") != "1" || s.metric("countersign_shared_circuits_open") != "0" {
		t.Errorf("up is %q, open are %q", s.metric("countersign_shared_up"), s.metric("countersign_shared_circuits_open"))
	}
	cache.Kill(t)
	says(t, checked(t, s.file), "warning: valkey: the shared cache does not answer", "a server starts all the same")
	want(503, "unavailable")(s.signed("POST", fresh(), now))
	want(503, "unavailable")(s.signed("POST", target, now))
	want(200, "")(s.signed("GET", fresh(), now))
	if status, body := s.ready(); status != http.StatusOK || !strings.Contains(body, `"name":"replay","state":"failing"`) || !strings.Contains(body, "shared cache does not answer") {
		t.Errorf("readiness: %d %s", status, body)
	}
	if s.metric("countersign_shared_up") != "0" || s.metric("countersign_shared_circuits_open") != "1" || s.metric("countersign_shared_failures_total") == "0" {
		t.Errorf("up is %q, open are %q, failed %q", s.metric("countersign_shared_up"), s.metric("countersign_shared_circuits_open"), s.metric("countersign_shared_failures_total"))
	}
	cache.Run(t)
	s.asOften("the cache is found again", func() (int, string) { return s.signed("POST", fresh(), time.Now()) }, func(status int, _ string) bool { return status == 200 })
}

// TestAnUnreachableCacheMayBeAllowedFor: by a word of the configuration. The record says of each such request that nobody judged it.
func TestAnUnreachableCacheMayBeAllowedFor(t *testing.T) {
	cache := redistest.Start(t)
	file := madeWith(t, fmt.Sprintf(cacheAt, cache.Address)+"replay: {engine: valkey, unreachable: allow}\nlimits: {engine: valkey, unreachable: allow}\n")
	changed(t, file, "base_paths: [/api/v1]\n", "base_paths: [/api/v1]\n        limits: {per_partner: {rate: 1000/s}}\n")
	s := served(t, file, nil)
	now, target := time.Now(), fresh()
	for i, want := range []int{200, 409} {
		if status, body := s.signed("POST", target, now); status != want {
			t.Errorf("answer %d: %d %s, want %d", i, status, body, want)
		}
	}
	cache.Kill(t)
	for range 2 {
		if status, body := s.signed("POST", fresh(), now); status != 200 {
			t.Errorf("without a cache: %d %s", status, body)
		}
	}
	if status, body := s.signed("POST", target+"x", now.Add(-time.Hour)); status != 401 {
		t.Errorf("a stale one is let in without a cache: %d %s", status, body)
	}
	if n := s.metric("countersign_shared_uncounted_total"); n == "0" || n == "" {
		t.Errorf("%q requests are told to be uncounted", n)
	}
	s.asOften("the record tells of the 2 requests that nobody judged, and of no others", func() (int, string) {
		out, _ := must(t, "audit", "search", "--config", file, "--warning", "replay_unjudged")
		return strings.Count(out, "POST"), out
	}, func(n int, _ string) bool { return n == 2 })
	cache.Run(t)
	s.asOften("the cache is found again", func() (int, string) { return s.signed("POST", target, now) }, func(status int, _ string) bool { return status == 409 })
}

// TestACacheThatForgetsIsNoGuard: a server that may evict keys is told at the start, and by the check before it.
func TestACacheThatForgetsIsNoGuard(t *testing.T) {
	cache := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	file := madeWith(t, fmt.Sprintf(cacheAt, cache.Address)+"replay: {engine: valkey}\n")
	for _, args := range [][]string{{"serve", "--config", file}, {"config", "check", file}} {
		said := new(lockedBuffer)
		if code := run(t.Context(), args, strings.NewReader(""), said, said); code == exitOK || !strings.Contains(said.String(), "noeviction") {
			t.Errorf("%v: %d\n%s", args, code, said)
		}
	}
}

// TestRule8TheJournalIsHandedOver: who moves from a journal to a shared memory opens no gap: what the journal remembers is refused
// by the node that comes up with the cache. Where the cache cannot be told of it, writes are refused meanwhile.
func TestRule8TheJournalIsHandedOver(t *testing.T) {
	cache := redistest.Start(t)
	file := madeWith(t, "")
	s := served(t, file, nil)
	now, target, other := time.Now(), fresh(), fresh()
	for _, one := range []string{target, other} {
		if status, body := s.signed("POST", one, now); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	stop := func() { s.stop(); s.stop = func() {} }
	stop()
	changed(t, file, "\nops:", "\n"+fmt.Sprintf(cacheAt, cache.Address)+"replay: {engine: valkey}\nops:")
	cache.Kill(t)
	s = served(t, file, s)
	if status, body := s.signed("POST", target, now); status != 503 {
		t.Errorf("a repetition while the cache is away: %d %s", status, body)
	}
	cache.Run(t)
	if status, body := s.ready(); status != 200 || !strings.Contains(body, "another journal in the data folder still remembers") {
		t.Errorf("readiness: %d %s", status, body)
	}
	if status, body := s.signed("POST", target, now); status != 503 {
		t.Errorf("a repetition that nobody can judge: %d %s", status, body)
	}
	stop()
	s = served(t, file, s)
	for _, one := range []string{target, other} {
		if status, body := s.signed("POST", one, now); status != 409 {
			t.Errorf("a repetition of what the journal remembers: %d %s", status, body)
		}
	}
	if status, body := s.signed("POST", fresh(), now); status != 200 {
		t.Errorf("a new one: %d %s", status, body)
	}
}
