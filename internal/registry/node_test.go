package registry_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// process is a server process that beats into w's register.
func process(t *testing.T, w *world, name string, environments ...string) registry.Beat {
	t.Helper()
	id, err := w.NewNodeID()
	if err != nil {
		t.Fatal(err)
	}
	return registry.Beat{ID: id, Name: name, Version: "v1", Environments: environments, ReadAge: -1, MaxStaleness: 15 * time.Minute}
}

func (w *world) beats(t *testing.T, b registry.Beat) {
	t.Helper()
	if err := w.Beat(ctx, b); err != nil {
		t.Fatal(err)
	}
}

func (w *world) nodes(t *testing.T) registry.Nodes {
	t.Helper()
	all, err := w.Nodes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A node tells of itself by the database's clock, confirms a revision with the time that it took, and says goodbye. Nothing of it is a
// change of the register.
func TestANodeTellsWhatItServes(t *testing.T) {
	w := newWorld(t)
	b := process(t, w, "a:1", "sandbox", "production", "sandbox")
	w.beats(t, b)
	before := w.nodes(t)
	if s := before.All[0]; len(before.All) != 1 || s.State != registry.NodeStarting || s.Confirms(0) || s.ReadAge >= 0 || !s.StopsAt.IsZero() ||
		strings.Join(s.Environments, " ") != "production sandbox" {
		t.Fatalf("%+v", before)
	}
	if _, err := w.CreatePartner(ctx, alice, "Acme"); err != nil {
		t.Fatal(err)
	}
	b.Revision, b.ReadAge = before.Revision+1, 0
	w.beats(t, b)
	after := w.nodes(t)
	s := after.All[0]
	if s.State != registry.NodeCurrent || !s.Confirms(after.Revision) || s.Took < 0 || s.Took > time.Minute || s.InForceAt.Before(before.At) || s.StartedAt.After(before.At) {
		t.Errorf("%+v", after)
	}
	first := s.InForceAt
	w.beats(t, b)
	if s := w.nodes(t).All[0]; !s.InForceAt.Equal(first) {
		t.Errorf("a later beat moved the time at which the revision was in force from %s to %s", first, s.InForceAt)
	}
	if _, err := w.CreatePartner(ctx, alice, "Bolt"); err != nil {
		t.Fatal(err)
	}
	if all := w.nodes(t); all.All[0].State != registry.NodeBehind || all.Revision != after.Revision+1 ||
		len(registry.Unconfirmed(all.Of("sandbox"), all.Revision)) != 1 || len(all.Of("other")) != 0 {
		t.Errorf("%+v", all)
	}
	if err := errors.Join(w.Leave(ctx, b.ID), w.Leave(ctx, b.ID)); err != nil {
		t.Error(err)
	}
	if all := w.nodes(t); len(all.All) != 0 || all.Revision != after.Revision+1 {
		t.Errorf("%+v", all)
	}
}

// Each state is judged by one clock, the database's; what the node's own one says is in no row.
func TestHowANodeStands(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name          string
		revision      uint64
		silence, read time.Duration
		state         registry.NodeState
		confirms      bool
		awaited       bool
		says          string
	}{
		{"starting", 0, time.Second, -1, registry.NodeStarting, false, true, "is starting"},
		{"at the revision", 7, time.Second, time.Second, registry.NodeCurrent, true, false, ""},
		{"ahead", 8, time.Second, time.Second, registry.NodeCurrent, true, false, ""},
		{"behind", 6, time.Second, 3 * time.Second, registry.NodeBehind, false, true, "3s ago and stops by itself at 2026-11-20T10:15:02Z"},
		{"behind, and its readings fail", 6, time.Second, 14 * time.Minute, registry.NodeBehind, false, true, "14m0s ago and stops by itself at 2026-11-20T10:01:05Z"},
		{"just not silent", 6, registry.SilentFrom, registry.SilentFrom, registry.NodeBehind, false, true, "it last read the register 15s ago"},
		{"silent", 6, registry.SilentFrom + 1, registry.SilentFrom + 1, registry.NodeSilent, false, false, "has said nothing for 15s; it last read the register 15s ago and stops by itself at 2026-11-20T10:14:50Z"},
		{"silent, but it had it", 7, time.Minute, time.Minute, registry.NodeSilent, true, false, ""},
		{"it may decide still", 6, 15*time.Minute + registry.StopSlack, 15*time.Minute + registry.StopSlack, registry.NodeSilent, false, false, "stops by itself at 2026-11-20T10:00:00Z"},
		{"stopped", 6, 16 * time.Minute, 16 * time.Minute, registry.NodeStopped, true, false, "has stopped by itself: its last reading of the register is 16m0s old"},
		{"it beats, but cannot put it in force", 6, time.Second, 16 * time.Minute, registry.NodeStopped, true, false, "has stopped"},
		{"silent from the start", 0, time.Hour, -1, registry.NodeSilent, false, false, "has said nothing for 1h0m0s"},
	} {
		n := partner.Node{Name: "a:1", Revision: test.revision, BeatAt: now.Add(-test.silence), MaxStaleness: 15 * time.Minute}
		if test.read >= 0 {
			n.ReadAt = now.Add(-test.read)
		}
		s := registry.SeeNode(n, 7, now)
		if s.State != test.state || s.Confirms(7) != test.confirms || s.Awaited(7) != test.awaited || !strings.Contains(s.Why(), test.says) {
			t.Errorf("%s: %s, confirms %v, awaited %v: %s", test.name, s.State, s.Confirms(7), s.Awaited(7), s.Why())
		}
	}
}

// Revision 0 is in force nowhere: a node that is starting confirms nothing, also in an empty register.
func TestAStartingNodeConfirmsNothing(t *testing.T) {
	if (registry.Seen{State: registry.NodeCurrent}).Confirms(0) {
		t.Error("nothing in force confirms the empty register")
	}
}

// What stands in a row need not have been written by us: nothing of it reaches a terminal as more than text.
func TestWhatRowsOfNodesSayIsText(t *testing.T) {
	s := registry.SeeNode(partner.Node{Name: "a\x1b[2J", Version: "\u009b1m", Trouble: "b\r\n", Environments: []string{"c\x07"}}, 1, time.Now())
	if text := s.Name + s.Version + s.Trouble + s.Environments[0]; strings.ContainsAny(text, "\x1b\u009b\r\n\x07") {
		t.Errorf("%q", text)
	}
}

// What a node tells is checked, cut and bounded; nodes that died are forgotten, and a process that comes in the place of another one
// replaces it.
func TestNodesAreBounded(t *testing.T) {
	w := newWorld(t)
	b := process(t, w, "a:1", "sandbox")
	for name, spoil := range map[string]func(*registry.Beat){
		"no id":        func(b *registry.Beat) { b.ID = "a" },
		"no name":      func(b *registry.Beat) { b.Name = "" },
		"an escape":    func(b *registry.Beat) { b.Name = "\x1b[31m" },
		"nothing":      func(b *registry.Beat) { b.Environments = nil },
		"no staleness": func(b *registry.Beat) { b.MaxStaleness = 0 },
	} {
		bad := b
		spoil(&bad)
		if err := w.Beat(ctx, bad); !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.Trouble = "a\x1b[2J\xff\n" + strings.Repeat("ä", partner.MaxNodeTrouble)
	w.beats(t, b)
	if got := w.nodes(t).All[0].Trouble; len(got) > partner.MaxNodeTrouble || !strings.HasPrefix(got, "a [2J  ä") || !strings.HasSuffix(got, "ä") {
		t.Errorf("%d bytes: %q", len(got), got)
	}

	next := process(t, w, "a:2", "sandbox")
	next.Replaces = b.ID
	w.beats(t, next)
	if all := w.nodes(t).All; len(all) != 1 || all[0].ID != next.ID {
		t.Errorf("the process that ended is not replaced: %+v", all)
	}
	copied := process(t, w, "b:2", "sandbox")
	copied.Replaces = next.ID
	w.beats(t, copied)
	if all := w.nodes(t).All; len(all) != 2 {
		t.Errorf("a copied data folder replaces the node that it was copied from: %+v", all)
	}

	err := w.cfg.Store.Aside(ctx, func(tx registry.Tx) error {
		now, err := tx.Now()
		for i := range partner.MaxNodes - 2 {
			n := partner.Node{ID: fmt.Sprintf("nod_%026d", i), Name: "old", Environments: []string{"sandbox"}, MaxStaleness: time.Minute,
				StartedAt: now, BeatAt: now.Add(-registry.DeadFrom - time.Minute)}
			if i == 0 {
				n.Name, n.BeatAt = "living", now
			}
			err = errors.Join(err, tx.PutNode(n))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if all := w.nodes(t).All; len(all) != 3 {
		t.Errorf("%d nodes are shown; the dead ones are not", len(all))
	}
	w.beats(t, process(t, w, "c:1", "sandbox")) // forgets the dead ones
	err = w.cfg.Store.Aside(ctx, func(tx registry.Tx) error {
		n, err := tx.CountNodes()
		if n != 4 {
			t.Errorf("%d rows are left", n)
		}
		now, failed := tx.Now()
		for i := 1; n+i <= partner.MaxNodes; i++ {
			err = errors.Join(err, tx.PutNode(partner.Node{ID: fmt.Sprintf("nod_%026d", i), Name: "living", Environments: []string{"sandbox"},
				MaxStaleness: time.Minute, StartedAt: now, BeatAt: now}))
		}
		return errors.Join(err, failed)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Beat(ctx, process(t, w, "d:1", "sandbox")); !errors.Is(err, registry.ErrState) {
		t.Errorf("one node too many: %v", err)
	}
	w.beats(t, next) // one that is there goes on
}

// Two nodes want one lease: one has it, renews it and gives it back; the other one has it then. Nobody's clock but the database's counts.
func TestALeaseHasOneHolder(t *testing.T) {
	w := newWorld(t)
	a, b := process(t, w, "a:1", "sandbox").ID, process(t, w, "b:1", "sandbox").ID
	take := func(holder string, length time.Duration) (partner.Lease, bool) {
		t.Helper()
		l, ours, err := w.TakeLease(ctx, "chores", holder, length)
		if err != nil {
			t.Fatal(err)
		}
		return l, ours
	}
	first, ours := take(a, time.Minute)
	if !ours || first.Term != 1 {
		t.Fatalf("%+v, %v", first, ours)
	}
	w.clock.pass(time.Hour) // of this process: it ends nothing
	if l, ours := take(b, time.Minute); ours || l != first {
		t.Errorf("two holders: %+v", l)
	}
	if l, ours := take(a, 2*time.Minute); !ours || l.Term != 1 || !l.Until.After(first.Until) {
		t.Errorf("not renewed: %+v", l)
	}
	if err := w.ReturnLease(ctx, first); err != nil {
		t.Fatal(err)
	}
	second, ours := take(b, time.Minute)
	if !ours || second.Term != 2 {
		t.Errorf("%+v, %v", second, ours)
	}
	if err := w.ReturnLease(ctx, first); err != nil {
		t.Fatal(err)
	}
	if l, ours := take(a, time.Minute); ours || l.Holder != b {
		t.Errorf("a lease was given back by one who had lost it: %+v", l)
	}
	for _, length := range []time.Duration{0, -1, partner.MaxLease + 1} {
		if _, _, err := w.TakeLease(ctx, "chores", a, length); !errors.Is(err, registry.ErrArgument) {
			t.Errorf("%s: %v", length, err)
		}
	}
}

// A holder that was paused beyond the end of its lease changes nothing on its strength, whether another node has it since or nobody.
func TestALostLeaseChangesNothing(t *testing.T) {
	w := newWorld(t)
	a, b := process(t, w, "a:1", "sandbox").ID, process(t, w, "b:1", "sandbox").ID
	lost, ours, err := w.TakeLease(ctx, "chores", a, time.Microsecond)
	if err != nil || !ours {
		t.Fatal(ours, err)
	}
	add := func(l partner.Lease, name string) error {
		_, err := w.Under(l).CreatePartner(ctx, alice, name)
		return err
	}
	until(t, "the lease has ended", func() bool { return errors.Is(add(lost, "Nobody has it"), registry.ErrLease) })
	taken, ours, err := w.TakeLease(ctx, "chores", b, time.Minute)
	if err != nil || !ours {
		t.Fatalf("%+v, %v", taken, err)
	}
	if err := add(lost, "Another one has it"); !errors.Is(err, registry.ErrLease) {
		t.Errorf("a lost lease: %v", err)
	}
	forged := taken
	forged.Term++
	if err := add(forged, "Another term"); !errors.Is(err, registry.ErrLease) {
		t.Errorf("a term that nobody has: %v", err)
	}
	if err := add(taken, "Acme"); err != nil {
		t.Errorf("the holder: %v", err)
	}
	var names []string
	for _, c := range changes(t, w) {
		if c.Action == audit.PartnerCreated && !strings.Contains(c.Detail, "Nobody has it") {
			names = append(names, c.Detail)
		}
	}
	if len(names) != 1 {
		t.Errorf("%q were added under the leases", names)
	}
}

// changes are all change rows.
func changes(t *testing.T, w *world) (all []audit.Change) {
	t.Helper()
	err := w.cfg.Store.View(ctx, func(tx registry.Tx) (err error) {
		all, err = tx.Changes(0, 100)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// until asks until something holds; it is not about how fast.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, again := time.NewTimer(20*time.Second), time.NewTicker(time.Millisecond)
	defer deadline.Stop()
	defer again.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatal(what + ": not in time")
		case <-again.C:
		}
	}
}
