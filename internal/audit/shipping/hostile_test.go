package shipping_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/audit/shipping/depottest"
)

// altered has a node ship two segments, lets somebody into the depot, and collects.
func altered(t *testing.T, attack func(d *depottest.Memory, n *node, all []shipping.Place)) (*depottest.Memory, *node, *collector) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "b", depot), newCollector(t, depot)
	n.write(60)
	n.sign()
	n.round()
	attack(depot, n, places(t, depot, n.stream()))
	c.round()
	return depot, n, c
}

// TestWhatIsDoneInTheDepotIsRefusedOnArrival: node, segment and line are named, nothing of it gets into the record, and what was proven
// before stays.
func TestWhatIsDoneInTheDepotIsRefusedOnArrival(t *testing.T) {
	change := func(old, new string) func(p *shipping.Piece) {
		return func(p *shipping.Piece) { p.Body = bytes.Replace(p.Body, []byte(old), []byte(new), 1) }
	}
	for name, c := range map[string]struct {
		attack  func(d *depottest.Memory, n *node, all []shipping.Place)
		segment uint64
		line    int
		says    string
	}{
		"a letter of a line, with a digest that fits": {func(d *depottest.Memory, n *node, all []shipping.Place) {
			d.Alter(n.stream(), all[0], forge(change("b-000003", "b-900003")))
		}, 1, 4, "chain value does not fit"},
		"a letter of a line in the second piece": {func(d *depottest.Memory, n *node, all []shipping.Place) {
			d.Alter(n.stream(), all[1], forge(change("card", "cart")))
		}, 1, 0, "chain value does not fit"},
		"a byte without a digest that fits": {func(d *depottest.Memory, n *node, all []shipping.Place) {
			d.Alter(n.stream(), all[0], func(b []byte) []byte { b[len(b)-20] ^= 1; return b })
		}, 1, 1, "not a piece"},
		"a line taken out": {func(d *depottest.Memory, n *node, all []shipping.Place) {
			d.Alter(n.stream(), all[0], forge(func(p *shipping.Piece) {
				lines := bytes.SplitAfter(p.Body, []byte{'\n'})
				p.Body = bytes.Join(append(lines[:2:2], lines[3:]...), nil)
			}))
		}, 1, 3, "line 4 follows line 2"},
		"two lines exchanged": {func(d *depottest.Memory, n *node, all []shipping.Place) {
			d.Alter(n.stream(), all[0], forge(func(p *shipping.Piece) {
				lines := bytes.SplitAfter(p.Body, []byte{'\n'})
				lines[2], lines[3] = lines[3], lines[2]
				p.Body = bytes.Join(lines, nil)
			}))
		}, 1, 3, "line 4 follows line 2"},
		"a piece taken out": {func(d *depottest.Memory, n *node, all []shipping.Place) {
			d.Alter(n.stream(), all[1], func([]byte) []byte { return nil })
		}, 1, 0, "pieces are missing"},
		"a piece in the place of another": {func(d *depottest.Memory, n *node, all []shipping.Place) {
			q, err := d.Get(t.Context(), n.stream(), all[0])
			if err != nil {
				t.Fatal(err)
			}
			d.Alter(n.stream(), all[1], forge(func(p *shipping.Piece) { p.Body, p.Last, p.Chain = q.Body, q.Last, q.Chain }))
		}, 1, 0, "segment 1 follows segment 1"},
		"a head that names another end": {func(d *depottest.Memory, n *node, all []shipping.Place) {
			d.Alter(n.stream(), all[0], forge(func(p *shipping.Piece) { p.Last += 7 }))
		}, 1, 0, "names another line"},
		"a segment that is said to be closed too early": {func(d *depottest.Memory, n *node, all []shipping.Place) {
			d.Alter(n.stream(), all[1], forge(func(p *shipping.Piece) { p.Body, p.Closed = nil, true }))
		}, 1, 0, "closes it"},
		"the beginning of another record": {func(d *depottest.Memory, n *node, all []shipping.Place) {
			other := newNode(t, "other", d)
			other.write(20)
			other.round()
			q, err := d.Get(t.Context(), other.stream(), places(t, d, other.stream())[0])
			if err != nil {
				t.Fatal(err)
			}
			d.Alter(n.stream(), all[0], forge(func(p *shipping.Piece) { p.Body, p.Last, p.Chain = q.Body, q.Last, q.Chain }))
			d.Alter(other.stream(), all[0], func([]byte) []byte { return nil })
		}, 1, 1, "it is a segment of record"},
	} {
		t.Run(name, func(t *testing.T) {
			depot, n, got := altered(t, c.attack)
			one := got.of("b")
			f := one.Fault
			if f == nil || f.Segment != c.segment || c.line > 0 && f.Line != c.line || !strings.Contains(f.What, c.says) {
				t.Fatalf("%+v", f)
			}
			for _, said := range []string{got.Trouble().Error(), got.log.String()} {
				if !strings.Contains(said, "b") || !strings.Contains(said, "segment") || !strings.Contains(said, "line") || !strings.Contains(said, c.says) {
					t.Errorf("it says %q", said)
				}
			}
			if !strings.HasPrefix(bytesOf(t, n.record()), bytesOf(t, one.Dir)) {
				t.Error("something else than what was written is in the record")
			}
			verified := one.Verified
			got.again() // a start changes nothing
			n.write(60)
			if err := n.ship.Round(t.Context()); err != nil && !errors.Is(err, shipping.ErrContradiction) {
				t.Fatal(err)
			}
			got.round()
			if one := got.of("b"); one.Fault == nil || one.Verified != verified {
				t.Errorf("it went on: %+v", one.Status)
			}
			if f.Aside != "" {
				if _, err := os.Stat(f.Aside); err != nil {
					t.Error(err)
				}
			}
			_ = depot
		})
	}
}

// TestADepotThatWasMendedIsTakenUpAgain, without anybody's help but the mending.
func TestADepotThatWasMendedIsTakenUpAgain(t *testing.T) {
	var good []byte
	var at shipping.Place
	depot, n, c := altered(t, func(d *depottest.Memory, n *node, all []shipping.Place) {
		at = all[1]
		d.Alter(n.stream(), at, func(b []byte) []byte {
			good = bytes.Clone(b)
			return forge(func(p *shipping.Piece) { p.Body = bytes.ToUpper(p.Body) })(b)
		})
	})
	if c.of("b").Fault == nil {
		t.Fatal("nothing was noticed")
	}
	depot.Alter(n.stream(), at, func([]byte) []byte { return good })
	c.again() // it would be looked at again in a minute
	c.round()
	c.whole(n)
}

// TestAPersonCanHaveARecordGoOn behind what cannot be proven: with the next whole segment, and the gap is told for ever.
func TestAPersonCanHaveARecordGoOn(t *testing.T) {
	depot, n, c := altered(t, func(d *depottest.Memory, n *node, all []shipping.Place) {
		d.Alter(n.stream(), all[1], func([]byte) []byte { return nil })
	})
	before := c.of("b")
	if err := shipping.GoOn(c.dir, n.stream()); err != nil {
		t.Fatal(err)
	}
	c.round()
	one := c.of("b")
	if one.Trouble() != "" || one.Verified != n.w.Head().Seq || len(one.Gaps) != 1 || one.Gaps[0].After != before.Verified || one.Gaps[0].Before <= before.Verified+1 {
		t.Errorf("%s: %+v", one.Trouble(), one.Status)
	}
	if err := shipping.GoOn(c.dir, n.stream()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a record without a fault: %v", err)
	}
	if err := shipping.GoOn(c.dir, shipping.Stream{Node: "../b", Record: n.w.ID(), Part: shipping.Lines}); !errors.Is(err, shipping.ErrMalformed) {
		t.Error(err)
	}
	n.write(60)
	n.round()
	c.again()
	c.round()
	if one := c.of("b"); one.Trouble() != "" || one.Verified != n.w.Head().Seq || len(one.Gaps) != 1 {
		t.Errorf("%s: %+v", one.Trouble(), one.Status)
	}
	_ = depot
}

// TestGoingOnIsForTheFaultThatWasSeen: where the segment behind it does not verify either, the record waits there for somebody who has seen
// that, too.
func TestGoingOnIsForTheFaultThatWasSeen(t *testing.T) {
	_, n, c := altered(t, func(d *depottest.Memory, n *node, all []shipping.Place) {
		d.Alter(n.stream(), all[1], func([]byte) []byte { return nil })
		d.Alter(n.stream(), shipping.Place{Segment: 2}, forge(func(p *shipping.Piece) {
			p.Body = bytes.Replace(p.Body, []byte("bad_signature"), []byte("out_of_window"), 1)
		}))
	})
	before := c.of("b")
	for segment := uint64(1); segment <= 2; segment++ {
		if f := c.of("b").Fault; f == nil || f.Segment != segment {
			t.Fatalf("the fault is %+v, not one of segment %d", f, segment)
		}
		if err := shipping.GoOn(c.dir, n.stream()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			c.round()
		}
		if one := c.of("b"); segment == 1 && (one.Verified != before.Verified || one.Fault == nil) {
			t.Fatalf("a fault that nobody saw was passed over: %+v", one.Status)
		}
		c.again() // what was asked for outlives a start
		c.round()
	}
	if one := c.of("b"); one.Trouble() != "" || one.Verified != n.w.Head().Seq || len(one.Gaps) != 1 || one.Gaps[0].After != before.Verified {
		t.Errorf("%s: %+v", one.Trouble(), one.Status)
	}
}

// TestARecordThatWasWrittenAnewContradictsItsCheckpoints: whoever has the node can make a chain that fits, but not what was signed.
func TestARecordThatWasWrittenAnewContradictsItsCheckpoints(t *testing.T) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "b", depot), newCollector(t, depot)
	n.write(10)
	n.stop()
	first := filepath.Join(t.TempDir(), "first")
	copyFolder(t, n.record(), first)
	n.start()
	n.write(3)
	n.sign()
	n.stop()
	if err := os.RemoveAll(n.record()); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, first, n.record())
	n.start()
	n.write(8) // another history
	n.round()
	c.round()
	one := c.of("b")
	if one.Fault == nil || !strings.Contains(one.Fault.What, "written anew") || one.Verified >= one.BookSeq || one.Sealed != 0 {
		t.Errorf("%+v, %+v", one.Status, one.Fault)
	}
}

// TestTheFirstKeyOfANodeIsTold: it counts, it is shown as not confirmed, another one after it is refused, and one that is confirmed
// later must be the same.
func TestTheFirstKeyOfANodeIsTold(t *testing.T) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "b", depot), newCollector(t, depot)
	n.write(10)
	n.sign()
	n.round()
	c.round()
	id := n.key.Public().ID()
	one := c.of("b")
	if one.Sealed != n.w.Head().Seq || one.SealedBy != id || one.Confirmed || one.Key.ID != id {
		t.Errorf("%+v", one.Status)
	}
	if !strings.Contains(c.log.String(), "nobody has confirmed") || !strings.Contains(c.log.String(), id) {
		t.Error("first use was silent")
	}
	keys := []checkpoint.Public{n.key.Public()}
	c.cfg.Keys = func(string) []checkpoint.Public { return keys }
	c.again()
	n.write(1)
	n.sign()
	n.round()
	c.round()
	if one := c.of("b"); !one.Confirmed || one.Trouble() != "" || one.Sealed != n.w.Head().Seq {
		t.Errorf("%s, %+v", one.Trouble(), one.Status)
	}
	other, err := checkpoint.NewKey(nil, filepath.Join(t.TempDir(), "key"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys = []checkpoint.Public{other.Public()}
	c.again()
	c.round()
	if one := c.of("b"); one.Confirmed || !strings.Contains(one.Trouble(), "not the one that was confirmed") {
		t.Errorf("%s", one.Trouble())
	}
}

// TestTheKeyThatHasSignedIsTheOneThatIsTold: where several keys of a node were confirmed, not the first of them, but the one that vouches.
func TestTheKeyThatHasSignedIsTheOneThatIsTold(t *testing.T) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "b", depot), newCollector(t, depot)
	former, err := checkpoint.NewKey(nil, filepath.Join(t.TempDir(), "key"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.cfg.Keys = func(string) []checkpoint.Public { return []checkpoint.Public{former.Public(), n.key.Public()} }
	c.again()
	n.write(5)
	n.sign()
	n.round()
	c.round()
	one, id := c.of("b"), n.key.Public().ID()
	if one.Key == nil || one.Key.ID != id || one.SealedBy != id || !one.Confirmed || one.Sealed != n.w.Head().Seq || one.Trouble() != "" {
		t.Errorf("%+v, key %+v, want %s", one.Status, one.Key, id)
	}
}

// TestStatementsThatAreNotTheNodesAreRefused, and lines go on: they have a chain of their own.
func TestStatementsThatAreNotTheNodesAreRefused(t *testing.T) {
	book := func(n *node) shipping.Stream { s := n.stream(); s.Part = shipping.Book; return s }
	for name, attack := range map[string]struct {
		do   func(d *depottest.Memory, n *node)
		says string
	}{
		"another hash": {func(d *depottest.Memory, n *node) {
			d.Alter(book(n), shipping.Place{}, forge(func(p *shipping.Piece) { p.Body[bytes.Index(p.Body, []byte(`"hash":"`))+8] ^= 1 }))
		}, "statement 1"},
		"one taken out": {func(d *depottest.Memory, n *node) {
			d.Alter(book(n), shipping.Place{}, forge(func(p *shipping.Piece) {
				lines := bytes.SplitAfter(p.Body, []byte{'\n'})
				p.Body = append(bytes.Clone(lines[0]), lines[2]...)
			}))
		}, "follows statement 1"},
		"another key": {func(d *depottest.Memory, n *node) {
			other, err := checkpoint.NewKey(nil, filepath.Join(n.t.TempDir(), "key"), rand.Reader)
			if err != nil {
				n.t.Fatal(err)
			}
			d.Alter(book(n), shipping.Place{}, forge(func(p *shipping.Piece) { p.Key = other.Public().String() }))
		}, "another key"},
		"no key": {func(d *depottest.Memory, n *node) {
			d.Alter(book(n), shipping.Place{}, forge(func(p *shipping.Piece) { p.Key = "" }))
		}, "does not say which key"},
		"no piece": {func(d *depottest.Memory, n *node) {
			d.Alter(book(n), shipping.Place{}, func(b []byte) []byte { return b[:len(b)-3] })
		}, "not a piece"},
	} {
		t.Run(name, func(t *testing.T) {
			depot := new(depottest.Memory)
			n, c := newNode(t, "b", depot), newCollector(t, depot)
			for range 3 {
				n.write(5)
				n.sign()
			}
			n.round()
			attack.do(depot, n)
			c.round()
			one := c.of("b")
			if !strings.Contains(one.BookFault, attack.says) || one.Verified != n.w.Head().Seq || one.Sealed != 0 {
				t.Errorf("%q, %+v", one.BookFault, one.Status)
			}
			if err := c.Trouble(); err == nil || !strings.Contains(err.Error(), "node b") {
				t.Error(err)
			}
		})
	}
}

// TestABookThatWasTakenAwayIsAContradiction at the node, and its lines go on.
func TestABookThatWasTakenAwayIsAContradiction(t *testing.T) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "b", depot), newCollector(t, depot)
	n.write(5)
	n.sign()
	n.round()
	n.stop()
	if err := os.RemoveAll(n.books()); err != nil {
		t.Fatal(err)
	}
	n.start()
	n.write(5)
	n.sign()
	if err := n.ship.Round(t.Context()); !errors.Is(err, shipping.ErrContradiction) || !strings.Contains(err.Error(), "book") {
		t.Error(err)
	}
	c.round()
	c.whole(n)
}

// TestOnlyKnownNodesAreTakenWhereThatIsWanted.
func TestOnlyKnownNodesAreTakenWhereThatIsWanted(t *testing.T) {
	depot := new(depottest.Memory)
	a, b, c := newNode(t, "a", depot), newNode(t, "b", depot), newCollector(t, depot)
	for _, n := range []*node{a, b} {
		n.write(5)
		n.round()
	}
	c.cfg.KnownOnly, c.cfg.Keys = true, func(node string) []checkpoint.Public {
		if node == "a" {
			return []checkpoint.Public{a.key.Public()}
		}
		return nil
	}
	c.again()
	c.round()
	if all := c.All(); len(all) != 1 || all[0].Node != "a" || c.Trouble() == nil || !strings.Contains(c.Trouble().Error(), "node b has no confirmed key") {
		t.Errorf("%d, %v", len(all), c.Trouble())
	}
}

// TestAFileThatWasCutHereIsTold: what was proven on arrival must not be less afterwards.
func TestAFileThatWasCutHereIsTold(t *testing.T) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "b", depot), newCollector(t, depot)
	n.write(5)
	n.round()
	c.round()
	if err := os.Truncate(filepath.Join(c.of("b").Dir, "00000001.jsonl"), 10); err != nil {
		t.Fatal(err)
	}
	n.write(5)
	n.round()
	if err := c.Round(t.Context()); err == nil || !strings.Contains(err.Error(), "cut it off here") {
		t.Error(err)
	}
}

// TestACrashBetweenLinesAndStateLosesNothing: bytes behind what was noted are written again.
func TestACrashBetweenLinesAndStateLosesNothing(t *testing.T) {
	depot := new(depottest.Memory)
	n, c := newNode(t, "b", depot), newCollector(t, depot)
	n.write(5)
	n.round()
	c.round()
	state := filepath.Join(filepath.Dir(c.of("b").Dir), "state.json")
	before, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	n.write(5)
	n.round()
	c.round()
	if err := os.WriteFile(state, before, 0o600); err != nil {
		t.Fatal(err)
	}
	n.write(5)
	n.round()
	c.again()
	c.round()
	c.whole(n)
}
