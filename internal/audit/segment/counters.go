package segment

import (
	"fmt"
	"sync/atomic"
	"time"
)

// counts are kept without a lock.
type counts struct {
	lines, bytes, lost, gaps, syncs, rotations, failures, unsynced, retired, compressed atomic.Uint64

	waiting  atomic.Int64 // bytes in the queue
	behind   atomic.Int64 // bytes taken from it that are not durable yet
	since    atomic.Int64 // when bytes began to wait for a sync, in nanoseconds since Writer.begun, at least 1; 0: none do
	lastSync atomic.Int64 // Unix nanoseconds
}

// Counters is what a Writer has counted since it was opened.
type Counters struct {
	Lines      uint64 // durable lines, headers and gaps among them
	Bytes      uint64 // of these lines
	Lost       uint64 // lines that could not be written
	Gaps       uint64 // gap lines that tell where they are missing
	Syncs      uint64
	Rotations  uint64 // segments that were begun after the first
	Failures   uint64 // attempts to write, sync or rotate that failed
	Unsynced   uint64 // requests admitted without the durable line they should have had (TellGap)
	Retired    uint64 // segments removed because of their age
	Compressed uint64
	Queue      int64     // bytes of lines that wait
	LastSync   time.Time // everything recorded before is durable; now, where nothing waits
}

// Counters returns the counts. Safe for concurrent use; each is exact, together they are not of one instant.
func (w *Writer) Counters() Counters {
	synced := w.cfg.Now()
	if w.waiting.Load() > 0 || w.behind.Load() > 0 {
		synced = time.Unix(0, w.lastSync.Load())
	}
	return Counters{
		Lines: w.lines.Load(), Bytes: w.bytes.Load(), Lost: w.lost.Load(), Gaps: w.gaps.Load(), Syncs: w.syncs.Load(), Rotations: w.rotations.Load(),
		Failures: w.failures.Load(), Unsynced: w.unsynced.Load(), Retired: w.retired.Load(), Compressed: w.compressed.Load(),
		Queue: w.waiting.Load(), LastSync: synced.UTC(),
	}
}

// Healthy says why the record does not take lines as it should, or nil: the disk fails or does not answer, the queue is more
// than half full, or the record is closed. It waits for nothing.
func (w *Writer) Healthy() error {
	if err := w.full(); err != nil {
		return fmt.Errorf("decision record: %w", err)
	}
	return nil
}
