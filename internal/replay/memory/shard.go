package memory

import (
	"sync"
	"sync/atomic"
)

// shard is one part of the entries, with a lock of its own.
type shard struct {
	mu      sync.Mutex
	entries table
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
	before := s.entries.used
	s.entries.drop(mark)
	count.Add(int64(s.entries.used - before))
}
