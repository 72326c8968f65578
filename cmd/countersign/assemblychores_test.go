package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// TestOneServerDoesTheChoresOfTheRegister: of two on a data folder one does what is about all of it, and the other one as soon as
// that has ended; what is about its own environments each does.
func TestOneServerDoesTheChoresOfTheRegister(t *testing.T) {
	dir := t.TempDir()
	var done [2]atomic.Int64
	all := make([]*chores, 2)
	for i := range all {
		a := newAssembly(dir, nil, discard(), 1)
		t.Cleanup(a.close)
		all[i] = &chores{a: a, causes: map[string]error{}, rights: &folderRights{a: a, lease: choreLease{dir: dir}}}
	}
	round := func(i int, scope choreScope) {
		all[i].round(t.Context(), chore{name: "count", scope: scope, do: func(context.Context, []grant) (int, error) { done[i].Add(1); return 1, nil }})
	}
	for range 3 {
		round(0, ofRegister)
		round(1, ofRegister)
	}
	if one, other := done[0].Load(), done[1].Load(); one != 3 || other != 0 {
		t.Errorf("the first did %d rounds, the second %d", one, other)
	}
	round(1, ofServed)
	if err := all[0].rights.(*folderRights).Close(); err != nil {
		t.Fatal(err)
	}
	round(1, ofRegister)
	if other := done[1].Load(); other != 2 {
		t.Errorf("after the first has ended, the second did %d", other)
	}
	if err := all[1].rights.(*folderRights).Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAChoreThatFailsIsToldAndTriedAgain: the log has each new cause once, readiness and the metric tell, and the end of it is told.
func TestAChoreThatFailsIsToldAndTriedAgain(t *testing.T) {
	a := newAssembly(t.TempDir(), nil, discard(), 1)
	t.Cleanup(a.close)
	c := &chores{a: a, causes: map[string]error{}, rights: &folderRights{a: a, lease: choreLease{dir: a.dir}}}
	broken := errors.New("the disk is full")
	cause := broken
	one := chore{name: "proposals", do: func(context.Context, []grant) (int, error) { return 0, cause }}
	c.round(t.Context(), one)
	c.round(t.Context(), one)
	if err := c.trouble(); !errors.Is(err, broken) || !strings.Contains(err.Error(), "proposals: ") {
		t.Errorf("trouble: %v", err)
	}
	cause = nil
	c.round(t.Context(), one)
	if err := c.trouble(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if (*chores)(nil).trouble() != nil {
		t.Error("a server without chores is in trouble")
	}
}

// TestWhatAnotherServerDoesIsNoTroubleHere: the lease could not be taken once, and then it was another server's.
func TestWhatAnotherServerDoesIsNoTroubleHere(t *testing.T) {
	a := newAssembly(t.TempDir(), nil, discard(), 1)
	t.Cleanup(a.close)
	c := &chores{a: a, causes: map[string]error{}, rights: &folderRights{a: a, lease: choreLease{dir: filepath.Join(a.dir, "not", "there")}}}
	one := chore{name: "proposals", scope: ofRegister, do: func(context.Context, []grant) (int, error) { return 0, nil }}
	c.round(t.Context(), one)
	if c.trouble() == nil {
		t.Fatal("a lease that cannot be taken is no trouble")
	}
	c.rights.(*folderRights).lease.dir = a.dir
	other := choreLease{dir: a.dir}
	if ours, err := other.take(); err != nil || !ours {
		t.Fatal(ours, err)
	}
	defer other.Close()
	if c.round(t.Context(), one); c.trouble() != nil {
		t.Errorf("another server does it: %v", c.trouble())
	}
}

// TestEvidenceGoesOnWhereTheTimeWasOver, so that no review waits for ever behind one that takes long to look at.
func TestEvidenceGoesOnWhereTheTimeWasOver(t *testing.T) {
	a := newAssembly(t.TempDir(), nil, discard(), 1)
	t.Cleanup(a.close)
	var page registry.ReviewPage
	for _, id := range []string{"ptn_a", "ptn_b", "ptn_c"} {
		page.Files = append(page.Files, registry.ReviewFile{Review: partner.Review{PartnerID: id, Environment: "elsewhere", State: partner.ReviewRequested}})
	}
	over, end := context.WithCancel(t.Context())
	end()
	if _, last, err := a.collectEvidence(over, page, nil); err != nil || last != page.Files[0].Place() {
		t.Errorf("it goes on behind %q, %v", last, err)
	}
	if _, last, err := a.collectEvidence(t.Context(), page, nil); err != nil || last != "" {
		t.Errorf("nothing is left, and it goes on behind %q, %v", last, err)
	}
}

// TestAProposalEndsByItself: the whole server, whose clock goes on by two weeks and a day: what nobody approved is expired.
func TestAProposalEndsByItself(t *testing.T) {
	s := startStepped(t)
	defer func() { s.stop() }()
	cfg, err := config.Load(s.file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	r, db, err := openRegisterOf(t.Context(), cfg, nil, func() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) })
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	partners, err := r.Partners(t.Context())
	if err != nil || len(partners) != 1 {
		t.Fatalf("%v %v", partners, err)
	}
	op, err := registry.NewOperation(registry.OpNetworkAllow, partners[0].ID, "production", registry.NetworkAllow{Prefix: netip.MustParsePrefix("203.0.113.0/24")})
	if err != nil {
		t.Fatal(err)
	}
	made, err := r.Do(t.Context(), registry.Actor{Kind: registry.Operator, Name: "alice"}, op, registry.Intent{Reason: "a new site"})
	if err != nil || made.Proposal == nil {
		t.Fatalf("%+v %v", made, err)
	}
	state := func() registry.ProposalState {
		p, err := r.Proposal(t.Context(), made.Proposal.ID)
		if err != nil {
			t.Fatal(err)
		}
		return p.State
	}
	if got := state(); got != registry.ProposalOpen {
		t.Fatalf("it is %s", got)
	}
	s.step(15 * 24 * time.Hour)
	until(t, "the proposal has ended", func() bool { return state() == registry.ProposalExpired })
	until(t, "the metric tells", func() bool {
		_, text := fetchPlain(t, s.ops+"/metrics")
		return strings.Contains(text, `countersign_chores_total{chore="proposals",outcome="changed"} 1`) && strings.Contains(text, "countersign_open_proposals 0")
	})
}
