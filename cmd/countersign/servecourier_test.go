package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"countersign.dev/internal/audit/checkpoint"
)

// anchors is a receiver of checkpoints that can be closed for a while.
type anchors struct {
	mu     sync.Mutex
	shut   bool
	tokens map[string]bool
	lines  map[string]string // by Idempotency-Key
}

// ServeHTTP keeps each statement under its key, as a receiver should: what is there is not replaced.
func (a *anchors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens[r.Header.Get("Authorization")] = true
	if a.shut {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	line, _ := io.ReadAll(io.LimitReader(r.Body, 4096))
	key := r.Header.Get("Idempotency-Key")
	if before, known := a.lines[key]; known && before != string(line) {
		w.WriteHeader(http.StatusConflict)
		return
	}
	a.lines[key] = string(line)
}

func (a *anchors) set(shut bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shut = shut
}

func (a *anchors) has(lines []string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, line := range lines {
		found := false
		for _, got := range a.lines {
			found = found || got == line
		}
		if !found {
			return false
		}
	}
	return len(lines) > 0
}

// TestCheckpointsReachAReceiver outside of the machine, with the token of its file. What is signed while it does not answer is told
// by readiness and the metrics, and comes afterwards: the receiver has every line of the book, which verifies.
func TestCheckpointsReachAReceiver(t *testing.T) {
	outside := &anchors{tokens: map[string]bool{}, lines: map[string]string{}}
	receiver := httptest.NewServer(outside)
	t.Cleanup(receiver.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startPlane(t, "key_file: keys/checkpoint.key\n", "key_file: keys/checkpoint.key\n    every: 1s\n    url: "+receiver.URL+"/anchors\n    url_token_file: "+token+"\n")
	book := filepath.Join(s.dir, "elsewhere", checkpoint.FileName(checkpoint.Changes))
	lines := func() []string {
		text, err := os.ReadFile(book)
		if err != nil {
			return nil
		}
		return strings.SplitAfter(strings.TrimSuffix(string(text), "\n")+"\n", "\n")[:strings.Count(string(text), "\n")]
	}
	until(t, "the first checkpoint is outside", func() bool { return outside.has(lines()) })
	outside.set(true)
	before := len(lines())
	s.token() // a change: there is something to sign
	until(t, "it is signed here", func() bool { return len(lines()) > before })
	until(t, "the metrics tell that it is not outside", func() bool {
		_, text := fetchPlain(t, s.state.Ops+"/metrics")
		return strings.Contains(text, "countersign_checkpoint_receiver_failing 1") && !strings.Contains(text, "countersign_checkpoint_waiting 0")
	})
	if outside.has(lines()) {
		t.Error("a receiver that refuses has everything")
	}
	outside.set(false)
	until(t, "what waited is outside", func() bool { return outside.has(lines()) })
	until(t, "the decisions' checkpoint is outside, too", func() bool {
		_, err := os.Stat(filepath.Join(s.dir, "data", "courier-decisions"))
		return err == nil
	})
	s.stop()
	if !outside.has(lines()) {
		t.Error("after the end, the receiver lacks a line of the book")
	}
	public, err := checkpoint.LoadPublic(nil, filepath.Join(s.dir, "keys", "checkpoint.key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if anchors, err := checkpoint.ReadBook(nil, book, public); err != nil || len(anchors) < 2 {
		t.Errorf("the book: %d anchors, %v", len(anchors), err)
	}
	if len(outside.tokens) != 1 || !outside.tokens["Bearer s3cret"] {
		t.Errorf("the receiver saw %v", outside.tokens)
	}
	if strings.Contains(s.log.String(), "s3cret") {
		t.Error("the log holds the token")
	}
	for _, name := range []string{"courier-changes", "courier-decisions"} {
		if _, err := os.Stat(filepath.Join(s.dir, "data", name)); err != nil {
			t.Errorf("the position of the courier: %v", err)
		}
	}
}
