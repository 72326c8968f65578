package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/store"
)

// Tx is one transaction, for one goroutine, until the function that it was given to returns.
type Tx struct {
	ctx      context.Context
	sql      *sql.Tx
	broken   error // the first statement that failed; no other runs after it, and nothing is committed
	changed  bool
	recorded bool
}

// View calls read with one consistent moment of the register. Nothing can be written in it.
func (d *DB) View(ctx context.Context, read func(*Tx) error) error {
	inner, err := d.reader.BeginTx(ctx, nil)
	if err != nil {
		return explain(d.path, err)
	}
	defer inner.Rollback() // a view leaves nothing behind
	return explain(d.path, read(&Tx{ctx: ctx, sql: inner}))
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
	tx := &Tx{ctx: whole, sql: inner}
	err = change(tx)
	switch {
	case err != nil:
		return explain(d.path, err)
	case tx.broken != nil:
		return explain(d.path, tx.broken)
	case tx.changed && !tx.recorded:
		return fmt.Errorf("%s: %w", d.path, store.ErrUnrecorded)
	}
	return explain(d.path, inner.Commit())
}

// exec runs one statement that changes something and remembers its failure.
func (t *Tx) exec(what, statement string, args ...any) error {
	t.changed = true
	return t.run(what, statement, args...)
}

func (t *Tx) run(what, statement string, args ...any) error {
	if t.broken != nil {
		return t.broken
	}
	if _, err := t.sql.ExecContext(t.ctx, statement, args...); err != nil {
		return t.failed(what, err)
	}
	return nil
}

// failed spoils the transaction. SQLite itself takes a transaction back when the disk is full or fails, and whatever ran
// after that would be a change of its own, kept at once: so nothing may.
func (t *Tx) failed(what string, err error) error {
	err = fmt.Errorf("%s: %w", what, err)
	if t.broken == nil {
		t.broken = err
	}
	return err
}

// list reads all rows of a query, each with scan.
func list[T any](t *Tx, what string, scan func(row scanner) (T, error), query string, args ...any) ([]T, error) {
	if t.broken != nil {
		return nil, t.broken
	}
	rows, err := t.sql.QueryContext(t.ctx, query, args...)
	if err != nil {
		return nil, t.failed(what, err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, t.failed(what, err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, t.failed(what, err)
	}
	return out, nil
}

// one reads the first row of a query; none is false and no error.
func one[T any](t *Tx, what string, scan func(row scanner) (T, error), query string, args ...any) (v T, found bool, err error) {
	if t.broken != nil {
		return v, false, t.broken
	}
	v, err = scan(t.sql.QueryRowContext(t.ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		var none T
		return none, false, nil
	}
	if err != nil {
		return v, false, t.failed(what, err)
	}
	return v, true, nil
}

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// stamp is a time as it is stored: microseconds since 1970, 0 for none.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is the time that stamp stored, in UTC.
func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
