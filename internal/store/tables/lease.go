package tables

import (
	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
)

func scanLease(row scanner) (l partner.Lease, err error) {
	var until, term int64
	err = row.Scan(&l.Name, &l.Holder, &term, &until)
	l.Term, l.Until = uint64(term), moment(until)
	return l, err
}

// Lease finds a lease, also one that has ended, and keeps its row as it is until the transaction ends: nobody takes it over meanwhile. A
// transaction that only reads keeps nothing.
func (t *Tx) Lease(name string) (partner.Lease, bool, error) {
	if !t.readOnly {
		// A row is locked by writing it, in every engine alike.
		if err := t.run("keep lease", "UPDATE lease SET holder = holder WHERE name = ?", name); err != nil {
			return partner.Lease{}, false, err
		}
	}
	return one(t, "read lease", scanLease, "SELECT name, holder, term, until_at FROM lease WHERE name = ?", name)
}

// PutLease adds or replaces a lease. It needs no change row. Of several transactions that add one at once, one does; the others find it
// with their next Lease.
func (t *Tx) PutLease(l partner.Lease) error {
	if t.readOnly {
		return t.failed("write lease", store.ErrReadOnly)
	}
	if err := l.Validate(); err != nil {
		return t.failed("write lease", err)
	}
	return t.run("write lease", `INSERT INTO lease (name, holder, term, until_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, term = excluded.term, until_at = excluded.until_at
			WHERE lease.term < excluded.term OR lease.term = excluded.term AND lease.holder = excluded.holder`,
		l.Name, l.Holder, int64(l.Term), stamp(l.Until))
}
