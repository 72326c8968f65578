package access

import (
	"fmt"
	"maps"
	"slices"

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
func (s *snapshot) patched(part *partner.Roster, environments map[string][]*API) (*snapshot, error) {
	if s == nil || s.revision != part.Since {
		return nil, fmt.Errorf("%w: it is a part that goes on from revision %d, which is not in force", ErrRoster, part.Since)
	}
	next := &snapshot{revision: part.Revision, worlds: make(map[string]*world, len(environments))}
	for name, apis := range environments {
		fresh, err := buildWorld(part, name, apis)
		if err == nil {
			next.worlds[name], err = s.worlds[name].patched(fresh, part.Touched)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: environment %s: %w", ErrRoster, name, err)
		}
	}
	return next, nil
}

// patched is w with the partners of fresh, which is the world of a part.
func (w *world) patched(fresh *world, touched []string) (*world, error) {
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
	if err := next.patchIndexes(w, fresh, gone); err != nil {
		return nil, err
	}
	next.settle()
	return next, nil
}

// patchIndexes fills the indexes of w from those of the world before and of the world of a part.
func (w *world) patchIndexes(former, fresh *world, gone map[string]bool) error {
	apps, err := former.apps.patched(&fresh.apps, gone)
	if err != nil {
		return err
	}
	w.apps = *apps
	for s, x := range former.signed {
		if w.signed[s], err = x.patched(fresh.signed[s], gone); err != nil {
			return err
		}
	}
	for s, x := range former.shadows {
		if w.shadows == nil {
			w.shadows = make(map[*scheme.Scheme]*index, len(former.shadows))
		}
		if w.shadows[s], err = x.patched(fresh.shadows[s], gone); err != nil {
			return err
		}
	}
	return nil
}

// patched is x with the credentials of fresh before its own, and before those that were newer already.
func (x *index) patched(fresh *index, gone map[string]bool) (*index, error) {
	next := &index{slots: x.slots, list: x.list, newer: new(index)}
	next.newer.reserve(len(fresh.list) + x.newer.size())
	for c := range x.newer.each {
		switch {
		case fresh.find(c.id) != nil:
		case c.Partner != nil && gone[c.Partner.ID]:
			return nil, fmt.Errorf("credential %s is in no part any more", c.ID)
		default:
			next.newer.put(*c)
		}
	}
	for i := range fresh.list {
		c := &fresh.list[i]
		if former := x.find(c.id); former != nil && former.ID != c.ID {
			return nil, fmt.Errorf("credential %s: its key id is another credential's too", c.ID)
		}
		next.newer.put(*c)
	}
	return next, nil
}

// size is how many credentials x holds itself; nil: none.
func (x *index) size() int {
	if x == nil {
		return 0
	}
	return len(x.list)
}

// each yields every credential once; nil: none.
func (x *index) each(yield func(*Credential) bool) {
	if x == nil {
		return
	}
	for i := range x.list {
		if (x.newer == nil || x.newer.find(x.list[i].id) == nil) && !yield(&x.list[i]) {
			return
		}
	}
	x.newer.each(yield)
}

// settle makes one table of both wherever the second has grown too large.
func (w *world) settle() {
	large := w.apps.overgrown()
	for _, x := range w.signed {
		large = large || x.overgrown()
	}
	if large {
		w.join()
	}
}

// join makes one table of both.
func (w *world) join() {
	list := slices.Collect(func(yield func(Partner) bool) {
		for p := range w.partners.each {
			if !yield(*p) {
				return
			}
		}
	})
	moved := make(map[string]*Partner, len(list))
	for i := range list {
		moved[list[i].ID] = &list[i]
	}
	w.partners = roll{list: list}
	w.apps = *w.apps.settled(moved)
	for s, x := range w.signed {
		w.signed[s] = x.settled(moved)
	}
	for s, x := range w.shadows {
		w.shadows[s] = x.settled(moved)
	}
}

func (x *index) overgrown() bool {
	return x.newer.size() > max(patchLeast, len(x.list)/patchShare)
}

// settled is x as one table, with its partners where they are now.
func (x *index) settled(moved map[string]*Partner) *index {
	count := 0
	for range x.each {
		count++
	}
	next := new(index)
	next.reserve(count)
	for c := range x.each {
		one := *c
		if one.Partner != nil {
			one.Partner = moved[one.Partner.ID]
		}
		next.put(one)
	}
	return next
}
