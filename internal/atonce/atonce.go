// Package atonce owns doing several things at the same time that stand or fall together. It refuses nothing, and bounds nothing: who calls it
// names the few things that are done.
package atonce

import (
	"cmp"
	"context"
	"errors"
	"sync"
)

// Do does all things at the same time, each in a goroutine of its own, and returns when all have ended. When one fails, the context of
// the others ends. The error is that of the first of them, in their order, that has one of its own, and not only that its context
// has ended; so where several things can be wrong at a time, the one that explains the others goes first.
func Do(ctx context.Context, things ...func(context.Context) error) error {
	within, end := context.WithCancel(ctx)
	defer end()
	failed := make([]error, len(things))
	var done sync.WaitGroup
	for i, do := range things {
		done.Go(func() {
			if failed[i] = do(within); failed[i] != nil {
				end()
			}
		})
	}
	done.Wait()
	var ended error
	for _, err := range failed {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		ended = cmp.Or(ended, err)
	}
	return ended
}
