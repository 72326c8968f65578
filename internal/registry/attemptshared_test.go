package registry_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// nodesOf are several processes on the store of w, all of them with its hasher.
func nodesOf(t *testing.T, w *world, number int, shared bool) (all []*registry.Registry) {
	t.Helper()
	for range number {
		cfg := w.cfg
		cfg.Shared = shared
		r, err := registry.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// together asks every node so many times at once. The hashes of the first partner.MaxFailures end together, when all of them have begun:
// then the count is full of attempts that nobody has decided.
func together(t *testing.T, w *world, nodes []*registry.Registry, each int, app registry.Issued, secret []byte) map[registry.Outcome]int {
	t.Helper()
	begun, full := make(chan struct{}, 1000), make(chan struct{})
	w.hasher.during = func() {
		begun <- struct{}{}
		<-full
	}
	go func() {
		defer close(full)
		for range partner.MaxFailures {
			select {
			case <-begun:
			case <-t.Context().Done():
			}
		}
	}()
	var all sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[registry.Outcome]int{}
	for _, r := range nodes {
		for range each {
			all.Go(func() {
				outcome, err := r.Authenticate(ctx, app.Credential.ID, app.Login, secret)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				outcomes[outcome]++
			})
		}
	}
	all.Wait()
	return outcomes
}

// looking tells when a transaction has ended.
type looking struct {
	registry.Store
	looked chan struct{}
}

func (l looking) Update(ctx context.Context, change func(registry.Tx) error) error {
	err := l.Store.Update(ctx, change)
	select {
	case l.looked <- struct{}{}:
	default:
	}
	return err
}

// TestHonestCallersAtManyNodesLockNobodyOut: the count is full of honest attempts that other nodes have under way, and one more comes at a
// node that has none: it waits, and nobody is locked out.
func TestHonestCallersAtManyNodesLockNobodyOut(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	begun, decide := make(chan struct{}, 100), make(chan struct{})
	w.hasher.during = func() {
		begun <- struct{}{}
		<-decide
	}
	late := looking{w.cfg.Store, make(chan struct{}, 1)}
	nodes := nodesOf(t, w, partner.MaxFailures, true)
	w.cfg.Store = late
	nodes = append(nodes, nodesOf(t, w, 1, true)...)
	outcomes := make(chan registry.Outcome, len(nodes))
	var all sync.WaitGroup
	for i, r := range nodes {
		all.Go(func() {
			outcome, err := r.Authenticate(ctx, app.Credential.ID, app.Login, app.Secret.Bytes())
			if err != nil {
				t.Error(err)
			}
			outcomes <- outcome
		})
		if i < partner.MaxFailures {
			<-begun
		}
	}
	<-late.looked // it has found the count full
	close(decide)
	all.Wait()
	for range nodes {
		if outcome := <-outcomes; outcome != registry.Proved {
			t.Errorf("an honest call came to %s", outcome)
		}
	}
	c, err := w.FindCredential(ctx, app.Credential.ID)
	if err != nil || !c.LockedAt.IsZero() || c.Failures != 0 {
		t.Errorf("afterwards: %d failures, locked at %s, %v", c.Failures, c.LockedAt, err)
	}
}

// TestRule30GuessesAtManyNodesAreCountedTogether: whatever comes at once, at however many nodes, five secrets are compared and no more.
func TestRule30GuessesAtManyNodesAreCountedTogether(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	got := together(t, w, nodesOf(t, w, 4, true), 10, app, []byte("a wrong one"))
	if verified, _ := w.hasher.counts(); verified != partner.MaxFailures {
		t.Errorf("%d secrets were compared", verified)
	}
	if got[registry.Wrong] != partner.MaxFailures || got[registry.Proved] != 0 {
		t.Errorf("%v", got)
	}
	c, err := w.FindCredential(ctx, app.Credential.ID)
	if err != nil || c.LockedAt.IsZero() {
		t.Errorf("it is not locked: %v", err)
	}
}

// TestRule30AttemptsOfAKilledNodeAreFailures once they cannot be under way any more.
func TestRule30AttemptsOfAKilledNodeAreFailures(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	dead := `[{"process":"prc_dead","number":2,"until":1}]` // its end has passed
	err := w.cfg.Store.Update(ctx, func(tx registry.Tx) error {
		if err := tx.PutFailures(app.Credential.ID, partner.MaxFailures); err != nil {
			return err
		}
		return tx.PutTransient(partner.Transient{Kind: "attempts", ID: app.Credential.ID, ExpiresAt: time.Now().Add(time.Hour), Body: []byte(dead)})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := nodesOf(t, w, 1, true)[0].Authenticate(ctx, app.Credential.ID, app.Login, app.Secret.Bytes()); err != nil || got != registry.Locked {
		t.Errorf("%s, %v", got, err)
	}
}
