package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// How nodes tell of themselves.
const (
	BeatEvery  = 5 * time.Second  // a node beats at least so often, and at once when it has put a revision in force
	SilentFrom = 15 * time.Second // a node that has not beaten for longer is silent: nobody waits for it any more
	StopSlack  = BeatEvery        // for how long a reading counts at a node beyond the last one that it has told of
	DeadFrom   = 25 * time.Hour   // a node that has not beaten for longer is forgotten: it has stopped, since no max_staleness is above a day

	clocksApart = 1000 // two clocks that are being set right, each by up to 500 millionths, are apart by one part of so many
)

// Beat is what a server process tells of itself.
type Beat struct {
	ID           string        // of NewNodeID, drawn at its start
	Name         string        // machine and process, for people
	Version      string        // of its program
	Environments []string      // that it serves; at least one, in any order
	Revision     uint64        // in force; 0: it is starting
	ReadAge      time.Duration // since it last read the register successfully, by its own clock that only goes on; negative: it has not yet
	MaxStaleness time.Duration // above 0
	Trouble      string        // what is not in force and why; cut to what a row takes
	Replaces     string        // the process that ran with the same data folder before and is known to have ended; empty: none
}

// NewNodeID draws the id of a server process. Errors: secret.ErrRandom.
func (r *Registry) NewNodeID() (string, error) { return secret.RowID(r.random, "nod_") }

// Beat notes that a node lives and what it serves, by the database's clock, and whether Revision is new there: how long it took since the
// change. It is no change of the register and waits for none. Nodes that are dead are forgotten when a new one comes. Errors:
// partner.ErrInvalid, ErrState where there are partner.MaxNodes, the store's.
func (r *Registry) Beat(ctx context.Context, b Beat) error {
	n := partner.Node{ID: b.ID, Name: b.Name, Version: b.Version, Environments: slices.Compact(slices.Sorted(slices.Values(b.Environments))),
		Revision: b.Revision, MaxStaleness: b.MaxStaleness, Trouble: clean(b.Trouble, partner.MaxNodeTrouble)}
	if err := n.Validate(); err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	if err := r.store.Aside(ctx, func(tx Tx) error { return beat(tx, b, n) }); err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	return nil
}

func beat(tx Tx, b Beat, n partner.Node) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	before, found, err := tx.Node(n.ID)
	if err != nil {
		return err
	}
	n.BeatAt, n.StartedAt, n.InForceAt, n.Took = now, before.StartedAt, before.InForceAt, before.Took
	if b.ReadAge >= 0 {
		n.ReadAt = now.Add(-b.ReadAge)
	}
	if !found {
		n.StartedAt = now
		if err := makeRoom(tx, b, now); err != nil {
			return err
		}
	}
	if !found || before.Revision != n.Revision {
		n.InForceAt, n.Took = now, -1
		revision, changed, err := tx.ChangedAt()
		if err != nil {
			return err
		}
		if found && revision == n.Revision && !changed.IsZero() {
			n.Took = max(0, now.Sub(changed)) // a node that starts reads what was changed before; that took nothing
		}
	}
	return tx.PutNode(n)
}

// makeRoom forgets dead nodes, and the process whose place a new one takes, and refuses one node too many.
func makeRoom(tx Tx, b Beat, now time.Time) error {
	if err := tx.DeleteNodesBefore(now.Add(-DeadFrom)); err != nil {
		return err
	}
	if b.Replaces != "" {
		old, found, err := tx.Node(b.Replaces)
		if err != nil {
			return err
		}
		if found && machine(old.Name) == machine(b.Name) { // a data folder that was copied to another machine replaces nobody
			if err := tx.DeleteNode(old.ID); err != nil {
				return err
			}
		}
	}
	many, err := tx.CountNodes()
	if err == nil && many >= partner.MaxNodes {
		err = fmt.Errorf("%w: the register has %d nodes already", ErrState, many)
	}
	return err
}

// machine is the name of a node without its process.
func machine(name string) string {
	if at := strings.LastIndexByte(name, ':'); at >= 0 {
		return name[:at]
	}
	return name
}

// clean makes one printable line of a text and cuts it.
func clean(text string, most int) string {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == '\uFFFD' {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, " "))
	for cut := most; len(text) > most; cut-- {
		text = strings.ToValidUTF8(text[:cut], "")
	}
	return text
}

// Leave forgets a node that has ended in order: nobody waits for it any more. One that is not there is no error. Errors: the store's.
func (r *Registry) Leave(ctx context.Context, id string) error {
	if err := r.store.Aside(ctx, func(tx Tx) error { return tx.DeleteNode(id) }); err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}

// SweepNodes forgets nodes that have not beaten for longer than DeadFrom. Errors: the store's.
func (r *Registry) SweepNodes(ctx context.Context) error {
	err := r.store.Aside(ctx, func(tx Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return tx.DeleteNodesBefore(now.Add(-DeadFrom))
	})
	if err != nil {
		return fmt.Errorf("sweep nodes: %w", err)
	}
	return nil
}
