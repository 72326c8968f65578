package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWhatInitMakesIsServed: without an edit, with a certificate for a trial, on free ports.
func TestWhatInitMakesIsServed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	file := filepath.Join(dir, "countersign.yaml")
	out := new(lockedBuffer)
	if code := run(t.Context(), []string{"init", "--dir", dir, "--self-signed", "--listen", "127.0.0.1:0", "--listen-ops", "127.0.0.1:0", "--listen-admin", "127.0.0.1:0"}, strings.NewReader(""), out, out); code != exitOK {
		t.Fatalf("init: %d\n%s", code, out)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	log := new(lockedBuffer)
	go func() { ended <- run(ctx, []string{"serve", "--config", file}, strings.NewReader(""), io.Discard, log) }()
	ops := awaitServing(t, filepath.Join(dir, "data", "serving-production.json"), ended, log)
	answer, err := http.Get(ops + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("readyz: %d %s %v", answer.StatusCode, body, err)
	}
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("serve ended with %d\n%s", code, log)
	}
	for _, path := range []string{"keys/master.key", "keys/checkpoint.key", "tls/self-signed-key.pem", "data/digest.key", "countersign.yaml"} {
		if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600 (security rule 39)", path, info, err)
		}
	}
}

// awaitServing reads where the operators' listener of a server is, as soon as the server says so.
func awaitServing(t *testing.T, file string, ended chan int, log *lockedBuffer) string {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		var serving struct {
			Ops string `json:"ops"`
		}
		if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &serving) == nil && serving.Ops != "" {
			return serving.Ops
		}
		select {
		case code := <-ended:
			t.Fatalf("serve ended with %d\n%s", code, log)
		case <-poll.C:
		}
	}
}
