package whatif

import (
	"fmt"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/rate"
)

// bucketName names what one limit counts: whose requests, and to which API. Empty parts: all of the partner, all of its APIs.
type bucketName struct{ credential, api string }

// bound is one limit, ready to be applied.
type bound struct {
	pace  *rate.Pace
	daily int64
}

// limits replays the limits of one partner: which apply to a call is as package access has it, how they count is package rate's.
// The limit of an API for all its callers together is left out: it depends on the others.
type limits struct {
	own    map[bucketName]bound         // of the register
	apis   map[string]*access.APILimits // of the configuration, by API
	made   map[*access.Rate]bound       // these, ready
	states map[bucket]*rate.State
	begun  time.Time
	last   time.Time
	longer time.Duration // the longest time in which one of them forgets
	quota  bool          // some counts by the day
}

// bucket is where a limit counts: under its name, and for those of the configuration under whose they are.
type bucket struct {
	bucketName
	whose string
}

func newLimits(own []partner.Limit, apis []*access.API) (*limits, error) {
	l := &limits{own: map[bucketName]bound{}, apis: map[string]*access.APILimits{}, made: map[*access.Rate]bound{},
		states: map[bucket]*rate.State{}}
	for _, one := range own {
		b, err := l.ready(one.Rate, one.Per, one.Burst, one.Daily)
		if err != nil {
			return nil, fmt.Errorf("limit of API %q, credential %q: %w", one.API, one.CredentialID, err)
		}
		l.own[bucketName{one.CredentialID, one.API}] = b
	}
	for _, api := range apis {
		l.apis[api.Name] = &api.Limits
		for _, r := range []*access.Rate{api.Limits.PerPartner, api.Limits.PerCredential} {
			if r == nil {
				continue
			}
			b, err := l.ready(r.Rate, r.Per, r.Burst, r.Daily)
			if err != nil {
				return nil, fmt.Errorf("limits of API %s: %w", api.Name, err)
			}
			l.made[r] = b
		}
	}
	return l, nil
}

func (l *limits) ready(count int, per time.Duration, burst int, daily int64) (b bound, err error) {
	b.daily = daily
	l.quota = l.quota || daily > 0
	if count > 0 {
		if b.pace, err = rate.NewPace(int64(count), per, int64(burst)); err != nil {
			return b, err
		}
		l.longer = max(l.longer, b.pace.Span())
	}
	return b, nil
}

// none reports whether there is no limit at all.
func (l *limits) none() bool { return len(l.own) == 0 && len(l.made) == 0 }

// asked is a bound with the bucket that it takes from.
type asked struct {
	bound
	state *rate.State
}

// applicable are the limits that apply to a call: those of the register for all APIs come on top, one for the API takes the place
// of the API's own (package access, APILimits).
func (l *limits) applicable(c *call) (list [rate.Max]asked, n int) {
	add := func(b bound, name bucketName, whose string) {
		list[n] = asked{b, l.state(name, whose)}
		n++
	}
	var standard access.APILimits
	if of := l.apis[c.api]; of != nil {
		standard = *of
	}
	for _, who := range []struct {
		credential string
		own        *access.Rate
		whose      string
	}{{"", standard.PerPartner, "partner"}, {c.credential, standard.PerCredential, "credential"}} {
		if who.credential == "" && who.whose == "credential" {
			continue
		}
		if b, ok := l.own[bucketName{who.credential, ""}]; ok {
			add(b, bucketName{who.credential, ""}, "")
		}
		if b, ok := l.own[bucketName{who.credential, c.api}]; ok && c.api != "" {
			add(b, bucketName{who.credential, c.api}, "")
		} else if who.own != nil {
			add(l.made[who.own], bucketName{who.credential, c.api}, who.whose)
		}
	}
	return list, n
}

func (l *limits) state(name bucketName, whose string) *rate.State {
	of := l.states[bucket{name, whose}]
	if of == nil {
		of = new(rate.State)
		l.states[bucket{name, whose}] = of
	}
	return of
}

// take counts a call, or refuses it, and then it is counted nowhere: RateLimited or QuotaExceeded, whichever lasts longer. Calls
// come in the order of their arrival; one that comes late is counted at the moment of the one before it.
func (l *limits) take(c *call) access.Reason {
	if l.begun.IsZero() {
		l.begun, l.last = c.at, c.at
	}
	if c.at.After(l.last) {
		l.last = c.at
	}
	list, n := l.applicable(c)
	var taken, refused [rate.Max]rate.State
	var buckets [rate.Max]rate.Bucket
	longest := -1
	for i := range list[:n] {
		buckets[i] = rate.Bucket{Pace: list[i].pace, Daily: list[i].daily}
		taken[i], refused[i] = list[i].state.Ask(&buckets[i], l.last.Sub(l.begun), l.last)
		if buckets[i].Outcome != rate.Room && (longest < 0 || buckets[i].Wait > buckets[longest].Wait) {
			longest = i
		}
	}
	next := &taken
	if longest >= 0 {
		next = &refused
	}
	for i := range list[:n] {
		*list[i].state = next[i]
	}
	switch {
	case longest < 0:
		return access.Allowed
	case buckets[longest].Outcome == rate.QuotaUsed:
		return access.QuotaExceeded
	}
	return access.RateLimited
}
