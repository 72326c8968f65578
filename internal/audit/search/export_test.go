package search_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"

	"github.com/google/go-cmp/cmp"
)

// TestAnExportHasEveryLine, in both formats and both orders.
func TestAnExportHasEveryLine(t *testing.T) {
	_, dir := small(t)
	s := open(t, dir)
	for _, q := range []search.Query{{OldestFirst: true}, {Partner: "ptn_000003"}, {Decision: "refuse", OldestFirst: true, Scan: true}, {Limit: 7}} {
		want := expected(t, dir, q)
		if q.Limit > 0 {
			want = want[:q.Limit]
		}
		var out bytes.Buffer
		done, err := s.Export(t.Context(), &out, q, search.JSONL)
		if err != nil || done.Lines != uint64(len(want)) || len(done.Unread) > 0 {
			t.Errorf("%+v: %+v, %v", q, done, err)
		}
		same(t, "export", want, strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"))
		out.Reset()
		if _, err := s.Export(t.Context(), &out, q, search.CSV); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != len(want)+1 {
			t.Errorf("%+v: %d rows, %v", q, len(rows), err)
		}
	}
}

// TestACellIsNoFormula: what comes from strangers does not run in the spreadsheet of whoever reads the export.
func TestACellIsNoFormula(t *testing.T) {
	dir := t.TempDir()
	r := recordtest.New(t, dir)
	path := r.Write(0, false)
	paths := []string{`=cmd|'/C calc'!A0`, `+1+1`, `-2+3`, `@SUM(1)`, "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", `＝1`, `|x`, `%x`, `"=1"`, `/plain`, `a=b`, ``, "\x00=1"}
	for _, p := range paths {
		b := []byte(`{"time":"2026-11-20T08:00:00.000000Z","request_id":"r","decision":"refuse","reason":"stale_timestamp","status":401,"path":`)
		b = append(b, strconv.QuoteToASCII(p)...)
		b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte(`\x00`), []byte(`\u0000`)), []byte(`\a`), []byte(`\u0007`))
		recordtest.Append(t, path, r.Close(append(b, `,"skew_s":-5,"warnings":["=1"]`...)))
	}
	var out bytes.Buffer
	if done, err := open(t, dir).Export(t.Context(), &out, search.Query{OldestFirst: true}, search.CSV); err != nil || done.Lines != uint64(len(paths)) {
		t.Fatalf("%+v, %v", done, err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	if diff := cmp.Diff(search.Columns(), rows[0]); diff != "" {
		t.Error(diff)
	}
	for i, p := range paths {
		want := "'" + p
		if p == `"=1"` || p == `/plain` || p == `a=b` || p == `` {
			want = p
		}
		row := rows[i+1]
		if got := row[at["path"]]; got != strings.ReplaceAll(want, "\r\n", "\n") {
			t.Errorf("%q became %q, want %q", p, got, want)
		}
		if row[at["skew_s"]] != "-5" || row[at["decision"]] != "refuse" || row[at["status"]] != "401" || row[at["warnings"]] != `["=1"]` {
			t.Errorf("row %q", row)
		}
	}
}

// full is a disk without room.
type full struct{ room int }

var errFull = errors.New("no room")

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestAnExportThatCannotBeWritten(t *testing.T) {
	_, dir := small(t)
	for _, format := range []search.Format{search.JSONL, search.CSV} {
		if _, err := open(t, dir).Export(t.Context(), &full{room: 200_000}, search.Query{}, format); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestTailFollows: what is there from a line on, and what is written, over the end of a segment.
func TestTailFollows(t *testing.T) {
	r, dir := small(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	enough := errors.New("enough")
	var got []uint64
	last := r.Seq
	err := search.Tail(ctx, dir, last-9, search.Query{Decision: "final"}, time.Millisecond, func(f search.Found) error {
		got = append(got, f.Line.Seq)
		switch f.Line.Seq {
		case last:
			recordtest.Append(t, filepath.Join(dir, "00000002.jsonl"), r.Decision())
		case last + 1:
			r.Write(5, false)
		case last + 7: // behind the header
			return enough
		}
		return nil
	})
	var want []uint64
	for seq := last - 9; seq <= last+7; seq++ {
		if seq != last+2 { // the header
			want = append(want, seq)
		}
	}
	if diff := cmp.Diff(want, got); !errors.Is(err, enough) || diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
}
