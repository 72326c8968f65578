package rollup

import (
	"encoding/binary"
	"math"
	"time"

	"countersign.dev/internal/audit/search"
)

// sums adds lines up, minute by minute. Most lines are like one that came before in all that is counted by; what such lines add is
// gathered in an entry, and in the latencies that entries share, and only put where it belongs when an entry makes room or the sums
// are wanted. Not safe for concurrent use.
type sums struct {
	minutes map[int64]*Totals // complete only after settle
	known   *known            // what stands in them
	keys    int               // an upper bound of what minutes hold
	entries []entry           // a power of two of them; nil: none was needed yet
	pushed  int               // entries that made room since there are so many
	flows   []*flow           // of entries; at most maxFlows
}

const (
	fewEntries = 1 << 8
	maxEntries = 1 << 14 // 3 MiB
	maxFlows   = 256
	flowKeys   = 16 // what the traffic of one name may hold is worth so many keys
)

// entry is what equal lines of one minute have in common, and what they add.
type entry struct {
	count   uint64 // lines that are not settled; 0: nothing else of it holds
	minute  int64
	last    int64 // second in which the last of them arrived
	version int
	kind    search.Kind
	proved  bool
	flow    *flow
	use     *Use // nil: they are no use of a version

	environment, api, reason, partner, credential, address string
}

// flow gathers what goes into one Traffic.
type flow struct {
	to       *Traffic
	requests uint64
	in, out  uint64
	buckets  [maxBucket]uint32
}

func newSums() *sums { return &sums{minutes: map[int64]*Totals{}, known: newKnown()} }

// empty reports that nothing was added.
func (s *sums) empty() bool { return len(s.minutes) == 0 }

// add counts a line into its minute.
func (s *sums) add(l *search.Line, minute int64) {
	if l.Kind == search.Gap {
		s.of(minute).Lost += l.Lost
		s.keys++
		return
	}
	if !l.Kind.Final() {
		return
	}
	at := place(l, minute)
	e := s.entry(at)
	if !e.fits(l, minute) {
		e = s.room(at)
		s.fill(e, l, minute)
	}
	e.count++
	if !l.Time.IsZero() {
		e.last = max(e.last, l.Time.Unix())
	}
	e.flow.requests++
	e.flow.in += uint64(l.BytesIn)
	e.flow.out += uint64(l.BytesOut)
	e.flow.buckets[bucket(l.Duration)]++
}

// entry is the one at a place.
func (s *sums) entry(at uint64) *entry {
	if s.entries == nil {
		s.entries = make([]entry, fewEntries)
	}
	return &s.entries[at&uint64(len(s.entries)-1)]
}

// room empties the entry at a place. Where that happens often, there are more entries.
func (s *sums) room(at uint64) *entry {
	e := s.entry(at)
	if e.count > 0 {
		s.pushed++
	}
	if s.pushed > len(s.entries) && len(s.entries) < maxEntries {
		s.settle()
		s.entries, s.pushed = make([]entry, 4*len(s.entries)), 0
		return s.entry(at)
	}
	s.settleOne(e)
	return e
}

// place is where the entry of a line stands, if there is one.
func place(l *search.Line, minute int64) uint64 {
	const spread = 0x9e3779b97f4a7c15
	h := uint64(minute)<<8 ^ uint64(l.Version)<<2 ^ uint64(l.Kind)
	for _, text := range [...][]byte{l.Credential, l.Address, l.Reason, l.API} {
		h *= spread
		h ^= h >> 32
		if n := len(text); n >= 8 {
			h ^= binary.LittleEndian.Uint64(text[n-8:])
		} else {
			for _, c := range text {
				h = (h<<8 | h>>56) ^ uint64(c)
			}
		}
	}
	h *= spread
	return h >> 32
}

// fits reports whether a line is like those of e.
func (e *entry) fits(l *search.Line, minute int64) bool {
	return e.count > 0 && e.minute == minute && e.kind == l.Kind && e.version == l.Version && e.proved == l.Proved &&
		e.partner == string(l.Partner) && e.credential == string(l.Credential) && e.address == string(l.Address) &&
		e.api == string(l.API) && e.environment == string(l.Environment) && e.reason == string(l.Reason)
}

// fill makes e the entry of lines like l: in the totals of the minute there is a place for what they add.
func (s *sums) fill(e *entry, l *search.Line, minute int64) {
	t := s.of(minute)
	before := t.size()
	*e = entry{minute: minute, last: math.MinInt64, kind: l.Kind, version: l.Version, proved: l.Proved, environment: s.known.name(l.Environment),
		api: s.known.name(l.API), reason: s.known.name(l.Reason), partner: s.known.name(l.Partner), credential: s.known.name(l.Credential),
		address: s.known.spelling(l.Address)}
	t.Reasons[ReasonKey{e.environment, e.api, e.reason}] += 0
	if e.partner != "" {
		t.Partners[PartnerKey{e.environment, e.partner, l.Kind.String()}] += 0
	}
	e.flow = s.flow(t, TrafficKey{e.environment, e.api, l.Kind.String()})
	if l.Proved && e.credential != "" {
		e.use = t.use(VersionKey{e.environment, e.credential, l.Version})
		if from := s.known.address(l); from.IsValid() && e.use.Addresses.Add(from) {
			s.keys++
		}
	}
	s.keys += t.size() - before
}

// of are the totals of a minute.
func (s *sums) of(minute int64) *Totals {
	t := s.minutes[minute]
	if t == nil {
		t = &Totals{}
		t.ready()
		s.minutes[minute] = t
	}
	return t
}

// flow is what gathers for a name. Where there are too many of them, all are settled and begin anew.
func (s *sums) flow(t *Totals, k TrafficKey) *flow {
	if t.Traffic[k] == nil {
		s.keys += flowKeys
	}
	to := t.traffic(k)
	for _, f := range s.flows {
		if f.to == to {
			return f
		}
	}
	if len(s.flows) == maxFlows {
		s.settle()
	}
	f := &flow{to: to}
	s.flows = append(s.flows, f)
	return f
}

// settleOne puts what an entry has gathered where it belongs, and empties it.
func (s *sums) settleOne(e *entry) {
	if e.count == 0 {
		return
	}
	t := s.minutes[e.minute]
	t.Reasons[ReasonKey{e.environment, e.api, e.reason}] += e.count
	if e.partner != "" {
		t.Partners[PartnerKey{e.environment, e.partner, e.kind.String()}] += e.count
	}
	if e.use != nil {
		e.use.count(e.kind, e.count)
		if e.last != math.MinInt64 {
			e.use.seen(time.Unix(e.last, 0).UTC())
		}
	}
	e.count, e.flow, e.use = 0, nil, nil
}

// settle makes minutes complete.
func (s *sums) settle() {
	for i := range s.entries {
		s.settleOne(&s.entries[i])
	}
	for _, f := range s.flows {
		f.settle()
	}
	clear(s.flows)
	s.flows = s.flows[:0]
}

func (f *flow) settle() {
	f.to.Requests += f.requests
	f.to.BytesIn += f.in
	f.to.BytesOut += f.out
	for b, n := range f.buckets {
		if n > 0 {
			f.to.Latency.put(uint16(b), uint64(n))
		}
	}
}

// take adds what other holds, and empties it.
func (s *sums) take(other *sums) {
	other.settle()
	for minute, t := range other.minutes {
		if mine := s.minutes[minute]; mine != nil {
			mine.Merge(t)
		} else {
			s.minutes[minute] = t
		}
	}
	s.keys += other.keys
	other.reset()
}

// reset forgets everything. What was settled may stand somewhere else by now.
func (s *sums) reset() {
	clear(s.entries)
	clear(s.flows)
	s.pushed = 0
	s.minutes, s.known, s.keys, s.flows = map[int64]*Totals{}, newKnown(), 0, s.flows[:0]
}
