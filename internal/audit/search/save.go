package search

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// save writes the parts that will not change any more: full ones, and all of a segment that is closed. A failure is logged;
// the parts stay in memory.
func (s *Searcher) save(v *volume, closed bool) {
	upTo := len(v.parts)
	if upTo > 0 && !closed && v.parts[upTo-1].rows < partRows {
		upTo--
	}
	if s.cfg.ReadOnly || upTo <= v.saved && !v.stale || v.fault != nil {
		return
	}
	err := v.write(upTo)
	if err != nil && !v.told {
		s.cfg.Log.Warn("an index file cannot be written and stays in memory", "file", v.index, "cause", err.Error())
	}
	v.told = err != nil
}

// write replaces the index file by one that holds the first upTo parts: what it had, and what is new. It is written aside
// and renamed, so that nobody ever meets half of it; it is not synced, since every part carries checksums.
func (v *volume) write(upTo int) error {
	aside, err := os.CreateTemp(filepath.Dir(v.index), filepath.Base(v.index)+".*")
	if err != nil {
		return fmt.Errorf("make an index file: %w", err)
	}
	written, ended, err := v.copyTo(aside, upTo)
	err = errors.Join(err, aside.Close())
	if err == nil {
		err = os.Rename(aside.Name(), v.index)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write an index file: %w", err), os.Remove(aside.Name()))
	}
	v.parts = append(written, v.parts[upTo:]...)
	v.saved, v.ended, v.stale = upTo, ended, false
	return nil
}

// copyTo returns the parts as they stand in the new file.
func (v *volume) copyTo(aside *os.File, upTo int) (written []*part, ended int64, err error) {
	var former *os.File
	if v.saved > 0 {
		if former, err = openRegular(v.index); err != nil {
			return nil, 0, err
		}
		defer former.Close()
	}
	if former != nil && !v.stale {
		if _, err := io.Copy(aside, io.LimitReader(former, v.ended)); err != nil {
			return nil, 0, err
		}
		ended, written = v.ended, append(written, v.parts[:v.saved]...)
	}
	var b []byte
	for _, p := range v.parts[len(written):upTo] {
		if b, err = p.appendBody(p.head.append(b[:0]), former); err != nil {
			return nil, 0, err
		}
		if _, err := aside.Write(b); err != nil {
			return nil, 0, err
		}
		written = append(written, &part{head: p.head, at: ended + int64(headSize)})
		ended += int64(len(b))
	}
	return written, ended, nil
}
