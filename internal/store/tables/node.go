package tables

import (
	"fmt"
	"strings"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
)

// Clock is the time by the clock of the database in microseconds since 1970, as an expression that SQLite takes. A Spelling puts an engine's
// own in its place.
const Clock = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"

// Now is the time by the clock of the database: the same for all nodes, whatever their own clocks say. It goes on within a transaction.
func (t *Tx) Now() (time.Time, error) {
	now, _, err := one(t, "read the clock", func(row scanner) (at time.Time, err error) {
		var micros int64
		err = row.Scan(&micros)
		return moment(micros), err
	}, "SELECT "+Clock)
	return now, err
}

const nodeColumns = `SELECT id, name, version, environments, revision, max_staleness, trouble, started_at, beat_at, read_at, in_force_at, took FROM node`

func scanNode(row scanner) (n partner.Node, err error) {
	var environments string
	var revision, staleness, started, beat, read, force, took int64
	err = row.Scan(&n.ID, &n.Name, &n.Version, &environments, &revision, &staleness, &n.Trouble, &started, &beat, &read, &force, &took)
	n.Environments, n.Revision = strings.Split(environments, ","), uint64(revision)
	n.MaxStaleness, n.Took = time.Duration(staleness)*time.Microsecond, time.Duration(took)*time.Microsecond
	n.StartedAt, n.BeatAt, n.ReadAt, n.InForceAt = moment(started), moment(beat), moment(read), moment(force)
	return n, err
}

// Nodes lists the nodes, by name and id: the first partner.MaxNodes, if there are more.
func (t *Tx) Nodes() ([]partner.Node, error) {
	return list(t, "list nodes", scanNode, nodeColumns+" ORDER BY name, id LIMIT ?", partner.MaxNodes)
}

// Node finds a node by its id.
func (t *Tx) Node(id string) (partner.Node, bool, error) {
	return one(t, "read node", scanNode, nodeColumns+" WHERE id = ?", id)
}

// PutNode adds or replaces the row of a node. It needs no change row.
func (t *Tx) PutNode(n partner.Node) error {
	if t.readOnly {
		return t.failed("write node", store.ErrReadOnly)
	}
	if err := n.Validate(); err != nil {
		return t.failed("write node", err)
	}
	if n.StartedAt.IsZero() || n.BeatAt.IsZero() {
		return t.failed("write node", fmt.Errorf("%w: a node has a beginning and a beat", partner.ErrInvalid))
	}
	took := n.Took.Microseconds()
	if n.Took < 0 {
		took = -1
	}
	return t.run("write node", `INSERT INTO node (id, name, version, environments, revision, max_staleness, trouble, started_at, beat_at, read_at,
			in_force_at, took) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version, environments = excluded.environments,
			revision = excluded.revision, max_staleness = excluded.max_staleness, trouble = excluded.trouble, started_at = excluded.started_at,
			beat_at = excluded.beat_at, read_at = excluded.read_at, in_force_at = excluded.in_force_at, took = excluded.took`,
		n.ID, n.Name, n.Version, strings.Join(n.Environments, ","), int64(n.Revision), n.MaxStaleness.Microseconds(), n.Trouble,
		stamp(n.StartedAt), stamp(n.BeatAt), stamp(n.ReadAt), stamp(n.InForceAt), took)
}

// DeleteNode removes the row of a node; one that is not there is no error.
func (t *Tx) DeleteNode(id string) error {
	return t.run("remove node", "DELETE FROM node WHERE id = ?", id)
}

// DeleteNodesBefore removes the nodes whose last beat was before a moment.
func (t *Tx) DeleteNodesBefore(beat time.Time) error {
	return t.run("remove dead nodes", "DELETE FROM node WHERE beat_at < ?", stamp(beat))
}

// CountNodes is how many rows there are.
func (t *Tx) CountNodes() (int, error) {
	n, _, err := one(t, "count nodes", func(row scanner) (n int, err error) {
		err = row.Scan(&n)
		return n, err
	}, "SELECT count(*) FROM node")
	return n, err
}

// ChangedAt is when the register came to the revision that this transaction found, by the database's clock; zero: not known, because an
// older program made the change.
func (t *Tx) ChangedAt() (revision uint64, at time.Time, err error) {
	type last struct {
		revision uint64
		at       time.Time
	}
	found, _, err := one(t, "read the time of the last change", func(row scanner) (l last, err error) {
		var n, changed, of int64
		if err = row.Scan(&n, &changed, &of); err == nil && of == n {
			l.at = moment(changed)
		}
		l.revision = uint64(n)
		return l, err
	}, "SELECT r.n, c.at, c.n FROM revision r CROSS JOIN changed c")
	return found.revision, found.at, err
}
