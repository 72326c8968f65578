package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// initServed makes an installation for a trial and returns its configuration; edit changes that, nil: not at all.
func initServed(t *testing.T, edit func(string) string) (file string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "new")
	out := new(lockedBuffer)
	if code := run(t.Context(), []string{"init", "--dir", dir, "--self-signed", "--listen", "127.0.0.1:0", "--listen-ops", "127.0.0.1:0", "--listen-admin", "127.0.0.1:0"}, strings.NewReader(""), out, out); code != exitOK {
		t.Fatalf("init: %d\n%s", code, out)
	}
	file = filepath.Join(dir, "countersign.yaml")
	if edit == nil {
		return file
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(edit(string(text))), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// serveOnce starts a server, waits until it serves, does something, stops it, and returns its log.
func serveOnce(t *testing.T, file string, meanwhile func(ops string), more ...string) (log string) {
	t.Helper()
	serving := filepath.Join(filepath.Dir(file), "data", "serving-production.json")
	if err := os.Remove(serving); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int, 1)
	heard := new(lockedBuffer)
	go func() {
		ended <- run(ctx, append([]string{"serve", "--config", file}, more...), strings.NewReader(""), io.Discard, heard)
	}()
	ops := awaitServing(t, serving, ended, heard)
	if meanwhile != nil {
		meanwhile(ops)
	}
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("serve ended with %d\n%s", code, heard)
	}
	return heard.String()
}

// TestADamagedRecordIsSetAsideWhereThatIsWanted, and only there: the refusal names the flag, the log and the new record tell.
func TestADamagedRecordIsSetAsideWhereThatIsWanted(t *testing.T) {
	file := initServed(t, nil)
	serveOnce(t, file, nil)
	segments, err := filepath.Glob(filepath.Join(filepath.Dir(file), "data", "decisions", "*.jsonl"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	text, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segments[0], append(text, "{}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	out := new(lockedBuffer)
	code := run(t.Context(), []string{"serve", "--config", file}, strings.NewReader(""), io.Discard, out)
	if said := out.String(); code == exitOK || !strings.Contains(said, "--set-aside-damaged-record") || strings.Count(said, "open the decision record") != 1 {
		t.Errorf("%d %s", code, said)
	}
	log := serveOnce(t, file, nil, "--set-aside-damaged-record")
	if !strings.Contains(log, `"level":"ERROR","msg":"the decision record is damaged; it is set aside and a new one begun"`) {
		t.Errorf("the log says %s", log)
	}
	fresh, err := os.ReadFile(segments[0])
	if err != nil || !bytes.Contains(fresh, []byte(`"gap":true,"kept":"damaged-1"`)) {
		t.Errorf("the new record does not tell: %s, %v", fresh, err)
	}
	kept, err := filepath.Glob(filepath.Join(filepath.Dir(segments[0]), "*", "00000001.jsonl"))
	if err != nil || len(kept) != 1 {
		t.Fatal(kept, err)
	}
	if former, err := os.ReadFile(kept[0]); err != nil || !bytes.HasPrefix(former, text) {
		t.Errorf("what was set aside is not what was: %v", err)
	}
}

// TestTheReplayJournalIsAsDurableAsConfigured: the setting arrives at the journal.
func TestTheReplayJournalIsAsDurableAsConfigured(t *testing.T) {
	for text, want := range map[string]string{"": "buffered", "replay: {durability: sync}\n": "sync"} {
		file := initServed(t, func(before string) string { return text + before })
		log := serveOnce(t, file, nil)
		if !strings.Contains(log, `"msg":"the replay journal is open","durability":"`+want+`"`) {
			t.Errorf("%q: the log says %s", text, log)
		}
	}
}
