package registry

import (
	"context"
	"fmt"
	"time"
)

// sweepAfter is for how long what has ended is left alone: use cases that tell of an end look for it first.
const sweepAfter = time.Hour

// SweepTransients removes what ended by itself an hour ago or earlier: sessions, sign-ins that nobody finished, idempotency keys.
// Everything that asks for one compares its end, so that nothing depends on when this is called; it keeps the register small.
// It writes no change row for that, because nothing that counted has changed; refused attempts of members that were gathered are
// told. Errors: the store's.
func (r *Registry) SweepTransients(ctx context.Context) error {
	if err := r.tellMemberRefusals(ctx); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	end := r.now().Add(-sweepAfter)
	if err := r.store.Update(ctx, func(tx Tx) error { return tx.DeleteTransientsBefore(end) }); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return nil
}
