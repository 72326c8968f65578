package search

import (
	"errors"
	"fmt"
	"io"
	"os"
)

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
	err = v.loadParts(in, segment)
	if len(v.parts) > 0 && v.file.gz && !v.parts[0].packed {
		if failed := v.translate(v.file, segment); failed != nil {
			v.parts, v.saved, v.ended = nil, 0, 0
			return errors.Join(err, failed)
		}
	}
	if end, _ := v.end(); err == nil && v.file.gz && end.member == uint64(v.file.size) {
		v.seen = v.file.size
	}
	return err
}

func (v *volume) loadParts(in, segment *os.File) error {
	info, err := in.Stat()
	if err != nil {
		return err
	}
	for {
		h, err := readHead(in, v.ended)
		if errors.Is(err, io.EOF) {
			return nil
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
}

// fits holds a head against what stands before it and against the segment; one of a plain segment that has been compressed since is
// held against that when it is translated.
func (v *volume) fits(h *head, segment *os.File, size int64) error {
	end, rows := v.end()
	switch {
	case h.first != rows || h.end.member < end.member || len(v.parts) > 0 && h.packed != v.parts[0].packed:
		return fmt.Errorf("%w: its parts do not follow each other", errIndex)
	case v.ended+int64(headSize)+int64(h.body) > size:
		return fmt.Errorf("%w: cut body", errIndex)
	case !(v.file.gz && !h.packed) && !h.covers(v.file, segment):
		return fmt.Errorf("%w: the segment is another one", errIndex)
	}
	return nil
}
