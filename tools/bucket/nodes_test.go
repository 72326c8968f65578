package bucket_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/audit/shipping"
)

var quiet = slog.New(slog.DiscardHandler)

// node writes some lines in several segments and ships them.
func node(t *testing.T, name string, depot shipping.Depot) (last uint64, again func() error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "decisions")
	w, err := segment.Open(segment.Config{Dir: dir, Key: []byte("0123456789abcdef"), Now: time.Now, Rand: rand.Reader, Log: quiet, Durability: segment.Sync, MaxSize: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	for i := range 100 {
		w.Record(&audit.Decision{RequestID: fmt.Sprintf("%s-%03d", name, i), Time: time.Now(), Reason: "bad_signature", Status: 401})
	}
	if err := w.Admit(context.Background(), &audit.Decision{RequestID: "end", Time: time.Now(), Allowed: true}); err != nil {
		t.Fatal(err)
	}
	again = func() error {
		ship, err := shipping.NewShipper(shipping.ShipperConfig{Depot: depot, Stream: shipping.Stream{Node: name, Record: w.ID()}, Dir: dir,
			Durable: func() uint64 { return w.Head().Seq }, Now: time.Now, Log: quiet, PieceSize: 3 << 10})
		if err != nil {
			return err
		}
		return ship.Round(t.Context())
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	return w.Head().Seq, again
}

// TestTwoNodesAndABucket: what two nodes have shipped into a bucket is collected, verified and found; a node that starts anew asks the
// bucket where it was.
func TestTwoNodesAndABucket(t *testing.T) {
	cfg := store(t, nil)
	lastA, _ := node(t, "a", open(t, cfg))
	lastB, again := node(t, "b", open(t, cfg))
	if err := again(); err != nil {
		t.Fatal(err)
	}
	c, err := shipping.OpenCollector(shipping.CollectorConfig{Depot: open(t, cfg), Dir: filepath.Join(t.TempDir(), "collected"), Now: time.Now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := c.All()
	if len(all) != 2 || all[0].Verified != lastA || all[1].Verified != lastB || c.Trouble() != nil || all[1].Segment < 3 {
		t.Fatalf("%+v, %v", all, c.Trouble())
	}
	s, err := search.Open(search.Config{Dir: all[1].Dir, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.Find(t.Context(), search.Query{RequestID: "b-042"})
	if err != nil || len(page.Found) != 1 {
		t.Errorf("%v, %v", page, err)
	}
}

// TestDropInABucket removes what the store took before a moment, and nothing else.
func TestDropInABucket(t *testing.T) {
	cfg := store(t, nil)
	d := open(t, cfg)
	node(t, "a", d)
	streams, err := d.Streams(t.Context())
	if err != nil || len(streams) != 1 {
		t.Fatal(streams, err)
	}
	if n, err := d.Drop(t.Context(), time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := d.Drop(t.Context(), time.Now().Add(time.Hour)); n == 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, ok, err := d.Last(t.Context(), streams[0]); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}
