package rollup

import (
	"net/netip"
	"time"

	"countersign.dev/internal/audit/search"
)

// maxName caps what is counted by, in bytes. Names of ours are far shorter.
const maxName = 128

// ReasonKey is what requests are counted by first; "allowed" is a reason too.
type ReasonKey struct{ Environment, API, Reason string }

// TrafficKey is what durations and bytes are added up by. Decision is "allow" or "refuse".
type TrafficKey struct{ Environment, API, Decision string }

// PartnerKey counts the requests of a partner. Requests that were refused before their sender was known have none.
type PartnerKey struct{ Environment, Partner, Decision string }

// VersionKey names one version of a credential.
type VersionKey struct {
	Environment, Credential string
	Version                 int
}

// Traffic adds up requests.
type Traffic struct {
	Requests          uint64
	BytesIn, BytesOut uint64
	Latency           Histogram // of the whole time from arrival to the end of the answer
}

// Use is how a version of a credential was used, by requests that proved to have it.
type Use struct {
	Allowed, Refused uint64
	Last             time.Time // arrival of the last one; UTC, to the second
	Addresses        Addresses
}

// Totals are the sums of a span of time. The zero value is empty and ready. Not safe for concurrent use.
type Totals struct {
	Reasons  map[ReasonKey]uint64
	Traffic  map[TrafficKey]*Traffic
	Partners map[PartnerKey]uint64
	Versions map[VersionKey]*Use
	Lost     uint64 // decision lines that the record itself says are missing
}

// Add counts one line. Only the final line of a request counts, and a gap. A Writer does the same, much faster, for many lines.
func (t *Totals) Add(l *search.Line) {
	if l.Kind == search.Gap {
		t.Lost += l.Lost
		return
	}
	if !l.Kind.Final() {
		return
	}
	t.ready()
	environment, api, decision := short(l.Environment), short(l.API), l.Kind.String()
	t.Reasons[ReasonKey{environment, api, short(l.Reason)}]++
	traffic := t.traffic(TrafficKey{environment, api, decision})
	traffic.Requests++
	traffic.BytesIn += uint64(l.BytesIn)
	traffic.BytesOut += uint64(l.BytesOut)
	traffic.Latency.Add(l.Duration)
	if len(l.Partner) > 0 {
		t.Partners[PartnerKey{environment, short(l.Partner), decision}]++
	}
	if l.Proved && len(l.Credential) > 0 {
		use := t.use(VersionKey{environment, short(l.Credential), l.Version})
		use.count(l.Kind, 1)
		use.seen(l.Time.Truncate(time.Second))
		if from := l.IP(); from.IsValid() {
			use.Addresses.Add(from)
		}
	}
}

// count adds requests that proved to have the version.
func (u *Use) count(kind search.Kind, n uint64) {
	if kind == search.Allow {
		u.Allowed += n
	} else {
		u.Refused += n
	}
}

// seen notes when one of them arrived, to the second.
func (u *Use) seen(at time.Time) {
	if at.After(u.Last) {
		u.Last = at
	}
}

// Merge adds what other holds; other stays as it is.
func (t *Totals) Merge(other *Totals) {
	t.ready()
	t.Lost += other.Lost
	for k, n := range other.Reasons {
		t.Reasons[k] += n
	}
	for k, v := range other.Traffic {
		sum := t.traffic(k)
		sum.Requests += v.Requests
		sum.BytesIn += v.BytesIn
		sum.BytesOut += v.BytesOut
		sum.Latency.Merge(&v.Latency)
	}
	for k, n := range other.Partners {
		t.Partners[k] += n
	}
	for k, v := range other.Versions {
		sum := t.use(k)
		sum.Allowed += v.Allowed
		sum.Refused += v.Refused
		sum.seen(v.Last)
		sum.Addresses.Merge(v.Addresses)
	}
}

func (t *Totals) ready() {
	if t.Reasons == nil {
		t.Reasons, t.Traffic = map[ReasonKey]uint64{}, map[TrafficKey]*Traffic{}
		t.Partners, t.Versions = map[PartnerKey]uint64{}, map[VersionKey]*Use{}
	}
}

func (t *Totals) traffic(k TrafficKey) *Traffic {
	v := t.Traffic[k]
	if v == nil {
		v = &Traffic{}
		t.Traffic[k] = v
	}
	return v
}

func (t *Totals) use(k VersionKey) *Use {
	v := t.Versions[k]
	if v == nil {
		v = &Use{}
		t.Versions[k] = v
	}
	return v
}

// size is how many things are counted apart.
func (t *Totals) size() int {
	return len(t.Reasons) + len(t.Traffic) + len(t.Partners) + len(t.Versions)
}

func short(name []byte) string {
	if len(name) > maxName {
		return string(name[:maxName-3]) + "..."
	}
	return string(name)
}

// MaxAddresses is how many addresses a set keeps.
const MaxAddresses = 32

// Addresses is a set of addresses with a bound: the lowest MaxAddresses of those that were seen, so that it does not matter
// in which order they came. The zero value is empty.
type Addresses struct {
	List []netip.Addr // in order
	Cut  bool         // there were more
}

// Add puts one address in, and reports whether it was not there.
func (a *Addresses) Add(one netip.Addr) (fresh bool) {
	i := 0
	for i < len(a.List) && a.List[i].Less(one) {
		i++
	}
	if i < len(a.List) && a.List[i] == one {
		return false
	}
	if len(a.List) == MaxAddresses {
		a.Cut = true
		if i == MaxAddresses {
			return false
		}
		a.List = a.List[:MaxAddresses-1]
	}
	a.List = append(a.List, netip.Addr{})
	copy(a.List[i+1:], a.List[i:])
	a.List[i] = one
	return true
}

// Merge puts all of other in.
func (a *Addresses) Merge(other Addresses) {
	for _, one := range other.List {
		a.Add(one)
	}
	a.Cut = a.Cut || other.Cut
}
