package rollup_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/segment"

	"github.com/google/go-cmp/cmp"
)

// TestAllAtOnce is a server's day in small: the writer writes, rotates and compresses, the index is maintained, the counts follow, are
// made again in between, and somebody searches. In the end the counts are those of the record, and everything is found.
func TestAllAtOnce(t *testing.T) {
	const lines = 20_000
	record, counts := t.TempDir(), t.TempDir()
	quiet := slog.New(slog.DiscardHandler)
	w, err := segment.Open(segment.Config{Dir: record, Key: make([]byte, 16), Now: time.Now, Rand: rand.Reader, Log: quiet, MaxSize: 1 << 20, Compress: true,
		MaxQueue: 128 << 20}) // more than is recorded here, however slow the disk is
	if err != nil {
		t.Fatal(err)
	}
	tally := rollup.NewTally()
	writer, err := rollup.Open(rollup.Config{Dir: counts, Now: time.Now, Log: quiet, Tally: tally})
	if err != nil {
		t.Fatal(err)
	}
	index, err := search.Open(search.Config{Dir: record, Log: quiet, Companion: tally})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	looks, glances := make(chan time.Time), make(chan time.Time)
	var all sync.WaitGroup
	all.Go(func() { index.Maintain(ctx, glances) })
	all.Go(func() {
		if err := writer.Follow(ctx, record, looks); err != nil {
			t.Error(err)
		}
	})
	for i := range lines {
		w.Record(&audit.Decision{Time: time.Now(), RequestID: fmt.Sprintf("%032x", i), Environment: "production", API: "cards", Allowed: true, Reason: "allowed",
			Status: 200, Method: "GET", Path: "/x", Partner: fmt.Sprintf("ptn_%d", i%700), Credential: "crd", Version: 1, Proved: true, Duration: time.Duration(i)})
		switch {
		case i%9000 == 8999:
			if _, err := writer.Rebuild(ctx, record); err != nil {
				t.Fatal(err)
			}
		case i%2000 == 1999:
			if _, err := index.Find(ctx, search.Query{Partner: "ptn_7"}); err != nil {
				t.Fatal(err)
			}
			looks <- time.Time{}
		case i%500 == 499:
			glances <- time.Time{}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	page, err := index.Find(ctx, search.Query{Partner: "ptn_7", Limit: search.MaxLimit})
	if err != nil || len(page.Found) != lines/700+1 || len(page.Unread) > 0 {
		t.Errorf("%d found, %v, %v", len(page.Found), page.Unread, err)
	}
	for range 3 {
		glances <- time.Time{}
		glances <- time.Time{}
		looks <- time.Time{}
	}
	stop()
	all.Wait()
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	later, ended := open(t, counts), make(chan time.Time)
	if close(ended); later.Next() < lines/2 {
		t.Errorf("only %d lines were counted on the way", later.Next())
	}
	if err := errors.Join(later.Follow(t.Context(), record, ended), later.Close()); err != nil { // what nobody took from the tally any more
		t.Fatal(err)
	}
	again := t.TempDir()
	if _, err := rollup.Rebuild(t.Context(), config(again), record); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sum(t, again), sum(t, counts), exactly); diff != "" {
		t.Errorf("%.1000s", diff)
	}
}
