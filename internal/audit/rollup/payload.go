package rollup

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// payload is the frame before it is packed.
func (f *frame) payload() []byte {
	e := &encoder{number: map[string]uint64{}}
	e.uint(uint64(len(f.minutes)))
	for _, minute := range slices.Sorted(maps.Keys(f.minutes)) {
		e.uint(uint64(minute))
		e.totals(f.minutes[minute])
	}
	minutes := e.body
	e.body = nil
	last := uint64(0)
	if f.last {
		last = 1
	}
	e.uint(f.from, f.to, last, uint64(len(e.names)))
	for _, name := range e.names {
		e.uint(uint64(len(name)))
		e.body = append(e.body, name...)
	}
	return append(e.body, minutes...)
}

func (e *encoder) totals(t *Totals) {
	e.uint(t.Lost, uint64(len(t.Reasons)))
	for k, n := range t.Reasons {
		e.name(k.Environment, k.API, k.Reason)
		e.uint(n)
	}
	e.uint(uint64(len(t.Traffic)))
	for k, v := range t.Traffic {
		e.name(k.Environment, k.API, k.Decision)
		e.uint(v.Requests, v.BytesIn, v.BytesOut, uint64(len(v.Latency.counts)))
		for b, n := range v.Latency.counts {
			e.uint(uint64(b), n)
		}
	}
	e.uint(uint64(len(t.Partners)))
	for k, n := range t.Partners {
		e.name(k.Environment, k.Partner, k.Decision)
		e.uint(n)
	}
	e.uint(uint64(len(t.Versions)))
	for k, v := range t.Versions {
		e.name(k.Environment, k.Credential)
		e.uint(uint64(k.Version), v.Allowed, v.Refused, uint64(max(0, v.Last.Unix())))
		e.addresses(v.Addresses)
	}
}

func (e *encoder) addresses(a Addresses) {
	cut := uint64(0)
	if a.Cut {
		cut = 1
	}
	e.uint(cut, uint64(len(a.List)))
	for _, one := range a.List {
		b := one.AsSlice()
		e.uint(uint64(len(b)))
		e.body = append(e.body, b...)
	}
}

// parseFrame takes untrusted bytes.
func parseFrame(payload []byte) (*frame, error) {
	d := &decoder{rest: payload}
	f := &frame{from: d.uint(), to: d.uint(), last: d.uint() == 1, minutes: map[int64]*Totals{}}
	for range d.count(1) {
		d.names = append(d.names, string(d.bytes(min(d.uint(), maxName+1))))
		if len(d.names[len(d.names)-1]) > maxName {
			d.fault = true
		}
	}
	for range d.count(6) {
		minute := d.uint()
		if minute > 1<<40 {
			d.fault = true
		}
		if d.fault {
			break
		}
		t := &Totals{}
		d.totals(t)
		if sum := f.minutes[int64(minute)]; sum != nil {
			sum.Merge(t)
			continue
		}
		f.minutes[int64(minute)] = t
	}
	if d.fault || len(d.rest) != 0 || f.to < f.from {
		return nil, fmt.Errorf("%w: a frame that makes no sense", ErrDamaged)
	}
	return f, nil
}

func (d *decoder) totals(t *Totals) {
	t.ready()
	t.Lost = d.uint()
	for range d.count(4) {
		k := ReasonKey{d.name(), d.name(), d.name()}
		t.Reasons[k] += d.uint()
	}
	for range d.count(7) {
		v := t.traffic(TrafficKey{d.name(), d.name(), d.name()})
		v.Requests += d.uint()
		v.BytesIn += d.uint()
		v.BytesOut += d.uint()
		d.histogram(&v.Latency)
	}
	for range d.count(4) {
		k := PartnerKey{d.name(), d.name(), d.name()}
		t.Partners[k] += d.uint()
	}
	for range d.count(8) {
		k := VersionKey{d.name(), d.name(), int(d.uint() & (1<<31 - 1))}
		u := t.use(k)
		u.Allowed += d.uint()
		u.Refused += d.uint()
		if seconds := d.uint(); seconds > 0 && seconds < 1<<40 {
			u.Last = time.Unix(int64(seconds), 0).UTC()
		}
		u.Addresses.Merge(d.addresses())
	}
}

func (d *decoder) histogram(h *Histogram) {
	n := d.count(2)
	if n > 0 && h.counts == nil {
		h.counts = make(map[uint16]uint64, min(n, maxBucket))
	}
	for range n {
		b, count := d.uint(), d.uint()
		if b >= maxBucket {
			d.fault = true
			return
		}
		h.counts[uint16(b)] += count
	}
}

func (d *decoder) addresses() (a Addresses) {
	a.Cut = d.uint() == 1
	for range d.count(5) {
		one, ok := netip.AddrFromSlice(d.bytes(min(d.uint(), 17)))
		if !ok {
			d.fault = true
			return a
		}
		a.Add(one.Unmap())
	}
	return a
}
