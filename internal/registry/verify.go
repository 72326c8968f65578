package registry

import (
	"context"

	"countersign.dev/internal/audit"
)

// VerifyChanges reads the whole record of changes and every row of the register, as of one moment, and says what is proven
// (audit.VerifyChanges). anchors are those of checkpoints whose signatures the caller has verified; nil: none. It blocks no
// change. An error means that something could not be read, and then nothing is proven.
func (r *Registry) VerifyChanges(ctx context.Context, anchors []audit.Anchor) (audit.ChangeReport, error) {
	return view(ctx, r.store, func(tx Tx) (audit.ChangeReport, error) { return audit.VerifyChanges(tx, anchors) })
}

// Head is the end of the record of changes: what a checkpoint signs.
func (r *Registry) Head(ctx context.Context) (audit.Head, error) {
	return view(ctx, r.store, func(tx Tx) (audit.Head, error) { return tx.Head() })
}
