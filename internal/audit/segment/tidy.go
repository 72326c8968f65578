package segment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// maxStep is how far the clock may be set forward while the record is open before ages are no longer believed: a wrong clock
// must not remove a record.
const maxStep = time.Hour

// settling is how long ages are not believed after the start: a machine whose own clock is wrong sets it by the network soon
// after it has booted.
const settling = 10 * time.Minute

// keepTidy is the tidying goroutine: it removes segments that are old, then compresses those that are closed, whenever one was
// closed and every minute.
func (w *Writer) keepTidy(ctx context.Context) {
	defer close(w.tidied)
	tick := time.NewTicker(housekeeping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-w.tidy:
		}
		if err := w.tidyUp(ctx); err != nil && ctx.Err() == nil {
			w.cfg.Log.Error("the decision record cannot be kept tidy; it is tried again", "cause", err.Error())
		}
	}
}

func (w *Writer) tidyUp(ctx context.Context) error {
	segments, err := Segments(w.cfg.FS, w.cfg.Dir)
	if err != nil || len(segments) < 2 {
		return err
	}
	err = w.retire(segments)
	if !w.cfg.Compress {
		return err
	}
	closed := segments[:len(segments)-1]
	for _, s := range closed {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.Plain {
			err = errors.Join(err, w.compress(ctx, s))
		}
	}
	return err
}

// retire removes the segments whose last line is older than Keep, oldest first. Before the first byte is removed, a durable
// line of the record says which ones and what the last line in them was: without such a line, a missing segment is a fault.
func (w *Writer) retire(segments []Segment) error {
	if w.cfg.Keep == 0 || time.Since(w.begun) < settling {
		return nil
	}
	now, run := w.cfg.Now(), time.Since(w.begun) // one reading for all: the clock may be set between two
	if ahead := now.Sub(w.begunAt) - run; ahead > maxStep {
		return fmt.Errorf("the clock was set forward by %s since the start: nothing is removed because of its age until the next one", ahead.Round(time.Minute))
	}
	old, next := 0, Header{}
	for old+1 < len(segments) {
		h, err := readHeader(w.cfg.FS, w.cfg.Dir, segments[old+1].Number)
		if err != nil {
			return err
		}
		if age := now.Sub(h.Opened); age < w.cfg.Keep || w.held(segments[old].Number, h.Seq-1, age) {
			break
		}
		old, next = old+1, h
	}
	if old == 0 {
		return nil
	}
	line := Retired{At: now, Segments: next.Segment - 1, Seq: next.Seq - 1, Chain: next.Previous}
	if err := w.note(line.body(nil)); err != nil {
		return fmt.Errorf("tell of segments that are old: %w", err)
	}
	w.cfg.Log.Info("old segments of the decision record are removed", "up_to_segment", line.Segments, "up_to_seq", line.Seq)
	for _, s := range segments[:old] {
		if err := w.removeSegment(s.Number); err != nil {
			return err
		}
		w.retired.Add(1)
	}
	return nil
}

func (w *Writer) held(number, last uint64, age time.Duration) bool {
	if w.cfg.Hold == nil {
		return false
	}
	why := w.cfg.Hold(number, last)
	switch {
	case why == "":
		return false
	case w.cfg.HoldFor > 0 && age >= w.cfg.Keep+w.cfg.HoldFor:
		w.cfg.Log.Error("an old segment of the decision record was held for as long as may be, and is removed", "segment", number, "up_to_seq", last, "cause", why)
		return false
	}
	w.cfg.Log.Warn("an old segment of the decision record is kept", "segment", number, "cause", why)
	return true
}

// removeSegment removes both files of a segment, durably: one that is older must not come back after a crash.
func (w *Writer) removeSegment(number uint64) error {
	path := filepath.Join(w.cfg.Dir, Name(number))
	for _, name := range []string{path, path + ".gz"} {
		if err := w.cfg.FS.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return w.cfg.FS.SyncDir(w.cfg.Dir)
}
