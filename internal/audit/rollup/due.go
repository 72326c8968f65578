package rollup

import (
	"fmt"
	"time"

	"countersign.dev/internal/audit/search"
)

// What a follower asks of its Writer between two lines.

// place is the line that is due, and the turn in which it is.
func (w *Writer) place() (next uint64, turn int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next, w.turn
}

func (w *Writer) inTurn(turn int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return turn == w.turn
}

// addIn adds a line that was read in a turn.
func (w *Writer) addIn(turn int, l *search.Line) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if turn != w.turn {
		return errMoved
	}
	return w.add(l)
}

// skipTo passes over lines that cannot be counted.
func (w *Writer) skipTo(next uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = max(w.next, next)
}

// wantNext tells the tally which line is due: one behind all that a file may hold already.
func (w *Writer) wantNext() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cfg.Tally.want(max(w.next, w.behind+1))
}

// give takes over what the tally holds, after what is here has found its place where there is too much of it.
func (w *Writer) give() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sums.keys > maxKeys/2 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	next, latest := w.cfg.Tally.give(w.sums, w.next)
	w.next, w.at = next, max(w.at, latest)
	return nil
}

// isOver reports whether the minute of the latest line is over, or a minute since something was written. latest is that of lines which
// wait elsewhere; 0: none do.
func (w *Writer) isOver(latest int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Now()
	return now.Unix()/60 > max(w.at, latest) || now.Sub(w.flushed) >= time.Minute
}

// over writes down minutes that are over, and retires old days.
func (w *Writer) over() error {
	if !w.isOver(0) {
		return nil
	}
	if err := w.Flush(); err != nil {
		return err
	}
	removed, err := w.Retain()
	if len(removed) > 0 {
		w.cfg.Log.Info("old rollups were removed", "files", len(removed), "first", removed[0], "last", removed[len(removed)-1])
	}
	if err != nil {
		return fmt.Errorf("retain rollups: %w", err)
	}
	return nil
}
