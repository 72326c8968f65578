package rollup_test

import (
	"log/slog"
	"testing"
	"time"

	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
)

// BenchmarkCount parses and counts one line, as the follower of a record does.
func BenchmarkCount(b *testing.B) {
	generator := recordtest.New(b, b.TempDir())
	lines := make([][]byte, 10_000)
	for i := range lines {
		lines[i] = append([]byte(nil), generator.Decision()...)
	}
	w, err := rollup.Open(rollup.Config{Dir: b.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	var l search.Line
	b.ReportAllocs()
	for n := uint64(1); b.Loop(); n++ {
		if err := l.Parse(lines[n%uint64(len(lines))]); err != nil {
			b.Fatal(err)
		}
		l.Seq = n
		if err := w.Add(&l); err != nil {
			b.Fatal(err)
		}
	}
}
