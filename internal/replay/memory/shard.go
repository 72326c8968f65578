package memory

import (
	"sync"
	"sync/atomic"
)

// shard is one part of the map, with a lock of its own. It holds no pointers, so
// the garbage collector does not walk it.
type shard struct {
	mu      sync.Mutex
	entries map[[32]byte]bucket
	swept   int64 // the mark up to which expired entries have been dropped
	closed  bool

	_ [32]byte // keeps two shards' locks out of one cache line
}

// sweep drops what has been forgotten up to mark. Every shard does so by itself
// when a claim comes by, so no single claim pays for the whole map. The caller
// holds the lock.
func (s *shard) sweep(mark int64, count *atomic.Int64) {
	if s.swept >= mark {
		return
	}
	s.swept = mark
	before := len(s.entries)
	for key, b := range s.entries {
		if b.end() <= mark {
			delete(s.entries, key)
		}
	}
	count.Add(int64(len(s.entries) - before))
}
