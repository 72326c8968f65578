package main

import (
	"context"
	"fmt"
	"time"

	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
)

// How often what is derived from the decision record is brought up to it. Nothing of it stands in the way of a request: it
// reads the files.
const (
	rollupEvery = time.Second
	indexEvery  = 5 * time.Second
)

// derive keeps the per-minute counts and the index as new as the decision record. Both are made again from the record where
// they are lost; a folder that cannot be written is told in the log, and is no reason not to serve.
func (a *assembly) derive(record, rollups string, keep time.Duration) error {
	counts, err := rollup.Open(rollup.Config{Dir: rollups, Keep: keep, Now: time.Now, Log: a.log})
	if err != nil {
		return fmt.Errorf("open the per-minute counts: %w", err)
	}
	a.atEnd(counts)
	index, err := search.Open(search.Config{Dir: record, Log: a.log})
	if err != nil {
		return fmt.Errorf("open the index of the decision record: %w", err)
	}
	a.ticking(rollupEvery, func(ctx context.Context, tick <-chan time.Time) {
		if err := counts.Follow(ctx, record, tick); err != nil && ctx.Err() == nil {
			a.log.Error("the per-minute counts are not followed any more; countersign audit rollup rebuild makes them again", "cause", err.Error())
		}
	})
	a.ticking(indexEvery, index.Maintain)
	return nil
}

// ticking runs do in the background with a tick.
func (a *assembly) ticking(every time.Duration, do func(ctx context.Context, tick <-chan time.Time)) {
	a.inBackground(func(ctx context.Context) {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		do(ctx, ticker.C)
	})
}
