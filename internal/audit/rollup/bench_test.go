package rollup_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/audit/segment"
)

// benchLines is how many lines a record of a benchmark has, beside headers.
const benchLines = 200_000

// written is a record that the writer of records has made, of requests of so many partners, in plain segments of 16 MiB.
func written(b *testing.B, partners int) (dir string) {
	b.Helper()
	dir = b.TempDir()
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	w, err := segment.Open(segment.Config{Dir: dir, Key: make([]byte, 16), Now: func() time.Time { return now }, Rand: rand.Reader,
		Log: slog.New(slog.DiscardHandler), MaxSize: 16 << 20, MaxQueue: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for range benchLines {
		now = now.Add(45 * time.Microsecond)
		n := random.IntN(partners)
		w.Record(&audit.Decision{Time: now, RequestID: fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64()), Environment: "production", API: "cards",
			Allowed: true, Reason: "allowed", Status: 200, Method: "GET", Path: "/api/v1/cards/17", Query: "page=3", Protocol: "HTTP/1.1",
			Partner: fmt.Sprintf("ptn_01hq3v9c6n%010d", n), Credential: fmt.Sprintf("crd_01hq3v9c6n%010d", n), Version: 1, Proved: true,
			Address: netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), byte(n)}), Peer: netip.AddrFrom4([4]byte{127, 0, 0, 1}),
			Timed: true, Lead: -3 * time.Millisecond, Duration: time.Duration(random.IntN(900)+100) * time.Microsecond, BytesOut: 1024})
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return dir
}

// spent is the processor time of this process, which other programs do not disturb as much as they do the time that passes.
func spent(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// perLine says what a line took in processor time, of all rounds since begun.
func perLine(b *testing.B, begun time.Duration) {
	b.ReportMetric(float64(spent(b)-begun)/float64(b.N)/benchLines, "cpu-ns/line")
}

// BenchmarkDerive makes what is derived from a record of 200,000 lines: the index, the counts, and both.
func BenchmarkDerive(b *testing.B) {
	for _, partners := range []int{1, 10_000} {
		dir := written(b, partners)
		index := func(b *testing.B) *search.Searcher {
			s, err := search.Open(search.Config{Dir: dir, Index: b.TempDir(), Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			return s
		}
		b.Run(fmt.Sprintf("index/%d", partners), func(b *testing.B) {
			s, begun := index(b), spent(b)
			for b.Loop() {
				if _, err := s.Rebuild(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			perLine(b, begun)
		})
		b.Run(fmt.Sprintf("counts/%d", partners), func(b *testing.B) {
			to, begun := b.TempDir(), spent(b)
			for b.Loop() {
				if _, err := rollup.Rebuild(b.Context(), rollup.Config{Dir: to, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, dir); err != nil {
					b.Fatal(err)
				}
			}
			perLine(b, begun)
		})
		b.Run(fmt.Sprintf("both/%d", partners), func(b *testing.B) {
			begun := spent(b)
			for b.Loop() {
				both(b, dir)
			}
			perLine(b, begun)
		})
	}
}

// both makes index and counts in one pass, as a server does while it writes.
func both(b *testing.B, dir string) {
	tally := rollup.NewTally()
	s, err := search.Open(search.Config{Dir: dir, Index: b.TempDir(), Log: slog.New(slog.DiscardHandler), Companion: tally})
	if err != nil {
		b.Fatal(err)
	}
	w, err := rollup.Open(rollup.Config{Dir: b.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler), Tally: tally})
	if err != nil {
		b.Fatal(err)
	}
	tick, done := make(chan time.Time), make(chan error, 1)
	empty := b.TempDir() // nothing is read from the record but by the index
	go func() { done <- w.Follow(b.Context(), empty, tick) }()
	tick <- time.Time{}
	for w.Next() < benchLines {
		if err := s.Refresh(b.Context()); err != nil {
			b.Fatal(err)
		}
		tick <- time.Time{}
	}
	close(tick)
	if err := errors.Join(<-done, w.Close()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkCount parses and counts one line, as the follower of a record does.
func BenchmarkCount(b *testing.B) {
	generator := recordtest.New(b, b.TempDir())
	lines := make([][]byte, 10_000)
	for i := range lines {
		lines[i] = bytes.Clone(generator.Decision())
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
