package search_test

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/audit/segment"

	"github.com/google/go-cmp/cmp"
)

// logged is a searcher and what it has logged.
func logged(t *testing.T, cfg search.Config) (*search.Searcher, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	s, err := search.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, &log
}

// compress does what the writer of a record does with a segment that it has closed.
func compress(t *testing.T, dir string, number uint64) {
	t.Helper()
	if err := segment.CompressSegment(t.Context(), nil, dir, number); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, segment.Name(number))); err == nil {
		t.Fatal("the plain segment is still there")
	}
}

// found are lines with the places where they stand.
type found struct {
	Segment, Row uint64
	Text         string
}

// alike compares answers, and says how they differ only where they do: there are many.
func alike(t *testing.T, what string, want, got map[string][]found) {
	t.Helper()
	if !maps.EqualFunc(want, got, slices.Equal) {
		t.Errorf("%s: %.1000s", what, cmp.Diff(want, got))
	}
}

// everything asks every question in both orders, page by page, at most two, and returns the answers with their places.
func everything(t *testing.T, s *search.Searcher, questions map[string]search.Query) map[string][]found {
	t.Helper()
	answers := map[string][]found{}
	for name, q := range questions {
		for _, q.OldestFirst = range []bool{false, true} {
			q.Cursor, q.Limit = "", 800
			for page := 0; page == 0 || q.Cursor != "" && page < 2; page++ {
				page, err := s.Find(t.Context(), q)
				if err != nil || len(page.Unread) > 0 {
					t.Fatalf("%s: %v, unread %v", name, err, page.Unread)
				}
				for _, f := range page.Found {
					answers[name] = append(answers[name], found{f.Segment, f.Row, string(f.Text)})
				}
				q.Cursor = page.Next
			}
		}
	}
	return answers
}

// TestATranslatedIndexAnswersAsOneMadeOfTheCompressedSegment, row by row: of segments that were indexed whole, in pieces, by another
// process before, or not to their end when they were compressed; with lines longer than a gzip member.
func TestATranslatedIndexAnswersAsOneMadeOfTheCompressedSegment(t *testing.T) {
	dir := t.TempDir()
	r := recordtest.New(t, dir)
	long := r.Close(append(append([]byte(`{"time":"2026-11-20T08:00:00.000000Z","request_id":"long","decision":"refuse","reason":"long","path":"`),
		bytes.Repeat([]byte("incompressible? 0123456789"), 9000)...), '"'))
	first := r.Write(2000, false)
	recordtest.Append(t, first, slices.Concat(long, bytes.Clone(r.Decision()), long, bytes.Clone(r.Decision())))
	s, log := logged(t, search.Config{Dir: dir})
	refresh := func(s *search.Searcher) {
		t.Helper()
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	refresh(s)
	lines := 70_000 // more than a part
	if underRace {
		lines = 1000
	}
	second := r.Write(lines, false)
	refresh(s)
	for range 30 {
		recordtest.Append(t, second, r.Decision())
		refresh(s)
	}
	third := r.Write(1500, false)
	refresh(s)
	recordtest.Append(t, third, slices.Concat(bytes.Clone(r.Decision()), bytes.Clone(r.Decision()), bytes.Clone(r.Decision()))) // not indexed before it is compressed
	r.Write(10, false)
	asked := map[string]search.Query{"all": {}, "long": {Reason: "long"}}
	for name, q := range questions(t, dir) {
		if slices.Contains([]string{"request id", "rare partner", "rare reason", "ipv6 prefix", "span", "all at once"}, name) {
			asked[name] = q
		}
	}
	before := everything(t, s, map[string]search.Query{"long": asked["long"]})
	for number := range uint64(3) {
		compress(t, dir, number+1)
	}
	anew, _ := logged(t, search.Config{Dir: dir, Index: t.TempDir()})
	want := everything(t, anew, asked)
	if len(want["long"]) != 4 || cmp.Diff(before["long"], want["long"]) != "" {
		t.Fatalf("%d long lines, %d before", len(want["long"]), len(before["long"]))
	}
	readOnly, quietly := logged(t, search.Config{Dir: dir, ReadOnly: true}) // finds index files of the plain segments
	for name, s := range map[string]*search.Searcher{"translated as it came": s, "translated by a reader": readOnly} {
		alike(t, name, want, everything(t, s, asked))
	}
	later, told := logged(t, search.Config{Dir: dir})
	alike(t, "from the files that were translated", want, everything(t, later, asked))
	for _, said := range []*bytes.Buffer{log, quietly, told} {
		if strings.Contains(said.String(), "made again") {
			t.Errorf("an index was made again where it could be translated: %s", said)
		}
	}
}

// TestAnotherSegmentIsNotTranslated: what has taken the place of the plain segment is not what was indexed.
func TestAnotherSegmentIsNotTranslated(t *testing.T) {
	for name, spoil := range map[string]func(plain []byte) []byte{
		"another last line": func(b []byte) []byte { return bytes.Replace(b, b[len(b)-20:], []byte("00000000000000000\"}\n"), 1) },
		"a line less":       func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] },
		"another record": func(b []byte) []byte {
			other := t.TempDir()
			r := recordtest.New(t, other)
			r.Decision()
			whole, err := os.ReadFile(r.Write(2000, false))
			if err != nil {
				t.Fatal(err)
			}
			return whole
		},
	} {
		dir := t.TempDir()
		r := recordtest.New(t, dir)
		path := r.Write(2000, false)
		r.Write(10, false)
		s, log := logged(t, search.Config{Dir: dir})
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		plain, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, spoil(plain), 0o600); err != nil {
			t.Fatal(err)
		}
		compress(t, dir, 1)
		same(t, name, expected(t, dir, busy), pages(t, s, busy))
		if !strings.Contains(log.String(), "made again") {
			t.Errorf("%s: it was translated", name)
		}
	}
}

// TestASegmentIsReadToItsEndAfterItsNameIsGone: lines that are written just before a segment is closed and compressed are indexed from
// the plain file, which the one who maintains the index holds.
func TestASegmentIsReadToItsEndAfterItsNameIsGone(t *testing.T) {
	dir := t.TempDir()
	r := recordtest.New(t, dir)
	path := r.Write(500, false)
	s, log := logged(t, search.Config{Dir: dir})
	ctx, stop := context.WithCancel(t.Context())
	tick, done := make(chan time.Time), make(chan struct{})
	go func() { defer close(done); s.Maintain(ctx, tick) }()
	tick <- time.Time{}
	tick <- time.Time{} // the first one is done with
	for range 20 {
		recordtest.Append(t, path, r.Decision())
		tick <- time.Time{}
	}
	recordtest.Append(t, path, r.Decision())
	r.Write(5, false)
	compress(t, dir, 1)
	for range 3 {
		tick <- time.Time{}
	}
	same(t, "after compression", expected(t, dir, busy), pages(t, s, busy))
	stop()
	<-done
	if strings.Contains(log.String(), "made again") {
		t.Error(log)
	}
	anew, _ := logged(t, search.Config{Dir: dir, Index: t.TempDir()})
	all := map[string]search.Query{"all": {}}
	alike(t, "all", everything(t, anew, all), everything(t, s, all))
}

// TestASegmentThatIsExchangedWhileItIsHeldIsReadAnew: another file with its name is another segment.
func TestASegmentThatIsExchangedWhileItIsHeldIsReadAnew(t *testing.T) {
	dir := t.TempDir()
	path := recordtest.New(t, dir).Write(500, false)
	s, _ := logged(t, search.Config{Dir: dir})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	tick, done := make(chan time.Time), make(chan struct{})
	go func() { defer close(done); s.Maintain(ctx, tick) }()
	tick <- time.Time{}
	tick <- time.Time{}
	other := recordtest.New(t, t.TempDir())
	other.Decision()
	if err := os.Rename(other.Write(700, false), path); err != nil {
		t.Fatal(err)
	}
	tick <- time.Time{}
	tick <- time.Time{}
	same(t, "the other one", expected(t, dir, busy), pages(t, s, busy))
	stop()
	<-done
}
