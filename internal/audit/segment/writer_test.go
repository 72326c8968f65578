package segment_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
)

var quiet = slog.New(slog.DiscardHandler)

// randomness is the same in every test: nothing here depends on it.
type randomness byte

func (r randomness) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// config is a record on a disk in memory.
func config(disk faultfile.FS) segment.Config {
	return segment.Config{Dir: "/decisions", Key: []byte("0123456789abcdef"), Now: time.Now, Rand: randomness(7), Log: quiet, FS: disk}
}

func open(t testing.TB, cfg segment.Config) *segment.Writer {
	t.Helper()
	w, err := segment.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// write records decisions with these request ids in a session of its own.
func write(t testing.TB, cfg segment.Config, ids ...string) {
	t.Helper()
	w := open(t, cfg)
	for _, id := range ids {
		w.Record(&audit.Decision{RequestID: id, Time: cfg.Now()})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// read returns the texts of all lines; a fault ends the test.
func read(t testing.TB, cfg segment.ReaderConfig) (texts []string) {
	t.Helper()
	r, err := segment.NewReader(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(line.Text))
	}
}

// ids are the request ids of lines; a line without one is told by its kind.
func ids(t testing.TB, texts []string) (all []string) {
	t.Helper()
	for _, text := range texts {
		var line struct {
			ID string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if line.ID == "" {
			line.ID = string(segment.Line{Text: []byte(text)}.Kind())
		}
		all = append(all, line.ID)
	}
	return all
}

func TestARecordIsReadBackAsItWasWritten(t *testing.T) {
	for name, fsys := range map[string]faultfile.FS{"disk in memory": faultfile.NewDisk(), "operating system": faultfile.OS{}} {
		t.Run(name, func(t *testing.T) {
			cfg := config(fsys)
			cfg.Dir = filepath.Join(t.TempDir(), "decisions")
			write(t, cfg, "a", "b")
			write(t, cfg, "c")
			texts := read(t, segment.ReaderConfig{Dir: cfg.Dir, FS: fsys})
			if got := strings.Join(ids(t, texts), " "); got != "header a b c" {
				t.Errorf("read %s", got)
			}
			for i, text := range texts {
				line, err := segment.ParseLine([]byte(text))
				if err != nil || line.Seq != uint64(i+1) {
					t.Errorf("%s: seq %d, %v", text, line.Seq, err)
				}
			}
			report, err := segment.VerifyIn(fsys, cfg.Dir, nil)
			if err != nil || len(report.Faults) > 0 || report.Last != 4 {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
}

func TestSyncReturnsWhenTheLineIsDurable(t *testing.T) {
	disk := faultfile.NewDisk()
	cfg := config(disk)
	cfg.Durability = segment.Sync
	w := open(t, cfg)
	if err := w.Admit(context.Background(), &audit.Decision{RequestID: "a", Allowed: true}); err != nil {
		t.Fatal(err)
	}
	disk.Restore(faultfile.Loss{})
	texts := read(t, segment.ReaderConfig{Dir: cfg.Dir, FS: disk})
	if got := strings.Join(ids(t, texts), " "); got != "header a" || !bytes.Contains([]byte(texts[1]), []byte(`"decision":"admit"`)) {
		t.Errorf("after a loss of power: %s", texts)
	}
	_ = w.Close()
}

// TestRule33AQueryIsKeptAsADigest: equal queries, and only they, have equal digests, which nobody computes without the key;
// the query itself is written only where that was chosen.
func TestRule33AQueryIsKeptAsADigest(t *testing.T) {
	digests := map[string]string{}
	for _, queries := range []segment.Queries{"", segment.Digest, segment.Plain} {
		disk := faultfile.NewDisk()
		cfg := config(disk)
		cfg.Queries = queries
		w := open(t, cfg)
		for _, query := range []string{"card=4111111111111111", "card=4111111111111111", "card=4111111111111112", ""} {
			w.Record(&audit.Decision{RequestID: "a", Time: time.Now(), Query: query})
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for n, text := range read(t, segment.ReaderConfig{Dir: "/decisions", FS: disk})[1:] {
			var said struct {
				Query  string `json:"query"`
				Digest string `json:"query_digest"`
			}
			if err := json.Unmarshal([]byte(text), &said); err != nil {
				t.Fatal(err)
			}
			if plain := queries == segment.Plain; strings.Contains(text, "card=4111") != (plain && n < 3) || (said.Digest != "") != (!plain && n < 3) {
				t.Errorf("queries %q: %s", queries, text)
			}
			if said.Digest != "" {
				digests[fmt.Sprint(queries, n)] = said.Digest
			}
		}
	}
	if digests["0"] != digests["1"] || digests["0"] != digests["digest0"] || digests["0"] == digests["2"] || len(digests["0"]) != 32 {
		t.Errorf("digests %v", digests)
	}
	other := config(faultfile.NewDisk())
	other.Key = []byte("another key of 16")
	w := open(t, other)
	w.Record(&audit.Decision{RequestID: "a", Time: time.Now(), Query: "card=4111111111111111"})
	if err := w.Close(); err != nil || strings.Contains(read(t, segment.ReaderConfig{Dir: "/decisions", FS: other.FS})[1], digests["0"]) {
		t.Errorf("the digest does not depend on the key; %v", err)
	}
}

// TestRule34ALineIsOneLine, whatever a request brings: no byte of it forges a line, a field of the chain, or a longer line.
func TestRule34ALineIsOneLine(t *testing.T) {
	disk := faultfile.NewDisk()
	cfg := config(disk)
	w := open(t, cfg)
	hostile := "\n{\"forged\":true,\"seq\":9,\"chain\":\"" + strings.Repeat("0", 64) + "\"}\n" + strings.Repeat("\xff\U0001f600\x00", 100_000)
	d := audit.Decision{RequestID: hostile, Environment: hostile, API: hostile, Reason: hostile, Where: hostile, Method: hostile, Path: hostile, Query: hostile, Protocol: hostile,
		Partner: hostile, Credential: hostile, Country: hostile, Derivation: hostile, Other: hostile, Cause: hostile, Time: time.Now(),
		Address: netip.MustParseAddr("fe80::1").WithZone(hostile)}
	for range 1000 {
		d.Warnings = append(d.Warnings, hostile)
	}
	w.Record(&d)
	if err := w.Close(); err != nil || w.Counters().Lost > 0 {
		t.Fatalf("%v, %d lost", err, w.Counters().Lost)
	}
	texts := read(t, segment.ReaderConfig{Dir: "/decisions", FS: disk})
	if len(texts) != 2 || len(texts[1]) > segment.MaxLine || !json.Valid([]byte(texts[1])) {
		t.Fatalf("%d lines, %d bytes", len(texts), len(texts[len(texts)-1]))
	}
	for _, c := range []byte(texts[1]) {
		if c < ' ' || c > '~' {
			t.Fatalf("byte %#x in the line", c)
		}
	}
	if report, err := segment.VerifyIn(disk, "/decisions", nil); err != nil || !report.OK() {
		t.Errorf("%+v, %v", report, err)
	}
}

// plant makes a file.
func plant(t testing.TB, disk *faultfile.Disk, name string, text []byte) {
	t.Helper()
	f, err := disk.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = disk.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		t.Fatal(err)
	}
}
