package search_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"

	"github.com/google/go-cmp/cmp"
)

var quiet = slog.New(slog.DiscardHandler)

func open(t testing.TB, dir string) *search.Searcher {
	t.Helper()
	s, err := search.Open(search.Config{Dir: dir, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// everyLine reads the record without any of the code that is tested.
func everyLine(t testing.TB, dir string) (lines [][]byte) {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(dir, "*.jsonl*"))
	slices.Sort(paths)
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var in io.Reader = file
		if strings.HasSuffix(path, ".gz") {
			if in, err = gzip.NewReader(file); err != nil {
				t.Fatal(err)
			}
		}
		all, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(all) {
			lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
		}
		_ = file.Close()
	}
	return lines
}

// expected is what q shall find, by looking at every line.
func expected(t testing.TB, dir string, q search.Query) []string {
	t.Helper()
	return among(everyLine(t, dir), q)
}

func among(lines [][]byte, q search.Query) (want []string) {
	for _, text := range lines {
		var l search.Line
		if !bytes.Contains(text, []byte(q.Partner)) || !bytes.Contains(text, []byte(q.RequestID)) || !bytes.Contains(text, []byte(q.Credential)) ||
			!bytes.Contains(text, []byte(q.Reason)) {
			continue // it cannot be, and reading it takes time
		}
		if l.Parse(text) == nil && q.Match(&l) {
			want = append(want, string(text))
		}
	}
	if !q.OldestFirst {
		slices.Reverse(want)
	}
	return want
}

// same compares lines; only where they differ the slow way, to say how.
func same(t testing.TB, what string, want, got []string) {
	t.Helper()
	if !slices.Equal(want, got) {
		t.Errorf("%s: %.600s", what, cmp.Diff(want, got))
	}
}

// pages asks for page after page.
func pages(t testing.TB, s *search.Searcher, q search.Query) (got []string) {
	t.Helper()
	for {
		page, err := s.Find(context.Background(), q)
		if err != nil || len(page.Unread) > 0 {
			t.Fatalf("%+v: %v, unread %v", q, err, page.Unread)
		}
		for _, f := range page.Found {
			got = append(got, string(f.Text))
		}
		if page.Next == "" {
			return got
		}
		q.Cursor = page.Next
	}
}

// aRecord has closed segments, compressed and plain, and an open one.
func aRecord(t testing.TB) (*recordtest.Record, string) {
	t.Helper()
	dir := t.TempDir()
	r := recordtest.New(t, dir)
	r.Write(4000, true)
	r.Write(3000, false)
	r.Write(3000, false)
	return r, dir
}

// questions are one query of each kind, and some of several at once.
func questions(t testing.TB, dir string) map[string]search.Query {
	t.Helper()
	lines := everyLine(t, dir)
	var some search.Line
	if err := some.Parse(lines[len(lines)/3]); err != nil {
		t.Fatal(err)
	}
	middle := some.Time
	return map[string]search.Query{
		"request id":         {RequestID: string(some.RequestID)},
		"no such request":    {RequestID: "00000000000000000000000000000000"},
		"partner":            {Partner: "ptn_000017"},
		"rare partner":       {Partner: "ptn_000790"},
		"no such partner":    {Partner: "ptn_nobody"},
		"credential":         {Credential: "crd_000100"},
		"environment":        {Environment: "sandbox"},
		"api":                {API: "aggregation", Environment: "sandbox"},
		"reason":             {Reason: "stale_timestamp"},
		"rare reason":        {Reason: "suspended"},
		"refused":            {Decision: "refuse"},
		"final":              {Decision: "final", Partner: "ptn_000003"},
		"admitted":           {Decision: "admit"},
		"address":            {Address: netip.MustParsePrefix("198.51.3.1/32")},
		"mapped address":     {Address: netip.MustParsePrefix("::ffff:198.51.3.1/128")},
		"prefix":             {Address: netip.MustParsePrefix("198.51.4.0/23")},
		"ipv6 prefix":        {Address: netip.MustParsePrefix("2001:db8:8000::/33")},
		"span":               {From: middle, To: middle.Add(2 * time.Second)},
		"from":               {From: middle, Reason: "replayed"},
		"to":                 {To: middle, Partner: "ptn_000001"},
		"before the record":  {To: recordtest.Begin},
		"behind the record":  {From: recordtest.Begin.Add(1000 * time.Hour)},
		"partner and reason": {Partner: "ptn_000000", Reason: "bad_signature"},
		"all at once": {Environment: "production", API: "card", Partner: "ptn_000001", Decision: "refuse",
			Address: netip.MustParsePrefix("198.51.0.0/16"), From: recordtest.Begin, To: recordtest.Begin.Add(time.Hour)},
	}
}

// TestEveryKindOfQuestion finds exactly what reading every line finds, in order, whichever way and from wherever the index comes.
func TestEveryKindOfQuestion(t *testing.T) {
	_, dir := aRecord(t)
	lines, fresh, found := everyLine(t, dir), open(t, dir), 0
	if err := fresh.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	saved := open(t, dir)
	for _, oldest := range []bool{false, true} {
		for name, q := range questions(t, dir) {
			q.OldestFirst, q.Limit = oldest, 777
			want := among(lines, q)
			found += len(want)
			s := saved
			if oldest {
				s = fresh
			}
			same(t, fmt.Sprintf("%s, oldest first %t", name, oldest), want, pages(t, s, q))
		}
	}
	if found < 3000 {
		t.Errorf("only %d lines were asked for: the questions prove little", found)
	}
}

// TestAScanNeedsNoIndex: it finds the same, and reads none.
func TestAScanNeedsNoIndex(t *testing.T) {
	_, dir := aRecord(t)
	s, err := search.Open(search.Config{Dir: dir, ReadOnly: true, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	lines := everyLine(t, dir)
	all := questions(t, dir)
	for _, name := range []string{"request id", "rare partner", "span", "refused"} {
		q := all[name]
		q.Scan, q.Limit = true, search.MaxLimit
		same(t, name, among(lines, q), pages(t, s, q))
	}
	if _, err := os.Stat(filepath.Join(dir, "index")); !os.IsNotExist(err) {
		t.Errorf("an index was made: %v", err)
	}
}

// TestWhatIsAddedIsFound at once: lines, a part that fills up, a new segment, a segment that is compressed, one that is removed.
func TestWhatIsAddedIsFound(t *testing.T) {
	r, dir := aRecord(t)
	s := open(t, dir)
	q := search.Query{Partner: "ptn_000002", Limit: search.MaxLimit}
	check := func(what string) {
		t.Helper()
		same(t, what, expected(t, dir, q), pages(t, s, q))
	}
	check("at first")
	last := filepath.Join(dir, "00000003.jsonl")
	half := r.Decision()
	recordtest.Append(t, last, half[:50])
	check("half a line")
	recordtest.Append(t, last, half[50:])
	check("the other half")
	r.Write(100, false)
	check("a new segment")
	pack(t, filepath.Join(dir, "00000002.jsonl"))
	check("a segment is compressed")
	if err := os.Remove(filepath.Join(dir, "00000001.jsonl.gz")); err != nil {
		t.Fatal(err)
	}
	check("a segment is removed")
	if _, err := os.Stat(filepath.Join(dir, "index", "00000001.idx")); !os.IsNotExist(err) {
		t.Errorf("its index is still there: %v", err)
	}
	last = filepath.Join(dir, "00000004.jsonl")
	for _, n := range []int{1, 66_000, 2} {
		var b []byte
		for range n {
			b = append(b, r.Decision()...)
		}
		recordtest.Append(t, last, b)
		check("more lines, and more than a part of the index holds")
	}
}

// pack compresses a segment in one member, as a foreign program would.
func pack(t testing.TB, path string) {
	t.Helper()
	plain, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	_, _ = zip.Write(plain)
	_ = zip.Close()
	if err := os.WriteFile(path+".gz", b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
