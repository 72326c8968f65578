package registry

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"countersign.dev/internal/audit"
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
	seed         maphash.Seed
	owners       map[uint64]string // whose the network rules and limits are, by their rows: one that is gone cannot be asked any more
}

// Reader makes one for some environments, as RosterOf has them.
func (r *Registry) Reader(environments []string) *Reader {
	return &Reader{r: r, environments: environments, seed: maphash.MakeSeed()}
}

// Roster reads what has changed since a revision, which the caller has in force; the whole register for revision 0, where
// somebody else has read something with this Reader since, where much has changed, and where the register does not go on from what was read. Rules and errors as RosterOf.
func (d *Reader) Roster(ctx context.Context, since uint64) (*partner.Roster, error) {
	roster := &partner.Roster{ReadAt: d.r.now()}
	err := d.r.store.View(ctx, func(tx Tx) error {
		if since != 0 && since == d.head.Seq {
			if whose, ok, err := d.touched(tx, since); err != nil || ok {
				return d.reached(tx, d.part(tx, roster, since, whose, err))
			}
		}
		return d.reached(tx, d.whole(tx, roster))
	})
	if err == nil {
		return d.r.finish(roster, d.environments)
	}
	return nil, fmt.Errorf("read roster: %w", err)
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

func (d *Reader) whole(tx Tx, roster *partner.Roster) error {
	if err := readRoster(tx, roster); err != nil {
		return err
	}
	d.owners = make(map[uint64]string, len(roster.Networks)+len(roster.Limits))
	d.remember(roster)
	return nil
}

// remember takes down whose the rules and limits are, with one text for each partner.
func (d *Reader) remember(roster *partner.Roster) {
	names := make(map[string]string, len(roster.Partners))
	for _, p := range roster.Partners {
		names[p.ID] = p.ID
	}
	for _, n := range roster.Networks {
		d.owners[d.hash(audit.NetworkRow(n.ID))] = names[n.PartnerID]
	}
	for _, l := range roster.Limits {
		d.owners[d.hash(audit.LimitRow(l.ID))] = names[l.PartnerID]
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
func (d *Reader) part(tx Tx, roster *partner.Roster, since uint64, whose map[string]bool, err error) error {
	if err != nil {
		return err
	}
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
	d.remember(roster)
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
