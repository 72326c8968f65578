package traffic

import (
	"net/netip"
	"time"

	"countersign.dev/internal/audit/rollup"
)

// place is an environment and an API of it, or a partner in it.
type place struct{ environment, name string }

// cell is what happened in one step.
type cell struct {
	Count
	in, out uint64
	latency rollup.Histogram // of those that were let in
	read    bool             // quantiles are those of latency
	Latency
}

// quantiles are those of the step, made once: all steps but the newest one stay as they are.
func (c *cell) quantiles() Latency {
	if !c.read {
		c.Latency, c.read = latencyOf(&c.latency), true
	}
	return c.Latency
}

// flow is what happened in one API.
type flow struct{ minutes, quarters, steps ring[cell] }

// refusals is how often requests were refused for one reason.
type refusals struct{ minutes, quarters ring[tally] }

func (r *refusals) add(minute int64, n uint64) {
	if n == 0 {
		return
	}
	if at := r.minutes.at(minute, minutesKept); at != nil {
		at.add(n)
	}
	if at := r.quarters.at(minute/quarter, weekKept); at != nil {
		at.add(n)
	}
}

// in is their sum on a grid.
func (r *refusals) in(g grid) uint64 {
	if g.unit == 1 {
		return sum(&r.minutes, g.first, g.end)
	}
	fine := g.in(quarter)
	return sum(&r.quarters, fine.first, fine.end)
}

// calls is how somebody called.
type calls struct {
	last    int64 // minute
	allowed bool  // at least one of that minute was let in
	hours   ring[pair]
	days    ring[pair]
}

// seen is an address and the minute in which it was seen last.
type seen struct {
	address netip.Addr
	last    int64
}

// use is how one version of a credential was used.
type use struct {
	calls
	at        time.Time // of the last one, to the second
	addresses []seen
	cut       int64 // the newest minute of which an address is missing
}

// state is all sums. It is read and changed under the lock of Sums.
type state struct {
	flows       map[place]*flow
	reasons     map[rollup.ReasonKey]*refusals
	partners    map[place]*calls
	versions    map[rollup.VersionKey]*use
	credentials map[string][]rollup.VersionKey
	lost        refusals // lines that the records say are missing

	turn    uint64        // goes up with everything that is added
	reports map[Span]made // that were asked for

	first   int64    // the oldest minute that was read; 0: none was
	skipped int64    // the lowest minute ahead of the clock that was passed over; 0: none was
	polled  int64    // the minute of the last Poll that read everything; 0: there was none
	beyond  bool     // something is beyond a bound
	reading bool     // the files were not all read yet
	faults  []string // what could not be read
}

func newState() *state {
	return &state{flows: map[place]*flow{}, reasons: map[rollup.ReasonKey]*refusals{}, partners: map[place]*calls{},
		versions: map[rollup.VersionKey]*use{}, credentials: map[string][]rollup.VersionKey{}, reports: map[Span]made{}, reading: true}
}

// kept finds or makes what is counted under a key; nil: the bound is reached.
func kept[K comparable, V any](s *state, all map[K]*V, key K, bound int) *V {
	v := all[key]
	if v != nil {
		return v
	}
	if len(all) >= bound {
		s.beyond = true
		return nil
	}
	v = new(V)
	all[key] = v
	return v
}

// add takes over the sums of one minute.
func (s *state) add(minute, now int64, t *rollup.Totals) {
	if minute > now+int64(ahead/time.Minute) {
		if s.skipped == 0 || minute < s.skipped {
			s.skipped = minute
		}
		return
	}
	if minute < now-int64(Reach/time.Minute) {
		return
	}
	s.turn++
	if s.first == 0 || minute < s.first {
		s.first = minute
	}
	s.addTraffic(minute, t)
	s.addReasons(minute, t)
	s.addPartners(minute, t)
	s.addVersions(minute, t)
	s.lost.add(minute, t.Lost)
}

func (s *state) addTraffic(minute int64, t *rollup.Totals) {
	for k, v := range t.Traffic {
		f := kept(s, s.flows, place{k.Environment, k.API}, MaxSeries)
		if f == nil {
			continue
		}
		for _, c := range []*cell{f.minutes.at(minute, minutesKept), f.quarters.at(minute/quarter, quartersKept), f.steps.at(minute/twoHours, stepsKept)} {
			if c != nil {
				c.add(k.Decision == "allow", v)
			}
		}
	}
}

func (c *cell) add(allowed bool, v *rollup.Traffic) {
	c.in += v.BytesIn
	c.out += v.BytesOut
	if !allowed {
		c.Refused += v.Requests
		return
	}
	c.Allowed += v.Requests
	c.latency.Merge(&v.Latency)
	c.read = false
}

// addReasons counts refusals; "allowed" is the reason of those that were let in, and counted as traffic.
func (s *state) addReasons(minute int64, t *rollup.Totals) {
	for k, n := range t.Reasons {
		if k.Reason == "allowed" {
			continue
		}
		if r := kept(s, s.reasons, k, MaxReasons); r != nil {
			r.add(minute, n)
		}
	}
}

func (s *state) addPartners(minute int64, t *rollup.Totals) {
	for k, n := range t.Partners {
		if c := kept(s, s.partners, place{k.Environment, k.Partner}, MaxPartners); c != nil {
			c.add(minute, k.Decision == "allow", n)
		}
	}
}

func (c *calls) add(minute int64, allowed bool, n uint64) {
	if n == 0 {
		return
	}
	if minute > c.last {
		c.last, c.allowed = minute, false
	}
	if minute == c.last {
		c.allowed = c.allowed || allowed
	}
	if at := c.hours.at(minute/hour, hoursKept); at != nil {
		at.add(allowed, n)
	}
	if at := c.days.at(minute/day, daysKept); at != nil {
		at.add(allowed, n)
	}
}

func (s *state) addVersions(minute int64, t *rollup.Totals) {
	for k, v := range t.Versions {
		known := len(s.versions)
		u := kept(s, s.versions, k, MaxVersions)
		if u == nil {
			continue
		}
		if len(s.versions) > known {
			s.credentials[k.Credential] = append(s.credentials[k.Credential], k)
		}
		u.calls.add(minute, true, v.Allowed)
		u.calls.add(minute, false, v.Refused)
		if v.Last.After(u.at) {
			u.at = v.Last
		}
		for _, one := range v.Addresses.List {
			u.see(one, minute)
		}
		if v.Addresses.Cut {
			u.cut = max(u.cut, minute)
		}
	}
}

// see notes an address; where there is no room, the one that was seen longest ago makes it.
func (u *use) see(one netip.Addr, minute int64) {
	oldest := 0
	for i := range u.addresses {
		if u.addresses[i].address == one {
			u.addresses[i].last = max(u.addresses[i].last, minute)
			return
		}
		if u.addresses[i].last < u.addresses[oldest].last {
			oldest = i
		}
	}
	switch {
	case len(u.addresses) < MaxAddresses:
		u.addresses = append(u.addresses, seen{one, minute})
	case u.addresses[oldest].last < minute:
		u.cut = max(u.cut, u.addresses[oldest].last)
		u.addresses[oldest] = seen{one, minute}
	default:
		u.cut = max(u.cut, minute)
	}
}

// prune forgets who was silent for longer than Reach, so that a bound is not reached by those of long ago.
func (s *state) prune(now int64) {
	oldest := now - int64(Reach/time.Minute)
	for k, c := range s.partners {
		if c.last < oldest {
			delete(s.partners, k)
		}
	}
	gone := false
	for k, u := range s.versions {
		if u.last < oldest {
			delete(s.versions, k)
			gone = true
		}
	}
	if !gone {
		return
	}
	clear(s.credentials)
	for k := range s.versions {
		s.credentials[k.Credential] = append(s.credentials[k.Credential], k)
	}
}
