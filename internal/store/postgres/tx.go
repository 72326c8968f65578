package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/store"
	"countersign.dev/internal/store/tables"
)

// Tx is one transaction, for one goroutine, until the function that it was given to returns.
type Tx = tables.Tx

// View calls read with one consistent moment of the register. Nothing can be written in it.
func (d *DB) View(ctx context.Context, read func(*Tx) error) error {
	inner, err := d.pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return d.explain(err)
	}
	defer inner.Rollback() // a view leaves nothing behind
	return d.explain(read(tables.New(ctx, inner, spell, true)))
}

// Update calls change with the only writing transaction there is, here and on every other node, and returns nil only when all of it is
// on the database's disk. ctx bounds the waiting, and Config.LockTimeout does; a transaction that has begun is not torn by the end of
// ctx. Errors: what change returns, and the sentinels of internal/store. store.ErrUnknown: the connection broke at the commit, and the
// database did not say what became of it.
func (d *DB) Update(ctx context.Context, change func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	whole := context.WithoutCancel(ctx)
	line, done, err := d.line(ctx)
	if err != nil {
		return err
	}
	defer done()
	inner, err := line.BeginTx(whole, nil)
	if err != nil {
		return d.explain(err)
	}
	defer inner.Rollback() // does nothing after a commit
	if err := d.takeTurn(ctx, inner); err != nil {
		if ended := ctx.Err(); ended != nil {
			return ended
		}
		return d.explain(err)
	}
	tx := tables.New(whole, inner, spell, false)
	if err := change(tx); err != nil {
		return d.explain(err)
	}
	if err := tx.Finish(); err != nil {
		return d.explain(fmt.Errorf("%s: %w", d.name, err))
	}
	if tx.Recorded() == 0 {
		return d.explain(inner.Commit())
	}
	head, err := tx.Head()
	if err != nil {
		return d.explain(err)
	}
	if _, err := inner.ExecContext(whole, "SELECT pg_notify($1, $2)", channel, fmt.Sprint(head.Seq)); err != nil {
		return d.explain(err)
	}
	return d.settled(whole, head, inner.Commit())
}

// Aside calls write with a transaction that waits for nobody who writes the register: for what is no change of it, as what nodes tell of
// themselves. The end of ctx takes it back. Errors: what write returns, the sentinels of internal/store; store.ErrUnrecorded for one that
// changes the register, of which nothing is kept.
func (d *DB) Aside(ctx context.Context, write func(*Tx) error) error {
	inner, err := d.pool.BeginTx(ctx, nil)
	if err != nil {
		return d.explain(err)
	}
	defer inner.Rollback() // does nothing after a commit
	if _, err := inner.ExecContext(ctx, limits(d.lock)); err != nil {
		return d.explain(err)
	}
	tx := tables.New(ctx, inner, spell, false)
	if err := write(tx); err != nil {
		return d.explain(err)
	}
	if tx.Recorded() > 0 {
		return fmt.Errorf("%s: %w: it was written aside", d.name, store.ErrUnrecorded)
	}
	if err := tx.Finish(); err != nil {
		return d.explain(fmt.Errorf("%s: %w", d.name, err))
	}
	return d.explain(inner.Commit())
}

// limits bounds a transaction that writes: how long it waits for others, and how long it may say nothing while others wait for it. A node
// that is paused, or cut off, in the middle of one loses it, and not its neighbours their turn.
func limits(lock time.Duration) string {
	return fmt.Sprintf("SET LOCAL lock_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %d", max(1, lock.Milliseconds()), maxSilence.Milliseconds())
}

// takeTurn waits until nobody else writes. The row that counts the changes is the lock, so that who holds it has read the newest one.
func (d *DB) takeTurn(ctx context.Context, inner *sql.Tx) error {
	if _, err := inner.ExecContext(ctx, limits(d.lock)); err != nil {
		return err
	}
	var n int64
	return inner.QueryRowContext(ctx, "SELECT n FROM revision FOR UPDATE").Scan(&n)
}

// settled is what became of a commit that would have made head the end of the record.
func (d *DB) settled(ctx context.Context, head audit.Head, failed error) error {
	if failed == nil || !cut(failed) {
		return d.explain(failed)
	}
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	again := time.NewTicker(commitAgain)
	defer again.Stop()
	for {
		switch there, err := d.holds(ctx, head); {
		case err == nil && there:
			return nil
		case err == nil:
			return d.explain(failed)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w; look at the newest changes before you ask for it again: %w", d.name, store.ErrUnknown, failed)
		case <-again.C:
		}
	}
}

// holds reports whether the record has head. It asks when it is the only writer: then the transaction that would have written it has
// ended, one way or the other.
func (d *DB) holds(ctx context.Context, head audit.Head) (bool, error) {
	inner, err := d.pool.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer inner.Rollback()
	if err := d.takeTurn(ctx, inner); err != nil {
		return false, err
	}
	var hash []byte
	err = inner.QueryRowContext(ctx, "SELECT hash FROM change WHERE seq = $1", int64(head.Seq)).Scan(&hash)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return bytes.Equal(hash, head.Hash[:]), err
}
