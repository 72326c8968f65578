package tables

import (
	"errors"
	"fmt"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
)

// copyPage is how many change rows and blobs are copied at a time.
const copyPage = 1000

// Copy writes everything that src holds into t, which has to be empty: every row as it is, the record of changes with its id, its
// numbers and its hashes, sign-ins that have begun, attached files. Nothing of it is a change: the record says the same afterwards,
// and whoever called it verifies that. Errors: store.ErrForeign for a register that is not empty, the engines'.
func (t *Tx) Copy(src *Tx) error {
	own, err := t.Head()
	if err != nil {
		return err
	}
	if own.Seq != 0 {
		return fmt.Errorf("%w: it has %d changes already; choose an empty database", store.ErrForeign, own.Seq)
	}
	head, err := src.Head()
	if err != nil {
		return err
	}
	if err := t.copyRows(src); err != nil {
		return err
	}
	if err := errors.Join(t.copyTransients(src), t.copyBlobs(src)); err != nil {
		return err
	}
	// The genesis of a record depends on its id, and the first change follows it.
	if err := t.run("name record", "UPDATE revision SET record = ?, hash = ?", head.Record, genesis(head.Record)); err != nil {
		return err
	}
	if err := t.copyChanges(src); err != nil {
		return err
	}
	t.touched, t.records, t.changed = nil, nil, false
	return t.SetHead(head)
}

func genesis(record string) []byte {
	sum := audit.Genesis(record)
	return sum[:]
}

// copyRows writes what the record of changes has digests of. Partners come first: the others belong to them.
func (t *Tx) copyRows(src *Tx) error {
	return firstError(
		func() error { return each(src.Partners, t.PutPartner) },
		func() error { return each(all(src.Reviews), t.PutReview) },
		func() error { return each(all(src.Credentials), t.PutCredential) },
		func() error { return each(all(src.Networks), t.PutNetwork) },
		func() error { return each(all(src.Limits), t.PutLimit) },
		func() error { return each(all(src.SealingKeys), t.PutSealingKey) },
		func() error {
			return each(func() ([]partner.Document, error) { return src.Documents(partner.DocumentQuery{}) }, t.PutDocument)
		},
	)
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func all[T any](list func(string) ([]T, error)) func() ([]T, error) {
	return func() ([]T, error) { return list("") }
}

func each[T any](list func() ([]T, error), put func(T) error) error {
	found, err := list()
	for _, v := range found {
		if err := put(v); err != nil {
			return err
		}
	}
	return err
}

func (t *Tx) copyTransients(src *Tx) error {
	return each(func() ([]partner.Transient, error) {
		return list(src, "list transients", scanTransient, transientColumns+" ORDER BY kind, id")
	}, t.PutTransient)
}

// copyBlobs copies one attached file after another: together they may be larger than memory.
func (t *Tx) copyBlobs(src *Tx) error {
	return each(func() ([][]byte, error) {
		return list(src, "list blobs", func(row scanner) (b []byte, err error) {
			err = row.Scan(&b)
			return b, err
		}, "SELECT digest FROM blob ORDER BY digest")
	}, func(digest []byte) error {
		content, found, err := src.Blob([32]byte(digest))
		if err != nil || !found {
			return err
		}
		_, err = t.PutBlob(content)
		return err
	})
}

func (t *Tx) copyChanges(src *Tx) error {
	for after := uint64(0); ; {
		page, err := src.Changes(after, copyPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, c := range page {
			if err := t.putChange(c); err != nil {
				return err
			}
			after = c.Seq
		}
	}
}
