package main

import (
	"sync/atomic"
	"time"

	"countersign.dev/internal/access"
)

// issuerNow issues tokens from whatever snapshot is in force.
type issuerNow struct {
	decider atomic.Pointer[access.Decider]
}

// Issue implements tokens.Issuer.
func (i *issuerNow) Issue(d *access.Decision, now time.Time) (string, error) {
	return i.decider.Load().Issue(d, now)
}

// Admitted implements tokens.Issuer.
func (i *issuerNow) Admitted(d *access.Decision) access.Reason { return i.decider.Load().Admitted(d) }
