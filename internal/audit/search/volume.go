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
	seen  int64 // size of the segment when it was indexed last; 0: never
	fault error // why its rest cannot be read
	told  bool  // that its file cannot be written
}

// end is where indexing goes on.
func (v *volume) end() (spot, uint64) {
	if len(v.parts) == 0 {
		return spot{}, 0
	}
	last := v.parts[len(v.parts)-1]
	return last.end, last.first + uint64(last.rows)
}

// load takes over the parts of the index file that fit the segment. The error says why there are no more; io.EOF is none.
func (v *volume) load() error {
	in, err := openRegular(v.index)
	if err != nil {
		return err
	}
	defer in.Close()
	segment, err := openRegular(v.file.path)
	if err != nil {
		return err
	}
	defer segment.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	for {
		h, err := readHead(in, v.ended)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = v.fits(h, segment, info.Size())
		}
		if err != nil {
			return err
		}
		v.parts = append(v.parts, &part{head: h, at: v.ended + int64(headSize)})
		v.ended += int64(headSize) + int64(h.body)
		v.saved++
	}
	if end, _ := v.end(); v.file.gz && end.member == uint64(v.file.size) {
		v.seen = v.file.size
	}
	return nil
}

func (v *volume) fits(h *head, segment *os.File, size int64) error {
	end, rows := v.end()
	switch {
	case h.first != rows || h.end.member < end.member:
		return fmt.Errorf("%w: its parts do not follow each other", errIndex)
	case v.ended+int64(headSize)+int64(h.body) > size:
		return fmt.Errorf("%w: cut body", errIndex)
	case !h.covers(v.file, segment):
		return fmt.Errorf("%w: the segment is another one", errIndex)
	}
	return nil
}

// extend indexes what f has grown by. Its error is that of the context; what is wrong with the segment stands in fault.
func (v *volume) extend(ctx context.Context, f segmentFile) error {
	if f.size == v.seen {
		return nil
	}
	v.file = f
	if n := len(v.parts); n > v.saved && v.parts[n-1].rows < partRows && !f.gz {
		v.parts = v.parts[:n-1] // the last one is made anew, fuller
	}
	at, row := v.end()
	in, file, err := openInput(f, at)
	if err == nil {
		err = v.read(ctx, in, row)
		err = errors.Join(err, file.Close())
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	v.seen, v.fault = f.size, nil
	if err != nil {
		v.fault = fmt.Errorf("%s: %w", filepath.Base(f.path), err)
	}
	return nil
}

// read makes parts of all that in has.
func (v *volume) read(ctx context.Context, in input, row uint64) error {
	segment, err := openRegular(v.file.path)
	if err != nil {
		return err
	}
	defer segment.Close()
	chunks := newChunker(in)
	b := newBuilder(row)
	end, _ := v.end()
	for {
		c, lines, err := chunks.next()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || int(c.rows) > b.room() {
			if sealing := v.seal(b, segment, end); sealing != nil {
				return sealing
			}
			b = newBuilder(b.first + uint64(b.rows()))
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrSource, err)
		}
		b.add(c, lines)
		if end, _ = in.here(); !v.file.gz {
			end = spot{member: c.at.member + uint64(c.length)}
		}
	}
}

// seal makes what was gathered a part in memory.
func (v *volume) seal(b *builder, segment *os.File, end spot) error {
	if b.rows() == 0 {
		return nil
	}
	guard, size, err := guardOf(segment, v.file.gz, end)
	if err != nil {
		return err
	}
	h, bytes := b.seal(v.file.gz, size, end, guard)
	v.parts = append(slices.Clip(v.parts), &part{head: h, memory: bytes[headSize:]})
	return nil
}
