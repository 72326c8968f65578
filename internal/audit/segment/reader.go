package segment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"time"

	"countersign.dev/internal/faultfile"
)

// ReaderConfig says what a Reader reads.
type ReaderConfig struct {
	Dir  string       // folder of the record; required
	FS   faultfile.FS // nil: the operating system's
	Seq  uint64       // lines before this one are passed over; 0: none
	From time.Time    // lines of requests that arrived before are passed over; zero: none
}

// Reader walks the lines of a record in order, over plain and compressed segments, while a Writer writes, compresses and
// retires them. It looks at the form of lines, not at the chain: it shows what is there, and Verify proves it. Not safe for
// concurrent use; the caller closes it.
type Reader struct {
	cfg    ReaderConfig
	number uint64 // of the segment that is read
	in     *plain
	lines  *scanner
}

// NewReader opens a record for reading. It begins with the segment in which the first line that is asked for must be. An
// empty folder, or one that is not there, is a record without lines.
func NewReader(cfg ReaderConfig) (*Reader, error) {
	if cfg.Dir == "" {
		return nil, errors.New("a reader needs the folder of a decision record")
	}
	cfg.FS = orOS(cfg.FS)
	r := &Reader{cfg: cfg}
	segments, err := r.segments()
	if err != nil || len(segments) == 0 {
		return r, err
	}
	r.number = segments[r.first(segments)].Number
	return r, nil
}

func (r *Reader) segments() ([]Segment, error) {
	segments, err := Segments(r.cfg.FS, r.cfg.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return segments, err
}

// first is the index of the last segment that begins at or before what is asked for. One whose header cannot be read is taken
// to begin late, so that it is not passed over. Of a time, an hour is given away, so that nothing is passed over where the
// clock was set back by as much.
func (r *Reader) first(segments []Segment) int {
	if r.cfg.Seq <= 1 && r.cfg.From.IsZero() {
		return 0
	}
	after := sort.Search(len(segments), func(i int) bool {
		h, err := readHeader(r.cfg.FS, r.cfg.Dir, segments[i].Number)
		return err != nil || h.Seq > r.cfg.Seq && r.cfg.Seq > 0 || !r.cfg.From.IsZero() && h.Opened.After(r.cfg.From.Add(-maxStep))
	})
	return max(0, after-1)
}

// Next returns the next line. The error is io.EOF where there is none yet: Next may be called again, and goes on when more has
// been written. An error that wraps ErrMalformed is about one line, which the next call passes over; so is a segment that
// is missing, or ends badly. Any other error is the disk's. Line.Text is valid until the next call.
func (r *Reader) Next() (Line, error) {
	for {
		if r.lines == nil {
			if err := r.enter(); err != nil {
				return Line{}, err
			}
		}
		text, whole, err := r.lines.next()
		if err == nil && whole {
			line, err := r.line(text)
			if err != nil || r.wanted(line) {
				return line, err
			}
			continue
		}
		if err = r.atEnd(text, err); err != nil {
			return Line{}, err
		}
	}
}

// enter opens the segment that is due.
func (r *Reader) enter() error {
	if r.number == 0 {
		segments, err := r.segments()
		if err != nil {
			return err
		}
		if len(segments) == 0 {
			return io.EOF
		}
		r.number = segments[0].Number
	}
	in, err := openSegment(r.cfg.FS, r.cfg.Dir, r.number)
	if errors.Is(err, fs.ErrNotExist) {
		return r.skip()
	}
	if errors.Is(err, ErrMalformed) {
		r.number++ // the whole segment is passed over
		return err
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", Name(r.number), err)
	}
	r.in, r.lines = in, newScanner(in)
	return nil
}

// skip goes on behind segments that are not there; with the next one not begun yet it waits.
func (r *Reader) skip() error {
	segments, err := r.segments()
	if err != nil {
		return err
	}
	for _, s := range segments {
		if s.Number > r.number {
			missing := r.number
			r.number = s.Number
			return fmt.Errorf("%w: %s to %s are missing: removed because of their age, or by somebody", ErrMalformed, Name(missing), Name(s.Number-1))
		}
	}
	return io.EOF
}

func (r *Reader) line(text []byte) (Line, error) {
	line, err := ParseLine(text)
	if err != nil {
		err = fmt.Errorf("%s line %d: %w", Name(r.number), r.lines.number, err)
	}
	line.Segment, line.Number, line.Offset, line.Text = r.number, r.lines.number, r.lines.offset, text
	return line, err
}

func (r *Reader) wanted(line Line) bool {
	if line.Seq < r.cfg.Seq {
		return false
	}
	if r.cfg.From.IsZero() {
		return true
	}
	at, ok := line.Time()
	return !ok || !at.Before(r.cfg.From)
}

// atEnd is called where a segment has no further whole line. It is left only once the next one is there: then it was closed
// before, and what it holds behind its last line is torn.
func (r *Reader) atEnd(text []byte, err error) error {
	where := fmt.Sprintf("%s line %d", Name(r.number), r.lines.number+1)
	switch {
	case errors.Is(err, ErrMalformed): // too long: passed over
		return fmt.Errorf("%s line %d: %w", Name(r.number), r.lines.number, err)
	case !errors.Is(err, io.EOF):
		if !r.in.zipped {
			return fmt.Errorf("read %s: %w", where, err)
		}
		r.leave()
		return fmt.Errorf("%s: %w: %w", where, ErrMalformed, err)
	case len(text) == 0 && r.in.zipped:
		r.leave()
		return nil
	}
	next, err := Segments(r.cfg.FS, r.cfg.Dir)
	if err != nil {
		return err
	}
	if len(next) == 0 || next[len(next)-1].Number <= r.number {
		if len(text) > 0 && !r.in.zipped { // it is looked at anew: a crash may tear it, and another line begin in its place
			r.lines.restart(io.NewSectionReader(r.in.file, r.lines.end, 1<<62))
		}
		return io.EOF
	}
	more, whole, err := r.lines.next() // what was written between the last look and the next segment
	switch {
	case err == nil && whole:
		r.lines.unread(more)
		return nil
	case len(more) == 0:
		r.leave()
		return nil
	}
	r.leave()
	return fmt.Errorf("%s: %w: it has no end", where, ErrMalformed)
}

func (r *Reader) leave() {
	_ = r.in.Close() // only read from
	r.in, r.lines = nil, nil
	r.number++
}

// Close closes the file that is being read.
func (r *Reader) Close() error {
	if r.in == nil {
		return nil
	}
	return r.in.Close()
}

// Follow hands every line to fn, also those that are written meanwhile, looking for them at every interval (0: 200 ms), until
// ctx ends, which is no error, or fn fails. Malformed lines are handed to fault; nil: they are passed over.
func (r *Reader) Follow(ctx context.Context, every time.Duration, fn func(Line) error, fault func(error)) error {
	or(&every, 200*time.Millisecond)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		line, err := r.Next()
		switch {
		case err == nil:
			if err := fn(line); err != nil {
				return err
			}
		case errors.Is(err, io.EOF):
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		case !errors.Is(err, ErrMalformed):
			return err
		case fault != nil:
			fault(err)
		}
	}
	return nil
}
