package e2e_test

import (
	"compress/gzip"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// admitted is a write that the server has answered with 200.
type admitted struct{ raw, id string }

// loaded lets callers write until n were let in, kills the server while the others are under way, and returns all that were.
func (d *dev) loaded(t *testing.T, n int) (all []admitted) {
	t.Helper()
	const callers = 6
	in := make(chan admitted)
	var working sync.WaitGroup
	for range callers {
		working.Go(func() {
			w, err := d.connect(sandbox, "http/1.1")
			if err != nil {
				return
			}
			defer w.Close()
			for {
				c := patch("killed")
				c.target += "-" + strings.Repeat("x", rand.IntN(4000)) // so that a file of the record is soon full
				raw := c.raw(d.Environments[sandbox])
				w.send(raw)
				a, err := w.read(c.method)
				if err != nil {
					return // it was killed
				}
				if a.status != http.StatusOK {
					t.Errorf("an honest write is answered by %d %s", a.status, a.body)
					return
				}
				in <- admitted{raw, a.header.Get("Countersign-Request-Id")}
			}
		})
	}
	go func() { working.Wait(); close(in) }()
	for one := range in {
		if all = append(all, one); len(all) == n {
			_ = d.cmd.Process.Kill()
		}
	}
	<-d.exited
	if len(all) < n {
		t.Fatalf("%d writes were let in before the server ended by itself: %s", len(all), d.stderr)
	}
	return all
}

// wholeRecord is every decision record's text in a folder, compressed or not.
func wholeRecord(t *testing.T, dir string) string {
	t.Helper()
	var text strings.Builder
	names, err := filepath.Glob(filepath.Join(dir, "0*.jsonl*"))
	if err != nil || len(names) < 2 {
		t.Fatalf("%d files of a record that should have several: %v", len(names), err)
	}
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		var in io.Reader = file
		if strings.HasSuffix(name, ".gz") {
			if in, err = gzip.NewReader(file); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.Copy(&text, in); err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
	}
	return text.String()
}

// TestKilledUnderLoad: kill -9 at any moment of a busy server, again and again, while files of the record fill, are compressed and indexed. It
// starts each time; no write that was let in is let in twice; with durability sync, each one that was answered stands in the record, whose
// chain is whole.
func TestKilledUnderLoad(t *testing.T) {
	s := newSite(t)
	s.settings["DECISIONS"] = "{when_full: refuse, durability: sync, patience: 60s, segment_size: 1MiB}"
	s.settings["STANDARD"] = "false"
	var all []admitted
	for range 4 {
		d := s.serve(t, sandbox)
		for _, one := range all[max(0, len(all)-10):] {
			if a := d.ask(t, sandbox, one.raw); a.status != http.StatusConflict {
				t.Errorf("a write of before kill -9 is answered by %d", a.status)
			}
		}
		all = append(all, d.loaded(t, 200+rand.IntN(200))...) // at least 800 lines of 2 KiB and more: several files, whatever is drawn
	}
	d := s.serve(t, sandbox)
	mustStop(t, d)
	text := wholeRecord(t, filepath.Join(s.data, "decisions-sandbox"))
	missing := slices.DeleteFunc(all, func(one admitted) bool { return one.id != "" && strings.Contains(text, `"request_id":"`+one.id+`"`) })
	if len(missing) > 0 {
		t.Errorf("%d writes that were answered with 200 are not in the record: %v", len(missing), missing[0].id)
	}
	s.must(t, "audit", "verify")
}
