package traffic

import (
	"net/netip"
	"time"
)

// Span is a span of time up to now, in steps that are kept for it.
type Span string

// The spans of a Report, with their steps: a minute, a quarter of an hour, two hours.
const (
	Hour Span = "1h"
	Day  Span = "24h"
	Week Span = "7d"
)

// The spans of a Usage besides Day and Week. Day begins with a whole hour, the others with a whole day of UTC.
const Month Span = "30d"

// Sees says whether whoever asks may see an environment; nil: all of them.
type Sees func(environment string) bool

func (s Sees) all(environment string) bool { return s == nil || s(environment) }

// Latency are quantiles of whole requests that were let in, right to 3.2 %; zero: there were none. Those that were refused are
// not among them: a wave of quick refusals would make a slow upstream look fast.
type Latency struct{ P50, P95, P99 time.Duration }

// Count is how many requests were let in, and how many refused.
type Count struct{ Allowed, Refused uint64 }

// Point is one step of a Series.
type Point struct {
	At time.Time // its begin, UTC
	Count
	Latency
}

// Reason is how often requests were refused for it.
type Reason struct {
	Name  string
	Count uint64
}

// Series is what happened in one API of one environment.
type Series struct {
	Environment, API string // no API: requests that reached none
	Count
	BytesIn, BytesOut uint64
	Latency
	Reasons []Reason // of refusals, the most frequent first
	Points  []Point  // one for each step, also where nothing happened
}

// Report is the traffic of a span.
type Report struct {
	From, To time.Time // whole steps; the last one is not over yet
	Step     time.Duration
	Series   []Series // by environment and API; those of which something is known
	Lost     uint64   // decision lines that the records themselves say are missing, of all environments
	Faults   []string // why numbers are too low; nil: they are not
}

// LastCall is the last minute in which a partner called.
type LastCall struct {
	Partner, Environment string
	At                   time.Time // begin of the minute
	Allowed              bool      // at least one call of that minute was let in
}

// VersionUsage is how one version of a credential was used, by requests that proved to have it.
type VersionUsage struct {
	Credential string
	Version    int // 0: by access token
	Count
	Last      time.Time    // to the second, whether it lies in the span or not
	Addresses []netip.Addr // those of the span that were seen last, at most MaxAddresses, in order
	Cut       bool         // there were more
}

// EnvironmentUsage is how a partner called one environment.
type EnvironmentUsage struct {
	Environment string
	Count
	Last     time.Time      // begin of the minute of the last call within Reach; zero: there was none
	Versions []VersionUsage // by credential, the newest version first
}

// Usage is how a partner called.
type Usage struct {
	From, To     time.Time
	Environments []EnvironmentUsage // by name
	Faults       []string
}

// Rise is a reason for refusals that has suddenly become frequent: see Rises for the rule.
type Rise struct {
	Environment, API, Reason string
	Since                    time.Time // begin of the quarter of an hour that is judged
	Count                    uint64    // refusals for it since then
	Allowed                  uint64    // requests of the same API that were let in since then
	Mean                     float64   // of a quarter of an hour, over the day before
	Usual                    float64   // median of the same quarter of an hour on the seven days before
	Days                     int       // how many of those are known; 0: there is nothing to compare with
}
