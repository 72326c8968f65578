package search

import "time"

// Tailing is one follower of a record, for one goroutine. Whoever opened it calls Close.
type Tailing struct {
	t      *Tails
	query  Query
	sees   func(*Line) bool
	after  uint64
	opened time.Time     // to the microsecond, as lines have it
	sign   chan struct{} // of one place: there is something, or the end

	// guarded by t.mu
	begun bool
	gap   bool // lines between after and the first that could be had are missing
	queue []Found
	bytes int
	lost  uint64
}

// Arrived is what has come since the last Take.
type Arrived struct {
	Found []Found
	Lost  uint64 // lines that fitted and found no room, because the reader was too slow: they stood behind those in Found
	Gap   bool   // only once, and first: the place to go on from is not kept any more, and lines before those in Found are missing
}

// Open begins to follow. q says which lines are wanted; its limit, cursor and order mean nothing. sees says of each line that
// fits whether this follower may see it; nil: all. It runs under a lock and must not block. after is the seq of a line behind which it goes on, as
// far as that is kept; 0: what arrives from now on. Errors: ErrQuery, ErrTailsClosed.
func (t *Tails) Open(q Query, sees func(*Line) bool, after uint64) (*Tailing, error) {
	q.Cursor = ""
	if err := q.Validate(); err != nil {
		return nil, err
	}
	one := &Tailing{t: t, query: q, sees: sees, after: after, opened: t.cfg.Now().Truncate(time.Microsecond), sign: make(chan struct{}, 1)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrTailsClosed
	}
	t.all[one] = struct{}{}
	select {
	case t.wake <- struct{}{}:
	default:
	}
	return one, nil
}

// offer queues a line that fits. The lock is held.
func (one *Tailing) offer(f *Found) {
	if !one.query.Match(&f.Line) || one.sees != nil && !one.sees(&f.Line) {
		return
	}
	if len(one.queue) >= one.t.cfg.Buffer || one.bytes+weight(f) > tailBytes {
		one.lost++
		return
	}
	one.queue, one.bytes = append(one.queue, *f), one.bytes+weight(f)
	one.signal()
}

// rest tells of a gap or of losses although nothing was queued. The lock is held.
func (one *Tailing) rest() {
	if one.gap || one.lost > 0 {
		one.signal()
	}
}

func (one *Tailing) signal() {
	select {
	case one.sign <- struct{}{}:
	default:
	}
}

// Ready gives something when there may be something to take, or the end has come.
func (one *Tailing) Ready() <-chan struct{} { return one.sign }

// Take returns what has come; nothing, where nothing has. Errors: ErrTailsClosed once the reader has ended and all was taken.
func (one *Tailing) Take() (Arrived, error) {
	one.t.mu.Lock()
	defer one.t.mu.Unlock()
	got := Arrived{Found: one.queue, Lost: one.lost, Gap: one.gap}
	if one.t.closed && !got.Gap && got.Lost == 0 && len(got.Found) == 0 {
		return got, ErrTailsClosed
	}
	if one.t.closed {
		one.signal()
	}
	one.queue, one.bytes, one.lost, one.gap = nil, 0, 0, false
	return got, nil
}

// Close ends the tail.
func (one *Tailing) Close() {
	one.t.mu.Lock()
	defer one.t.mu.Unlock()
	delete(one.t.all, one)
	one.queue, one.bytes = nil, 0
}
