package postgres_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/audit/shipping/depottest"
	"countersign.dev/internal/store/postgrestest"
)

// The variables by which a test runs itself as a node.
const (
	nodeFolder = "COUNTERSIGN_TEST_NODE"
	nodeDepot  = "COUNTERSIGN_TEST_DEPOT"
)

// TestAsANode is no test, but the process that TestAKilledNodeLosesWhatItHadNotShipped kills: it writes lines, ships them, and says after
// each round which line was durable when that began.
func TestAsANode(t *testing.T) {
	dir, url := os.Getenv(nodeFolder), os.Getenv(nodeDepot)
	if dir == "" {
		return
	}
	go func() { // whoever started it holds the other end, and is gone when this ends
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	w, ship := nodeAt(t, dir, url)
	for i := 0; ; i++ {
		for range 50 {
			w.Record(&audit.Decision{RequestID: fmt.Sprintf("r-%d", i), Time: time.Now(), Reason: "bad_signature", Status: 401})
		}
		if err := w.Admit(context.Background(), &audit.Decision{RequestID: "durable", Time: time.Now(), Allowed: true}); err != nil {
			t.Fatal(err)
		}
		durable := w.Head().Seq
		if err := ship.Round(context.Background()); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("round %d\n", durable)
	}
}

// nodeAt opens a node's record, and what ships it.
func nodeAt(t *testing.T, dir, url string) (*segment.Writer, *shipping.Shipper) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	w, err := segment.Open(segment.Config{Dir: filepath.Join(dir, "decisions"), Key: []byte("0123456789abcdef"), Now: time.Now, Rand: rand.Reader, Log: quiet,
		Durability: segment.Sync, MaxSize: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	ship, err := shipping.NewShipper(shipping.ShipperConfig{Depot: open(t, url), Stream: shipping.Stream{Node: "victim", Record: w.ID()}, Dir: filepath.Join(dir, "decisions"),
		Durable: func() uint64 { return w.Head().Seq }, Now: time.Now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return w, ship
}

// killed runs the node until it has said that many rounds, kills it wherever it is, and returns which line was durable when the last
// round began that it has told of.
func killed(t *testing.T, dir, url string, rounds int) (durable uint64) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAsANode$")
	c.Env = append(os.Environ(), nodeFolder+"="+dir, nodeDepot+"="+url)
	var said strings.Builder
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < rounds && lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if _, err := fmt.Sscanf(lines.Text(), "round %d", &durable); err == nil {
			n++
		}
	}
	_ = c.Process.Kill()
	for lines.Scan() { // what it had said before it died
		var more uint64
		if _, err := fmt.Sscanf(lines.Text()+"\n", "round %d\n", &more); err == nil {
			durable = max(durable, more)
		}
	}
	_ = c.Wait()
	if durable == 0 {
		t.Fatalf("the node said nothing: %s", said.String())
	}
	return durable
}

// TestAKilledNodeLosesWhatItHadNotShipped, and no more: each line that was durable when a round began is with the others when the round is
// over, wherever the node is killed. When it comes back, the rest follows, and nothing is there twice.
func TestAKilledNodeLosesWhatItHadNotShipped(t *testing.T) {
	postgrestest.Need(t, server)
	url, dir := server.Database(t), t.TempDir()
	collector, err := shipping.OpenCollector(shipping.CollectorConfig{Depot: open(t, url), Dir: filepath.Join(t.TempDir(), "collected"), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer collector.Close()
	collect := func() shipping.Collected {
		t.Helper()
		if err := collector.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := collector.All()
		if len(all) != 1 || all[0].Trouble() != "" {
			t.Fatalf("%d records, %s", len(all), all[0].Trouble())
		}
		return all[0]
	}
	for n := range 4 {
		durable := killed(t, dir, url, 2+n)
		if got := collect().Verified; got < durable {
			t.Errorf("line %d was durable when a round began that is over, and %d came", durable, got)
		}
	}
	w, ship := nodeAt(t, dir, url)
	if err := ship.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	one, last := collect(), w.Head().Seq
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if one.Verified != last {
		t.Errorf("the last line that came is %d of %d", one.Verified, last)
	}
	if here, there := whole(t, one.Dir), whole(t, filepath.Join(dir, "decisions")); !strings.HasPrefix(there, here) {
		t.Error("what came is not what was written")
	}
}

// whole is a record's bytes.
func whole(t *testing.T, dir string) string {
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

// TestAServerThatCrashesKeepsWhatItHadSaid: a piece that was put is there after PostgreSQL was killed.
func TestAServerThatCrashesKeepsWhatItHadSaid(t *testing.T) {
	own := postgrestest.Start(t)
	url := own.Database(t)
	d := open(t, url)
	p := depottest.PieceOf("a", 1, 0, "x\n")
	if err := d.Put(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := own.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithTimeout(t.Context(), 5*time.Second)
	defer end()
	if err := d.Put(ctx, depottest.PieceOf("a", 1, 2, "y\n")); err == nil {
		t.Error("a server that is down took a piece")
	}
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); ; {
		got, err := d.Get(t.Context(), p.Stream, p.Place)
		if err == nil && got.Digest == p.Digest {
			return
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatal(err)
		}
	}
}
