package search_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
)

// TestWarningsAreFound: what a warning mode let in is found by its word, with an index, without one, and page by page; a word
// that is a part of another one, or stands in another field, is none.
func TestWarningsAreFound(t *testing.T) {
	dir := t.TempDir()
	r := recordtest.New(t, dir)
	path := r.Write(300, false)
	for i, warnings := range []string{`["address_not_listed"]`, `["header_name","address_not_listed"]`, `["header_name"]`, `["address_not_listed_either"]`, `["\"address_not_listed\""]`} {
		recordtest.Append(t, path, r.Close(fmt.Appendf(nil, `{"time":"2026-11-20T08:00:0%d.000000Z","request_id":"w%d","environment":"production","api":"card","decision":"allow","reason":"allowed","status":200,"warnings":%s,"cause":"address_not_listed"`, i, i, warnings)))
	}
	s := open(t, dir)
	for _, scan := range []bool{false, true} {
		q := search.Query{Warning: "address_not_listed", Limit: 1, Scan: scan}
		var ids []string
		for {
			page, err := s.Find(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range page.Found {
				ids = append(ids, string(f.Line.RequestID))
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		if got := strings.Join(ids, " "); got != "w1 w0" {
			t.Errorf("scan %v: %s", scan, got)
		}
	}
	page, err := s.Find(context.Background(), search.Query{Warning: "header_name", Reason: "allowed", API: "card"})
	if err != nil || len(page.Found) != 2 {
		t.Errorf("%d found, %v", len(page.Found), err)
	}
	if _, err := s.Find(context.Background(), search.Query{Warning: strings.Repeat("x", 2000)}); !errors.Is(err, search.ErrQuery) {
		t.Error(err)
	}
}
