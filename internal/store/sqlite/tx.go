package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/store"
)

// Tx is one transaction, for one goroutine, until the function that it was given to returns.
type Tx struct {
	ctx      context.Context
	sql      *sql.Tx
	readOnly bool
	broken   error // the first statement that failed; no other runs after it, and nothing is committed
	changed  bool
	records  []audit.Change
	touched  map[string]touched // by the name of the row
	prepared map[string]*sql.Stmt
}

// View calls read with one consistent moment of the register. Nothing can be written in it.
func (d *DB) View(ctx context.Context, read func(*Tx) error) error {
	inner, err := d.reader.BeginTx(ctx, nil)
	if err != nil {
		return explain(d.path, err)
	}
	defer inner.Rollback() // a view leaves nothing behind
	return explain(d.path, read(&Tx{ctx: ctx, sql: inner, readOnly: true}))
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
	if err := change(tx); err != nil {
		return explain(d.path, err)
	}
	if err := tx.finish(); err != nil {
		return explain(d.path, named(d.path, err))
	}
	return explain(d.path, inner.Commit())
}

// named says which file a change without its row was meant for.
func named(path string, err error) error {
	if errors.Is(err, store.ErrUnrecorded) {
		return fmt.Errorf("%s: %w", path, err)
	}
	return err
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
	ready, err := t.prepare(statement)
	switch {
	case err != nil:
	case ready != nil:
		_, err = ready.ExecContext(t.ctx, args...)
	default:
		_, err = t.sql.ExecContext(t.ctx, statement, args...)
	}
	if err != nil {
		return t.failed(what, err)
	}
	return nil
}

// prepare keeps a statement that runs for the second time, for as long as the transaction lasts: reading its text costs more
// than running it, which counts where one change writes ten thousand rows. nil: it is not worth it yet.
func (t *Tx) prepare(statement string) (*sql.Stmt, error) {
	ready, again := t.prepared[statement]
	if ready != nil {
		return ready, nil
	}
	if t.prepared == nil {
		t.prepared = map[string]*sql.Stmt{}
	}
	if !again {
		t.prepared[statement] = nil
		return nil, nil
	}
	ready, err := t.sql.PrepareContext(t.ctx, statement) // closed with the transaction
	if err == nil {
		t.prepared[statement] = ready
	}
	return ready, err
}

// query starts a reading.
func (t *Tx) query(query string, args []any) (*sql.Rows, error) {
	ready, err := t.prepare(query)
	switch {
	case err != nil:
		return nil, err
	case ready != nil:
		return ready.QueryContext(t.ctx, args...)
	}
	return t.sql.QueryContext(t.ctx, query, args...)
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
	rows, err := t.query(query, args)
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
	all, err := list(t, what, scan, query, args...)
	if err != nil || len(all) == 0 {
		return v, false, err
	}
	return all[0], true, nil
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
