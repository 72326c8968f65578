// Package tables is the register as rows of tables, in the SQL that all engines take: what is written and read, the digest of every
// row that a transaction touched, and the chain of changes. It owns no connection and no schema: an engine opens the transaction, says
// how its SQL is spelt, and ends it.
//
// It refuses to go on in a transaction in which a statement has failed, to write in one that only reads, and to finish one that has
// changed something without its change row. The attack it answers is the difference between two engines: they share every statement.
package tables

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"countersign.dev/internal/audit"
)

// Spelling makes of a statement with ? for each argument the one that an engine takes. It is asked once for each statement of a
// transaction. nil: engines that take it as it is.
type Spelling func(statement string) string

// Tx is one transaction, for one goroutine, until the function that it was given to returns. Make one with New.
type Tx struct {
	ctx      context.Context
	sql      *sql.Tx
	spell    Spelling
	feed     Feed // nil: the engine has none
	readOnly bool
	broken   error // the first statement that failed; no other runs after it, and nothing is committed
	changed  bool
	records  []audit.Change
	touched  map[string]touched // by the name of the row
	prepared map[string]*sql.Stmt
}

// New makes a Tx of a transaction that has begun. Whoever began it ends it: a writing one with Finish before.
func New(ctx context.Context, inner *sql.Tx, spell Spelling, readOnly bool) *Tx {
	return &Tx{ctx: ctx, sql: inner, spell: spell, readOnly: readOnly}
}

// Run runs a statement that is no change of a row: what an engine does to its own tables.
func (t *Tx) Run(what, statement string, args ...any) error { return t.run(what, statement, args...) }

// Recorded is how many change rows the transaction has written down.
func (t *Tx) Recorded() int { return len(t.records) }

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
		_, err = t.sql.ExecContext(t.ctx, t.spelt(statement), args...)
	}
	if err != nil {
		return t.failed(what, err)
	}
	return nil
}

func (t *Tx) spelt(statement string) string {
	if t.spell == nil {
		return statement
	}
	return t.spell(statement)
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
	ready, err := t.sql.PrepareContext(t.ctx, t.spelt(statement)) // closed with the transaction
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
	return t.sql.QueryContext(t.ctx, t.spelt(query), args...)
}

// failed spoils the transaction. An engine may take a transaction back by itself when a statement fails, and whatever ran
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
	if !storable(args) {
		return v, false, nil
	}
	all, err := list(t, what, scan, query, args...)
	if err != nil || len(all) == 0 {
		return v, false, err
	}
	return all[0], true, nil
}

// storable reports whether a row could have these texts. What a stranger sends as a name may hold anything; some databases answer
// bytes that are no text with an error, which would look like a fault of ours, and the others find nothing.
func storable(args []any) bool {
	return !slices.ContainsFunc(args, func(arg any) bool {
		text, ok := arg.(string)
		return ok && (strings.ContainsRune(text, 0) || !utf8.ValidString(text))
	})
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

// flag is a truth as it is stored: all engines have whole numbers, not all of them truths.
func flag(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

// fold makes ASCII letters small, as lower does in the collation that both engines compare names in; other letters stay.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}
