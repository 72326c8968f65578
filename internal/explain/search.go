package explain

import (
	"bytes"
	"slices"
)

// look tries everything on one variant: nothing changed, then one change, then two of different families. It goes no deeper once
// something was found.
func (x *search) look(v *variant) {
	base := attempt{v: v, r: v.r, p: v.p, secret: x.secret}
	if x.try(&base) {
		x.good = len(v.steps) == 0
		return
	}
	if len(v.r.Body) > MaxBody {
		x.complete = false
		return
	}
	all := x.changes(&base)
	var deep []*change
	for _, c := range all {
		if next, ok := base.with(c); ok {
			x.try(&next)
		}
		if c.deep {
			deep = append(deep, c)
		}
	}
	if len(x.found) == 0 {
		x.times(&base, 4, hour)
	}
	if len(x.found) == 0 {
		x.pairs(&base, deep)
	}
	if len(x.found) == 0 {
		x.times(&base, hour+1, day)
	}
}

// pairs tries two changes at a time, the likely ones first.
func (x *search) pairs(base *attempt, deep []*change) {
	for i, c := range deep {
		first, ok := base.with(c)
		if !ok {
			continue
		}
		for _, d := range deep[i+1:] {
			if d.step.Family == c.step.Family {
				continue
			}
			if next, ok := first.with(d); ok {
				x.try(&next)
			}
			if len(x.found) > 0 || x.spent() {
				return
			}
		}
	}
}

func (x *search) spent() bool {
	return x.tried >= bound(x.q.Tries, MaxTried) || x.hashed >= bound(x.q.Bytes, MaxHashed)
}

func bound(asked, most int) int {
	if asked > 0 && asked < most {
		return asked
	}
	return most
}

// try computes one signature, within the bounds, and keeps the attempt if it is the presented one.
func (x *search) try(a *attempt) bool {
	if x.spent() {
		x.complete = false
		return false
	}
	x.tried++
	x.hashed += 256 + len(a.r.Target) + len(a.r.Body)
	if !a.reproduces(&x.keys) {
		return false
	}
	input, _ := a.input()
	for _, f := range x.found {
		if bytes.Equal(f.input, input) && sameFamilies(f.a.steps, a.steps) {
			return true
		}
	}
	if len(x.found) < maxFound {
		kept := *a
		kept.steps = slices.Clone(a.steps)
		x.found = append(x.found, found{kept, input})
	}
	return true
}

// sameFamilies: two explanations of the same bytes by the same kind of change are one, and the first is the likelier.
func sameFamilies(a, b []*change) bool {
	return slices.EqualFunc(a, b, func(c, d *change) bool { return c.step.Family == d.step.Family })
}

// changes are all the ideas for one request, the likely ones first.
func (x *search) changes(base *attempt) []*change {
	var out []*change
	for _, family := range []func(*search, *attempt) []*change{
		secrets, bodies, serialised, unspaced, targets, queries, timesNear, methods, hosts, headers, values, layouts, macs,
	} {
		out = append(out, family(x, base)...)
	}
	return out
}
