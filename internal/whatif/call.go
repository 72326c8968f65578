package whatif

import (
	"net/netip"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit/search"
)

// call is what a replay needs of one recorded request.
type call struct {
	at         time.Time // of its arrival
	seq        uint64    // of its line
	id         string
	api        string
	partner    string
	credential string
	reason     string
	where      string
	country    string // as recorded; empty: it was not asked for, or not known
	address    netip.Addr
	skew       time.Duration // the caller's clock minus ours
	hasSkew    bool
	allowed    bool
	proved     bool
}

func (c *call) example() Example { return Example{RequestID: c.id, At: c.at} }

// names keeps one copy of each text that comes again and again. Bounded: beyond the bound texts are copied.
type names map[string]string

func (n names) keep(text []byte) string {
	if kept, ok := n[string(text)]; ok {
		return kept
	}
	made := string(text)
	if len(n) < maxDistinct {
		n[made] = made
	}
	return made
}

// read copies what is needed out of a line.
func (n names) read(l *search.Line) call {
	c := call{at: l.Time, seq: l.Seq, id: string(l.RequestID), api: n.keep(l.API), partner: n.keep(l.Partner), credential: n.keep(l.Credential),
		reason: n.keep(l.Reason), where: n.keep(l.Where), country: n.keep(l.Country), address: l.IP(), allowed: l.Kind == search.Allow, proved: l.Proved}
	c.skew, c.hasSkew = skewOf(l)
	return c
}

// stage is how far a recorded request has come, as far as a proposal could change its end.
type stage uint8

const (
	unproved  stage = iota // refused before it had proved who sent it
	fixed                  // refused after that, for what no proposal changes
	atNetwork              // refused for its address or country
	atLimit                // refused for a limit of its partner or credential
	atReplay               // passed networks and limits, and was refused as a replay
	admitted               // let in
)

func (c *call) stage() stage {
	switch {
	case c.allowed:
		return admitted
	case !c.proved:
		return unproved
	}
	switch c.reason {
	case access.AddressNotListed.String(), access.CountryNotAllowed.String():
		return atNetwork
	case access.RateLimited.String(), access.QuotaExceeded.String():
		if c.where == "api" {
			return fixed // the limit of all callers together: what the others would have done is not known
		}
		return atLimit
	case access.Replayed.String():
		return atReplay
	}
	return fixed
}

// maxHeld is how many calls an order holds back.
const maxHeld = 8192

// before orders calls by arrival, and those of one moment as they were recorded.
func (c *call) before(other *call) bool {
	if c.at.Equal(other.at) {
		return c.seq < other.seq
	}
	return c.at.Before(other.at)
}

// order puts calls, which are recorded when they end, into the order in which they arrived: a heap that gives the earliest once
// it is full. One that took longer than maxHeld others comes too late, and is counted then.
type order struct{ held []call }

// push takes a call in, and gives one back once there are enough.
func (o *order) push(c call) (earliest call, full bool) {
	o.held = append(o.held, c)
	for i := len(o.held) - 1; i > 0; {
		parent := (i - 1) / 2
		if !o.held[i].before(&o.held[parent]) {
			break
		}
		o.held[i], o.held[parent] = o.held[parent], o.held[i]
		i = parent
	}
	if len(o.held) <= maxHeld {
		return call{}, false
	}
	return o.pop(), true
}

// pop takes the earliest out; there must be one.
func (o *order) pop() call {
	earliest, last := o.held[0], len(o.held)-1
	o.held[0] = o.held[last]
	o.held[last] = call{}
	o.held = o.held[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if o.held[child].before(&o.held[least]) {
				least = child
			}
		}
		if least == i {
			return earliest
		}
		o.held[i], o.held[least] = o.held[least], o.held[i]
		i = least
	}
}
