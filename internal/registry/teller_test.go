package registry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"countersign.dev/internal/registry"
)

// mute is a store in which nothing can be written aside while it is shut.
type mute struct {
	registry.Store
	shut bool
}

var errMute = errors.New("nobody hears")

func (m *mute) Aside(ctx context.Context, write func(registry.Tx) error) error {
	if m.shut {
		return errMute
	}
	return m.Store.Aside(ctx, write)
}

// What the others do not expect does not count: a first reading, one that is later than they take into account, and one that is to count for
// longer than they know.
func TestAReadingCountsAsLongAsTheOthersExpect(t *testing.T) {
	w := newWorld(t)
	store := &mute{Store: registry.Adapt(w.db)}
	r := w.with(store)
	state, now := process(t, w, "a:1", "sandbox"), w.clock.now()
	teller, err := r.NewTeller(func() time.Time { return now }, func() registry.Beat { return state })
	w.must(err)
	w.must(teller.Beat(ctx))

	refused := func(what string) {
		t.Helper()
		store.shut = true
		if err := teller.Vouch(ctx, now); !errors.Is(err, errMute) {
			t.Errorf("%s: %v", what, err)
		}
		store.shut = false
		w.must(teller.Vouch(ctx, now))
		store.shut = true
		if err := teller.Vouch(ctx, now); err != nil {
			t.Errorf("%s, when it was told: %v", what, err)
		}
		store.shut = false
	}
	refused("the first reading")
	now = now.Add(registry.StopSlack + 1)
	refused("a later reading")
	teller.Expect(time.Hour)
	refused("a longer max_staleness")
	if s := w.nodes(t).All[0]; s.MaxStaleness != time.Hour || s.StopsAt.Sub(s.ReadAt) < time.Hour+registry.StopSlack {
		t.Errorf("the others do not know of it: %+v", s)
	}
	teller.Expect(0) // it is not in force, or is what the state says now
	w.must(teller.Beat(ctx))
	if s := w.nodes(t).All[0]; s.MaxStaleness != state.MaxStaleness {
		t.Errorf("what was to be in force and is not is still told: %+v", s)
	}

	// A beat takes back nothing: the reading that was told may count already.
	told := w.nodes(t).All[0].ReadAt
	state.ReadAge = time.Minute
	w.must(teller.Beat(ctx))
	if again := w.nodes(t).All[0].ReadAt; again.Before(told.Add(-time.Second)) {
		t.Errorf("the last reading was told to be at %s, and then at %s", told, again)
	}
}

func TestATellerNeedsItsParts(t *testing.T) {
	w := newWorld(t)
	if _, err := w.NewTeller(nil, func() registry.Beat { return registry.Beat{} }); err == nil {
		t.Error("no clock")
	}
	if _, err := w.NewTeller(time.Now, nil); err == nil {
		t.Error("no state")
	}
}
