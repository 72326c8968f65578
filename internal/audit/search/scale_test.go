package search_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
)

// TestQuestionsAtScale measures each kind of question, on as many lines as COUNTERSIGN_SEARCH_LINES says (50,000 unless it
// is set, less under the race detector; the figures of the documents are of 10,000,000), nine tenths of them compressed. It fails where an answer is wrong
// in its number; it prints times, and does not judge them. COUNTERSIGN_SEARCH_DIR keeps the record between runs.
func TestQuestionsAtScale(t *testing.T) {
	total, dir := 50_000, t.TempDir()
	if underRace {
		total = 6000
	}
	if text := os.Getenv("COUNTERSIGN_SEARCH_LINES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		total = n
	}
	if kept := os.Getenv("COUNTERSIGN_SEARCH_DIR"); kept != "" {
		dir = kept
	}
	begun := time.Now()
	if first, _ := filepath.Glob(filepath.Join(dir, "00000001.jsonl*")); len(first) == 0 {
		r := recordtest.New(t, dir)
		for i := range 10 {
			r.Write(total/10, i < 9)
		}
		t.Logf("%d lines written in %s, %d bytes", total, time.Since(begun).Round(time.Millisecond), sizeOf(t, dir, "*.jsonl*"))
	}
	begun = time.Now()
	s := open(t, dir)
	lines, err := s.Rebuild(context.Background())
	if err != nil || lines != uint64(total/10*10+10) {
		t.Fatalf("%d lines, %v", lines, err)
	}
	t.Logf("indexed in %s: %.1f bytes a line", time.Since(begun).Round(time.Millisecond), float64(sizeOf(t, filepath.Join(dir, "index"), "*"))/float64(total))
	for name, q := range scaleQuestions(t, s) {
		measure(t, dir, name, q)
	}
}

// scaleQuestions are one of each kind: of what is there often, what is rare, what is not there.
func scaleQuestions(t *testing.T, s *search.Searcher) map[string]search.Query {
	page, err := s.Find(context.Background(), search.Query{OldestFirst: true, Limit: 5000})
	if err != nil || len(page.Found) != 5000 {
		t.Fatalf("%d lines, %v", len(page.Found), err)
	}
	old := page.Found[4999].Line
	return map[string]search.Query{
		"request id, old":         {RequestID: string(old.RequestID)},
		"request id, none such":   {RequestID: "00000000000000000000000000000000"},
		"partner, busy":           {Partner: "ptn_000001"},
		"partner, rare":           {Partner: "ptn_000797"},
		"partner, none such":      {Partner: "ptn_nobody"},
		"credential":              {Credential: "crd_000301"},
		"credential, rare":        {Credential: "crd_002385"},
		"environment":             {Environment: "sandbox"},
		"api and environment":     {Environment: "sandbox", API: "aggregation"},
		"reason, common":          {Reason: "stale_timestamp"},
		"reason, 1 in 100,000":    {Reason: "suspended"},
		"decision":                {Decision: "refuse"},
		"address":                 {Address: netip.MustParsePrefix("198.51.3.1/32")},
		"address, none such":      {Address: netip.MustParsePrefix("203.0.113.9/32")},
		"prefix, rare":            {Address: netip.MustParsePrefix("2001:db8:1200::/40")},
		"prefix, common":          {Address: netip.MustParsePrefix("198.51.4.0/22")},
		"old minute":              {From: old.Time, To: old.Time.Add(time.Minute)},
		"partner in an old hour":  {Partner: "ptn_000100", From: old.Time, To: old.Time.Add(time.Hour)},
		"partner and reason":      {Partner: "ptn_000001", Reason: "bad_signature"},
		"two that never meet":     {Partner: "ptn_000002", Address: netip.MustParsePrefix("198.51.3.0/24")},
		"common ones, oldest":     {Environment: "production", API: "card", Decision: "final", OldestFirst: true},
		"everything, newest":      {},
		"partner oldest, busy":    {Partner: "ptn_000001", OldestFirst: true},
		"rare reason and partner": {Partner: "ptn_000000", Reason: "suspended"},
	}
}

// measure asks in a new Searcher, as a command does, and then again and again in the same one, as a server does.
func measure(t *testing.T, dir, name string, q search.Query) {
	t.Helper()
	s := open(t, dir)
	var took []time.Duration
	var found int
	rounds := 2
	if os.Getenv("COUNTERSIGN_SEARCH_LINES") != "" {
		rounds = 11
	}
	for range rounds {
		begun := time.Now()
		page, err := s.Find(context.Background(), q)
		took = append(took, time.Since(begun))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, f := range page.Found {
			if !q.Match(&f.Line) {
				t.Errorf("%s: found %s", name, f.Text)
			}
		}
		found = len(page.Found)
	}
	first := took[0]
	slices.Sort(took)
	t.Logf("%-26s %4d found   first %8s   p50 %8s   max %8s", name, found, first.Round(100*time.Microsecond),
		took[rounds/2].Round(10*time.Microsecond), took[rounds-1].Round(10*time.Microsecond))
}

func sizeOf(t *testing.T, dir, pattern string) (bytes int64) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
	}
	return bytes
}
