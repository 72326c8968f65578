package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"countersign.dev/internal/operator"
)

// What one minute may write down one by one of the refused attempts of members; the rest of it becomes one row for each.
const (
	maxMemberRows    = 20
	maxMemberTallies = 200 // members that are counted apart
)

// memberLedger counts the refused attempts of members in this process: each has its row as long as they are few, and they are a
// number when they are many, so that no session can fill the record. The number of a minute is written with the next refused attempt
// of anybody after it, or by SweepTransients.
type memberLedger struct {
	mu     sync.Mutex
	minute int64
	tally  map[Actor]memberTally
}

type memberTally struct{ written, gathered int }

// everyone stands for the members beyond maxMemberTallies.
var everyone = Actor{Kind: Member, Name: "others"}

// take counts one attempt, and says whether it has a row of its own.
func (l *memberLedger) take(actor Actor) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	actor, t := l.of(actor)
	own := t.written < maxMemberRows && actor != everyone
	if own {
		t.written++
	} else {
		t.gathered++
	}
	l.tally[actor] = t
	return own
}

// of is what counts for an actor in this minute; there is always a tally to write to, whatever has ended meanwhile.
func (l *memberLedger) of(actor Actor) (Actor, memberTally) {
	if l.tally == nil {
		l.tally = map[Actor]memberTally{}
	}
	if _, known := l.tally[actor]; !known && len(l.tally) >= maxMemberTallies {
		actor = everyone
	}
	return actor, l.tally[actor]
}

// gather counts what was to be in a row, and is in none.
func (l *memberLedger) gather(actor Actor, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	actor, t := l.of(actor)
	t.gathered += n
	l.tally[actor] = t
}

// turn ends the minute, if it is over, and hands out what was gathered in it.
func (l *memberLedger) turn(now time.Time) (past map[Actor]memberTally, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	minute := now.Unix() / 60
	if minute == l.minute {
		return nil, at
	}
	past, at = l.tally, time.Unix(l.minute*60, 0).UTC()
	l.minute, l.tally = minute, nil
	return past, at
}

// RefusedMember writes down that a member asked for something that names no row of its partner, and so came to no use case: what is
// the form, why the row. It is gathered like every refused attempt of a member, and that it cannot be written changes nothing.
func (r *Registry) RefusedMember(ctx context.Context, p operator.Principal, what, why string) {
	r.refusedMember(ctx, p, what, fmt.Errorf("%q: %w", clip(why, 200), ErrNotFound))
}

// refusedMember writes down that a member was not let do something. What broke on our side is no refusal. That it cannot be written
// changes nothing for the caller, who is refused either way; the store is what failed then, and says so elsewhere.
func (r *Registry) refusedMember(ctx context.Context, p operator.Principal, what string, err error) {
	known := refusal(err) || errors.Is(err, operator.ErrNotSignedIn) || errors.Is(err, ErrIdempotency)
	if !known || p.Kind != operator.KindMember || p.Name == "" {
		return
	}
	lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = r.tellMemberRefusals(lasting)
	actor := ActorOf(p)
	if !r.refusals.take(actor) {
		return
	}
	again, fault := view(lasting, r.store, func(tx Tx) (time.Time, error) { return r.spent(tx, actor) })
	if fault == nil && !again.IsZero() { // refused or not, a day has so many rows
		r.refusals.gather(actor, 1)
		return
	}
	_ = r.NoteRefused(lasting, actor, what, fmt.Sprintf("%s (partner=%s)", clip(err.Error(), 600), p.PartnerID))
}

// tellMemberRefusals writes what was gathered in a minute that is over. What cannot be written is told with a later one.
func (r *Registry) tellMemberRefusals(ctx context.Context) error {
	past, at := r.refusals.turn(r.now())
	var errs []error
	for actor, t := range past {
		if t.gathered == 0 {
			continue
		}
		why := fmt.Sprintf("%d more attempts in the minute from %s", t.gathered, at.Format("2006-01-02 15:04"))
		if err := r.NoteRefused(ctx, actor, "several", why); err != nil {
			r.refusals.gather(actor, t.gathered)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
