package engines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
)

// ErrMoved says that the source of a copy was changed while it was copied: what arrived is whole, and already old.
var ErrMoved = errors.New("the register was changed while it was copied")

// Counts are how many of what a register holds.
type Counts struct {
	Partners    int `json:"partners"`
	Reviews     int `json:"reviews"`
	Credentials int `json:"credentials"`
	Networks    int `json:"networks"`
	Limits      int `json:"limits"`
	SealingKeys int `json:"sealing_keys"`
	Documents   int `json:"documents"`
}

// Copied is what a copy came to. Both are those of the target, as they were read back from it.
type Copied struct {
	Head   audit.Head
	Counts Counts
}

// Copy writes the whole register of from into to, which has to be empty, and verifies on arrival: the record of changes is one chain
// from its first row to its last, it has the same end as the source's, each row of the target is the one that its change has a digest
// of, and there are as many of each as in the source. Errors: store.ErrForeign for a target that is not empty, store.ErrCorrupt where the
// verification fails, ErrMoved; after each of them nobody should use the target.
func Copy(ctx context.Context, to, from Store) (Copied, error) {
	var sent, there Copied
	err := from.View(ctx, func(src *Tx) error {
		var err error
		if sent, err = countsOf(src); err != nil {
			return err
		}
		return to.Update(ctx, func(tx *Tx) error { return errors.Join(patient(tx, to), tx.Copy(src)) })
	})
	if err != nil {
		return there, fmt.Errorf("copy the register: %w", err)
	}
	if there, err = Verify(ctx, to); err != nil {
		return there, fmt.Errorf("verify the copy: %w", err)
	}
	if there != sent {
		return there, fmt.Errorf("verify the copy: %w: %+v was sent, %+v arrived", store.ErrCorrupt, sent, there)
	}
	now, err := from.Revision(ctx)
	if err == nil && now != sent.Head.Seq {
		err = fmt.Errorf("%w: it is at revision %d, the copy at %d", ErrMoved, now, sent.Head.Seq)
	}
	return there, err
}

// patient lets a database wait while a large source is read: it ends transactions otherwise in which nothing was asked for long.
func patient(tx *Tx, to Store) error {
	if !to.Shared() {
		return nil
	}
	return tx.Run("wait for the source", "SET LOCAL idle_in_transaction_session_timeout = 0")
}

// Verify reads a whole register and holds every row against the record of changes. The error wraps store.ErrCorrupt where the record
// or a row is wrong, and says which.
func Verify(ctx context.Context, s Store) (found Copied, err error) {
	err = s.View(ctx, func(tx *Tx) error {
		report, err := audit.VerifyChanges(tx, nil)
		if err != nil {
			return err
		}
		if !report.OK() {
			return fmt.Errorf("%w: %s", store.ErrCorrupt, report.Faults[0].Text)
		}
		found, err = countsOf(tx)
		return err
	})
	return found, err
}

func countsOf(tx *Tx) (c Copied, err error) {
	n := &c.Counts
	if c.Head, err = tx.Head(); err != nil {
		return c, err
	}
	return c, errors.Join(
		count(&n.Partners, tx.Partners),
		count(&n.Reviews, func() ([]partner.Review, error) { return tx.Reviews("") }),
		count(&n.Credentials, func() ([]partner.Credential, error) { return tx.Credentials("") }),
		count(&n.Networks, func() ([]partner.NetworkRule, error) { return tx.Networks("") }),
		count(&n.Limits, func() ([]partner.Limit, error) { return tx.Limits("") }),
		count(&n.SealingKeys, func() ([]partner.SealingKey, error) { return tx.SealingKeys("") }),
		count(&n.Documents, func() ([]partner.Document, error) { return tx.Documents(partner.DocumentQuery{}) }),
	)
}

func count[T any](n *int, list func() ([]T, error)) error {
	found, err := list()
	*n = len(found)
	return err
}

// Backup implements Store: a new SQLite file with everything that the database held at one moment.
func (d database) Backup(ctx context.Context, path string) (info FileInfo, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return info, fmt.Errorf("back up: %w", err)
	}
	taken, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // keeps the name, as the other engine does
	if err != nil {
		return info, fmt.Errorf("back up: %w", err)
	}
	if err = taken.Close(); err == nil {
		info, err = d.backup(ctx, path)
	}
	if err != nil {
		return FileInfo{}, fmt.Errorf("back up: %w", errors.Join(err, os.Remove(path)))
	}
	return info, nil
}

// backup makes the file in a folder of its own, since the engine keeps others beside it, and moves it to its name.
func (d database) backup(ctx context.Context, path string) (info FileInfo, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), filepath.Base(path)+".*.part") // mode 0700
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	draft := filepath.Join(dir, filepath.Base(path))
	if err := d.copyInto(ctx, draft); err != nil {
		return info, err
	}
	if info, err = CheckFile(ctx, draft); err != nil {
		return info, err
	}
	if err := syncFile(draft); err != nil {
		return info, err
	}
	if err := os.Rename(draft, path); err != nil {
		return info, err
	}
	return info, syncFile(filepath.Dir(path))
}

// copyInto makes a register of one moment in a new file. What is written meanwhile is not in it, as in every backup.
func (d database) copyInto(ctx context.Context, draft string) (err error) {
	to, err := OpenStore(ctx, StoreConfig{Place: Place{File: draft}, Create: true})
	if err != nil {
		return err
	}
	_, err = Copy(ctx, to, d)
	if errors.Is(err, ErrMoved) {
		err = nil
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return err
	}
	if info, err := os.Stat(draft + "-wal"); !errors.Is(err, fs.ErrNotExist) && (err != nil || info.Size() > 0) {
		return errors.Join(errors.New("a part of the copy is in another file still"), err)
	}
	return nil
}

// syncFile makes a file, or the names in a folder, survive a power cut.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
