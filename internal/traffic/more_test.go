package traffic_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/traffic"
)

// TestFoldersThatComeLaterAreCounted: those of another node, whose record was collected after the start.
func TestFoldersThatComeLaterAreCounted(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	var more []string
	sums, err := traffic.New(traffic.Config{Folders: []string{t.TempDir()}, More: func() []string { return more }, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	sums.Poll(t.Context())
	dir := filepath.Join(t.TempDir(), "rollups")
	w, err := rollup.Open(rollup.Config{Dir: dir, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	line := search.Line{Kind: search.Allow, Time: now.Add(-10 * time.Minute), Environment: []byte("production"), API: []byte("card"), Status: 200, Seq: 1}
	if err := w.Add(&line); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	more = []string{dir}
	for range 2 { // the second one reads nothing twice
		sums.Poll(t.Context())
		report, err := sums.Report(traffic.Hour, nil)
		if err != nil || len(report.Series) != 1 || report.Series[0].Allowed != 1 {
			t.Errorf("%+v, %v", report.Series, err)
		}
	}
}
