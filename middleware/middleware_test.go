package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/edge/doortest/worldtest"
	"countersign.dev/middleware"
	"github.com/google/go-cmp/cmp"
)

// TestTheIdentityIsInTheContext, and in the headers that an upstream would get: the same.
func TestTheIdentityIsInTheContext(t *testing.T) {
	w := worldtest.New(t)
	var got middleware.Identity
	var ok bool
	var header http.Header
	s := serve(t, open(t, w), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, ok = middleware.IdentityOf(r.Context())
		header = r.Header
	}))
	status, _, answer := s.call(w.Keys.Good, "GET", "/api/v1/cards?a=b", "")
	if status != 200 || !ok {
		t.Fatalf("status %d, identity %v", status, ok)
	}
	if got.Partner != w.Partners["good"] || got.API != "card" || got.Environment != "sandbox" || got.Address.String() != "127.0.0.1" || got.Version != 1 || got.RequestID != answer.Get("Countersign-Request-Id") {
		t.Errorf("identity %+v, answer %v", got, answer)
	}
	want := []string{got.Partner, got.Credential, got.Environment, got.API, got.RequestID, got.Address.String()}
	var found []string
	for _, name := range []string{"Partner", "Credential", "Environment", "Api", "Request-Id", "Client-Address"} {
		found = append(found, header.Get("Countersign-"+name))
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
	if header.Get("X-Auth-Signature") != "" || header.Get("X-Auth-Token") != "" {
		t.Errorf("a credential arrived: %v", header)
	}
	if _, ok := middleware.IdentityOf(context.Background()); ok {
		t.Error("a context that no request has is somebody's")
	}
}

// TestTheHandlerGetsTheVerifiedBody, whole and byte for byte, and not a byte of it once it has returned.
func TestTheHandlerGetsTheVerifiedBody(t *testing.T) {
	w := worldtest.New(t)
	body := strings.Repeat("{\"\x00\xff\"}", 5000)
	var late io.ReadCloser
	s := serve(t, open(t, w), http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || string(got) != body || r.ContentLength != int64(len(body)) {
			t.Errorf("%d bytes, length %d, %v", len(got), r.ContentLength, err)
		}
		late = r.Body
		_, _ = io.WriteString(out, "ok")
	}))
	if status, text, _ := s.call(w.Keys.Good, "POST", "/api/v1/cards", body); status != 200 || text != "ok" {
		t.Fatalf("%d %s", status, text)
	}
	s.Close() // every handler has returned
	if n, err := late.Read(make([]byte, 1)); n != 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("after the handler: %d bytes, %v", n, err)
	}
}

// TestARefusalNeverReachesTheHandler.
func TestARefusalNeverReachesTheHandler(t *testing.T) {
	w := worldtest.New(t)
	var ran atomic.Int64
	m := open(t, w)
	s := serve(t, m, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran.Add(1) }))
	for name, key := range map[string]int{"revoked": 401, "suspended": 403, "stray": 403} {
		signer := w.Keys.Revoked
		switch name {
		case "suspended":
			signer = w.Keys.Suspended
		case "stray":
			signer = w.Keys.Stray
		}
		if status, text, header := s.call(signer, "GET", "/api/v1/cards", ""); status != key || !strings.Contains(text, header.Get("Countersign-Request-Id")) {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	if n := ran.Load(); n != 0 {
		t.Errorf("the handler ran %d times", n)
	}
	must(t, closed(m))
	for _, reason := range []string{"revoked_credential", "suspended", "address_not_listed"} {
		if !strings.Contains(record(t, w), `"reason":"`+reason+`"`) {
			t.Errorf("%s is not in the record", reason)
		}
	}
	if !strings.Contains(record(t, w), `"door":"middleware"`) {
		t.Error("the record does not say which door it was")
	}
}

// TestARevocationCountsWithoutARestart: the register is followed.
func TestARevocationCountsWithoutARestart(t *testing.T) {
	w := worldtest.New(t)
	m := open(t, w)
	s := serve(t, m, said)
	if status, _, _ := s.call(w.Keys.Good, "GET", "/api/v1/cards", ""); status != 200 {
		t.Fatal(status)
	}
	must(t, w.Register.Suspend(t.Context(), worldtest.Alice, w.Partners["good"], "sandbox", "test"))
	until(t, "the suspension counts", func() bool {
		status, _, _ := s.call(w.Keys.Good, "GET", "/api/v1/cards", "")
		return status == 403
	})
	serving, err := os.ReadFile(filepath.Join(w.Data, "serving-sandbox.json"))
	if err != nil || !strings.Contains(string(serving), `"environment":"sandbox"`) {
		t.Errorf("commands that wait do not see it: %v %s", err, serving)
	}
	must(t, closed(m))
	if _, err := os.Stat(filepath.Join(w.Data, "serving-sandbox.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still said after the end: %v", err)
	}
}

// TestOneEnvironmentHasOneMemory: a second process, or a server, cannot serve it from the same folder (rule 8).
func TestOneEnvironmentHasOneMemory(t *testing.T) {
	w := worldtest.New(t)
	first := open(t, w)
	_, err := middleware.Open(t.Context(), middleware.Config{ConfigFile: w.File, Environment: "sandbox", Log: quiet()})
	if err == nil || !strings.Contains(err.Error(), "another countersign serves from this data folder") || !strings.Contains(err.Error(), "stop it") {
		t.Fatalf("a second one: %v", err)
	}
	open(t, w, func(c *middleware.Config) { c.Environment = "production" })
	must(t, closed(first))
	open(t, w)
}

// TestRule8AReplayIsRefusedAfterARestart.
func TestRule8AReplayIsRefusedAfterARestart(t *testing.T) {
	w := worldtest.New(t)
	m := open(t, w)
	s := serve(t, m, said)
	again := s.replay(w.Keys.Good)
	if first, second := again(), again(); first != 200 || second != 409 {
		t.Fatalf("%d, then %d", first, second)
	}
	must(t, closed(m))
	s.Config.Handler = open(t, w).Wrap(said)
	if status := again(); status != 409 {
		t.Errorf("after a restart: %d", status)
	}
}

// TestAJournalOfAllEnvironmentsIsNotForgotten: where a server of all environments ran on the folder, its claims are in a journal that
// this process does not read; until they have expired nothing is let in that must not come twice.
func TestAJournalOfAllEnvironmentsIsNotForgotten(t *testing.T) {
	w := worldtest.New(t)
	must(t, os.MkdirAll(filepath.Join(w.Data, "replay"), 0o700))
	minute := time.Now().Unix()/60 + 10
	must(t, os.WriteFile(filepath.Join(w.Data, "replay", strconv.FormatInt(minute, 10)+".seg"), nil, 0o600))
	m := open(t, w)
	s := serve(t, m, said)
	if status, _, _ := s.call(w.Keys.Good, "POST", "/api/v1/cards", "{}"); status != 503 {
		t.Errorf("a write: %d", status)
	}
	if status, _, _ := s.call(w.Keys.Good, "GET", "/api/v1/cards", ""); status != 200 {
		t.Errorf("a read: %d", status)
	}
	if err := m.Ready(); err == nil || !strings.Contains(err.Error(), "another journal") {
		t.Errorf("ready: %v", err)
	}
}

// TestClose: those that run are waited for, later ones get 503, and a second Close says the same.
func TestClose(t *testing.T) {
	w := worldtest.New(t)
	m := open(t, w)
	inside, leave := make(chan struct{}), make(chan struct{})
	s := serve(t, m, http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-leave
		_, _ = io.WriteString(out, "done")
	}))
	got := make(chan string, 1)
	go func() {
		_, text, _ := s.call(w.Keys.Good, "GET", "/api/v1/cards", "")
		got <- text
	}()
	<-inside
	ended := make(chan error, 1)
	go func() { ended <- closed(m) }()
	until(t, "it is closing", func() bool { return m.Ready() != nil })
	if status, _, header := s.call(w.Keys.Good, "GET", "/api/v1/cards", ""); status != 503 || header.Get("Cache-Control") != "no-store" {
		t.Errorf("while it closes: %d %v", status, header)
	}
	select {
	case err := <-ended:
		t.Fatalf("closed before the last request: %v", err)
	default:
	}
	close(leave)
	if text := <-got; text != "done" {
		t.Errorf("the last request got %q", text)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := closed(m); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

// TestCloseDoesNotWaitForever.
func TestCloseDoesNotWaitForever(t *testing.T) {
	w := worldtest.New(t)
	m := open(t, w)
	inside, leave := make(chan struct{}), make(chan struct{})
	handler := m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(inside); <-leave }))
	s := &service{httptest.NewServer(handler), t}
	defer s.Close()
	defer close(leave)
	go func() {
		resp, err := s.as(w.Keys.Good).Get(s.URL + "/api/v1/cards")
		if err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestOpenSaysWhatIsWrong, and leaves nothing behind.
func TestOpenSaysWhatIsWrong(t *testing.T) {
	w := worldtest.New(t)
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	must(t, os.WriteFile(broken, []byte("data: /x\nenvironment: {}\n"), 0o600))
	for name, one := range map[string]struct {
		cfg  middleware.Config
		want string
	}{
		"nothing":             {middleware.Config{}, "ConfigFile and Environment are required"},
		"no file":             {middleware.Config{ConfigFile: broken + "x", Environment: "sandbox"}, "no such file"},
		"a misspelt key":      {middleware.Config{ConfigFile: broken, Environment: "sandbox"}, "2:1"},
		"another environment": {middleware.Config{ConfigFile: w.File, Environment: "sandbux"}, `no environment "sandbux"; it has ["sandbox" "production"]`},
	} {
		one.cfg.Log = quiet()
		if _, err := middleware.Open(t.Context(), one.cfg); err == nil || !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: %v, want %q", name, err, one.want)
		}
	}
	must(t, os.Rename(w.Config.RegisterFile(), w.Config.RegisterFile()+".away"))
	if _, err := middleware.Open(t.Context(), middleware.Config{ConfigFile: w.File, Environment: "sandbox", Log: quiet()}); err == nil || !strings.Contains(err.Error(), "register") {
		t.Errorf("no register: %v", err)
	}
	must(t, os.Rename(w.Config.RegisterFile()+".away", w.Config.RegisterFile()))
	open(t, w) // the lock was given back
}
