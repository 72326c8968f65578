package access

import (
	"errors"
	"strings"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/rate"
)

// Limit counts the request of d against every limit that applies to it, or refuses it, and then it is counted nowhere: with
// RateLimited or QuotaExceeded and the scope of the limit that lasts longest in d.Where, or with Unavailable where the
// limiter cannot count. Decide does so by itself but for the token endpoint, where a caller proves itself later: there the
// door calls it once the caller has. d.Proved must be true: a stranger must not use up a partner's room.
func (a *Decider) Limit(r *Request, d *Decision) bool {
	if d.API.limits == nil && d.Partner.more == nil && !d.Credential.special() {
		return true
	}
	return a.count(r, d)
}

// count is Limit where some limit may apply. It stands apart so that most decisions pay nothing for it.
func (a *Decider) count(r *Request, d *Decision) bool {
	asked, n := a.applicable(r, d)
	if n == 0 {
		return true
	}
	admitted, err := a.cfg.Limiter.Take(r.buckets[:n])
	if err != nil {
		d.Cause = err
		d.told = [rate.Max]*limit{}
		return d.refuse(Unavailable, "", "")
	}
	if !admitted {
		return d.limited(r.buckets[:n], asked[:n])
	}
	d.tightest(r.buckets[:n], asked[:n])
	return true
}

// applicable fills the buckets of r with the limits that apply to d.
func (a *Decider) applicable(r *Request, d *Decision) (asked [rate.Max]*limit, n int) {
	add := func(l *limit, key rate.Key) {
		r.buckets[n] = rate.Bucket{Key: key, Pace: l.pace, Daily: l.daily}
		asked[n] = l
		if n++; l.scope != scopeAPI {
			d.told[n-1], r.buckets[n-1].Group = l, d.Partner.tag
		}
	}
	var partners, credentials *limit // the API's own, unless the register has others
	if own := d.API.limits; own != nil {
		partners, credentials = own.perPartner, own.perCredential
		if own.total != nil {
			add(own.total, own.tag)
		}
	}
	if more := d.Partner.more; more != nil {
		partners = choose(more.limits, d.API.Name, partners, add)
	}
	credentials = choose(d.Credential.beyond().limits, d.API.Name, credentials, add)
	if partners != nil {
		add(partners, paired(d.Partner.tag, d.API.limits.tag))
	}
	if credentials != nil {
		add(credentials, paired(d.Credential.row.tag, d.API.limits.tag))
	}
	return asked, n
}

// choose adds those of a partner's or credential's own limits that are for api. It returns the API's own limit if none of
// them takes its place.
func choose(own []*limit, api string, standard *limit, add func(*limit, rate.Key)) *limit {
	for _, l := range own {
		switch l.api {
		case "":
			add(l, l.key)
		case api:
			add(l, l.key)
			standard = nil
		}
	}
	return standard
}

// limited refuses for the limit that lasts longest, so that an equal request has room when it comes back.
func (d *Decision) limited(buckets []rate.Bucket, asked []*limit) bool {
	longest := 0
	for i := range buckets {
		if buckets[i].Outcome != rate.Room && (buckets[longest].Outcome == rate.Room || buckets[i].Wait > buckets[longest].Wait) {
			longest = i
		}
	}
	b, l := &buckets[longest], asked[longest]
	reason, name := RateLimited, scopeWords[l.scope]
	if b.Outcome == rate.QuotaUsed {
		reason, name = QuotaExceeded, dayWords[l.scope]
	}
	d.Limit = LimitStatus{Retry: wholeSeconds(b.Wait)}
	if l.scope != scopeAPI { // what all callers do together is not each one's to know
		d.Limit.Name, d.Limit.Reset = name, d.Limit.Retry
	}
	return d.refuse(reason, scopeWords[l.scope], "")
}

// tightest keeps what is left of the limit that will stop the caller first.
func (d *Decision) tightest(buckets []rate.Bucket, asked []*limit) {
	for i, l := range asked {
		b := &buckets[i]
		if l.scope == scopeAPI {
			continue
		}
		if l.pace != nil {
			reset := b.Full
			if b.Left == 0 {
				reset = b.Next
			}
			d.consider(scopeWords[l.scope], b.Left, reset)
		}
		if l.daily > 0 {
			d.consider(dayWords[l.scope], b.DayLeft, b.DayEnds)
		}
	}
}

// consider tells of the limit called name if it is tighter than the one that is told of so far.
func (d *Decision) consider(name string, left int64, reset time.Duration) {
	told, seconds := &d.Limit, wholeSeconds(reset)
	if told.Name == "" || left < told.Remaining || left == told.Remaining && seconds > told.Reset {
		*told = LimitStatus{Name: name, Remaining: left, Reset: seconds}
	}
}

// ownLimits are the register's limits of one environment, ready to be applied, by whose they are.
type ownLimits struct {
	partners, credentials map[string][]*limit
}

func newOwnLimits() *ownLimits {
	return &ownLimits{partners: map[string][]*limit{}, credentials: map[string][]*limit{}}
}

// add makes one ready. A scope that comes twice is refused: two buckets of one key would count wrongly.
func (own *ownLimits) add(one partner.Limit) error {
	s, into, owner, key := scopePartner, own.partners, one.PartnerID, partnerTag(one.Environment, one.PartnerID)
	if one.CredentialID != "" {
		s, into, owner, key = scopeCredential, own.credentials, one.CredentialID, tagOf(one.Environment, one.CredentialID)
	}
	if one.API != "" {
		s, key = s-1, paired(key, apiTag(one.Environment, one.API))
	}
	for _, other := range into[owner] {
		if other.api == one.API {
			return errors.New("its scope has another limit")
		}
	}
	l, err := newLimit(Rate{Rate: one.Rate, Per: one.Per, Burst: one.Burst, Daily: one.Daily}, s)
	if err != nil {
		return err
	}
	l.api, l.key = strings.Clone(one.API), key
	into[owner] = append(into[owner], l)
	return nil
}
