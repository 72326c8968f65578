package main

import (
	"context"
	"fmt"
	"time"
)

// sealingEvery is how often it is asked whether a sealing key is old enough to be replaced.
const sealingEvery = time.Minute

// sealingAgain is when a key that another node should have replaced is looked at again.
const sealingAgain = 10 * time.Minute

// sealing replaces the keys that seal access tokens when they reach an age. Tokens that a former one sealed count to their
// end. It belongs to one goroutine.
type sealing struct {
	s     *server
	every func() int64 // age in nanoseconds at which a key is replaced; 0: never
	due   time.Time    // before it there is nothing to be looked at
}

// run looks whenever tick gives something.
func (k *sealing) run(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			if err := k.look(ctx, k.s.now(), time.Duration(k.every())); err != nil && ctx.Err() == nil {
				k.s.log.Error("a sealing key was not replaced; it is tried again", "cause", err.Error())
			}
		}
	}
}

// look replaces every key that is older than every, and notes when the next one is due. every 0: none is.
func (k *sealing) look(ctx context.Context, now time.Time, every time.Duration) error {
	if every == 0 || now.Before(k.due) {
		return nil
	}
	since, err := k.s.register.SealingSince(ctx, k.s.environments)
	if err != nil {
		return err
	}
	next := now.Add(every)
	for environment, made := range since {
		if made.Add(every).After(now) {
			if due := made.Add(every); due.Before(next) {
				next = due
			}
			continue
		}
		register, ours := k.s.mayDo(environment)
		if !ours { // another node replaces it: look again, in case that one ends
			next = now.Add(min(every, sealingAgain))
			continue
		}
		if err := register.RotateSealingKey(ctx, serveActor, environment); err != nil {
			return fmt.Errorf("%s: %w", environment, err)
		}
		k.s.log.Info("a sealing key was replaced because of its age", "environment", environment, "age", now.Sub(made).Round(time.Hour).String())
	}
	k.due = next
	return nil
}
