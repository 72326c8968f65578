package memory

import "math"

// prune forgets the segments that ended before now. The order is what keeps a
// clock that is set back from reviving anything: first the mark is made durable,
// then it is raised, then files and entries go. If the mark cannot be saved,
// nothing is forgotten and the next second tries again.
//
// The mark is raised to the end of what is really forgotten, not to now: a
// clock that ran ahead for a moment does not shut out the requests that come
// after it has been put right.
func (g *Guard) prune(now int64) {
	if !g.pruning.TryLock() {
		return // somebody is at it; this claim need not wait
	}
	defer g.pruning.Unlock()
	ended := g.ended(now)
	mark := g.mark.Load()
	for _, s := range ended {
		mark = max(mark, s.bucket.end())
	}
	if len(ended) > 0 && mark > g.mark.Load() {
		if err := saveMark(g.markFile, mark); err != nil {
			g.due.Store(now)
			return
		}
		g.mark.Store(mark)
	}
	g.drop(ended)
}

// ended lists the open segments that ended before now.
func (g *Guard) ended(now int64) []*segment {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return nil
	}
	var ended []*segment
	for b, s := range g.segments {
		if b.end() < now {
			ended = append(ended, s)
		}
	}
	return ended
}

// drop takes the segments out of use and deletes their files. A file that cannot
// be deleted is harmless: the mark stands above it, and the next Open deletes it.
func (g *Guard) drop(ended []*segment) {
	g.mu.Lock()
	for _, s := range ended {
		delete(g.segments, s.bucket)
	}
	due := int64(math.MaxInt64)
	for b := range g.segments {
		due = min(due, b.end())
	}
	g.due.Store(due)
	g.mu.Unlock()
	for _, s := range ended {
		_ = s.close(false)
		_ = g.files.Remove(s.bucket.name())
	}
}

// sweepAll drops expired entries from every shard. It is what a full guard does
// before it refuses.
func (g *Guard) sweepAll() {
	mark := g.mark.Load()
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		s.sweep(mark, &g.count)
		s.mu.Unlock()
	}
}
