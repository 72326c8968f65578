package portal

import (
	"context"
	"errors"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/turnstile"
)

// Bounds of questions to the record. Each may look at all that was ever decided, on the processors that decide.
const (
	lookupPlaces   = 2  // at once, of all partners
	lookupRoom     = 64 // that wait for one
	lookupOwn      = 8  // of one partner, with those that wait; one of them is answered at a time
	lookupPatience = 10 * time.Second
)

// errCrowded says that too much is asked of the record at this moment. It is a 503, and no fault that anybody looks for.
var errCrowded = errors.New("too many questions to the record at once")

// bounded is a record that is asked one question after another by each partner, so that none of them takes the time of the others.
type bounded struct {
	Records
	all *turnstile.Turnstile
	own *turnstile.Keyed[string, chan struct{}]
}

func newBounded(r Records) *bounded {
	return &bounded{Records: r, all: turnstile.New(lookupPlaces, lookupRoom),
		own: turnstile.NewKeyed[string](lookupOwn, func() chan struct{} { return make(chan struct{}, 1) })}
}

// Find implements Records. The error is errCrowded where it was not asked.
func (b *bounded) Find(ctx context.Context, q search.Query) (search.Page, error) {
	turn, ok := b.own.Come(q.Partner)
	if !ok {
		return search.Page{}, errCrowded
	}
	defer b.own.Leave(q.Partner)
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return search.Page{}, ctx.Err()
	}
	if err := b.all.Enter(ctx, lookupPatience); err != nil {
		if ctx.Err() != nil {
			return search.Page{}, ctx.Err()
		}
		return search.Page{}, errCrowded
	}
	defer b.all.Leave()
	return b.Records.Find(ctx, q)
}
