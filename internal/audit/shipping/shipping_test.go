package shipping_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/audit/shipping/depottest"
)

// TestEveryLineArrives: over the ends of segments, restarts of both sides and compressed segments, what was collected is byte for byte
// what was written, and is searched like any other record.
func TestEveryLineArrives(t *testing.T) {
	depot := new(depottest.Memory)
	a, b, c := newNode(t, "a", depot), newNode(t, "b.example", depot), newCollector(t, depot)
	for i := range 12 {
		a.write(20)
		b.write(7)
		a.sign()
		a.round()
		b.round()
		if i%3 == 2 {
			c.round()
			c.whole(a)
			c.whole(b)
		}
		if i%5 == 4 {
			a.stop()
			a.start()
			c.again()
		}
	}
	a.round()
	c.round()
	c.whole(a)
	if one := c.of("a"); one.Sealed == 0 || one.Begun != 1 || one.Segment < 5 {
		t.Errorf("%+v", one.Status)
	}
	if gz, _ := filepath.Glob(filepath.Join(c.of("a").Dir, "*.gz")); len(gz) < 4 {
		t.Errorf("%d closed segments are compressed", len(gz))
	}
	report, err := segment.Verify(c.of("a").Dir, nil)
	if err != nil || !report.OK() {
		t.Errorf("%+v, %v", report.Faults, err)
	}
	s, err := search.Open(search.Config{Dir: c.of("a").Dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.Find(t.Context(), search.Query{RequestID: "a-000003"})
	if err != nil || len(page.Found) != 1 {
		t.Errorf("%v, %v", page, err)
	}
	before := depot.Puts()
	a.round()
	b.round()
	if depot.Puts() != before {
		t.Error("what was shipped is shipped again")
	}
}

// TestOnlyDurableLinesAreShipped: a line that a loss of power could take back must not be known elsewhere.
func TestOnlyDurableLinesAreShipped(t *testing.T) {
	depot := new(depottest.Memory)
	n := newNode(t, "a", depot)
	end := uint64(0)
	n.tune = func(cfg *shipping.ShipperConfig) { cfg.Durable = func() uint64 { return end } }
	n.stop()
	n.start()
	n.write(10)
	for _, end = range []uint64{0, 1, 4, 9} {
		n.round()
		h, ok, err := depot.Last(t.Context(), n.stream())
		if err != nil || ok != (end > 0) || h.Last != end {
			t.Errorf("durable up to %d, shipped up to %d: %v", end, h.Last, err)
		}
	}
}

// TestADepotThatIsAway costs nothing but time, and memory for one piece; also where a piece came and its answer did not.
func TestADepotThatIsAway(t *testing.T) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "a", depot), newCollector(t, depot)
	n.write(10)
	n.round()
	depot.Cut(true)
	for range 3 {
		n.write(30)
		if err := n.ship.Round(t.Context()); !errors.Is(err, depottest.ErrAway) {
			t.Fatal(err)
		}
		if err := c.Round(t.Context()); !errors.Is(err, depottest.ErrAway) {
			t.Fatal(err)
		}
	}
	st := n.ship.Status()
	if st.Behind == 0 || st.Problem == nil || n.ship.Hold(1, st.Shipped) != "" || n.ship.Hold(1, st.Shipped+1) == "" {
		t.Errorf("%+v", st)
	}
	if err := c.Trouble(); err == nil || !strings.Contains(err.Error(), "away") {
		t.Errorf("trouble: %v", err)
	}
	if said := strings.Count(n.log.String(), "is not shipped"); said != 1 {
		t.Errorf("it was logged %d times", said)
	}
	n.stop() // it restarts while the depot is away
	n.start()
	if err := n.ship.Round(t.Context()); err == nil || n.ship.Status().Known || n.ship.Hold(1, 1) == "" {
		t.Errorf("%v, %+v", err, n.ship.Status())
	}
	depot.Cut(false)
	for lost := range 3 {
		depot.LoseAnswers(1)
		n.write(10)
		if err := n.ship.Round(t.Context()); !errors.Is(err, depottest.ErrAway) {
			t.Fatalf("%d: %v", lost, err)
		}
		n.write(10)
		n.round()
	}
	c.round()
	c.whole(n)
	if st := n.ship.Status(); st.Behind != 0 || !st.Since.IsZero() || st.Problem != nil {
		t.Errorf("%+v", st)
	}
}

// TestADiskThatWasPutBackIsAContradiction: the node ships nothing more, what was shipped stays, and what was collected stays.
func TestADiskThatWasPutBackIsAContradiction(t *testing.T) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "a", depot), newCollector(t, depot)
	n.write(10)
	n.round()
	n.stop()
	older := filepath.Join(t.TempDir(), "older")
	copyFolder(t, n.record(), older)
	n.start()
	n.write(10)
	n.round()
	c.round()
	c.whole(n)
	collected := bytesOf(t, c.of("a").Dir)
	n.stop()
	if err := os.RemoveAll(n.record()); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, older, n.record())
	n.start()
	for range 3 {
		n.write(40) // beyond what was shipped
		if err := n.ship.Round(t.Context()); !errors.Is(err, shipping.ErrContradiction) || !strings.Contains(err.Error(), "put back") {
			t.Fatal(err)
		}
	}
	if n.ship.Hold(1, 30) == "" {
		t.Error("what contradicts may be removed")
	}
	c.round()
	if got := bytesOf(t, c.of("a").Dir); got != collected {
		t.Error("what was collected has changed")
	}
}

// TestACopyOfANodeContradicts: two machines with one name and one record; whoever comes second ships nothing.
func TestACopyOfANodeContradicts(t *testing.T) {
	depot := new(depottest.Memory)
	n := newNode(t, "a", depot)
	n.write(10)
	n.round()
	n.stop()
	twin := &node{t: t, name: "a", dir: t.TempDir(), depot: depot, key: n.key}
	copyFolder(t, n.record(), twin.record())
	n.start()
	twin.start()
	n.round()
	twin.round() // both know the same end
	n.write(5)
	twin.write(5)
	n.round()
	if err := twin.ship.Round(t.Context()); !errors.Is(err, shipping.ErrContradiction) {
		t.Fatal(err)
	}
	twin.write(5)
	if err := twin.ship.Round(t.Context()); !errors.Is(err, shipping.ErrContradiction) {
		t.Fatal("it goes on: ", err)
	}
}

// TestDamageAtTheNodeIsAGapThere: a line that a disk has altered is passed over with the rest of its segment, and is told at both ends.
func TestDamageAtTheNodeIsAGapThere(t *testing.T) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "a", depot), newCollector(t, depot)
	n.write(10)
	n.round()
	n.write(120) // into the next segments
	path := filepath.Join(n.record(), segment.Name(1))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	lines[14] = strings.Replace(lines[14], `"chain"`, `"chayn"`, 1)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	n.round()
	if st := n.ship.Status(); st.Skipped != 1 || st.Behind != 0 || !strings.Contains(n.log.String(), "cannot be shipped") {
		t.Errorf("%+v", st)
	}
	c.round()
	one := c.of("a")
	if one.Fault == nil || one.Verified != 14 || one.Fault.Segment != 1 || one.Fault.Line != 15 {
		t.Errorf("%+v, %+v", one.Status, one.Fault)
	}
}

// TestWhatIsHeldIsBounded: an hour of lines is shipped in pieces, and only one is in memory.
func TestPiecesAreBounded(t *testing.T) {
	depot := new(depottest.Memory)
	n := newNode(t, "a", depot)
	n.write(300)
	n.round()
	for _, at := range places(t, depot, n.stream()) {
		p, err := depot.Get(t.Context(), n.stream(), at)
		if err != nil || p.Size > 3<<10 {
			t.Errorf("%v: %d bytes, %v", at, p.Size, err)
		}
	}
}

// TestASecondCollectorIsRefused on one folder, and another user's folder.
func TestASecondCollectorIsRefused(t *testing.T) {
	c := newCollector(t, new(depottest.Memory))
	if _, err := shipping.OpenCollector(c.cfg); err == nil {
		t.Error("two collect into one folder")
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	cfg := c.cfg
	cfg.Dir = open
	if _, err := shipping.OpenCollector(cfg); err == nil {
		t.Error("others can write into the folder")
	}
}

// TestOldSegmentsAreRemoved here, by the time at which they came, and the last one stays; what comes next is taken all the same.
func TestOldSegmentsAreRemoved(t *testing.T) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "a", depot), newCollector(t, depot)
	n.write(200)
	n.round()
	c.round()
	now := time.Now()
	c.cfg.Keep, c.cfg.Now, c.cfg.DropAfter = time.Hour, func() time.Time { return now }, time.Hour
	c.again()
	count := func() int {
		segments, err := segment.Segments(nil, c.of("a").Dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(segments)
	}
	c.round()
	before := count()
	if err := c.Tidy(t.Context()); err != nil || count() != before {
		t.Errorf("what is young was removed: %v", err)
	}
	now = now.Add(2 * time.Hour)
	if err := c.Tidy(t.Context()); err != nil || count() != 1 || before < 5 {
		t.Errorf("%d of %d segments stay: %v", count(), before, err)
	}
	if left := places(t, depot, n.stream()); len(left) != 0 {
		t.Errorf("%d pieces stay in the depot", len(left))
	}
	n.write(100)
	n.round()
	c.round()
	if one := c.of("a"); one.Trouble() != "" || one.Verified != n.w.Head().Seq {
		t.Errorf("%s, %+v", one.Trouble(), one.Status)
	}
}

// TestADepotThatForgotARecordGetsItAnew: it was emptied, or a node did nothing for longer than the depot keeps things. After its start the node
// ships all that it has, cut in other places; what is here goes on behind its last line, and nobody is told of a loss that was none.
func TestADepotThatForgotARecordGetsItAnew(t *testing.T) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "a", depot), newCollector(t, depot)
	for range 3 {
		n.write(2)
		n.sign()
		n.round()
		c.round()
	}
	if _, err := depot.Drop(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	n.stop()
	n.start()
	n.sign()
	n.write(40)
	n.round()
	n.sign()
	n.round()
	if all := places(t, depot, n.stream()); len(all) < 2 || all[0] != (shipping.Place{Segment: 1}) {
		t.Fatalf("it was not shipped anew: %v", all)
	}
	c.round()
	c.whole(n)
	if one := c.of("a"); one.Sealed != n.w.Head().Seq {
		t.Errorf("sealed up to line %d of %d", one.Sealed, n.w.Head().Seq)
	}
}

// TestALateCollectorBeginsWithAWholeSegment, where the depot has no older ones.
func TestALateCollectorBeginsWithAWholeSegment(t *testing.T) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "a", depot), newCollector(t, depot)
	n.write(20)
	n.round()
	depot.Alter(n.stream(), shipping.Place{Segment: 1}, func([]byte) []byte { return nil })
	c.round()
	if one := c.of("a"); one.Segment != 0 || one.Trouble() != "" {
		t.Errorf("%+v", one.Status)
	}
	n.write(100)
	n.round()
	c.round()
	if one := c.of("a"); one.Begun != 2 || one.Verified != n.w.Head().Seq || one.Trouble() != "" {
		t.Errorf("%+v", one.Status)
	}
}
