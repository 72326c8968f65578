package door

import (
	"net/http"
	"strconv"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/passage"
	"countersign.dev/internal/edge/problem"
)

// Names of fields of our answers, in canonical form; docs/identity-headers.md has the first two.
const (
	HeaderRequestID  = passage.HeaderRequestID
	HeaderServerTime = passage.HeaderTime
	headerSunset     = "Sunset"      // RFC 8594 §3
	headerDeprecated = "Deprecation" // RFC 9745 §2.1
)

// render fills the exported fields of a from the decision, unless an exchange has.
func (a *Answer) render() {
	d := &a.decision
	switch {
	case a.Exchanged:
		return
	case a.Allowed:
		a.Status, a.Header = http.StatusOK, append(a.fields[:0], problem.Field{Name: HeaderRequestID, Value: d.RequestID})
	default:
		if d.Reason == access.Allowed {
			d.Reason = access.Internal // nobody let it in: a fault of ours
		}
		now := a.door.cfg.Now()
		a.fill(problem.Render(d, problem.Negotiate(a.q.Header["Accept"], a.q.Header["Content-Type"]), d.RequestID, now), now)
	}
	a.tell()
}

// fill takes over an answer of ours.
func (a *Answer) fill(p problem.Answer, now time.Time) {
	a.Status, a.Body, a.Close = p.Status, p.Body, p.Close
	a.Header = append(a.fields[:0], problem.Field{Name: HeaderRequestID, Value: a.decision.RequestID})
	if a.decision.Reason != access.Allowed {
		a.Header = append(a.Header, problem.Field{Name: HeaderServerTime, Value: strconv.FormatInt(now.Unix(), 10)})
	}
	if p.ContentType != "" {
		a.Header = append(a.Header, problem.Field{Name: "Content-Type", Value: p.ContentType})
	}
	a.Header = append(a.Header, p.Header...)
}

// exchanged takes over the answer of the token endpoint.
func (a *Answer) exchanged(p problem.Answer) {
	a.Exchanged = true
	a.fill(p, a.door.cfg.Now())
	a.tell()
}

// tell adds what a caller is told of its limits, and of the end of the version that it proved itself with.
func (a *Answer) tell() {
	d := &a.decision
	if policy := problem.RateLimitPolicy(d); policy != "" {
		a.Header = append(a.Header, problem.Field{Name: problem.HeaderRateLimitPolicy, Value: policy})
		if left := problem.RateLimit(d); left != "" {
			a.Header = append(a.Header, problem.Field{Name: problem.HeaderRateLimit, Value: left})
		}
	}
	if !d.Proved {
		return
	}
	if d.Deprecated != 0 {
		a.Header = append(a.Header, problem.Field{Name: headerDeprecated, Value: "@" + strconv.FormatInt(d.Deprecated, 10)})
	}
	if d.Sunset != 0 {
		a.Header = append(a.Header, problem.Field{Name: headerSunset, Value: time.Unix(d.Sunset, 0).UTC().Format(http.TimeFormat)})
	}
}
