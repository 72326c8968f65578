package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
)

// How often what is derived from the decision record is brought up to it, and how often it is tried to open what could not be
// opened. Nothing of it stands in the way of a request: it reads the files. The index looks often: a look that finds nothing costs
// next to nothing, and a segment that is read to its end before it is compressed need not be unpacked.
const (
	rollupEvery  = time.Second
	indexEvery   = 250 * time.Millisecond
	derivedAgain = time.Minute
)

// derived says what of that cannot be kept now. The zero value says nothing.
type derived struct {
	mu     sync.Mutex
	causes map[string]error // nil: it is kept; by what it is
}

// note takes down how it stands with what, and reports whether that is news.
func (d *derived) note(what string, err error) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.causes == nil {
		d.causes = map[string]error{}
	}
	before := d.causes[what]
	d.causes[what] = err
	return fmt.Sprint(before) != fmt.Sprint(err)
}

// trouble is every cause.
func (d *derived) trouble() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []error
	for _, what := range slices.Sorted(maps.Keys(d.causes)) {
		all = append(all, d.causes[what])
	}
	return errors.Join(all...)
}

// failing yields 1 for what cannot be kept, and 0 for the rest.
func (d *derived) failing(yield func(string, float64)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for what, err := range d.causes {
		value := 0.0
		if err != nil {
			value = 1
		}
		yield(what, value)
	}
}

// derive keeps the per-minute counts and the index as new as the decision record. Both are made again from the record where
// they are lost. Where they cannot be opened or written, the log, /readyz and a metric tell; it is no reason not to serve, and
// it is tried again.
//
// Usually each line is read and parsed once, for the index, which tells the tally of it; the counts are taken from there. Neither
// needs the other: where the index lags, fails or cannot be opened, the counts are made of the record itself, and where these fail, the
// tally forgets what nobody takes.
func (a *assembly) derive(record, rollups string, keep time.Duration) error {
	tally := rollup.NewTally()
	a.keepDerived("rollups", rollupEvery, func() (following, error) {
		counts, err := rollup.Open(rollup.Config{Dir: rollups, Keep: keep, Now: a.now, Log: a.log, Tally: tally})
		if err != nil {
			return nil, fmt.Errorf("open the per-minute counts: %w", err)
		}
		return func(ctx context.Context, tick <-chan time.Time) error {
			return errors.Join(counts.Follow(ctx, record, tick), counts.Close())
		}, nil
	})
	a.keepDerived("index", indexEvery, func() (following, error) {
		index, err := search.Open(search.Config{Dir: record, Log: a.log, Companion: tally})
		if err != nil {
			return nil, fmt.Errorf("open the index of the decision record: %w", err)
		}
		return func(ctx context.Context, tick <-chan time.Time) error {
			index.Maintain(ctx, tick)
			return nil
		}, nil
	})
	a.expect("derived", false, a.derived.trouble)
	return a.metrics.Gauges("countersign_derived_failing", "1 while what is made of the decision record, rollups or index, cannot be opened; /readyz says why.", "what", a.derived.failing)
}

// following brings something up to the record until ctx ends, and gives back what it holds.
type following = func(ctx context.Context, tick <-chan time.Time) error

// keepDerived opens something and follows the record with it in the background; where it cannot be opened, it tries again.
func (a *assembly) keepDerived(what string, every time.Duration, open func() (following, error)) {
	run, err := open()
	a.noteDerived(what, err)
	a.inBackground(func(ctx context.Context) {
		again := time.NewTicker(derivedAgain)
		defer again.Stop()
		for run == nil {
			select {
			case <-ctx.Done():
				return
			case <-again.C:
				run, err = open()
				a.noteDerived(what, err)
			}
		}
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		if err := run(ctx, ticker.C); err != nil {
			a.noteDerived(what, err)
		}
	})
}

// noteDerived logs what has changed.
func (a *assembly) noteDerived(what string, err error) {
	switch changed := a.derived.note(what, err); {
	case changed && err != nil:
		a.log.Error("what is made of the decision record is not kept; the record itself is not touched by it", "what", what, "cause", err.Error())
	case changed:
		a.log.Info("what is made of the decision record is kept again", "what", what)
	}
}
