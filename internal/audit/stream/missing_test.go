package stream_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/audit/stream"
)

// deadSink takes nothing.
type deadSink struct{}

func (deadSink) Send(context.Context, []stream.Message) error { return errors.New("nobody is there") }
func (deadSink) Confirm(context.Context) error                { return nil }
func (deadSink) Close() error                                 { return nil }

// TestMissedLinesAreCountedOnce: a segment that was removed before the stream had it is counted, however often the receiver
// is tried after that, and a second one that goes meanwhile besides.
func TestMissedLinesAreCountedOnce(t *testing.T) {
	dir, position := t.TempDir(), filepath.Join(t.TempDir(), "position.json")
	r := recordtest.New(t, dir)
	var files []string
	var ends []uint64
	for range 3 {
		files = append(files, r.Write(10, false))
		ends = append(ends, r.Seq)
	}
	remove := func(file string) {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	remove(files[0])
	after := make(chan time.Time)
	s, err := stream.New(stream.Config{Dir: dir, Sink: deadSink{}, Position: position,
		Tick: make(chan time.Time), Now: time.Now, After: func(time.Duration) <-chan time.Time { return after }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for range 3 {
		after <- time.Time{} // a try has failed
	}
	if got := s.Counters().Missed; got != ends[0] {
		t.Errorf("%d lines missed, want %d", got, ends[0])
	}
	remove(files[1])
	for range 2 {
		after <- time.Time{}
	}
	if got := s.Counters().Missed; got != ends[1] {
		t.Errorf("%d lines missed, want %d", got, ends[1])
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
