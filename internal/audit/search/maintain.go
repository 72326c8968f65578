package search

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// glances is how many looks at the segment that is written there are for one at the whole folder.
const glances = 20

// Maintain refreshes whenever tick gives something, until ctx ends or tick is closed. What fails is logged, and tried again
// at the next tick. A server runs it with a time.Ticker, several times a second, so that a question finds little left to be indexed, and a
// segment is read to its end before it is compressed. A tick that finds nothing new costs a few looks at names. Run it once at a time.
func (s *Searcher) Maintain(ctx context.Context, tick <-chan time.Time) {
	s.hold(true)
	defer s.hold(false)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-tick:
			if !ok {
				return
			}
		}
		if err := s.look(ctx, n%glances == 0); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("the decision record cannot be indexed", "cause", err.Error())
		}
	}
}

// hold says whether the segment that is written stays open.
func (s *Searcher) hold(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass.hold = yes
	for _, v := range s.volumes {
		if !yes {
			v.letGo()
		}
	}
}

// look refreshes: what the segment that is written has grown by where nothing else has changed, or everything.
func (s *Searcher) look(ctx context.Context, everything bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.growing(); ok && !everything {
		v := s.volumes[len(s.volumes)-1]
		if err := v.extend(ctx, f, false, &s.pass); err != nil {
			return err
		}
		s.save(v, false)
		s.ended()
		return nil
	}
	return s.refresh(ctx)
}

// growing is the segment that is written, as it is now; false: another one is, or it is not the file any more that it was.
func (s *Searcher) growing() (segmentFile, bool) {
	if len(s.volumes) == 0 {
		return segmentFile{}, false
	}
	v := s.volumes[len(s.volumes)-1]
	f := v.file
	if f.gz || v.held == nil || v.fault != nil {
		return f, false
	}
	next := filepath.Join(s.cfg.Dir, fmt.Sprintf("%08d.jsonl", f.number+1))
	for _, name := range []string{next, next + ".gz"} {
		if _, err := os.Lstat(name); err == nil {
			return f, false
		}
	}
	info, err := os.Lstat(f.path)
	if err != nil || info.Size() < v.seen || !v.holds(f) {
		return f, false
	}
	f.size = info.Size()
	return f, true
}
