package rollup

import (
	"maps"
	"math/bits"
	"slices"
	"time"
)

const (
	steps     = 16                // buckets for each doubling
	maxBucket = 16 + 32*steps     // all of them
	maxMicros = uint64(1<<36) - 1 // 19 hours; what takes longer counts as this
)

// Histogram counts durations in buckets of a fixed logarithmic scale, each a sixteenth of its power of two wide: what is
// read from it is right to 3.2 %, and two of them are added bucket by bucket. Below 16 µs it is exact. The zero value is
// empty.
type Histogram struct {
	counts map[uint16]uint64
}

// Add counts one duration; a negative one counts as zero.
func (h *Histogram) Add(d time.Duration) {
	h.put(bucket(d), 1)
}

// put counts n durations of one bucket.
func (h *Histogram) put(b uint16, n uint64) {
	if h.counts == nil {
		h.counts = map[uint16]uint64{}
	}
	h.counts[b] += n
}

// Merge adds the counts of other.
func (h *Histogram) Merge(other *Histogram) {
	if h.counts == nil && len(other.counts) > 0 {
		h.counts = make(map[uint16]uint64, len(other.counts))
	}
	for b, n := range other.counts {
		h.counts[b] += n
	}
}

// Count is how many durations were added.
func (h *Histogram) Count() (n uint64) {
	for _, c := range h.counts {
		n += c
	}
	return n
}

// Quantile is the duration that the share q of all does not exceed: 0.5 for the median. q is brought between 0 and 1; 0
// where there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	total := h.Count()
	if total == 0 {
		return 0
	}
	return at(h, h.sorted(), rankOf(q, total))
}

// rankOf is which of total durations, in order, the share q reaches to.
func rankOf(q float64, total uint64) uint64 {
	rank := uint64(min(max(q, 0), 1)*float64(total) + 0.999999)
	return min(max(rank, 1), total)
}

// sorted are the buckets that hold something, in order.
func (h *Histogram) sorted() []uint16 { return slices.Sorted(maps.Keys(h.counts)) }

// at is the duration with a rank.
func at(h *Histogram, sorted []uint16, rank uint64) time.Duration {
	for _, b := range sorted {
		n := h.counts[b]
		if n >= rank {
			return middle(b)
		}
		rank -= n
	}
	return 0
}

// bucket is the bucket of d: below 16 µs its microseconds, then the exponent and the four bits behind the highest one.
func bucket(d time.Duration) uint16 {
	v := uint64(max(d, 0) / time.Microsecond)
	if v = min(v, maxMicros); v < steps {
		return uint16(v)
	}
	exponent := bits.Len64(v) - 5
	return uint16(steps + exponent*steps + int(v>>exponent)&(steps-1))
}

// middle is the duration that stands for all in b.
func middle(b uint16) time.Duration {
	if b < steps {
		return time.Duration(b) * time.Microsecond
	}
	exponent := (int(b) - steps) / steps
	low := uint64(steps+int(b)%steps) << exponent
	return time.Duration(low+(uint64(1)<<exponent)/2) * time.Microsecond
}
