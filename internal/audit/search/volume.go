package search

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// volume is the index of one segment.
type volume struct {
	file  segmentFile
	index string // path of its file
	parts []*part
	saved int   // so many parts stand in the file
	ended int64 // where these end there
	stale bool  // the file tells of them as they were before the segment was compressed
	seen  int64 // size of the segment when it was indexed last; 0: never
	fault error // why its rest cannot be read
	told  bool  // that its file cannot be written

	open *builder // the rows behind parts; nil: none
	shot *part    // open as a part, for who asks meanwhile; nil: it has grown since
	tail []byte   // of a plain segment: what stands before the end of open, for its guard
	held *os.File // a plain segment that is followed: it can be read to its end although its name is gone; nil: it is not
}

// pass is what reading lines needs, from one segment to the next.
type pass struct {
	chunks chunker
	spare  *builder
	heard  Companion // nil: none
	hold   bool      // a plain segment stays open between two passes
}

// builder is the one that the former volume has done with, or a new one.
func (p *pass) builder(first uint64, at spot) *builder {
	b := p.spare
	if p.spare = nil; b == nil {
		b = &builder{}
	}
	b.begin(first, at)
	return b
}

// end is where indexing goes on.
func (v *volume) end() (spot, uint64) {
	if v.open != nil {
		return v.open.end, v.open.first + uint64(v.open.rows())
	}
	if len(v.parts) == 0 {
		return spot{}, 0
	}
	last := v.parts[len(v.parts)-1]
	return last.end, last.first + uint64(last.rows)
}

// extend indexes what f has grown by; closed: nobody adds to it, and what there is becomes a part. Its error is that of the
// context; what is wrong with the segment stands in fault.
func (v *volume) extend(ctx context.Context, f segmentFile, closed bool, p *pass) error {
	if f.size != v.seen {
		v.file = f
		err := v.grow(ctx, p)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.seen, v.fault = f.size, nil
		if err != nil {
			v.fault = fmt.Errorf("%s: %w", filepath.Base(f.path), err)
		}
	}
	if closed || f.gz {
		v.close(p)
	}
	return nil
}

// grow opens the segment and reads on.
func (v *volume) grow(ctx context.Context, p *pass) error {
	at, row := v.end()
	file := v.held
	if file == nil {
		opened, err := openRegular(v.file.path)
		if err != nil {
			return err
		}
		file = opened
		if p.hold && !v.file.gz {
			v.held = file
		} else {
			defer file.Close()
		}
	}
	in, err := newInput(file, v.file.gz, at)
	if err == nil && v.open == nil {
		v.tail, err = before(file, v.file.gz, at)
	}
	if err != nil {
		return err
	}
	if v.open == nil {
		v.open, v.shot = p.builder(row, at), nil
	}
	return v.read(ctx, in, p)
}

// read takes all that in has.
func (v *volume) read(ctx context.Context, in input, p *pass) error {
	p.chunks.open(in)
	for {
		c, lines, end, err := p.chunks.next()
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrSource, err)
		}
		if !v.open.fits(lines) {
			v.seal()
			v.open.begin(v.open.first+uint64(v.open.rows()), v.open.end)
		}
		v.open.add(c, lines, end, p.heard)
		v.shot = nil
		if !v.file.gz {
			v.tail = append(v.tail, lines[max(0, len(lines)-guardSpan):]...)
			v.tail = append(v.tail[:0], v.tail[max(0, len(v.tail)-guardSpan):]...)
		}
	}
}

// seal makes what is open a part in memory.
func (v *volume) seal() {
	if one := v.snapshot(); one != nil {
		v.parts = append(slices.Clip(v.parts), one)
	}
	v.shot = nil
}

// snapshot is what is open, as a part; nil: nothing is.
func (v *volume) snapshot() *part {
	if v.open == nil || v.open.rows() == 0 {
		return nil
	}
	if v.shot == nil {
		guard, size := v.guard()
		h, body := v.open.seal(v.file.gz, size, guard)
		v.shot = &part{head: h, memory: body}
	}
	return v.shot
}

// guard ties what is open to its segment.
func (v *volume) guard() (sum [guardSize]byte, size uint64) {
	if v.file.gz {
		return digest(v.tail, uint64(v.file.size), true), uint64(v.file.size)
	}
	return digest(v.tail, v.open.end.member, false), 0
}

// close makes what is open a part: nothing comes behind it. It gives back what it took to read.
func (v *volume) close(p *pass) {
	v.seal()
	v.drop(p)
}

// drop gives back what v took to read; nobody asks it any more.
func (v *volume) drop(p *pass) {
	if v.open != nil {
		p.spare, v.open, v.shot = v.open, nil, nil
	}
	v.letGo()
}

// holds reports whether f is still the segment that is held, if one is.
func (v *volume) holds(f segmentFile) bool {
	if v.held == nil {
		return true
	}
	mine, err := v.held.Stat()
	other, failed := os.Lstat(f.path)
	return err == nil && failed == nil && os.SameFile(mine, other)
}

// letGo closes the segment where it was held.
func (v *volume) letGo() {
	if v.held != nil {
		_ = v.held.Close() // only read from
	}
	v.held = nil
}

// view is what one question asks: it does not change while more is indexed.
func (v *volume) view() volume {
	one := volume{file: v.file, index: v.index, saved: v.saved, fault: v.fault}
	one.parts = slices.Clone(v.parts)
	if shot := v.snapshot(); shot != nil {
		one.parts = append(one.parts, shot)
	}
	return one
}
