package rollup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/segment"
)

// Follow adds every line of the record in dir, from Next on, then what is written meanwhile, which it looks for whenever tick
// gives something, until ctx ends or tick is closed, which is no error. At the end of the record it writes down what belongs
// to a minute that is over, and removes what is too old. A failing disk is logged and tried again at the next tick: memory is
// bounded, since nothing more is read meanwhile.
func (w *Writer) Follow(ctx context.Context, dir string, tick <-chan time.Time) error {
	for {
		if err := w.catchUp(ctx, dir, tick); err != nil {
			w.cfg.Log.Warn("rollups cannot be written, and are tried again", "cause", err.Error())
		}
		if !wait(ctx, tick) {
			return w.Flush()
		}
	}
}

// wait reports whether a tick came.
func wait(ctx context.Context, tick <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case _, ok := <-tick:
		return ok
	}
}

// errMoved says that the rollups were made again meanwhile: the line that was read is not the one that is due.
var errMoved = errors.New("the rollups were made again")

// catchUp reads on until ctx or the ticks end, or something fails.
func (w *Writer) catchUp(ctx context.Context, dir string, tick <-chan time.Time) error {
	w.mu.Lock()
	next, turn := w.next, w.turn
	w.mu.Unlock()
	if rewound, err := segment.Rewound(nil, dir, next-1, [32]byte{}); err != nil {
		return err
	} else if rewound {
		w.cfg.Log.Error("rollups have counted lines that the decision record does not have: it was cut, restored or begun anew; its lines are counted again from the first one that is new by number, until the rollups are made again",
			"counted", next-1)
	}
	reader, err := segment.NewReader(segment.ReaderConfig{Dir: dir, Seq: next})
	if err != nil {
		return err
	}
	defer reader.Close()
	var l search.Line
	for ctx.Err() == nil {
		err := nextLine(reader, w.cfg.Log, &l)
		if err == nil {
			err = w.addIn(turn, &l)
		} else if errors.Is(err, io.EOF) {
			if err = w.rest(); err == nil && !wait(ctx, tick) {
				return nil
			}
		}
		if errors.Is(err, errMoved) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
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

// nextLine reads the next line that can be read into l; io.EOF when there is none yet.
func nextLine(reader *segment.Reader, log *slog.Logger, l *search.Line) error {
	for {
		line, err := reader.Next()
		switch {
		case errors.Is(err, segment.ErrMalformed):
			log.Warn("a line of the decision record cannot be counted", "cause", err.Error())
			continue
		case err != nil:
			return err
		}
		if l.Parse(line.Text) == nil {
			return nil
		} // a verification names it
	}
}

// rest writes down minutes that are over, and retires old days.
func (w *Writer) rest() error {
	w.mu.Lock()
	over := w.cfg.Now().Unix()/60 > w.at
	w.mu.Unlock()
	if !over {
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
