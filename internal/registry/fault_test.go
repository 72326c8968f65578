package registry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"countersign.dev/internal/registry"
)

var errInjected = errors.New("injected")

// faulty is a store whose call number at fails: before it does anything, or after it was committed, when nobody can know.
type faulty struct {
	registry.Store
	calls     int
	at        int
	every     bool // from call number at on, every second one
	committed bool
}

func (f *faulty) fault() bool {
	f.calls++
	return f.calls == f.at || f.every && f.calls > f.at && (f.calls-f.at)%2 == 0
}

func (f *faulty) View(ctx context.Context, read func(registry.Tx) error) error {
	if f.fault() {
		return errInjected
	}
	return f.Store.View(ctx, read)
}

func (f *faulty) Update(ctx context.Context, change func(registry.Tx) error) error {
	if !f.fault() {
		return f.Store.Update(ctx, change)
	}
	if f.committed {
		return errors.Join(f.Store.Update(ctx, change), errInjected)
	}
	return errInjected
}

// keeper is a store that cannot delete a sealing key.
type keeper struct{ registry.Store }

type keeperTx struct{ registry.Tx }

func (keeperTx) DeleteSealingKey(string, uint32) error { return errInjected }

func (k keeper) Update(ctx context.Context, change func(registry.Tx) error) error {
	return k.Store.Update(ctx, func(tx registry.Tx) error { return change(keeperTx{tx}) })
}

// faultyWorld has an app credential and a store whose call number at, from now on, fails.
func faultyWorld(t *testing.T, f *faulty) (*world, registry.Issued) {
	t.Helper()
	w := newWorld(t)
	app := w.app()
	f.Store = w.cfg.Store
	w.cfg.Store = f
	var err error
	if w.Registry, err = registry.New(w.cfg); err != nil {
		t.Fatal(err)
	}
	return w, app
}

func TestRule12AFaultAtAnyStepProvesNothing(t *testing.T) {
	for _, committed := range []bool{false, true} {
		for at := 1; at <= 3; at++ { // one reading, the attempt, its settlement
			for name, call := range map[string]func(w *world, app registry.Issued) (registry.Outcome, error){
				"authenticate": func(w *world, app registry.Issued) (registry.Outcome, error) {
					return w.Authenticate(ctx, app.Credential.ID, app.Login, app.Secret.Bytes())
				},
				"wrong": func(w *world, app registry.Issued) (registry.Outcome, error) {
					return w.Authenticate(ctx, app.Credential.ID, app.Login, []byte("wrong"))
				},
				"change": func(w *world, app registry.Issued) (registry.Outcome, error) {
					return w.ChangeSecret(ctx, app.Credential.ID, app.Login, app.Secret.Bytes(), []byte(chosen), true)
				},
			} {
				f := &faulty{at: at, committed: committed}
				w, app := faultyWorld(t, f)
				outcome, err := call(w, app)
				if outcome != 0 || !errors.Is(err, errInjected) || f.calls != at {
					t.Errorf("%s, call %d of the store fails, committed %v: %v, %v after %d calls", name, at, committed, outcome, err, f.calls)
				}
				if verified, _ := w.hasher.counts(); at < 3 && verified != 0 {
					t.Errorf("%s: hashed although call %d failed", name, at)
				}
			}
		}
	}
}

func TestRule30FaultsNeverGiveMoreGuesses(t *testing.T) {
	for _, committed := range []bool{false, true} {
		for at := 1; at <= 4; at++ {
			f := &faulty{at: at, every: true, committed: committed}
			w, app := faultyWorld(t, f)
			for range 40 {
				if outcome, _ := w.Authenticate(ctx, app.Credential.ID, app.Login, []byte("wrong")); outcome == registry.Proved {
					t.Fatal("a wrong secret was proved")
				}
			}
			if verified, _ := w.hasher.counts(); verified > 5 {
				t.Errorf("faults from call %d, committed %v: %d guesses", at, committed, verified)
			}
		}
	}
}

func TestAFaultDoesNotLeaveTheGateShut(t *testing.T) {
	for at := 1; at <= 3; at++ {
		f := &faulty{at: at}
		w, app := faultyWorld(t, f)
		w.cfg.Parallel, w.cfg.QueueWait = 1, time.Minute
		var err error
		w.Registry, err = registry.New(w.cfg)
		w.must(err)
		_, err = w.Authenticate(ctx, app.Credential.ID, app.Login, app.Secret.Bytes())
		if !errors.Is(err, errInjected) {
			t.Error(err)
		}
		w.try(app, string(app.Secret.Bytes()), registry.Proved)
		if n := w.failures(app); n != 0 {
			t.Errorf("%d counted after a success", n)
		}
	}
}
