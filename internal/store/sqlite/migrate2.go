package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
)

//go:embed migrations/chain/00002_tables.sql
var chainTables string

//go:embed migrations/chain/00002_triggers.sql
var chainTriggers string

// chain is migration 2. A register of version 1 keeps every change row; all of them are hashed in their order, with nothing
// touched, from the genesis of a record whose id is drawn here. One more change, by the system, then touches every row that
// is present, so that a later verification has something to compare with. An empty register gets no change.
func chain(ctx context.Context, inner *sql.Tx, now time.Time) error {
	t := &Tx{ctx: ctx, sql: inner}
	if err := t.run("make the tables of version 2", chainTables); err != nil {
		return err
	}
	head, err := t.chainOld()
	if err != nil {
		return err
	}
	if err := t.run("set the head", "UPDATE revision SET hash = ?", head.Hash[:]); err != nil {
		return err
	}
	if err := t.run("make the triggers of version 2", chainTriggers); err != nil {
		return err
	}
	return t.adopt(head, now)
}

// chainOld hashes the change rows of version 1 into the new table.
func (t *Tx) chainOld() (audit.Head, error) {
	head, found, err := one(t, "read revision", scanHead, headColumns)
	if err == nil && !found {
		err = fmt.Errorf("%w: the register does not count its changes; restore a backup", store.ErrCorrupt)
	}
	if err != nil {
		return head, err
	}
	counted := head.Seq
	head.Seq, head.Hash = 0, audit.Genesis(head.Record)
	for {
		page, err := list(t, "list old changes", scanOldChange, `SELECT seq, at, actor, action, subject, detail FROM change_1
			WHERE seq > ? ORDER BY seq LIMIT 1000`, int64(head.Seq))
		if err != nil {
			return head, err
		}
		for _, c := range page {
			if c.Seq != head.Seq+1 {
				return head, fmt.Errorf("%w: change %d is missing; restore a backup", store.ErrCorrupt, head.Seq+1)
			}
			if head, err = t.append(head, c); err != nil {
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

func scanOldChange(row scanner) (c audit.Change, err error) {
	var at int64
	err = row.Scan(&c.Seq, &at, &c.Actor, &c.Action, &c.Subject, &c.Detail)
	c.At = moment(at)
	return c, err
}

// adopt writes the change that touches every present row.
func (t *Tx) adopt(head audit.Head, now time.Time) error {
	rows, err := audit.Rows(version2{t})
	if err != nil {
		return err
	}
	if head.Seq == 0 && len(rows) == 0 {
		return nil
	}
	c := audit.Change{At: now, Actor: "system:migration", Action: audit.RegisterChained, Subject: "register", Touched: rows,
		Detail: fmt.Sprintf("%d changes of version 1 were chained; %d rows of the register are touched", head.Seq, len(rows))}
	if head, err = t.append(head, c); err != nil {
		return err
	}
	return t.setHead(head)
}

// version2 is a register of version 2 as a source of rows: it has no documents, and not yet the table for them.
type version2 struct{ *Tx }

// Documents implements audit.RowSource.
func (version2) Documents(partner.DocumentQuery) ([]partner.Document, error) { return nil, nil }
