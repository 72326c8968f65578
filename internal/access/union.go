package access

import (
	"net/netip"
	"sync"

	"github.com/gaissmai/bart"
)

// union is every prefix from which somebody may call an environment. It is made when it is first asked for, and from then
// on with each snapshot before that is put in force, so that nobody who connects waits for it.
type union struct {
	once     sync.Once
	table    bart.Lite
	complete bool
	contains func(netip.Addr) bool
}

// nobody is the union of a snapshot that is not there.
func nobody(netip.Addr) bool { return false }

// Union says from which addresses an environment may be called at all: contains holds those that are in some prefix of some
// partner who is admitted there, for whatever API. complete: every request from an address that contains does not hold
// would be refused for it, so that its connection may be dropped at accept. It is not complete where an API of the
// environment takes callers without a list, or only warns, and while no snapshot is in force that is young enough; contains
// then says nothing about who may call. An address is compared without a zone, IPv4 written as IPv6 as IPv4.
//
// contains belongs to the snapshot in force: ask Union anew for each connection. It costs a few loads.
func (a *Decider) Union(environment string) (contains func(netip.Addr) bool, complete bool) {
	if !a.unions.Load() {
		a.unions.Store(true)
	}
	snap := a.snap.Load()
	if snap == nil || snap.worlds[environment] == nil {
		return nobody, false
	}
	u := snap.worlds[environment].union(a.environments[environment], nil)
	return u.contains, u.complete && a.fresh()
}

// fresh reports whether the snapshot in force is young enough to decide by.
func (a *Decider) fresh() bool {
	confirmed := a.confirmed.Load()
	if confirmed == nil {
		return false
	}
	age := a.cfg.Now().Sub(*confirmed)
	return age <= a.cfg.MaxStaleness && age >= -a.cfg.MaxStaleness
}

func (w *world) union(apis []*API, air *breath) *union {
	u := &w.all
	u.once.Do(func() {
		u.complete = len(apis) > 0
		names := map[string]bool{"": true}
		for _, api := range apis {
			names[api.Name] = true
			u.complete = u.complete && api.addresses() == AddressRequired && !api.AddressWarn
		}
		for p := range w.partners.each {
			air.take(1)
			u.add(p, names)
		}
		u.contains = func(address netip.Addr) bool { return u.table.Contains(address.Unmap().WithZone("")) }
	})
	return u
}

// add takes in the prefixes of a partner who is admitted. One that has only countries is on no list, and is refused where a
// list is required.
func (u *union) add(p *Partner, apis map[string]bool) {
	if p.standing() != Allowed {
		return
	}
	for _, prefix := range p.near {
		if prefix.IsValid() {
			u.table.Insert(prefix)
		}
	}
	for _, group := range p.groups() {
		if !apis[group.api] {
			continue
		}
		for prefix := range group.each() {
			u.table.Insert(prefix)
		}
	}
}
