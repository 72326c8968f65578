package whatif

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// maxDistinct is how many different addresses or names are counted apart before the rest is counted together.
const maxDistinct = 10_000

// addressTally counts requests by address, in bounded memory. The zero value is empty.
type addressTally struct {
	seen map[netip.Addr]*Address
	over uint64 // requests from addresses that found no room
}

func (t *addressTally) add(a netip.Addr, at time.Time) {
	if t.seen == nil {
		t.seen = map[netip.Addr]*Address{}
	}
	one := t.seen[a]
	if one == nil {
		if len(t.seen) >= maxDistinct {
			t.over++
			return
		}
		one = &Address{Address: a, First: at, Last: at}
		t.seen[a] = one
	}
	one.Requests++
	if at.Before(one.First) {
		one.First = at
	}
	if at.After(one.Last) {
		one.Last = at
	}
}

func (t *addressTally) list() Addresses {
	all := make([]Address, 0, len(t.seen))
	for _, one := range t.seen {
		all = append(all, *one)
	}
	slices.SortFunc(all, func(a, b Address) int {
		return cmp.Or(-cmp.Compare(a.Requests, b.Requests), a.Address.Compare(b.Address))
	})
	out := Addresses{Number: uint64(len(all)), Others: t.over, Top: listed(all[:min(len(all), MaxAddresses)])}
	if t.over > 0 {
		out.Number++
	}
	for _, one := range all[len(out.Top):] {
		out.Others += one.Requests
	}
	return out
}

// countTally counts requests by name, in bounded memory. The zero value is empty.
type countTally struct {
	seen map[string]uint64
	over uint64
}

func (t *countTally) add(name string) {
	if t.seen == nil {
		t.seen = map[string]uint64{}
	}
	if _, known := t.seen[name]; !known && len(t.seen) >= maxDistinct {
		t.over++
		return
	}
	t.seen[name]++
}

func (t *countTally) list() Counts {
	names := slices.Collect(maps.Keys(t.seen))
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(-cmp.Compare(t.seen[a], t.seen[b]), cmp.Compare(a, b)) })
	out := Counts{Top: []Count{}, Others: t.over}
	for i, name := range names {
		if i < MaxAddresses {
			out.Top = append(out.Top, Count{Name: name, Requests: t.seen[name]})
		} else {
			out.Others += t.seen[name]
		}
	}
	return out
}

// differences gathers requests by the reason of their difference. The zero value is empty.
type differences struct{ of map[string]*difference }

type difference struct {
	requests                    uint64
	addresses                   addressTally
	credentials, partners, apis countTally
	first, last                 Example
}

func (d *differences) add(reason string, c *call) {
	if d.of == nil {
		d.of = map[string]*difference{}
	}
	one := d.of[reason]
	if one == nil {
		one = &difference{first: c.example()}
		d.of[reason] = one
	}
	one.requests++
	one.last = c.example()
	one.addresses.add(c.address, c.at)
	one.credentials.add(c.credential)
	one.partners.add(c.partner)
	one.apis.add(c.api)
}

func (d *differences) list() []Difference {
	out := []Difference{}
	for _, reason := range slices.Sorted(maps.Keys(d.of)) {
		one := d.of[reason]
		out = append(out, Difference{Reason: reason, Requests: one.requests, Addresses: one.addresses.list(),
			Credentials: one.credentials.list(),
			Partners:    one.partners.list(), APIs: one.apis.list(), First: one.first, Last: one.last})
	}
	slices.SortStableFunc(out, func(a, b Difference) int { return -cmp.Compare(a.Requests, b.Requests) })
	return out
}
