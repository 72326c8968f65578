package tables

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/store"
)

// Record takes down the change row that belongs to what this transaction did since the last one. The row is written when the
// transaction ends, with its number, its chain and the rows it touched: until then Changes and Head do not show it.
func (t *Tx) Record(c audit.Change) error {
	if t.readOnly {
		return t.failed("record change", store.ErrReadOnly)
	}
	if err := c.Validate(); err != nil {
		return t.failed("record change", err)
	}
	t.records = append(t.records, c)
	return t.broken
}

// touched is a row that this transaction wrote or removed.
type touched struct {
	record int // index of the change row that comes after the last writing of it
	read   func() (audit.Touch, bool, error)
}

// touch remembers that a row was written or removed. read digests what is there when the transaction ends; false: nothing.
func (t *Tx) touch(row string, read func() (audit.Touch, bool, error)) {
	if t.touched == nil {
		t.touched = map[string]touched{}
	}
	t.touched[row] = touched{record: len(t.records), read: read}
}

// digested adapts a lookup to what touch needs.
func digested[T any](lookup func() (T, bool, error), digest func(T) audit.Touch) func() (audit.Touch, bool, error) {
	return func() (audit.Touch, bool, error) {
		v, found, err := lookup()
		if err != nil || !found {
			return audit.Touch{}, false, err
		}
		return digest(v), true, nil
	}
}

// Finish writes the change rows, each with the rows that it touched as the transaction leaves them: a row that was written
// for several changes belongs to the last of them. Without a change row nothing may have been written: store.ErrUnrecorded.
// Whoever began the transaction commits it then.
func (t *Tx) Finish() error {
	switch {
	case t.broken != nil:
		return t.broken
	case len(t.records) == 0 && t.changed:
		return store.ErrUnrecorded
	case len(t.records) == 0:
		return nil
	}
	head, err := t.Head()
	if err != nil {
		return err
	}
	if err := t.digest(); err != nil {
		return err
	}
	for _, c := range t.records {
		if head, err = t.Append(head, c); err != nil {
			return err
		}
	}
	if err := t.SetHead(head); err != nil {
		return err
	}
	return t.run("note the time", "UPDATE changed SET n = ?, at = "+Clock, int64(head.Seq))
}

// digest gives every touched row to its change row.
func (t *Tx) digest() error {
	for i := range t.records {
		t.records[i].Touched = nil
	}
	for row, w := range t.touched {
		touch, found, err := w.read()
		if err != nil {
			return err
		}
		if !found {
			touch = audit.Touch{Row: row}
		}
		if touch.Row != row {
			return t.failed("record change", fmt.Errorf("%s was written as %s", touch.Row, row))
		}
		c := &t.records[min(w.record, len(t.records)-1)]
		c.Touched = append(c.Touched, touch)
	}
	for _, c := range t.records {
		slices.SortFunc(c.Touched, func(a, b audit.Touch) int { return strings.Compare(a.Row, b.Row) })
	}
	return nil
}

// Append writes c as the change after head and returns the new head, past the rules of Record and Finish: for an engine that makes
// a record of rows that were there before it.
func (t *Tx) Append(head audit.Head, c audit.Change) (audit.Head, error) {
	c.Seq, c.Prev = head.Seq+1, head.Hash
	c.Hash = audit.ChangeHash(c)
	err := t.putChange(c)
	return audit.Head{Record: head.Record, Seq: c.Seq, Hash: c.Hash}, err
}

// putChange writes a change row as it is.
func (t *Tx) putChange(c audit.Change) error {
	return t.run("record change", `INSERT INTO change (seq, at, actor, action, subject, detail, touched, prev, hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, int64(c.Seq), stamp(c.At), c.Actor, string(c.Action), c.Subject, c.Detail,
		audit.FormatTouched(c.Touched), c.Prev[:], c.Hash[:])
}

// SetHead makes head the end of the record. It is for Finish, and for engines as Append is.
func (t *Tx) SetHead(head audit.Head) error {
	return t.run("raise revision", "UPDATE revision SET n = ?, hash = ?", int64(head.Seq), head.Hash[:])
}

const headColumns = "SELECT n, record, hash FROM revision"

func scanHead(row scanner) (h audit.Head, err error) {
	var n int64
	var hash []byte
	err = row.Scan(&n, &h.Record, &hash)
	h.Seq = uint64(n)
	if len(hash) == len(h.Hash) { // any other one is none, and fits nothing
		copy(h.Hash[:], hash)
	}
	return h, err
}

// Head is the end of the record of changes as this transaction found it.
func (t *Tx) Head() (audit.Head, error) {
	h, found, err := one(t, "read revision", scanHead, headColumns)
	if err == nil && !found {
		err = t.failed("read revision", store.ErrCorrupt)
	}
	return h, err
}

// Changes lists up to limit change rows with a Seq above after, the oldest first. A row whose list of touched rows cannot be
// read, or whose hashes have another length, comes with a list that fits no hash: reading goes on and a verification tells.
func (t *Tx) Changes(after uint64, limit int) ([]audit.Change, error) {
	from := int64(min(after, math.MaxInt64))
	if after == 0 {
		from = math.MinInt64 // a row that was put in front is to be seen
	}
	page := make([]audit.Change, 0, min(max(limit, 0), mostChanges))
	err := t.bulk("list changes", func(row *fed) error {
		page = append(page, audit.Change{})
		return readChange(row, &page[len(page)-1])
	}, changeWidth, changeColumns+" WHERE seq > ? ORDER BY seq LIMIT ?", from, limit)
	if err != nil || len(page) == 0 {
		return nil, err
	}
	return page, nil
}

// What Changes makes room for before it knows how many there are, and how many columns changeColumns has.
const (
	mostChanges = 1000
	changeWidth = 9
)

// readChange is scanChange without a piece of memory for each row.
func readChange(row *fed, c *audit.Change) error {
	c.Seq, c.At = uint64(row.number()), moment(row.number())
	c.Actor, c.Action, c.Subject, c.Detail = row.text(), audit.Action(row.text()), row.text(), row.text()
	readChain(c, row.view(), row.view(), row.view())
	return row.wrong()
}

const changeColumns = "SELECT seq, at, actor, action, subject, detail, touched, prev, hash FROM change"

func scanChange(row scanner) (c audit.Change, err error) {
	var at, seq int64
	var touched, prev, hash []byte
	err = row.Scan(&seq, &at, &c.Actor, &c.Action, &c.Subject, &c.Detail, &touched, &prev, &hash)
	c.Seq, c.At = uint64(seq), moment(at)
	readChain(&c, touched, prev, hash)
	return c, err
}

func readChain(c *audit.Change, touched, prev, hash []byte) {
	var unfit error
	c.Touched, unfit = audit.ParseTouched(touched)
	if unfit != nil || len(prev) != len(c.Prev) || len(hash) != len(c.Hash) {
		c.Touched = []audit.Touch{{}} // no change row has a row without a name
	}
	copy(c.Prev[:], prev)
	copy(c.Hash[:], hash)
}

// Revision is the number of change rows as this transaction found it.
func (t *Tx) Revision() (uint64, error) {
	h, err := t.Head()
	return h.Seq, err
}
