package search_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
)

// small is a record of two segments and its searcher, indexed.
func small(t testing.TB) (r *recordtest.Record, dir string) {
	t.Helper()
	dir = t.TempDir()
	r = recordtest.New(t, dir)
	r.Write(1500, true)
	r.Write(1000, false)
	if _, err := open(t, dir).Rebuild(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r, dir
}

var busy = search.Query{Partner: "ptn_000000", Limit: search.MaxLimit}

// TestADamagedIndexChangesNoAnswer: bytes of it are flipped, it is cut, lengthened, emptied, exchanged, or a link.
func TestADamagedIndexChangesNoAnswer(t *testing.T) {
	_, dir := small(t)
	want := expected(t, dir, busy)
	first, second := filepath.Join(dir, "index", "00000001.idx"), filepath.Join(dir, "index", "00000002.idx")
	whole, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	spoils := map[string]func() []byte{
		"cut":        func() []byte { return whole[:random.IntN(len(whole))] },
		"lengthened": func() []byte { return append(bytes.Clone(whole), whole[:100]...) },
		"twice":      func() []byte { return append(bytes.Clone(whole), whole...) },
		"empty":      func() []byte { return nil },
		"noise":      func() []byte { return []byte(strings.Repeat("noise", 1000)) },
	}
	for range 10 {
		at := random.IntN(len(whole))
		spoils["flipped at "+string(rune('a'+at%26))] = func() []byte {
			b := bytes.Clone(whole)
			b[at] ^= 1 << random.IntN(8)
			return b
		}
	}
	for name, spoil := range spoils {
		if err := os.WriteFile(first, spoil(), 0o600); err != nil {
			t.Fatal(err)
		}
		same(t, name, want, pages(t, open(t, dir), busy))
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(second, first); err != nil {
		t.Fatal(err)
	}
	same(t, "a link", want, pages(t, open(t, dir), busy))
}

// TestAStaleIndexInventsNothing: the segment was exchanged under it, in ways that keep its length and its end.
func TestAStaleIndexInventsNothing(t *testing.T) {
	_, dir := small(t)
	path := filepath.Join(dir, "00000002.jsonl")
	plain, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.ReplaceAll(plain, []byte(`"partner":"ptn_000000"`), []byte(`"partner":"ptn_777777"`))
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	same(t, "lines of another partner", expected(t, dir, busy), pages(t, s, busy))
	forged := search.Query{Partner: "ptn_777777", Limit: search.MaxLimit}
	same(t, "the lines that are there now", expected(t, dir, forged), pages(t, s, forged))
	if err := os.WriteFile(path, plain[:len(plain)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	same(t, "half of it", expected(t, dir, busy), pages(t, s, busy))
}

// TestADamagedRecordIsStillSearched: what can be read is found, and the rest is named.
func TestADamagedRecordIsStillSearched(t *testing.T) {
	r, dir := small(t)
	path := filepath.Join(dir, "00000002.jsonl")
	long := append(bytes.Repeat([]byte("x"), 3*search.MaxLine), '\n')
	recordtest.Append(t, path, bytes.Join([][]byte{r.Decision(), []byte("noise\n\n\n{\n"), long, r.Decision(), bytes.Repeat([]byte("\n"), 200_000), r.Decision()}, nil))
	s := open(t, dir)
	same(t, "noise", expected(t, dir, busy), pages(t, s, busy))
	packed := filepath.Join(dir, "00000001.jsonl.gz")
	b, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	copy(b[len(b)/2:], "damage")
	if err := os.WriteFile(packed, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if _, err := s.Rebuild(t.Context()); err == nil || !strings.Contains(err.Error(), "00000001.jsonl.gz") {
		t.Errorf("the rebuild says %v", err)
	}
	page, err := s.Find(t.Context(), busy)
	if err != nil || len(page.Unread) != 1 || !strings.Contains(page.Unread[0], "00000001.jsonl.gz") || len(page.Found) < 20 {
		t.Errorf("%d found, unread %v, %v", len(page.Found), page.Unread, err)
	}
}

// TestQueriesThatAreRefused.
func TestQueriesThatAreRefused(t *testing.T) {
	_, dir := small(t)
	s := open(t, dir)
	for name, q := range map[string]search.Query{
		"long text":        {Partner: strings.Repeat("x", 2000)},
		"unknown decision": {Decision: "segment"},
		"limit":            {Limit: search.MaxLimit + 1},
		"negative limit":   {Limit: -1},
		"span":             {From: recordtest.Begin, To: recordtest.Begin},
		"cursor":           {Cursor: "1"},
		"other cursor":     {Cursor: "01:2"},
		"signed cursor":    {Cursor: "-1:2"},
	} {
		if _, err := s.Find(t.Context(), q); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Find(ended, busy); err == nil {
		t.Error("a search goes on without its context")
	}
	if _, err := s.Export(t.Context(), &bytes.Buffer{}, busy, "xlsx"); err == nil {
		t.Error("exported in an unknown format")
	}
	if _, err := search.Open(search.Config{Dir: filepath.Join(dir, "none"), Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("opened a folder that is not there")
	}
}

// TestTwoSearchersAtOnce share the index files of one record, while lines are added.
func TestTwoSearchersAtOnce(t *testing.T) {
	r, dir := small(t)
	done := make(chan []string)
	for range 3 {
		go func() {
			s := open(t, dir)
			var got []string
			for range 3 {
				page, err := s.Find(context.Background(), busy)
				if err != nil {
					t.Error(err)
				}
				got = got[:0]
				for _, f := range page.Found {
					got = append(got, string(f.Text))
				}
			}
			done <- got
		}()
	}
	for range 20 {
		recordtest.Append(t, filepath.Join(dir, "00000002.jsonl"), r.Decision())
	}
	for range 3 {
		got := <-done
		all := expected(t, dir, busy)
		if len(got) < len(all)-20 || len(got) > len(all) {
			t.Errorf("%d lines of %d", len(got), len(all))
		}
	}
}
