package signin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"countersign.dev/internal/registry"
)

// maxGathered is how many sources have rows of their own in one minute; those beyond it share one.
const maxGathered = 60

// attempt is what refused sign-ins are counted by.
type attempt struct{ source, operation, why string }

// refusals writes refused sign-ins into the record: of each source and cause the first of a minute at once, the others of that
// minute as a number, in the next row or when the minute is over. So the record tells of every attack, and no stranger can fill it.
type refusals struct {
	register MemberRegister
	now      func() time.Time

	mu     sync.Mutex
	minute time.Time
	seen   map[attempt]int // of this minute
	before map[attempt]int // of the minutes before, not told yet
}

// turn begins a new minute where one has ended, or now; what of the last one is not in the record waits to be told.
func (f *refusals) turn(now bool) {
	minute := f.now().Truncate(time.Minute)
	if f.seen != nil && minute.Equal(f.minute) && !now {
		return
	}
	for key, n := range f.seen {
		if n > 1 {
			if _, known := f.before[key]; !known && len(f.before) > maxGathered {
				key = others
			}
			if f.before == nil {
				f.before = map[attempt]int{}
			}
			f.before[key] += n - 1
		}
	}
	f.minute, f.seen = minute, map[attempt]int{}
}

// others is what has no place of its own.
var others = attempt{"others", "sign_in", "sign-ins from further addresses, or for further causes"}

// note counts one and says whether it is to be written, with how many were not told before it.
func (f *refusals) note(key attempt) (write bool, untold int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(false)
	if _, known := f.seen[key]; !known && len(f.seen) >= maxGathered {
		key = others
	}
	f.seen[key]++
	if f.seen[key] > 1 {
		return false, 0
	}
	untold = f.before[key]
	delete(f.before, key)
	return true, untold
}

func (f *refusals) write(ctx context.Context, source, operation, why string) error {
	write, untold := f.note(attempt{source, operation, why})
	if !write {
		return nil
	}
	if untold > 0 {
		why = fmt.Sprintf("%s; and %d times more before", why, untold)
	}
	return f.register.NoteRefused(ctx, registry.Actor{Kind: "anonymous", Name: source}, operation, why)
}

// tell writes what was gathered in minutes that are over, or in this one too where now is set. What cannot be written stays for the
// next time.
func (f *refusals) tell(ctx context.Context, now bool) error {
	f.mu.Lock()
	f.turn(now)
	untold := f.before
	f.before = nil
	f.mu.Unlock()
	var faults []error
	for key, n := range untold {
		why := fmt.Sprintf("%s; %d times more", key.why, n)
		if err := f.register.NoteRefused(ctx, registry.Actor{Kind: "anonymous", Name: key.source}, key.operation, why); err != nil {
			faults = append(faults, err)
			continue
		}
		delete(untold, key)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, n := range untold {
		if f.before == nil {
			f.before = map[attempt]int{}
		}
		f.before[key] += n
	}
	return errors.Join(faults...)
}

// Maintain writes down the refused sign-ins that were gathered, whenever tick gives something, until ctx ends or tick is closed. A
// server runs it with a time.Ticker of some seconds; without it, the last ones of an attack are told with the next one.
func (h *Handler) Maintain(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-tick:
			if !ok {
				return
			}
			if err := h.refusals.tell(ctx, false); err != nil {
				h.log("record refused sign-ins", err)
			}
		}
	}
}

// Close writes down what is gathered still. Errors: the store's.
func (h *Handler) Close(ctx context.Context) error { return h.refusals.tell(ctx, true) }
