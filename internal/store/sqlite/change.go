package sqlite

import (
	"math"

	"countersign.dev/internal/audit"
)

// Record writes the next change row and raises the revision to its number. Seq of c is ignored.
func (t *Tx) Record(c audit.Change) error {
	if err := c.Validate(); err != nil {
		return t.failed("record change", err)
	}
	t.recorded = true
	if err := t.run("raise revision", "UPDATE revision SET n = n + 1"); err != nil {
		return err
	}
	return t.run("record change", `INSERT INTO change (seq, at, actor, action, subject, detail)
		SELECT n, ?, ?, ?, ?, ? FROM revision`, stamp(c.At), c.Actor, string(c.Action), c.Subject, c.Detail)
}

// Changes lists up to limit change rows with a Seq above after, the oldest first.
func (t *Tx) Changes(after uint64, limit int) ([]audit.Change, error) {
	return list(t, "list changes", scanChange, `SELECT seq, at, actor, action, subject, detail FROM change
		WHERE seq > ? ORDER BY seq LIMIT ?`, int64(min(after, math.MaxInt64)), limit)
}

func scanChange(row scanner) (c audit.Change, err error) {
	var at int64
	err = row.Scan(&c.Seq, &at, &c.Actor, &c.Action, &c.Subject, &c.Detail)
	c.At = moment(at)
	return c, err
}

// Revision is the number of change rows at this transaction's moment.
func (t *Tx) Revision() (uint64, error) {
	n, _, err := one(t, "read revision", scanNumber, "SELECT n FROM revision")
	return n, err
}

func scanNumber(row scanner) (uint64, error) {
	var n int64
	err := row.Scan(&n)
	return uint64(n), err
}
