package shipping_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/audit/shipping/depottest"
)

// heard keeps what was logged.
type heard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) { h.mu.Lock(); defer h.mu.Unlock(); return h.b.Write(p) }
func (h *heard) String() string              { h.mu.Lock(); defer h.mu.Unlock(); return h.b.String() }
func (h *heard) log() *slog.Logger           { return slog.New(slog.NewTextHandler(h, nil)) }

// node is one node with its record, its book and its shipper.
type node struct {
	t     testing.TB
	name  string
	dir   string
	depot shipping.Depot
	w     *segment.Writer
	book  *checkpoint.Book
	key   *checkpoint.Signer
	ship  *shipping.Shipper
	log   heard
	n     int
	off   bool
	size  int64 // of a segment; 0: 8 KiB
	tune  func(*shipping.ShipperConfig)
}

func newNode(t testing.TB, name string, depot shipping.Depot) *node {
	n := &node{t: t, name: name, dir: t.TempDir(), depot: depot}
	var err error
	if n.key, err = checkpoint.NewKey(nil, filepath.Join(n.dir, "key"), rand.Reader); err != nil {
		t.Fatal(err)
	}
	n.start()
	return n
}

func (n *node) record() string { return filepath.Join(n.dir, "decisions") }
func (n *node) books() string  { return filepath.Join(n.dir, "books") }

// start opens the record and makes a shipper, as a server does when it starts.
func (n *node) start() {
	n.t.Helper()
	var err error
	n.w, err = segment.Open(segment.Config{Dir: n.record(), Key: []byte("0123456789abcdef"), Now: time.Now, Rand: rand.Reader, Log: n.log.log(),
		Durability: segment.Sync, MaxSize: max(n.size, 8<<10)})
	if err != nil {
		n.t.Fatal(err)
	}
	n.book, err = checkpoint.OpenBook(checkpoint.BookConfig{Dir: n.books(), Record: checkpoint.Decisions, Signer: n.key, Log: n.log.log()})
	if err != nil {
		n.t.Fatal(err)
	}
	cfg := shipping.ShipperConfig{Depot: n.depot, Stream: shipping.Stream{Node: n.name, Record: n.w.ID()}, Dir: n.record(),
		Durable: func() uint64 { return n.w.Head().Seq }, Book: filepath.Join(n.books(), checkpoint.FileName(checkpoint.Decisions)), Key: n.key.Public().String(),
		Now: time.Now, Log: n.log.log(), PieceSize: 3 << 10}
	if n.tune != nil {
		n.tune(&cfg)
	}
	if n.ship, err = shipping.NewShipper(cfg); err != nil {
		n.t.Fatal(err)
	}
	one := n.w
	n.t.Cleanup(func() {
		if n.w == one && !n.off {
			_ = one.Close()
		}
	})
	n.off = false
}

func (n *node) stop() {
	n.t.Helper()
	n.off = true
	if err := n.w.Close(); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) stream() shipping.Stream {
	return shipping.Stream{Node: n.name, Record: n.w.ID(), Part: shipping.Lines}
}

// write records some decisions, durably.
func (n *node) write(lines int) {
	n.t.Helper()
	for range lines {
		n.n++
		n.w.Record(&audit.Decision{RequestID: fmt.Sprintf("%s-%06d", n.name, n.n), Time: time.Now(), Environment: "production", API: "card", Reason: "bad_signature",
			Status: 401, Method: "GET", Path: "/api/v1/cards"})
	}
	if err := n.w.Admit(context.Background(), &audit.Decision{RequestID: n.name + "-admit", Time: time.Now(), Allowed: true}); err != nil {
		n.t.Fatal(err)
	}
}

// sign signs the end of the record.
func (n *node) sign() {
	n.t.Helper()
	if err := n.book.Add(func() (checkpoint.Anchor, error) { return n.w.Head(), nil }); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) round() {
	n.t.Helper()
	if err := n.ship.Round(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

// collector is a server that collects.
type collector struct {
	*shipping.Collector
	t   testing.TB
	dir string
	log heard
	cfg shipping.CollectorConfig
}

func newCollector(t testing.TB, depot shipping.Depot) *collector {
	c := &collector{t: t, dir: filepath.Join(t.TempDir(), "collected")}
	c.cfg = shipping.CollectorConfig{Depot: depot, Dir: c.dir, Now: time.Now, Log: c.log.log()}
	c.open()
	return c
}

func (c *collector) open() {
	c.t.Helper()
	var err error
	if c.Collector, err = shipping.OpenCollector(c.cfg); err != nil {
		c.t.Fatal(err)
	}
	one := c.Collector
	c.t.Cleanup(func() { _ = one.Close() })
}

// again is the collector after a start.
func (c *collector) again() {
	c.t.Helper()
	if err := c.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.open()
}

func (c *collector) round() {
	c.t.Helper()
	if err := c.Round(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

// of is the record of a node, which must be the only one.
func (c *collector) of(node string) (found shipping.Collected) {
	c.t.Helper()
	for _, one := range c.All() {
		if one.Node == node {
			if found.Node != "" {
				c.t.Fatalf("there are several records of %s", node)
			}
			found = one
		}
	}
	if found.Node == "" {
		c.t.Fatalf("there is no record of %s", node)
	}
	return found
}

// bytesOf is a whole record, segment by segment.
func bytesOf(t testing.TB, dir string) string {
	t.Helper()
	segments, err := segment.Segments(nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range segments {
		in, err := segment.OpenSegment(nil, dir, s.Number)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&b, in); err != nil {
			t.Fatal(err)
		}
		_ = in.Close()
	}
	return b.String()
}

// whole holds a collected record against the node's own.
func (c *collector) whole(n *node) {
	c.t.Helper()
	one := c.of(n.name)
	if text := one.Trouble(); text != "" {
		c.t.Fatal(text)
	}
	if got, want := bytesOf(c.t, one.Dir), bytesOf(c.t, n.record()); got != want {
		c.t.Fatalf("%d bytes came, %d were written", len(got), len(want))
	}
	if one.Verified != n.w.Head().Seq {
		c.t.Fatalf("verified up to line %d of %d", one.Verified, n.w.Head().Seq)
	}
}

// copyFolder copies a record as somebody does who makes a copy of a disk.
func copyFolder(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(to, 0o700); err != nil {
		t.Fatal(err)
	}
	_ = filepath.WalkDir(to, func(path string, d os.DirEntry, _ error) error {
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
}

// forge makes a depot's piece say something else, with a digest that fits.
func forge(change func(p *shipping.Piece)) func([]byte) []byte {
	return func(text []byte) []byte {
		p, err := shipping.Parse(text)
		if err != nil {
			panic(err)
		}
		change(p)
		p.Seal()
		if text, err = p.Encode(); err != nil {
			panic(err)
		}
		return text
	}
}

// places are the places of a node's pieces.
func places(t testing.TB, d *depottest.Memory, s shipping.Stream) []shipping.Place {
	t.Helper()
	all, err := d.List(t.Context(), s, shipping.Place{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
