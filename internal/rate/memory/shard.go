package memory

import (
	"math/bits"
	"sync"
	"time"

	"countersign.dev/internal/rate"
)

// shardCount is how many locks there are: as many as a word has bits, so that the locks of one call are a word.
const shardCount = 64

// shard is a part of the buckets under one lock.
type shard struct {
	mu     sync.Mutex
	states map[rate.Key]rate.State
	last   time.Duration // what the clock last said
	hands  time.Duration // how far it has gone forward in all: what rates are measured by
	most   int           // how many states there may be
	sweep  int           // at how many the idle ones are looked for
	swept  time.Duration // when that was last done, by hands
	vain   bool
	dirty  bool // a count of the day was changed since it was written
}

// sweepFirst is the smallest number of states that is swept.
const sweepFirst = 128

// vainPause is how long a shard that is full of live states is not swept again.
const vainPause = time.Second

func (s *shard) open(most int) {
	s.states, s.most, s.sweep = map[rate.Key]rate.State{}, max(1, most), sweepFirst
}

func shardIndex(key rate.Key) uint { return uint(key[15]) % shardCount }

func (l *Limiter) shardOf(key rate.Key) *shard { return &l.shards[shardIndex(key)] }

// lock takes the locks of all buckets, in the order of the shards, and returns which.
func (l *Limiter) lock(buckets []rate.Bucket) (held uint64) {
	for i := range buckets {
		held |= 1 << shardIndex(buckets[i].Key)
	}
	for rest := held; rest != 0; rest &= rest - 1 {
		l.shards[bits.TrailingZeros64(rest)].mu.Lock()
	}
	return held
}

func (l *Limiter) unlock(held uint64) {
	for ; held != 0; held &= held - 1 {
		l.shards[bits.TrailingZeros64(held)].mu.Unlock()
	}
}

// tick moves the hands on by what the clock went forward, and returns them. A step back moves nothing.
func (s *shard) tick(elapsed time.Duration) time.Duration {
	s.hands += max(0, elapsed-s.last)
	s.last = elapsed
	return s.hands
}

// makeRoom makes sure that there is room for one more, and forgets idle states where there is not, or where there are twice
// as many as the last time.
func (s *shard) makeRoom(today int32) bool {
	if len(s.states) >= min(s.sweep, s.most) {
		s.forget(today)
	}
	return len(s.states) < s.most
}

func (s *shard) forget(today int32) {
	if s.vain && s.hands-s.swept < vainPause {
		return
	}
	before := len(s.states)
	for key, state := range s.states {
		if state.Idle(s.hands, today) {
			delete(s.states, key)
		}
	}
	s.sweep = max(sweepFirst, 2*len(s.states))
	s.vain, s.swept = len(s.states) == before && before >= s.most, s.hands
}

// keep remembers a state. counted: its count of the day was raised.
func (s *shard) keep(key rate.Key, state rate.State, counted bool) {
	s.states[key] = state
	s.dirty = s.dirty || counted
}

// mend replaces a state that is there; a request that was refused makes none.
func (s *shard) mend(key rate.Key, state rate.State) {
	if _, known := s.states[key]; known {
		s.states[key] = state
	}
}
