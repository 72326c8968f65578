package access

import (
	"fmt"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/rate"
)

// Rate bounds requests by a rate, by a daily quota or by both; its fields mean and are bounded as those of partner.Limit.
type Rate struct {
	Rate  int           // requests in each Per; 0: no rate
	Per   time.Duration // 1 s to 24 h, whole seconds; 0 where Rate is 0
	Burst int           // requests that may come at once; at least 1 where there is a rate
	Daily int64         // requests on each day of UTC; 0: no quota
}

// APILimits are the limits that an API has of its own, for everybody. A limit of the register for one partner (or one
// credential) on this API takes the place of PerPartner (or PerCredential), rate and quota alike; one for all APIs of the
// environment comes on top. nil: none.
type APILimits struct {
	PerPartner    *Rate // of each partner on this API
	PerCredential *Rate // of each credential on this API
	Total         *Rate // of all callers of this API together; callers are not told how much of it is left
}

// Limiter counts requests. internal/rate holds the contract in full.
type Limiter interface {
	// Take asks all buckets for one request and writes what each said; a refused request takes from none.
	Take(buckets []rate.Bucket) (admitted bool, err error)
}

// scope says whose requests a limit counts.
type scope uint8

const (
	scopeAPI           scope = iota // of all callers of one API
	scopePartnerAPI                 // of one partner to one API; each of these stands right before its wider one
	scopePartner                    // of one partner to all APIs of the environment
	scopeCredentialAPI              // of one credential to one API
	scopeCredential                 // of one credential to all APIs of the environment
)

// The words for a scope, in records, in RateLimit headers and in Decision.Where.
var (
	scopeWords = [...]string{"api", "partner_api", "partner", "credential_api", "credential"}
	dayWords   = [...]string{"api_day", "partner_api_day", "partner_day", "credential_api_day", "credential_day"}
)

// Policy is a limit as a caller is told of it: so many requests within so many seconds.
type Policy struct {
	Name   string // the scope in words: "partner_api"; with "_day" behind it for a daily quota
	Quota  int64  // requests; of a rate, as many as it lets in within Window, and so at least the burst
	Window int64  // seconds: of a rate, what a whole burst takes to refill, rounded up; of a quota, 86400
}

// maxQuota is the largest integer of a structured field (RFC 9651 §3.3.1).
const maxQuota = 999_999_999_999_999

// limit is one limit in force, ready to be applied.
type limit struct {
	scope    scope
	api      string   // of a partner's or credential's own limit: the API that it is for; empty: all
	key      rate.Key // of such a limit: its bucket
	pace     *rate.Pace
	daily    int64
	policies []Policy
}

// newLimit makes r ready. The bounds are those of the register.
func newLimit(r Rate, s scope) (*limit, error) {
	bounds := partner.Limit{ID: "lim", PartnerID: "ptn", Environment: "env", Rate: r.Rate, Per: r.Per, Burst: r.Burst, Daily: r.Daily}
	if err := bounds.Validate(); err != nil {
		return nil, err
	}
	l := &limit{scope: s, daily: r.Daily}
	if r.Rate > 0 {
		var err error
		if l.pace, err = rate.NewPace(int64(r.Rate), r.Per, int64(r.Burst)); err != nil {
			return nil, err
		}
		window := wholeSeconds(l.pace.Span())
		l.policies = append(l.policies, Policy{scopeWords[s], min(window*int64(r.Rate)/int64(r.Per/time.Second), maxQuota), window})
	}
	if r.Daily > 0 {
		l.policies = append(l.policies, Policy{dayWords[s], r.Daily, 86400})
	}
	return l, nil
}

// wholeSeconds rounds up, to 1 at least: a header that says 0 asks a caller to come back at once.
func wholeSeconds(d time.Duration) int64 {
	return max(1, int64((d+time.Second-1)/time.Second))
}

// apiLimits are the limits of an API, ready to be applied.
type apiLimits struct {
	tag                              rate.Key
	total, perPartner, perCredential *limit
}

// makeLimits makes the limits of a ready; nil if it has none.
func (a *API) makeLimits() (*apiLimits, error) {
	made := &apiLimits{tag: apiTag(a.Environment, a.Name)}
	for _, one := range []struct {
		what  string
		rate  *Rate
		scope scope
		into  **limit
	}{
		{"per_partner", a.Limits.PerPartner, scopePartnerAPI, &made.perPartner},
		{"per_credential", a.Limits.PerCredential, scopeCredentialAPI, &made.perCredential},
		{"total", a.Limits.Total, scopeAPI, &made.total},
	} {
		if one.rate == nil {
			continue
		}
		l, err := newLimit(*one.rate, one.scope)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.what, err)
		}
		*one.into = l
	}
	if a.Limits == (APILimits{}) {
		return nil, nil
	}
	return made, nil
}

// The key of a bucket names whose requests it counts: a digest over length-prefixed parts (security rule 10), or the sum of
// two such digests where it counts one's requests to another. None of the parts is a caller's to choose.
func apiTag(environment, name string) rate.Key {
	return digestOf("countersign rate api", environment, name)
}

func partnerTag(environment, id string) rate.Key {
	return digestOf("countersign rate partner", environment, id)
}

// paired is the key of one's requests to another.
func paired(a, b rate.Key) rate.Key {
	for i := range a {
		a[i] ^= b[i]
	}
	return a
}
