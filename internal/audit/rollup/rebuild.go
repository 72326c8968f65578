package rollup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/segment"
)

// Rebuilt says what a rebuild did.
type Rebuilt struct {
	Lines uint64   // the number of the last line that was read
	Days  []string // day files that were made
	Kept  []string // day files that stay as they were, because the record does not reach back to their begin any more
}

// Rebuild makes the rollups in cfg.Dir again from the record in dir, while nobody else writes there: the error wraps ErrLocked
// where a server does, which has Writer.Rebuild.
func Rebuild(ctx context.Context, cfg Config, dir string) (Rebuilt, error) {
	w, err := Open(cfg)
	if err != nil {
		return Rebuilt{}, err
	}
	done, err := w.Rebuild(ctx, dir)
	return done, errors.Join(err, w.Close())
}

// Rebuild makes the rollups again from the record in dir. Until it is done, the former ones stand; what fails on the way there
// changes nothing. Add waits for it; a follower goes on where it ended.
func (w *Writer) Rebuild(ctx context.Context, dir string) (Rebuilt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn++
	aside := filepath.Join(w.cfg.Dir, "rebuild")
	err := os.RemoveAll(aside)
	var done Rebuilt
	var first search.Line
	if err == nil {
		first, done.Lines, err = w.again(ctx, dir, aside)
	}
	if err == nil {
		err = w.exchange(&done, aside, first)
	}
	err = errors.Join(err, os.RemoveAll(aside), w.load())
	if err != nil {
		return Rebuilt{}, fmt.Errorf("rebuild rollups: %w", err)
	}
	return done, nil
}

// again makes rollups of the whole record in another folder. first is the first line that has a time.
func (w *Writer) again(ctx context.Context, dir, aside string) (first search.Line, last uint64, err error) {
	fresh, err := Open(Config{Dir: aside, Keep: w.cfg.Keep, Now: w.cfg.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return first, 0, err
	}
	reader, err := segment.NewReader(segment.ReaderConfig{Dir: dir})
	if err != nil {
		return first, 0, errors.Join(err, fresh.Close())
	}
	var l search.Line
	for err == nil {
		if err = nextLine(reader, w.cfg.Log, &l); err == nil {
			err = errors.Join(ctx.Err(), fresh.Add(&l))
		}
		if err == nil && first.Time.IsZero() {
			first = search.Line{Time: l.Time, Seq: l.Seq}
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	last = fresh.Next() - 1
	return first, last, errors.Join(err, reader.Close(), fresh.Close())
}

// exchange puts the new day files in the place of the former ones, the newest one last: it says how far the record is counted.
func (w *Writer) exchange(done *Rebuilt, aside string, first search.Line) error {
	fresh, err := days(aside)
	if err != nil {
		return err
	}
	former, err := days(w.cfg.Dir)
	if err != nil {
		return err
	}
	for _, name := range former {
		if w.stays(name, first) {
			done.Kept = append(done.Kept, name)
		} else if !slices.Contains(fresh, name) {
			err = errors.Join(err, os.Remove(filepath.Join(w.cfg.Dir, name)))
		}
	}
	for _, name := range fresh {
		if !slices.Contains(done.Kept, name) && err == nil {
			err = os.Rename(filepath.Join(aside, name), filepath.Join(w.cfg.Dir, name))
			done.Days = append(done.Days, name)
		}
	}
	return err
}

// stays reports whether a former day file knows more than the record does: its day began before the first line that is left,
// which is not the first line there was. A damaged one does not stay where the record has its day.
func (w *Writer) stays(name string, first search.Line) bool {
	at, ok := begins(name)
	if !ok || first.Seq <= 2 && !first.Time.IsZero() || !first.Time.IsZero() && !at.Before(first.Time) {
		return false
	}
	_, err := walkDay(w.cfg.Dir, name, func(*frame) {})
	return err == nil || dayOf(first.Time.Unix()/60) != name
}
