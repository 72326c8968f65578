package problem

import (
	"strconv"

	"countersign.dev/internal/access"
)

// The fields in which a caller is told of limits, in canonical form: "RateLimit header fields for HTTP",
// draft-ietf-httpapi-ratelimit-headers-11, which are those of its versions 08 to 10 as well. A door that sets one removes
// what an upstream has put there: of two answers to one question a caller would believe either.
const (
	HeaderRateLimit       = "Ratelimit"
	HeaderRateLimitPolicy = "Ratelimit-Policy"
)

// RateLimit is the value of the RateLimit field for d: what is left of the limit that will stop the caller first, or of the
// one that has. Empty: nothing is told.
func RateLimit(d *access.Decision) string {
	if d.Limit.Name == "" {
		return ""
	}
	b := append(make([]byte, 0, 64), '"')
	b = append(b, d.Limit.Name...)
	b = strconv.AppendInt(append(b, `";r=`...), d.Limit.Remaining, 10)
	b = strconv.AppendInt(append(b, `;t=`...), d.Limit.Reset, 10)
	return string(b)
}

// RateLimitPolicy is the value of the RateLimit-Policy field for d: the limits that applied to the request. Of a rate, w
// is the seconds in which a whole burst refills, rounded up, and q the requests that so many seconds let in: q in each w is
// the rate itself. Empty:
// nothing is told.
func RateLimitPolicy(d *access.Decision) string {
	var b []byte
	for p := range d.Policies() {
		if b != nil {
			b = append(b, ", "...)
		} else {
			b = make([]byte, 0, 96)
		}
		b = append(append(b, '"'), p.Name...)
		b = strconv.AppendInt(append(b, `";q=`...), p.Quota, 10)
		b = strconv.AppendInt(append(b, `;w=`...), p.Window, 10)
	}
	return string(b)
}
