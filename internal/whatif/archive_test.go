package whatif_test

import (
	"bytes"
	"log/slog"
	"testing"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/whatif"
)

// TestTheExportOfEverythingIsOnePiece, and a filtered one is what the search gives.
func TestTheExportOfEverythingIsOnePiece(t *testing.T) {
	dir := t.TempDir()
	r := recordtest.New(t, dir)
	for i := range 3 {
		r.Write(20, i < 2)
	}
	s, err := search.Open(search.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	archive := whatif.Archive{Searcher: s, Dir: dir}
	for _, c := range []struct {
		q             search.Query
		pieces        int
		lines, lacked uint64
	}{
		{search.Query{OldestFirst: true}, 1, 63, 0},
		{search.Query{OldestFirst: true, Decision: "final"}, 3, 60, 2},
	} {
		var b bytes.Buffer
		done, err := archive.Export(ctx, &b, c.q, search.JSONL)
		if err != nil || done.Lines != c.lines {
			t.Fatalf("%+v, %v", done, err)
		}
		got, err := segment.VerifyLines(&b, nil)
		if err != nil || !got.OK() || got.Pieces != c.pieces || got.Missing != c.lacked {
			t.Errorf("%+v: %+v, %v", c.q, got, err)
		}
	}
	var sheet bytes.Buffer
	if done, err := archive.Export(ctx, &sheet, search.Query{OldestFirst: true}, search.CSV); err != nil || done.Lines != 60 || !bytes.HasPrefix(sheet.Bytes(), []byte("time,")) {
		t.Errorf("%+v, %v", done, err)
	}
}
