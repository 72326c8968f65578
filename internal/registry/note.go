package registry

import (
	"context"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
)

// ofRegister is the subject of what concerns the register as a whole.
const ofRegister = "register"

// NoteKeyAdded records that a key was added to the key ring of an environment; empty: to that of the register. The ring is a
// file, not a row: nothing else changes. Errors: ErrActor, ErrArgument, the store's.
func (r *Registry) NoteKeyAdded(ctx context.Context, actor Actor, environment string, key uint32) error {
	return r.note(ctx, actor, audit.KeyAdded, environment, fmt.Sprintf("key %08x", key))
}

// NoteKeyRetired records that a key is dropped from a key ring, as NoteKeyAdded does. It is called before the key is dropped,
// since afterwards nobody may be there to call it.
func (r *Registry) NoteKeyRetired(ctx context.Context, actor Actor, environment string, key uint32) error {
	return r.note(ctx, actor, audit.KeyRetired, environment, fmt.Sprintf("key %08x", key))
}

// NoteExported records that somebody takes a copy of a record, "changes" or "decisions", before the first byte of it is given.
// detail says what was asked for. Errors: ErrActor, ErrArgument, the store's.
func (r *Registry) NoteExported(ctx context.Context, actor Actor, record, detail string) error {
	if record != "changes" && record != "decisions" {
		return fmt.Errorf("record an export: %w: there is no record of %q", ErrArgument, clip(record, 60))
	}
	return r.update(ctx, actor, "record an export", func(tx Tx) error {
		return r.record(tx, actor, audit.RecordExported, record, clip(detail, audit.MaxDetail))
	})
}

// NoteRestored records that this register was put back from a backup of a time, which ended with a revision. Errors: ErrActor,
// the store's. What was transient then is gone: nobody is signed in by a backup.
func (r *Registry) NoteRestored(ctx context.Context, actor Actor, made time.Time, revision uint64) error {
	detail := fmt.Sprintf("from the backup of %s, revision %d", made.UTC().Format(time.RFC3339), revision)
	return r.update(ctx, actor, "record "+string(audit.RegisterRestored), func(tx Tx) error {
		if err := tx.DeleteTransientsBefore(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
			return err
		}
		return r.record(tx, actor, audit.RegisterRestored, ofRegister, detail)
	})
}

// note writes a change row of something that is done outside of the register.
func (r *Registry) note(ctx context.Context, actor Actor, action audit.Action, environment, detail string) error {
	subject := ofRegister
	if environment != "" {
		if err := checkEnvironment(environment); err != nil {
			return fmt.Errorf("record %s: %w", action, err)
		}
		subject = environment
	}
	return r.update(ctx, actor, "record "+string(action), func(tx Tx) error {
		return r.record(tx, actor, action, subject, detail)
	})
}
