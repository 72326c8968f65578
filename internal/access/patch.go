package access

import (
	"fmt"
	"maps"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/scheme"
)

// A part of a register is put in force beside what is in force already: partners of whom something has changed, and all their
// credentials, stand in a second list and a second table, which are asked first. A credential is never deleted from a register, and
// none changes its partner, so that whatever the first table has of such a partner stands in the second one too. When the second
// has grown to a sixteenth of the first, both are made into one, from memory.
const (
	patchShare = 16
	patchLeast = 4096 // credentials that the second table may have in any case
)

// roll is the partners of a world.
type roll struct {
	list  []Partner
	newer map[string]*Partner // by id: those that stand before what list has of them; nil: none
}

// each yields every partner once.
func (r *roll) each(yield func(*Partner) bool) {
	for i := range r.list {
		if r.newer[r.list[i].ID] == nil && !yield(&r.list[i]) {
			return
		}
	}
	for _, p := range r.newer {
		if !yield(p) {
			return
		}
	}
}

// patched is s with the partners of a part as they are now. s stays as it is.
func (s *snapshot) patched(part *partner.Roster, a *Decider, pause func(time.Duration)) (*snapshot, error) {
	if s == nil || s.revision != part.Since {
		return nil, fmt.Errorf("%w: it is a part that goes on from revision %d, which is not in force", ErrRoster, part.Since)
	}
	fresh, err := a.build(part, pause)
	if err != nil {
		return nil, err
	}
	next := &snapshot{revision: part.Revision, worlds: make(map[string]*world, len(a.environments))}
	air := &breath{pause: pause}
	for name := range a.environments {
		var err error
		if next.worlds[name], err = s.worlds[name].patched(fresh.worlds[name], part.Touched, air); err != nil {
			return nil, fmt.Errorf("%w: environment %s: %w", ErrRoster, name, err)
		}
	}
	return next, nil
}

// patched is w with the partners of fresh, which is the world of a part.
func (w *world) patched(fresh *world, touched []string, air *breath) (*world, error) {
	gone := make(map[string]bool, len(touched))
	for _, id := range touched {
		gone[id] = true
	}
	next := &world{keys: fresh.keys, partners: roll{list: w.partners.list, newer: maps.Clone(w.partners.newer)},
		signed: make(map[*scheme.Scheme]*index, len(w.signed))}
	if next.partners.newer == nil {
		next.partners.newer = make(map[string]*Partner, len(fresh.partners.list))
	}
	for i := range fresh.partners.list {
		next.partners.newer[fresh.partners.list[i].ID] = &fresh.partners.list[i]
	}
	if err := next.patchIndexes(w, fresh, gone, air); err != nil {
		return nil, err
	}
	next.settle(air)
	return next, nil
}

// patchIndexes fills the indexes of w from those of the world before and of the world of a part.
func (w *world) patchIndexes(former, fresh *world, gone map[string]bool, air *breath) error {
	apps, err := former.apps.patched(&fresh.apps, gone, air)
	if err != nil {
		return err
	}
	w.apps = *apps
	for s, x := range former.signed {
		if w.signed[s], err = x.patched(fresh.signed[s], gone, air); err != nil {
			return err
		}
	}
	for s, x := range former.shadows {
		if w.shadows == nil {
			w.shadows = make(map[*scheme.Scheme]*index, len(former.shadows))
		}
		if w.shadows[s], err = x.patched(fresh.shadows[s], gone, air); err != nil {
			return err
		}
	}
	return nil
}

// patched is x with the credentials of fresh before its own, and before those that were newer already.
func (x *index) patched(fresh *index, gone map[string]bool, air *breath) (*index, error) {
	next := *x
	next.newer = &index{others: []*Partner{}, air: air}
	next.newer.reserve(fresh.count + x.newer.size())
	var c Credential
	for p := range x.newer.each {
		air.take(1)
		p.view(&c)
		switch {
		case fresh.holds(c.row.id):
		case c.Partner != nil && gone[c.Partner.ID]:
			return nil, fmt.Errorf("credential %s is in no part any more", c.ID)
		default:
			next.newer.put(*c.row, c.ID, c.Login, c.Partner, c.more)
		}
	}
	var was Credential
	for p := range fresh.each {
		air.take(1)
		p.view(&c)
		if former, found := x.find(c.row.id); found {
			if former.view(&was); was.ID != c.ID {
				return nil, fmt.Errorf("credential %s: its key id is another credential's too", c.ID)
			}
		}
		next.newer.put(*c.row, c.ID, c.Login, c.Partner, c.more)
	}
	next.newer.seal()
	return &next, nil
}

// size is how many credentials x holds itself; nil: none.
func (x *index) size() int {
	if x == nil {
		return 0
	}
	return x.count
}

// each yields every credential once; nil: none.
func (x *index) each(yield func(place) bool) {
	if x == nil {
		return
	}
	for at := range uint32(x.count) {
		if x.newer != nil && x.newer.holds(x.row(at).id) {
			continue
		}
		if !yield(place{x, at}) {
			return
		}
	}
	x.newer.each(yield)
}

// settle makes one table of both wherever the second has grown too large.
func (w *world) settle(air *breath) {
	large := w.apps.overgrown()
	for _, x := range w.signed {
		large = large || x.overgrown()
	}
	if large {
		w.join(air)
	}
}

// join makes one table of both.
func (w *world) join(air *breath) {
	list := room[Partner](len(w.partners.list)+len(w.partners.newer), air)
	moved := map[string]uint32{}
	for p := range w.partners.each {
		air.take(1)
		list = append(list, *p)
		moved[p.ID] = uint32(len(list))
	}
	settled(list, air)
	w.partners = roll{list: list}
	w.apps = *w.apps.joined(list, moved, air)
	for s, x := range w.signed {
		w.signed[s] = x.joined(list, moved, air)
	}
	for s, x := range w.shadows {
		w.shadows[s] = x.joined(list, moved, air)
	}
}

func (x *index) overgrown() bool {
	return x.newer.size() > max(patchLeast, x.count/patchShare)
}

// joined is x as one table, with its partners where they are now.
func (x *index) joined(list []Partner, moved map[string]uint32, air *breath) *index {
	next := &index{partners: list, air: air}
	next.reserve(x.count + x.newer.size())
	var c Credential
	for p := range x.each {
		air.take(1)
		p.view(&c)
		r := *c.row
		if r.owner = 0; c.Partner != nil {
			r.owner = moved[c.Partner.ID]
		}
		next.put(r, c.ID, c.Login, nil, c.more)
	}
	next.seal()
	return next
}
