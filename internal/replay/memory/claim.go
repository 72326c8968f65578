package memory

import (
	"errors"
	"fmt"

	"countersign.dev/internal/replay"
)

var (
	errClosed = fmt.Errorf("%w: it is closed", replay.ErrUnavailable)
	// errForgotten: after a clock that ran ahead and was set back nobody can tell whether the request was seen before. It is
	// refused, but not told to be a replay: an honest caller would believe that its request had been carried out.
	errForgotten = fmt.Errorf("%w: claims of that time were forgotten when the clock was ahead", replay.ErrUnavailable)
	errAhead     = fmt.Errorf("%w: a claim expires more than %d seconds ahead", replay.ErrUnavailable, MaxAhead)
)

// Claim implements replay.Guard. Besides the contract: a claim that expires more
// than MaxAhead seconds after now is ErrUnavailable. It allocates nothing, but
// for the growth of its memory and one segment a minute.
func (g *Guard) Claim(key [32]byte, expires, now int64) (fresh bool, err error) {
	if now < 0 || expires < now {
		return false, nil
	}
	if expires-now > MaxAhead || expires > lastSecond {
		return false, errAhead
	}
	if now > g.due.Load() {
		g.prune(now)
	}
	fresh, err = g.claim(&key, expires)
	if errors.Is(err, replay.ErrFull) {
		g.sweepAll()
		fresh, err = g.claim(&key, expires)
	}
	return fresh, err
}

// claim decides under the lock of the key's shard, journal included: an equal
// claim waits until the first one is written down or has failed.
func (g *Guard) claim(key *[32]byte, expires int64) (bool, error) {
	s := &g.shards[int(key[0])&(len(g.shards)-1)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, errClosed
	}
	// The mark is read under the shard's lock: whoever finds the map swept
	// also sees the mark up to which it was.
	mark := g.mark.Load()
	s.sweep(mark, &g.count)
	if expires <= mark {
		return false, errForgotten
	}
	b := bucketOf(expires)
	print := g.seeds.print(key)
	held, known := s.entries.held(print)
	if known && held >= b {
		return false, nil
	}
	if !known && !g.reserve() {
		return false, replay.ErrFull
	}
	if err := g.record(b, key, expires); err != nil {
		if !known {
			g.count.Add(-1)
		}
		if errors.Is(err, errGone) {
			return false, errForgotten
		}
		return false, fmt.Errorf("%w: %w", replay.ErrUnavailable, err)
	}
	s.entries.put(print, b)
	return !known, nil
}

// reserve takes a place under the memory bound.
func (g *Guard) reserve() bool {
	if g.count.Add(1) <= g.limit {
		return true
	}
	g.count.Add(-1)
	return false
}

// record writes the claim to the journal.
func (g *Guard) record(b bucket, key *[32]byte, expires int64) error {
	s, err := g.segment(b)
	if err != nil {
		return err
	}
	return s.append(key, expires, g.durable)
}

// segment returns the open segment of b and makes it if it is missing.
func (g *Guard) segment(b bucket) (*segment, error) {
	g.mu.RLock()
	s := g.segments[b]
	g.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if s = g.segments[b]; s != nil {
		return s, nil
	}
	if g.closed {
		return nil, errClosed
	}
	if b.end() <= g.mark.Load() {
		return nil, errGone
	}
	s, err := create(g.files, b)
	if err != nil {
		return nil, fmt.Errorf("create replay segment: %w", err)
	}
	g.segments[b] = s
	if b.end() < g.due.Load() {
		g.due.Store(b.end())
	}
	return s, nil
}
