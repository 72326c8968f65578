//go:build linux

package main

import (
	"math/bits"
	"time"
)

const (
	fineBits = 6  // 64 buckets in each doubling: a quantile is at most 1.6 % too high, never too low
	topBits  = 40 // longer than 2^40 ns, eighteen minutes, is counted as that
)

// histogram counts latencies. The zero value is empty. Not safe for concurrent use.
type histogram struct {
	counts  [(topBits-fineBits)<<fineBits + 1<<(fineBits+1)]uint64
	total   uint64
	longest time.Duration
}

// add counts one; what is negative counts as nothing.
func (h *histogram) add(d time.Duration) {
	v := min(uint64(max(d, 0)), 1<<topBits-1)
	h.counts[bucketOf(v)]++
	h.total++
	h.longest = max(h.longest, d)
}

func bucketOf(v uint64) int {
	e := max(bits.Len64(v)-fineBits-1, 0)
	return e<<fineBits + int(v>>e)
}

// highest is the largest value that a bucket holds.
func highest(bucket int) time.Duration {
	e := max(bucket>>fineBits-1, 0)
	return time.Duration((uint64(bucket-e<<fineBits)+1)<<e - 1)
}

// merge adds another one; nil adds nothing.
func (h *histogram) merge(other *histogram) {
	if other == nil {
		return
	}
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.longest = max(h.longest, other.longest)
}

// quantile is the value that at least this share of all does not exceed; 0 where there is none.
func (h *histogram) quantile(share float64) time.Duration {
	want, seen := share*float64(h.total), uint64(0)
	for i, n := range h.counts {
		if seen += n; n > 0 && float64(seen) >= want {
			return min(highest(i), h.longest)
		}
	}
	return h.longest
}
