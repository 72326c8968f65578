package memory

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"countersign.dev/internal/rate"
)

// ErrDamaged is wrapped by Open's error when the file of the counts is not whole, or not one of ours.
var ErrDamaged = errors.New("the file of the day's counts is damaged")

// The file is rewritten whole and put in place at once: magic 8 | number of entries 8 | entries | SHA-256 of all before 32.
// An entry is key 16 | day 4 | count 8; numbers are big-endian.
const (
	magic     = "CSQUOTA1"
	headSize  = len(magic) + 8
	entrySize = 16 + 4 + 8
)

// run writes the counts as they change, until Close.
func (l *Limiter) run(every time.Duration) {
	defer close(l.done)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
			_ = l.Flush() // Ready tells
		}
	}
}

// Flush writes the counts if any has changed since they were written. The limiter does so by itself; call it before
// something that should not lose the last second.
func (l *Limiter) Flush() error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	if l.file == nil {
		return nil
	}
	counts, dirty := l.gather()
	if !dirty && l.failed.Load() == nil {
		return nil
	}
	if err := l.file.Replace(counts); err != nil {
		err = fmt.Errorf("write the day's counts: %w", err)
		l.failed.Store(&err)
		return err
	}
	l.failed.Store(nil)
	return nil
}

// gather is the content of the file as it should be, and whether that is new.
func (l *Limiter) gather() (content []byte, dirty bool) {
	today, entries := rate.DayOf(l.now()), uint64(0)
	content = append(make([]byte, 0, 4<<10), magic...)
	content = binary.BigEndian.AppendUint64(content, 0)
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		dirty, s.dirty = dirty || s.dirty, false
		for key, state := range s.states {
			if state.Count > 0 && state.Day >= today {
				entries++
				content = append(content, key[:]...)
				content = binary.BigEndian.AppendUint32(content, uint32(state.Day))
				content = binary.BigEndian.AppendUint64(content, uint64(state.Count))
			}
		}
		s.mu.Unlock()
	}
	binary.BigEndian.PutUint64(content[len(magic):], entries)
	sum := sha256.Sum256(content)
	return append(content, sum[:]...), dirty
}

// load reads the counts of today, and of tomorrow, which a clock that was ahead may have begun.
func (l *Limiter) load() error {
	if l.file == nil {
		return nil
	}
	content, err := l.file.Read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the day's counts: %w", err)
	}
	today := rate.DayOf(l.now())
	return parseCounts(content, func(key rate.Key, day int32, count int64) error {
		s := l.shardOf(key)
		if day < today {
			return nil
		}
		if len(s.states) >= s.most {
			return fmt.Errorf("%w: the day's counts are more than it may hold by now; raise its bound, or remove their file and give today's quotas anew", rate.ErrFull)
		}
		s.states[key] = rate.State{Day: day, Count: count}
		return nil
	})
}

// parseCounts gives each entry of a file to keep, once the file has proved to be whole.
func parseCounts(content []byte, keep func(key rate.Key, day int32, count int64) error) error {
	body := len(content) - sha256.Size
	if body < headSize || string(content[:len(magic)]) != magic || sha256.Sum256(content[:body]) != [sha256.Size]byte(content[body:]) {
		return ErrDamaged
	}
	entries := binary.BigEndian.Uint64(content[len(magic):])
	if uint64(body-headSize) != entries*uint64(entrySize) || entries > uint64(body) {
		return ErrDamaged
	}
	for rest := content[headSize:body]; len(rest) > 0; rest = rest[entrySize:] {
		day, count := binary.BigEndian.Uint32(rest[16:]), binary.BigEndian.Uint64(rest[20:])
		if day > 1<<30 || count > 1<<62 {
			return ErrDamaged
		}
		if err := keep(rate.Key(rest[:16]), int32(day), int64(count)); err != nil {
			return err
		}
	}
	return nil
}

// Ready is nil, or why the counts could not be written the last time. Requests are counted in memory all the same; a crash
// would then lose more than a second of them.
func (l *Limiter) Ready() error {
	if failed := l.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// Close writes the counts for the last time. Take fails with rate.ErrUnavailable from then on. A second Close does nothing.
func (l *Limiter) Close() error {
	var err error
	l.once.Do(func() {
		close(l.stop)
		<-l.done
		l.closed.Store(true)
		err = l.Flush()
	})
	return err
}
