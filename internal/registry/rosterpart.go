package registry

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/giveway"
	"countersign.dev/internal/partner"
)

// What is read as a part; where more has changed, the whole is read, which is no dearer then.
const (
	maxPartChanges  = 2000
	maxPartPartners = 1000
)

// Reader reads the register for admission again and again: the whole of it first, then what belongs to the partners of whom
// something has changed. For one goroutine at a time.
type Reader struct {
	r            *Registry
	environments []string
	head         audit.Head // of the last reading
	last         *stream    // of the last reading of the whole; nil: there was none
	seed         maphash.Seed
	pause        func(time.Duration)
	owners       map[uint64]string // whose the network rules and limits are, by their rows: one that is gone cannot be asked any more
}

// Reader makes one for some environments, as RosterOf has them.
func (r *Registry) Reader(environments []string) *Reader {
	return &Reader{r: r, environments: environments, seed: maphash.MakeSeed(), pause: giveway.For}
}

// Roster reads what has changed since a revision, which the caller has in force; the whole register for revision 0, where
// somebody else has read something with this Reader since, where much has changed, and where the register does not go on from what was read. Rules and errors as RosterOf,
// but that a large register comes as Rest: then a transaction is open until they have been taken, or the roster is wiped, or ctx ends.
// Any reading of the whole but the first lets others have the processor, since requests are decided on meanwhile.
func (d *Reader) Roster(ctx context.Context, since uint64) (*partner.Roster, error) {
	roster, err := d.changed(ctx, since)
	if err != nil || roster != nil {
		return roster, err
	}
	return d.whole(ctx)
}

// changed reads what has changed since; nil: the whole has to be read.
func (d *Reader) changed(ctx context.Context, since uint64) (*partner.Roster, error) {
	if since == 0 || since != d.head.Seq {
		return nil, nil
	}
	roster, known := &partner.Roster{ReadAt: d.r.now()}, false
	err := d.r.store.View(ctx, func(tx Tx) (err error) {
		var whose map[string]bool
		if whose, known, err = d.touched(tx, since); err != nil || !known {
			return err
		}
		return d.reached(tx, d.part(tx, roster, since, whose))
	})
	if err != nil {
		return nil, fmt.Errorf("read roster: %w", err)
	}
	if !known {
		return nil, nil
	}
	return d.r.finish(roster, d.environments)
}

// Revision is the revision that stands in the register now; 0 where it does not go on from the last reading, as far as its end tells: it
// has fewer changes, or another one with that number, since it was put back, or a database failed over and lost its last changes. Whoever compares it with what is in
// force finds them different then, and reads. Errors: the store's.
func (d *Reader) Revision(ctx context.Context) (uint64, error) {
	head, err := view(ctx, d.r.store, Tx.Head)
	if err != nil {
		return 0, fmt.Errorf("read revision: %w", err)
	}
	if head.Seq < d.head.Seq || head.Seq == d.head.Seq && d.head.Seq > 0 && head != d.head {
		return 0, nil
	}
	return head.Seq, nil
}

// reached takes down which change a reading has come to that went well.
func (d *Reader) reached(tx Tx, failed error) error {
	if failed != nil {
		return failed
	}
	head, err := tx.Head()
	if err == nil {
		d.head = head
	}
	return err
}

// whole reads everything; a large register is left for the one who takes it.
func (d *Reader) whole(ctx context.Context) (*partner.Roster, error) {
	roster := &partner.Roster{ReadAt: d.r.now()}
	s := &stream{r: d.r, environments: d.environments, serving: d.last != nil, pause: d.pause}
	if d.last != nil {
		d.last.Close() // nobody took it: it is that of a reading that failed
		s.partners, s.credentials = d.last.read.partners, d.last.read.credentials
	}
	var head audit.Head
	err := s.open(ctx, func(tx Tx) (err error) {
		if err = readHead(tx, roster); err != nil {
			return err
		}
		if s.waits, err = waiting(tx); err != nil {
			return err
		}
		head, err = tx.Head()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read roster: %w", err)
	}
	d.last, d.owners = s, map[uint64]string{}
	d.head = audit.Head{} // until all of it has been taken it is not known whose all rules are, and no part may be made
	names := map[string]string{}
	s.note = func(piece *partner.Piece) { d.remember(piece, names) }
	s.over = func() { d.head = head }
	if err = s.handOver(roster); err == nil {
		roster, err = d.r.finish(roster, d.environments)
	}
	if err != nil {
		s.Close()
		roster.Wipe()
		return nil, err
	}
	return roster, nil
}

// remember takes down whose the rules and limits of a piece are, with one text for each partner.
func (d *Reader) remember(piece *partner.Piece, names map[string]string) {
	for i := range piece.Partners {
		id := piece.Partners[i].ID
		names[id] = id
	}
	for i := range piece.Networks {
		d.owners[d.hash(audit.NetworkRow(piece.Networks[i].ID))] = names[piece.Networks[i].PartnerID]
	}
	for i := range piece.Limits {
		d.owners[d.hash(audit.LimitRow(piece.Limits[i].ID))] = names[piece.Limits[i].PartnerID]
	}
}

func (d *Reader) hash(row string) uint64 { return maphash.String(d.seed, row) }

// touched are the partners of whom a row has changed; false: the whole has to be read.
func (d *Reader) touched(tx Tx, since uint64) (whose map[string]bool, ok bool, err error) {
	changes, err := tx.Changes(since, maxPartChanges+1)
	if err != nil || len(changes) > maxPartChanges {
		return nil, false, err
	}
	if len(changes) > 0 && changes[0].Prev != d.head.Hash {
		return nil, false, nil // the register has gone on from somewhere else
	}
	if len(changes) == 0 {
		if head, err := tx.Head(); err != nil || head != d.head {
			return nil, false, err
		}
	}
	whose = map[string]bool{}
	seen := map[string]bool{}
	for _, c := range changes {
		for _, t := range c.Touched {
			if seen[t.Row] {
				continue
			}
			seen[t.Row] = true
			owner, known, err := d.owner(tx, t.Row)
			if err != nil || !known {
				return nil, false, err
			}
			if owner != "" {
				whose[owner] = true
			}
		}
	}
	return whose, len(whose) <= maxPartPartners, nil
}

// owner is the partner whose a row is; empty: it is nobody's, or was never in a roster. false: it is a row that this code does not
// know.
func (d *Reader) owner(tx Tx, row string) (owner string, known bool, err error) {
	kind, id, _ := strings.Cut(row, "/")
	switch kind {
	case "partner":
		return id, true, nil
	case "review":
		owner, _, _ = strings.Cut(id, "/")
		return owner, true, nil
	case "credential":
		c, _, err := tx.Credential(id)
		return c.PartnerID, true, err
	case "network":
		n, found, err := tx.Network(id)
		return d.former(row, n.PartnerID, found), true, err
	case "limit":
		l, found, err := tx.Limit(id)
		return d.former(row, l.PartnerID, found), true, err
	case "sealing_key":
		return "", true, nil
	case "document":
		document, id, _ := strings.Cut(id, "/")
		if document != pendingNoun.kind {
			return "", true, nil
		}
		c, _, err := tx.Credential(id)
		return c.PartnerID, true, err
	}
	return "", false, nil
}

// former is whose a row is, or was. One that came and went between two readings was in no roster.
func (d *Reader) former(row, now string, found bool) string {
	if found {
		return now
	}
	return d.owners[d.hash(row)]
}

// part reads all of the given partners.
func (d *Reader) part(tx Tx, roster *partner.Roster, since uint64, whose map[string]bool) (err error) {
	roster.Since, roster.Touched = since, slices.Sorted(maps.Keys(whose))
	for _, id := range roster.Touched {
		if err := readPartner(tx, roster, id); err != nil {
			return err
		}
	}
	if err := withoutPending(tx, roster.Credentials); err != nil {
		return err
	}
	if roster.SealingKeys, err = tx.SealingKeys(""); err != nil {
		return err
	}
	if roster.Revision, err = tx.Revision(); err != nil {
		return err
	}
	d.remember(&partner.Piece{Partners: roster.Partners, Networks: roster.Networks, Limits: roster.Limits}, map[string]string{})
	return nil
}

// readPartner adds everything of one partner; nothing where it is not there.
func readPartner(tx Tx, roster *partner.Roster, id string) error {
	p, found, err := tx.Partner(id)
	if err != nil || !found {
		return err
	}
	roster.Partners = append(roster.Partners, p)
	if err := more(&roster.Reviews, tx.Reviews, id); err != nil {
		return err
	}
	if err := more(&roster.Credentials, tx.Credentials, id); err != nil {
		return err
	}
	if err := more(&roster.Networks, tx.Networks, id); err != nil {
		return err
	}
	return more(&roster.Limits, tx.Limits, id)
}

func more[T any](into *[]T, list func(string) ([]T, error), partnerID string) error {
	found, err := list(partnerID)
	*into = append(*into, found...)
	return err
}
