package registry

import (
	"context"

	"countersign.dev/internal/turnstile"
)

// gates let a bounded number of callers of one credential in at once and make the others wait, so that parallel guesses
// cannot outrun the count in the store while parallel honest calls all get their turn, and no credential takes more than
// its share of the hasher.
type gates = turnstile.Keyed[string, *gate]

// newGates has room for so many callers of one credential, waiting ones included.
func newGates(room int) *gates { return turnstile.NewKeyed[string](room, newGate) }

// gate is the turnstile of one credential. Of attempts, whoever holds the turn may look at and change written and the
// store's count together, and nobody holds it while a hash is computed. Strangers have no count and use the turn alone.
type gate struct {
	turn    chan struct{} // holds one token
	written int           // attempts that are written down and not settled; guarded by turn
	settled chan struct{} // closed and replaced with every settlement; guarded by turn
}

func newGate() *gate {
	at := &gate{turn: make(chan struct{}, 1), settled: make(chan struct{})}
	at.turn <- struct{}{}
	return at
}

// take waits for the turn; false when ctx ended first.
func (g *gate) take(ctx context.Context) bool {
	select {
	case <-g.turn:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *gate) give() { g.turn <- struct{}{} }

// wait gives the turn away until an attempt is settled, then takes it again; false when ctx ended first, and then the
// caller does not have the turn.
func (g *gate) wait(ctx context.Context) bool {
	settled := g.settled
	g.give()
	select {
	case <-settled:
		return g.take(ctx)
	case <-ctx.Done():
		return false
	}
}

// settle counts one attempt as settled and wakes those who wait. The caller has the turn.
func (g *gate) settle() {
	g.written--
	close(g.settled)
	g.settled = make(chan struct{})
}
