package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// rebuild brings memory into the state of the journal.
func (g *Guard) rebuild(now int64) error {
	found, err := g.survey()
	if err != nil {
		return err
	}
	if err := g.recoverMark(len(found) > 0); err != nil {
		return err
	}
	if mark := g.mark.Load(); mark-now > MaxAhead {
		return fmt.Errorf("%w: claims up to Unix time %d have been forgotten and the clock says %d; "+
			"put the clock right, or move the folder away if it was the earlier clock that was wrong", ErrClock, mark, now)
	}
	live, err := g.discard(found, now)
	if err != nil {
		return err
	}
	for _, b := range live {
		if err := g.restore(b); err != nil {
			return err
		}
	}
	return nil
}

// survey lists the segments in the folder, oldest first.
func (g *Guard) survey() ([]bucket, error) {
	names, err := g.files.List()
	if err != nil {
		return nil, fmt.Errorf("list replay folder: %w", err)
	}
	var found []bucket
	for _, name := range names {
		if !strings.HasSuffix(name, segmentSuffix) {
			continue
		}
		b, err := parseName(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %q is %w", ErrDamaged, name, err)
		}
		found = append(found, b)
	}
	return found, nil
}

// recoverMark reads the mark. It is written before the first segment is, so
// segments without it mean that somebody took it away.
func (g *Guard) recoverMark(segments bool) error {
	f, err := g.files.Open(markName)
	if errors.Is(err, fs.ErrNotExist) {
		if segments {
			return fmt.Errorf("%w: there are segments, but %s is missing", ErrDamaged, markName)
		}
		if err := createMark(g.files); err != nil {
			return err
		}
		f, err = g.files.Open(markName)
	}
	if err != nil {
		return fmt.Errorf("open replay mark: %w", err)
	}
	g.markFile = f
	mark, err := loadMark(f)
	if err != nil {
		return err
	}
	g.mark.Store(mark)
	return nil
}

// discard deletes the segments that ended before now, unread, and returns the
// others.
func (g *Guard) discard(found []bucket, now int64) ([]bucket, error) {
	saved := g.mark.Load()
	mark := saved
	var ended, live []bucket
	for _, b := range found {
		if b.end() < now || b.end() <= saved {
			ended = append(ended, b)
			mark = max(mark, b.end())
		} else {
			live = append(live, b)
		}
	}
	if mark > saved {
		if err := saveMark(g.markFile, mark); err != nil {
			return nil, err
		}
		g.mark.Store(mark)
	}
	for _, b := range ended {
		if err := g.files.Remove(b.name()); err != nil {
			return nil, fmt.Errorf("delete expired replay segment: %w", err)
		}
	}
	return live, nil
}

// restore loads one segment, cuts a torn end off and goes on writing behind it.
func (g *Guard) restore(b bucket) error {
	f, err := g.files.Open(b.name())
	if err != nil {
		return fmt.Errorf("open replay segment: %w", err)
	}
	s := &segment{files: g.files, bucket: b, file: f}
	g.segments[b] = s
	g.due.Store(min(g.due.Load(), b.end()))
	var refused error
	s.offset, err = load(f, b, func(key *[32]byte) {
		g.remember(key, b)
		if g.loaded != nil && refused == nil {
			refused = g.loaded(*key, b.end())
		}
	})
	if err = errors.Join(err, refused); err != nil {
		return fmt.Errorf("load replay segment %s: %w", b.name(), err)
	}
	size, err := f.Size()
	if err != nil {
		return fmt.Errorf("load replay segment %s: %w", b.name(), err)
	}
	if size > s.offset {
		if err := f.Truncate(s.offset); err != nil {
			return fmt.Errorf("cut torn end of replay segment %s: %w", b.name(), err)
		}
	}
	g.recovery.Segments++
	g.recovery.Entries = int(g.count.Load())
	g.recovery.CutBytes += size - s.offset
	return nil
}

// remember puts a key from the journal into memory. A key that stands in two
// segments lives until the later one.
func (g *Guard) remember(key *[32]byte, b bucket) {
	s := &g.shards[int(key[0])&(len(g.shards)-1)]
	print := g.seeds.print(key)
	held, known := s.entries.held(print)
	if !known {
		g.count.Add(1)
	}
	if !known || held < b {
		s.entries.put(print, b)
	}
}
