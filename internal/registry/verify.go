package registry

import (
	"context"

	"countersign.dev/internal/audit"
)

// VerifyChanges reads the whole record of changes and every row of the register, as of one moment, and every file that a row names
// by its digest (evidence, what-if reports), and says what is proven (audit.VerifyChanges). anchors are those of checkpoints whose signatures the caller has verified; nil: none. It blocks no
// change. An error means that something could not be read, and then nothing is proven.
func (r *Registry) VerifyChanges(ctx context.Context, anchors []audit.Anchor) (audit.ChangeReport, error) {
	var files []keptFile
	report, err := view(ctx, r.store, func(tx Tx) (report audit.ChangeReport, err error) {
		if report, err = audit.VerifyChanges(tx, anchors); err == nil {
			files, err = keptFiles(tx)
		}
		return report, err
	})
	if err != nil {
		return report, err
	}
	return report, r.verifyFiles(ctx, files, &report)
}

// Head is the end of the record of changes: what a checkpoint signs.
func (r *Registry) Head(ctx context.Context) (audit.Head, error) {
	return view(ctx, r.store, func(tx Tx) (audit.Head, error) { return tx.Head() })
}
