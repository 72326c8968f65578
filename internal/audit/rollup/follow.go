package rollup

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/segment"
)

// Follow counts every line of the record in dir, from Next on, then what is written meanwhile, which it looks for whenever tick
// gives something, until ctx ends or tick is closed, which is no error. At the end of the record it writes down what belongs
// to a minute that is over, and removes what is too old. A failing disk is logged and tried again at the next tick: memory is
// bounded, since nothing more is read meanwhile.
//
// With Config.Tally it reads only what the Tally lacks: what came before, and everything, as without one, where the Tally was not told of
// the whole record between two ticks.
func (w *Writer) Follow(ctx context.Context, dir string, tick <-chan time.Time) error {
	f := &follower{w: w, dir: dir}
	defer f.rest()
	for {
		if err := f.look(ctx); err != nil && ctx.Err() == nil {
			f.close()
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

// What is counted apart in the tally is taken at once where it is little, and else once in so many looks: what the tally holds is read
// again where it is told of lines out of their order.
const (
	fewKeys   = 1000
	takeEvery = 10
)

// readerIdle is how many looks a reader stays open that is not needed: to find its place again costs reading a segment.
const readerIdle = 60

// follower is what Follow keeps from one look to the next.
type follower struct {
	w      *Writer
	dir    string
	reader *segment.Reader // nil: nothing is being read
	turn   int             // of the writer, when reader was opened
	idle   int             // looks in which nothing had to be read
	looks  int
	rounds uint64 // of the tally, at the last look
	line   search.Line
}

// rest gives back what the follower holds.
func (f *follower) rest() {
	f.close()
	if t := f.w.cfg.Tally; t != nil {
		t.want(0)
	}
}

func (f *follower) close() {
	if f.reader != nil {
		_ = f.reader.Close() // only read from
	}
	f.reader = nil
}

// look counts what there is, and writes down what is due.
func (f *follower) look(ctx context.Context) error {
	t := f.w.cfg.Tally
	if t == nil {
		return errors.Join(f.read(ctx, math.MaxUint64), f.w.over())
	}
	f.w.wantNext()
	held := t.held()
	told := f.rounds != held.rounds && f.rounds > 0
	f.rounds = held.rounds
	if !told { // the other one lags or does not run, or what it has told before is not known yet
		return errors.Join(f.read(ctx, math.MaxUint64), f.w.over())
	}
	if err := f.join(ctx, held); err != nil {
		return err
	}
	f.looks++
	if held.keys <= fewKeys || held.keys > maxKeys/2 || f.looks%takeEvery == 0 || f.w.isOver(held.latest) {
		if err := f.w.give(); err != nil {
			return err
		}
		return f.w.over()
	}
	return nil
}

// join reads the lines before those that the tally holds, or, where some of them were read here already, all of them.
func (f *follower) join(ctx context.Context, held holding) error {
	next := f.w.Next()
	upTo := held.from - 1
	if held.from < next {
		upTo = held.to
	}
	if upTo < next {
		if f.idle++; f.idle > readerIdle {
			f.close()
		}
		return nil
	}
	f.idle = 0
	if err := f.read(ctx, upTo); err != nil {
		return err
	}
	f.w.skipTo(upTo + 1) // lines that cannot be read are passed over
	return nil
}

// read adds lines up to one with a number, or to the end of what there is.
func (f *follower) read(ctx context.Context, upTo uint64) error {
	if f.reader != nil && !f.w.inTurn(f.turn) {
		f.close()
	}
	if f.reader == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		if f.w.Next() > upTo {
			return nil
		}
		err := nextLine(f.reader, f.w.cfg.Log, &f.line)
		if err == nil && f.line.Seq > upTo {
			f.close() // it is not counted here
			return nil
		}
		if err == nil {
			err = f.w.addIn(f.turn, &f.line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			f.close()
		}
		if errors.Is(err, errMoved) {
			return f.read(ctx, upTo)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// errMoved says that the rollups were made again meanwhile: the line that was read is not the one that is due.
var errMoved = errors.New("the rollups were made again")

// open begins to read at the line that is due.
func (f *follower) open() error {
	next, turn := f.w.place()
	if rewound, err := segment.Rewound(nil, f.dir, next-1, [32]byte{}); err != nil {
		return err
	} else if rewound {
		f.w.cfg.Log.Error("rollups have counted lines that the decision record does not have: it was cut, restored or begun anew; its lines are counted again from the first one that is new by number, until the rollups are made again",
			"counted", next-1)
	}
	reader, err := segment.NewReader(segment.ReaderConfig{Dir: f.dir, Seq: next})
	f.reader, f.turn = reader, turn
	return err
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
