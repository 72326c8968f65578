package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
	"countersign.dev/internal/store/tables"
)

//go:embed migrations/chain/00002_tables.sql
var chainTables string

//go:embed migrations/chain/00002_triggers.sql
var chainTriggers string

// chain is migration 2. A register of version 1 keeps every change row; all of them are hashed in their order, with nothing
// touched, from the genesis of a record whose id is drawn here. One more change, by the system, then touches every row that
// is present, so that a later verification has something to compare with. An empty register gets no change.
func chain(ctx context.Context, inner *sql.Tx, now time.Time) error {
	t := tables.New(ctx, inner, nil, false)
	if err := t.Run("make the tables of version 2", chainTables); err != nil {
		return err
	}
	head, err := chainOld(ctx, inner, t)
	if err != nil {
		return err
	}
	if err := t.Run("set the head", "UPDATE revision SET hash = ?", head.Hash[:]); err != nil {
		return err
	}
	if err := t.Run("make the triggers of version 2", chainTriggers); err != nil {
		return err
	}
	return adopt(t, head, now)
}

// chainOld hashes the change rows of version 1 into the new table.
func chainOld(ctx context.Context, inner *sql.Tx, t *Tx) (audit.Head, error) {
	head, err := t.Head()
	if errors.Is(err, store.ErrCorrupt) {
		err = fmt.Errorf("%w: the register does not count its changes; restore a backup", store.ErrCorrupt)
	}
	if err != nil {
		return head, err
	}
	counted := head.Seq
	head.Seq, head.Hash = 0, audit.Genesis(head.Record)
	for {
		page, err := oldChanges(ctx, inner, head.Seq)
		if err != nil {
			return head, err
		}
		for _, c := range page {
			if c.Seq != head.Seq+1 {
				return head, fmt.Errorf("%w: change %d is missing; restore a backup", store.ErrCorrupt, head.Seq+1)
			}
			if head, err = t.Append(head, c); err != nil {
				return head, err
			}
		}
		if len(page) == 0 {
			break
		}
	}
	if head.Seq != counted {
		return head, fmt.Errorf("%w: it counts %d changes and has %d; restore a backup", store.ErrCorrupt, counted, head.Seq)
	}
	return head, nil
}

// oldChanges are the next change rows of version 1.
func oldChanges(ctx context.Context, inner *sql.Tx, after uint64) (page []audit.Change, err error) {
	rows, err := inner.QueryContext(ctx, `SELECT seq, at, actor, action, subject, detail FROM change_1
		WHERE seq > ? ORDER BY seq LIMIT 1000`, int64(after))
	if err != nil {
		return nil, fmt.Errorf("list old changes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c audit.Change
		var at int64
		if err := rows.Scan(&c.Seq, &at, &c.Actor, &c.Action, &c.Subject, &c.Detail); err != nil {
			return nil, fmt.Errorf("list old changes: %w", err)
		}
		if at != 0 {
			c.At = time.UnixMicro(at).UTC()
		}
		page = append(page, c)
	}
	return page, rows.Err()
}

// adopt writes the change that touches every present row.
func adopt(t *Tx, head audit.Head, now time.Time) error {
	rows, err := audit.Rows(version2{t})
	if err != nil {
		return err
	}
	if head.Seq == 0 && len(rows) == 0 {
		return nil
	}
	c := audit.Change{At: now, Actor: "system:migration", Action: audit.RegisterChained, Subject: "register", Touched: rows,
		Detail: fmt.Sprintf("%d changes of version 1 were chained; %d rows of the register are touched", head.Seq, len(rows))}
	if head, err = t.Append(head, c); err != nil {
		return err
	}
	return t.SetHead(head)
}

// version2 is a register of version 2 as a source of rows: it has no documents, and not yet the table for them.
type version2 struct{ *Tx }

// Documents implements audit.RowSource.
func (version2) Documents(partner.DocumentQuery) ([]partner.Document, error) { return nil, nil }
