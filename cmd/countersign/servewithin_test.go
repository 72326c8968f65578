package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"countersign.dev/internal/config"
	"countersign.dev/internal/datafolder"
)

// TestServeRefusesAnEnvironmentWithoutListeners: a file may have one, for a service that checks its requests itself.
func TestServeRefusesAnEnvironmentWithoutListeners(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/countersign.yaml"
	text := "data: " + dir + "/data\nops: {listen: off}\nenvironments:\n  sandbox:\n    apis:\n      card:\n        profile: finci\n        base_paths: [/api]\n        upstream: {url: \"http://127.0.0.1:1\"}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, w := range cfg.Warnings() {
		told = told || strings.Contains(w.String(), "no listeners")
	}
	if !told {
		t.Errorf("config check does not say so: %v", cfg.Warnings())
	}
	s, err := newServer(&serveOptions{config: file}, cfg, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if _, err := s.blueprint(cfg); err == nil || !strings.Contains(err.Error(), "no listeners and no doors") {
		t.Errorf("serve: %v", err)
	}
}

// TestWhatAServiceSaysIsReadAsAServersWord: commands that wait read what the package middleware writes.
func TestWhatAServiceSaysIsReadAsAServersWord(t *testing.T) {
	one := datafolder.Serving{PID: 7, Environment: "sandbox", Revision: 9, At: "2026-01-01T00:00:00Z", Ops: "http://o", Admin: "http://a", Portal: "http://p", Listeners: []string{"127.0.0.1:1"}}
	text, err := json.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	read := json.NewDecoder(bytes.NewReader(text))
	read.DisallowUnknownFields()
	var as servedState
	if err := read.Decode(&as); err != nil {
		t.Fatal(err)
	}
	if back, err := json.Marshal(as); err != nil || string(back) != string(text) {
		t.Errorf("%s, %v; the service wrote %s", back, err, text)
	}
}
