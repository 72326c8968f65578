package sqlite

import (
	"context"
	"errors"
	"fmt"

	"countersign.dev/internal/store"
	"countersign.dev/internal/store/tables"
)

// Tx is one transaction, for one goroutine, until the function that it was given to returns.
type Tx = tables.Tx

// View calls read with one consistent moment of the register. Nothing can be written in it.
func (d *DB) View(ctx context.Context, read func(*Tx) error) error {
	inner, err := d.reader.BeginTx(ctx, nil)
	if err != nil {
		return explain(d.path, err)
	}
	defer inner.Rollback() // a view leaves nothing behind
	return explain(d.path, read(tables.New(ctx, inner, nil, true).FedBy(d.feed)))
}

// Update calls change with the only writing transaction there is, here and in every other process, and returns nil only
// when all of it is on the disk. ctx bounds the waiting for this process's turn; the waiting for another process is bounded
// by Config.BusyTimeout, and a transaction that has begun is not torn by the end of ctx. Errors: what change returns, and
// the sentinels of internal/store, ErrUnrecorded among them.
func (d *DB) Update(ctx context.Context, change func(*Tx) error) error {
	conn, err := d.writer.Conn(ctx)
	if err != nil {
		return explain(d.path, err)
	}
	defer conn.Close() // back into the pool
	if err := ctx.Err(); err != nil {
		return err
	}
	whole := context.WithoutCancel(ctx)
	inner, err := conn.BeginTx(whole, nil)
	if err != nil {
		return explain(d.path, err)
	}
	defer inner.Rollback() // does nothing after a commit
	tx := tables.New(whole, inner, nil, false)
	if err := change(tx); err != nil {
		return explain(d.path, err)
	}
	if err := tx.Finish(); err != nil {
		return explain(d.path, named(d.path, err))
	}
	return explain(d.path, inner.Commit())
}

// Aside is Update for what is no change of the register: what nodes tell of themselves, leases. In one file there is one writer, so that it
// waits for its turn as Update does. Errors: those of Update; store.ErrUnrecorded for a change of the register.
func (d *DB) Aside(ctx context.Context, write func(*Tx) error) error {
	return d.Update(ctx, func(tx *Tx) error {
		if err := write(tx); err != nil {
			return err
		}
		if tx.Recorded() > 0 {
			return fmt.Errorf("%s: %w: it was written aside", d.path, store.ErrUnrecorded)
		}
		return nil
	})
}

// named says which file a change without its row was meant for.
func named(path string, err error) error {
	if errors.Is(err, store.ErrUnrecorded) {
		return fmt.Errorf("%s: %w", path, err)
	}
	return err
}
