package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/store"
)

func nodeID(last byte) string { return "nod_" + strings.Repeat("a", 25) + string([]byte{last}) }

// newNode fills every field, so that a column that is forgotten shows.
func newNode(id, name string) partner.Node {
	return partner.Node{ID: id, Name: name, Version: "v1.2.3", Environments: []string{"production", "sandbox"}, Revision: 7,
		MaxStaleness: 15 * time.Minute, Trouble: "the register", StartedAt: moment, BeatAt: moment.Add(time.Second),
		ReadAt: moment.Add(2 * time.Second), InForceAt: moment.Add(3 * time.Second), Took: 12345 * time.Microsecond}
}

// aside writes what needs no change row.
func aside(t *testing.T, s registry.Store, write func(tx registry.Tx) error) {
	t.Helper()
	if err := s.Aside(context.Background(), write); err != nil {
		t.Fatal(err)
	}
}

// nodes: every field comes back, in the order of names; dead ones go; nothing of it is a change.
func nodes(t *testing.T, s registry.Store) {
	type list = []partner.Node
	first, second, bare := newNode(nodeID('b'), "a"), newNode(nodeID('a'), "b"), newNode(nodeID('c'), "b")
	bare.Version, bare.Trouble, bare.Revision, bare.ReadAt, bare.Took = "", "", 0, time.Time{}, -time.Microsecond
	bare.Environments, bare.BeatAt = []string{"sandbox"}, moment.Add(time.Hour)
	aside(t, s, func(tx registry.Tx) error {
		return errors.Join(tx.PutNode(bare), tx.PutNode(second), tx.PutNode(first))
	})
	all := func(tx registry.Tx) (list, error) { return tx.Nodes() }
	want(t, s, list{first, second, bare}, all)
	want(t, s, list{second}, func(tx registry.Tx) (list, error) { return found(tx.Node(second.ID)) })
	want(t, s, nil, func(tx registry.Tx) (list, error) { return found(tx.Node("nod_\x00")) })
	want(t, s, 3, func(tx registry.Tx) (int, error) { return tx.CountNodes() })
	second.Revision, second.Trouble, second.BeatAt = 8, "", moment.Add(time.Hour)
	aside(t, s, func(tx registry.Tx) error {
		return errors.Join(tx.PutNode(second), tx.DeleteNodesBefore(moment.Add(time.Hour)))
	})
	want(t, s, list{second, bare}, all)
	aside(t, s, func(tx registry.Tx) error { return errors.Join(tx.DeleteNode(bare.ID), tx.DeleteNode(bare.ID)) })
	want(t, s, list{second}, all)
	want(t, s, 0, func(tx registry.Tx) (uint64, error) { return tx.Revision() })
	intact(t, s)
}

// impossibleNodes: no engine takes a row that means nothing.
func impossibleNodes(t *testing.T, s registry.Store) {
	for name, spoil := range map[string]func(*partner.Node){
		"no id":               func(n *partner.Node) { n.ID = "" },
		"another id":          func(n *partner.Node) { n.ID = "ptn_" + strings.Repeat("a", 26) },
		"no name":             func(n *partner.Node) { n.Name = "" },
		"a long name":         func(n *partner.Node) { n.Name = strings.Repeat("a", partner.MaxNodeName+1) },
		"a name with escapes": func(n *partner.Node) { n.Name = "a\x1b[2J" },
		"a name with C1":      func(n *partner.Node) { n.Name = "a\u009b2J" },
		"a name with zero":    func(n *partner.Node) { n.Name = "a\x00" },
		"no text":             func(n *partner.Node) { n.Version = "\xff" },
		"much trouble":        func(n *partner.Node) { n.Trouble = strings.Repeat("a", partner.MaxNodeTrouble+1) },
		"no environment":      func(n *partner.Node) { n.Environments = nil },
		"a comma":             func(n *partner.Node) { n.Environments = []string{"a,b"} },
		"twice the same":      func(n *partner.Node) { n.Environments = []string{"a", "a"} },
		"no order":            func(n *partner.Node) { n.Environments = []string{"b", "a"} },
		"an empty one":        func(n *partner.Node) { n.Environments = []string{"", "a"} },
		"no staleness":        func(n *partner.Node) { n.MaxStaleness = 0 },
		"a huge revision":     func(n *partner.Node) { n.Revision = 1 << 63 },
		"no beat":             func(n *partner.Node) { n.BeatAt = time.Time{} },
	} {
		n := newNode(nodeID('a'), "a")
		spoil(&n)
		if err := s.Aside(context.Background(), func(tx registry.Tx) error { return tx.PutNode(n) }); !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := partner.Lease{Name: "chores", Holder: nodeID('a'), Term: 1, Until: moment}
	for name, spoil := range map[string]func(*partner.Lease){
		"no name":   func(l *partner.Lease) { l.Name = "" },
		"no holder": func(l *partner.Lease) { l.Holder = "somebody" },
		"no term":   func(l *partner.Lease) { l.Term = 0 },
		"no end":    func(l *partner.Lease) { l.Until = time.Time{} },
	} {
		bad := l
		spoil(&bad)
		if err := s.Aside(context.Background(), func(tx registry.Tx) error { return tx.PutLease(bad) }); !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("a lease with %s: %v", name, err)
		}
	}
}

// leases: a term belongs to one holder, and a later term to whoever took it.
func leases(t *testing.T, s registry.Store) {
	type list = []partner.Lease
	l := partner.Lease{Name: "chores/production", Holder: nodeID('a'), Term: 1, Until: moment}
	read := func(tx registry.Tx) (list, error) { return found(tx.Lease(l.Name)) }
	want(t, s, nil, read)
	aside(t, s, func(tx registry.Tx) error { return tx.PutLease(l) })
	want(t, s, list{l}, read)
	rival := l
	rival.Holder = nodeID('b')
	aside(t, s, func(tx registry.Tx) error { return tx.PutLease(rival) }) // the same term: it stays
	want(t, s, list{l}, read)
	rival.Term, rival.Until = 2, moment.Add(time.Minute)
	aside(t, s, func(tx registry.Tx) error { return tx.PutLease(rival) })
	aside(t, s, func(tx registry.Tx) error { return tx.PutLease(l) }) // a term that has passed
	want(t, s, list{rival}, read)
	aside(t, s, func(tx registry.Tx) error {
		if got, err := read(tx); err != nil || len(got) != 1 || got[0] != rival {
			return fmt.Errorf("in a transaction that writes: %+v, %w", got, err)
		}
		return nil
	})
}

// apart: what is written aside is no change, and no change is written aside.
func apart(t *testing.T, s registry.Store) {
	ctx := context.Background()
	for name, write := range map[string]func(registry.Tx) error{
		"a partner": func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) },
		"a change":  func(tx registry.Tx) error { return errors.Join(tx.PutPartner(newPartner("ptn_a")), tx.Record(row)) },
	} {
		if err := s.Aside(ctx, write); !errors.Is(err, store.ErrUnrecorded) {
			t.Errorf("%s was written aside: %v", name, err)
		}
	}
	err := s.Aside(ctx, func(tx registry.Tx) error { return errors.Join(tx.PutNode(newNode(nodeID('a'), "a")), errOurs) })
	if !errors.Is(err, errOurs) {
		t.Errorf("the error of what was to be written is lost: %v", err)
	}
	for name, write := range map[string]func(registry.Tx) error{
		"a node": func(tx registry.Tx) error { return tx.PutNode(newNode(nodeID('a'), "a")) },
		"a lease": func(tx registry.Tx) error {
			return tx.PutLease(partner.Lease{Name: "a", Holder: nodeID('a'), Term: 1, Until: moment})
		},
	} {
		if err := s.View(ctx, write); !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("%s was written in a view: %v", name, err)
		}
	}
	want(t, s, nil, func(tx registry.Tx) ([]partner.Node, error) { return tx.Nodes() })
	isEmpty(t, s)
}

// clock: the database's own time goes on, and tells when the last change was made.
func clock(t *testing.T, s registry.Store) {
	var before, between, after time.Time
	read := func(at *time.Time) {
		t.Helper()
		want(t, s, true, func(tx registry.Tx) (_ bool, err error) { *at, err = tx.Now(); return err == nil, err })
	}
	read(&before)
	put(t, s, func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) })
	read(&after)
	want(t, s, 1, func(tx registry.Tx) (n uint64, err error) { n, between, err = tx.ChangedAt(); return n, err })
	if between.Before(before) || after.Before(between) {
		t.Errorf("%s, changed at %s, %s", before, between, after)
	}
	if apart := time.Since(before); apart < 0 || apart > time.Minute {
		t.Errorf("the clock of the database says %s", before)
	}
	aside(t, s, func(tx registry.Tx) error { return tx.PutNode(newNode(nodeID('a'), "a")) }) // no change
	want(t, s, between, func(tx registry.Tx) (at time.Time, err error) { _, at, err = tx.ChangedAt(); return at, err })
}

// oneHolder: of many that want a lease at once, one has it.
func oneHolder(t *testing.T, s registry.Store) {
	var all sync.WaitGroup
	var mu sync.Mutex
	holders := map[string]bool{}
	for i := range 8 {
		all.Go(func() {
			l := partner.Lease{Name: "chores", Holder: nodeID(byte('a' + i)), Term: 1, Until: moment}
			err := s.Aside(context.Background(), func(tx registry.Tx) error {
				if err := tx.PutLease(l); err != nil {
					return err
				}
				held, _, err := tx.Lease("chores")
				mu.Lock()
				defer mu.Unlock()
				holders[held.Holder] = true
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(holders) != 1 {
		t.Errorf("one lease has the holders %v", holders)
	}
}
