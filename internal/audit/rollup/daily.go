package rollup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Day is one day file of a folder, for whoever follows the files as they grow.
type Day struct {
	Name  string
	Begin time.Time   // of its day, UTC
	Info  fs.FileInfo // as it was found; os.SameFile tells whether a rebuild has put another file in its place
}

// Days lists the day files of dir by date; none where there is no folder. The error is the disk's.
func Days(dir string) ([]Day, error) {
	names, err := days(dir)
	if err != nil {
		return nil, err
	}
	found := make([]Day, 0, len(names))
	for _, name := range names {
		at, ok := begins(name)
		if !ok {
			continue
		}
		info, err := os.Lstat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was just retired
		}
		if err != nil {
			return nil, fmt.Errorf("list rollups: %w", err)
		}
		found = append(found, Day{Name: name, Begin: at, Info: info})
	}
	return found, nil
}

// ReadDay gives the sums of every minute in the frames of a day file that begin at the byte offset or later, and returns where
// the last whole frame ends: the offset for the next call, since a file only grows by whole frames. One minute may come several
// times: its sums are added up. take may keep t. What ends inside a frame is being written, and no error. The error wraps
// ErrDamaged where a frame cannot be read; what is behind it is not given. Else it is the disk's.
func ReadDay(dir, name string, offset int64, take func(minute int64, t *Totals)) (end int64, err error) {
	path := filepath.Join(dir, name)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return offset, fmt.Errorf("read rollup %s: not a regular file", name)
	}
	file, err := os.Open(path)
	if err != nil {
		return offset, fmt.Errorf("read rollup: %w", err)
	}
	defer file.Close()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return offset, fmt.Errorf("read rollup: %w", err)
	}
	in := bufio.NewReaderSize(file, 1<<16)
	for {
		f, size, err := readFrame(in)
		if errors.Is(err, io.EOF) || errors.Is(err, errCut) {
			return offset, nil
		}
		if err == nil {
			err = f.within(name)
		}
		if err != nil {
			return offset, fmt.Errorf("%s at byte %d: %w", name, offset, err)
		}
		for minute, t := range f.minutes {
			take(minute, t)
		}
		offset += size
	}
}

// Quantiles are the durations that these shares of all do not exceed, as Quantile says each: zero where there are none.
func (h *Histogram) Quantiles(shares ...float64) []time.Duration {
	found := make([]time.Duration, len(shares))
	total := h.Count()
	if total == 0 {
		return found
	}
	sorted := h.sorted()
	for i, q := range shares {
		found[i] = at(h, sorted, rankOf(q, total))
	}
	return found
}

// Empty reports that no duration was added.
func (h *Histogram) Empty() bool { return len(h.counts) == 0 }
