package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/registry"
)

// anchoredRecords are a data folder with some changes and decisions, and checkpoints of both in another place.
type anchoredRecords struct {
	t                *testing.T
	data, books, key string
}

func newAnchored(t *testing.T) *anchoredRecords {
	t.Helper()
	dir := t.TempDir()
	r := &anchoredRecords{t: t, data: filepath.Join(dir, "data"), books: filepath.Join(dir, "elsewhere"), key: filepath.Join(dir, "checkpoint.key")}
	if err := collaborate(t.Context(), []string{r.data, "register"}); err != nil {
		t.Fatal(err)
	}
	must(t, "partner", "add", "Example Bank", "--data", r.data)
	must(t, "network", "allow", "Example Bank", "-e", "sandbox", "203.0.113.0/24", "--data", r.data)
	if out, _ := must(t, "key", "checkpoint-new", "--out", r.key); !strings.Contains(out, "public key in "+r.key+".pub: ") {
		t.Fatal(out)
	}
	r.decide(20)
	return r
}

// decide records decisions and signs what both records are then.
func (r *anchoredRecords) decide(n int) {
	r.t.Helper()
	log := slog.New(slog.DiscardHandler)
	w, err := segment.Open(segment.Config{Dir: filepath.Join(r.data, "decisions"), Key: bytes.Repeat([]byte{1}, 32), Now: time.Now, Rand: rand.Reader, Log: log})
	if err != nil {
		r.t.Fatal(err)
	}
	for i := range n {
		w.Record(&audit.Decision{Time: time.Now(), RequestID: fmt.Sprintf("%032x", i), Environment: "sandbox", API: "card", Allowed: i%2 == 0,
			Reason: []string{"allowed", "bad_signature"}[i%2], Status: 200, Method: "GET", Path: "/api/v1/cards/1\x1b[2J", Protocol: "HTTP/1.1"})
	}
	if err := w.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.sign(checkpoint.Decisions, w.Head)
	err = withRegister(r.t.Context(), r.data, func(register *registry.Registry) error {
		head, err := register.Head(r.t.Context())
		r.sign(checkpoint.Changes, func() checkpoint.Anchor {
			return checkpoint.Anchor{Record: checkpoint.Changes, ID: head.Record, Seq: head.Seq, Hash: head.Hash, At: time.Now().UTC()}
		})
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *anchoredRecords) sign(record string, head func() checkpoint.Anchor) {
	r.t.Helper()
	signer, err := checkpoint.LoadKey(nil, r.key)
	if err != nil {
		r.t.Fatal(err)
	}
	book, err := checkpoint.OpenBook(checkpoint.BookConfig{Dir: r.books, Record: record, Signer: signer, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	err = book.Add(func() (checkpoint.Anchor, error) {
		a := head()
		a.At = time.Now().UTC()
		return a, nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// verify returns the exit code and what was said.
func (r *anchoredRecords) verify(more ...string) (int, string) {
	r.t.Helper()
	args := append([]string{"audit", "verify", "--data", r.data, "--checkpoint", r.books, "--checkpoint-key", r.key + ".pub"}, more...)
	code, out, errOut := command(r.t, args...)
	return code, out + errOut
}

// edit changes a file in place.
func (r *anchoredRecords) edit(path string, change func([]byte) []byte) {
	r.t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(text), 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestVerifyProvesUpToTheCheckpoint(t *testing.T) {
	r := newAnchored(t)
	code, said := r.verify()
	if code != exitOK || !strings.Contains(said, "changes: proven up to change 2 by the checkpoint of ") ||
		!strings.Contains(said, "decisions: proven up to line 21 by the checkpoint of ") || strings.Contains(said, "not anchored") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	must(t, "partner", "add", "Later", "--data", r.data)
	if code, said = r.verify(); code != exitOK || !strings.Contains(said, "changes: tail not anchored: changes 3 to 3 ") {
		t.Errorf("after a further change: exit code %d:\n%s", code, said)
	}
	code, said = r.verify("-o", "json")
	var view verifyView
	if err := json.Unmarshal([]byte(said), &view); err != nil || code != exitOK || !view.OK || view.Changes.Anchored != 2 || len(view.Decisions) != 1 || view.Decisions[0].Anchored != 21 || len(view.Checkpoints) != 2 {
		t.Errorf("as JSON: %d, %v:\n%s", code, err, said)
	}
}

// TestVerifyNamesEveryManipulation that a checkpoint can show, and exits with 1.
func TestVerifyNamesEveryManipulation(t *testing.T) {
	segmentFile := func(r *anchoredRecords) string { return filepath.Join(r.data, "decisions", segment.Name(1)) }
	for name, c := range map[string]struct {
		do   func(r *anchoredRecords)
		want string
	}{
		"a decision is turned round": {func(r *anchoredRecords) {
			r.edit(segmentFile(r), func(b []byte) []byte { return bytes.Replace(b, []byte(`"refuse"`), []byte(`"allow" `), 1) })
		}, "decisions: WRONG: "},
		"the end of the decisions is cut": {func(r *anchoredRecords) {
			r.edit(segmentFile(r), func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] })
		}, "decisions: WRONG: "},
		"the decisions are gone": {func(r *anchoredRecords) {
			if err := os.RemoveAll(filepath.Join(r.data, "decisions")); err != nil {
				t.Fatal(err)
			}
		}, "checkpoints: WRONG: they know 21 lines of decisions, but there is no record"},
		"the register is an older one": {func(r *anchoredRecords) {
			backup := filepath.Join(t.TempDir(), "backup")
			must(t, "backup", "--out", backup, "--data", r.data)
			must(t, "partner", "add", "Forgotten", "--data", r.data)
			r.decide(1)
			must(t, "restore", "--from", backup, "--replace", "--yes", "--data", r.data)
		}, "changes: WRONG: "},
		"the register is another one": {func(r *anchoredRecords) {
			if err := os.RemoveAll(r.data); err != nil {
				t.Fatal(err)
			}
			if err := collaborate(t.Context(), []string{r.data, "register"}); err != nil {
				t.Fatal(err)
			}
		}, "changes: WRONG: "},
		"a checkpoint is forged": {func(r *anchoredRecords) {
			r.edit(filepath.Join(r.books, checkpoint.FileName(checkpoint.Changes)), func(b []byte) []byte { return bytes.Replace(b, []byte(`"seq":2`), []byte(`"seq":1`), 1) })
		}, "checkpoints: WRONG: "},
		"the checkpoints are of another key": {func(r *anchoredRecords) {
			r.key += "2"
			must(t, "key", "checkpoint-new", "--out", r.key)
		}, "checkpoints: WRONG: "},
	} {
		r := newAnchored(t)
		c.do(r)
		if code, said := r.verify(); code != exitRefused || !strings.Contains(said, c.want) || !strings.Contains(said, "THE RECORDS ARE NOT WHAT WAS WRITTEN") {
			t.Errorf("%s: exit code %d:\n%s", name, code, said)
		}
	}
}

func TestVerifyRefusesHalfAQuestion(t *testing.T) {
	r := newAnchored(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--checkpoint", r.books}, "checkpoints prove nothing without their public key"},
		{[]string{"--checkpoint", t.TempDir(), "--checkpoint-key", r.key + ".pub"}, "no book of checkpoints in"},
		{[]string{"--checkpoint", r.books, "--checkpoint-key", r.key}, "checkpoint key"},
		{[]string{"--checkpoint", "nowhere", "--checkpoint-key", r.key + ".pub"}, "nowhere"},
	} {
		code, out, said := command(t, append([]string{"audit", "verify", "--data", r.data}, c.args...)...)
		if code != exitFailed || !strings.Contains(said, c.want) {
			t.Errorf("%v: exit code %d, %q%q, want %q", c.args, code, out, said, c.want)
		}
	}
}

// TestRule34NothingOfARequestReachesTheTerminal: what a stranger sent is shown escaped, and on one line.
func TestRule34NothingOfARequestReachesTheTerminal(t *testing.T) {
	r := newAnchored(t)
	for _, name := range []string{"search", "tail"} {
		out, _ := must(t, "audit", name, "--data", r.data)
		if strings.Contains(out, "\x1b") || !strings.Contains(out, "/api/v1/cards/1") {
			t.Errorf("%s: %q", name, out)
		}
	}
}

// TestRebuildsGiveTheSame: indexes and counts are derived; making them again changes no answer.
func TestRebuildsGiveTheSame(t *testing.T) {
	r := newAnchored(t)
	before, _ := must(t, "audit", "search", "--reason", "bad_signature", "-o", "json", "--data", r.data)
	if out, _ := must(t, "audit", "index", "rebuild", "--data", r.data); !strings.Contains(out, "21 lines indexed") {
		t.Errorf("index rebuild: %s", out)
	}
	if after, _ := must(t, "audit", "search", "--reason", "bad_signature", "-o", "json", "--data", r.data); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if out, _ := must(t, "audit", "rollup", "rebuild", "--data", r.data, "-o", "json"); !strings.Contains(out, `"lines":2`) {
		t.Errorf("rollup rebuild: %s", out)
	}
}

// TestTailFollowsUntilItIsEnded: what is written after its start is shown as well.
func TestTailFollowsUntilItIsEnded(t *testing.T) {
	r := newAnchored(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errOut lockedText
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"audit", "tail", "-f", "-n", "1", "--data", r.data, "--decision", "refuse"}, strings.NewReader(""), &out, &errOut)
	}()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for want := 1; want <= 2; {
		select {
		case code := <-ended:
			t.Fatalf("ended with %d: %s", code, errOut.String())
		case <-poll.C:
		}
		if strings.Count(out.String(), "bad_signature") < want {
			continue
		}
		if want++; want == 2 {
			r.decide(2) // one refusal
		}
	}
	cancel()
	if code := <-ended; code != exitOK || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("exit code %d: %s%s", code, out.String(), errOut.String())
	}
}

// TestEachServerHasARecordOfItsOwn: one that serves an environment alone is found by it, and all are verified.
func TestEachServerHasARecordOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	must(t, "init", "--dir", dir+"/site", "--self-signed", "--checkpoints", dir+"/elsewhere", "--environment", "sandbox", "--environment", "production")
	site := dir + "/site/countersign.yaml"
	at, err := configured(site)
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range []string{"sandbox", "production"} {
		w, err := segment.Open(segment.Config{Dir: at.decisions(scope).dir, Key: bytes.Repeat([]byte{1}, 32), Now: time.Now, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		w.Record(&audit.Decision{Time: time.Now(), RequestID: scope, Environment: scope, API: "card", Allowed: true, Reason: "allowed", Status: 200})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if out, _ := must(t, "audit", "search", "--server", "sandbox", "--config", site); !strings.Contains(out, "sandbox") || strings.Contains(out, "production") {
		t.Errorf("search: %s", out)
	}
	if code, _, said := command(t, "audit", "tail", "--config", site); code != exitFailed || !strings.Contains(said, "choose the server's with --server: production, sandbox") {
		t.Errorf("without --server: exit code %d, %q", code, said)
	}
	out, _ := must(t, "audit", "verify", "--config", site)
	for _, want := range []string{"decisions of sandbox: lines 1 to 2 are one chain", "decisions of production: lines 1 to 2 are one chain"} {
		if !strings.Contains(out, want) {
			t.Errorf("verify lacks %q: %s", want, out)
		}
	}
}
