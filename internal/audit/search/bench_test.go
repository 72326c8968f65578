package search_test

import (
	"bytes"
	"context"
	"os"
	"testing"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
)

// BenchmarkParse reads one line.
func BenchmarkParse(b *testing.B) {
	line := bytes.Clone(recordtest.New(b, b.TempDir()).Decision())
	var l search.Line
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Parse(line); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIndex makes the index of 20,000 lines.
func BenchmarkIndex(b *testing.B) {
	dir := b.TempDir()
	path := recordtest.New(b, dir).Write(20_000, false)
	s := open(b, dir)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	for b.Loop() {
		if _, err := s.Rebuild(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
