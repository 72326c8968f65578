package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"countersign.dev/internal/engines"
)

// intoDatabase puts a backup into an empty database: by way of a draft in the data folder, which says already that it is a restored one,
// so that no moment has a register there whose record does not.
func (r *restoreOptions) intoDatabase(ctx context.Context, at place, made manifest, out *output) error {
	if r.replace {
		return hinted{errors.New("--replace is for a register in SQLite"), "a database is never emptied by a command: make another one, name it in register.url_file, and restore into that"}
	}
	draft := filepath.Join(at.data, "countersign.db.restoring")
	if err := r.draw(ctx, draft, made); err != nil {
		return err
	}
	err := copyDraft(ctx, at, draft)
	if err = errors.Join(err, sweepDraft(draft, true)); err != nil {
		return hintCopy(err)
	}
	return showRestored(out, restoredView{Register: at.register.String(), Revision: made.Revision, Contradicting: at.outrun(made.Revision)})
}

// copyDraft copies a verified draft into the database, which has to be empty.
func copyDraft(ctx context.Context, at place, draft string) error {
	to, err := engines.OpenStore(ctx, engines.StoreConfig{Place: at.register, Create: true})
	if err != nil {
		return err
	}
	if err = nobodyServes(ctx, to, at.register); err == nil {
		err = copyInto(ctx, at, draft, to)
	}
	return errors.Join(err, to.Close())
}

func copyInto(ctx context.Context, at place, draft string, to engines.Store) error {
	if now, err := to.Revision(ctx); err != nil || now != 0 {
		return errors.Join(err, hinted{fmt.Errorf("there is a register already: %s, revision %d", at.register, now), "make another, empty database and name it in register.url_file"})
	}
	whole, err := filepath.Abs(draft)
	if err != nil {
		return err
	}
	from, err := engines.OpenStore(ctx, engines.StoreConfig{Place: engines.Place{File: whole}})
	if err != nil {
		return err
	}
	_, err = engines.Copy(ctx, to, from)
	return errors.Join(err, from.Close())
}
