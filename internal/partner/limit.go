package partner

import "time"

// Bounds of a Limit.
const (
	// MaxLimitRate and MaxLimitBurst bound what a rate may be set to.
	MaxLimitRate  = 1_000_000
	MaxLimitBurst = 1_000_000
	// MaxLimitDaily is the largest daily quota.
	MaxLimitDaily = 1_000_000_000_000
	// MinLimitPer and MaxLimitPer bound the span in which Rate requests are let in.
	MinLimitPer = time.Second
	MaxLimitPer = 24 * time.Hour
)

// Limit bounds how many requests of one partner, or of one of its credentials, are let in: by a rate, by a daily quota or by
// both. Every limit that applies to a request must have room, or the request is refused and takes room from none. A limit
// that names no API counts the requests to all APIs of the environment together. One scope has at most one limit.
type Limit struct {
	ID           string // row identity, "lim_" and 26 characters
	PartnerID    string
	Environment  string
	CredentialID string        // empty: all credentials of the partner together
	API          string        // empty: all APIs of the environment together
	Rate         int           // requests in each Per; 0: no rate
	Per          time.Duration // 1 s to 24 h, whole seconds; 0 where Rate is 0
	Burst        int           // requests that may come at once; at least 1 where there is a rate, 0 where there is none
	Daily        int64         // requests on each day of UTC; 0: no quota
	CreatedAt    time.Time
}

// Scope names what l bounds: two limits with one scope cannot both be in force.
func (l Limit) Scope() [4]string {
	return [4]string{l.PartnerID, l.Environment, l.CredentialID, l.API}
}

// Validate reports what is wrong with l, or nil.
func (l Limit) Validate() error {
	switch {
	case l.ID == "" || l.PartnerID == "" || l.Environment == "":
		return invalid("a limit: id, partner and environment must be set")
	case l.Rate == 0 && l.Daily == 0:
		return invalid("a limit: neither a rate nor a daily quota; to refuse a partner, suspend it")
	case l.Daily < 0 || l.Daily > MaxLimitDaily:
		return invalid("a limit: a daily quota is at most %d", int64(MaxLimitDaily))
	case l.Rate == 0 && (l.Per != 0 || l.Burst != 0):
		return invalid("a limit: a span or a burst without a rate")
	case l.Rate == 0:
		return nil
	case l.Rate < 0 || l.Rate > MaxLimitRate:
		return invalid("a limit: a rate is 1 to %d", MaxLimitRate)
	case l.Per < MinLimitPer || l.Per > MaxLimitPer || l.Per%time.Second != 0:
		return invalid("a limit: the span of a rate is %s to %s in whole seconds", MinLimitPer, MaxLimitPer)
	case l.Burst < 1 || l.Burst > MaxLimitBurst:
		return invalid("a limit: a burst is 1 to %d", MaxLimitBurst)
	}
	return nil
}
