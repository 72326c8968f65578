package rollup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

const secondsOfDay = 24 * 60 * 60

var dayName = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}\.roll$`)

// dayOf is the file of the day on which a minute lies.
func dayOf(minute int64) string {
	return time.Unix(minute*60, 0).UTC().Format("2006-01-02") + ".roll"
}

// days lists the day files of dir by date; none where there is no folder.
func days(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list rollups: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.Type().IsRegular() && dayName.MatchString(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// begins is the first second of the day of a file; ok is false for the 31st of June.
func begins(name string) (at time.Time, ok bool) {
	at, err := time.Parse("2006-01-02.roll", name)
	return at, err == nil
}

// walkDay gives every whole frame of a day file, and returns where they end. The error wraps ErrDamaged when they end before
// the file does.
func walkDay(dir, name string, take func(*frame)) (end int64, err error) {
	path := filepath.Join(dir, name)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return 0, fmt.Errorf("read rollup %s: not a regular file", name)
	}
	file, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("read rollup: %w", err)
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, 1<<16)
	for {
		f, size, err := readFrame(in)
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err == nil {
			err = f.within(name)
		}
		if err != nil {
			return end, fmt.Errorf("%s at byte %d: %w", name, end, err)
		}
		take(f)
		end += size
	}
}

// within refuses a frame with minutes of another day: it would be counted where it does not belong.
func (f *frame) within(name string) error {
	for minute := range f.minutes {
		if dayOf(minute) != name {
			return fmt.Errorf("%w: a minute of another day", ErrDamaged)
		}
	}
	return nil
}

// appendFrame adds a frame behind the whole ones of a day file, and cuts off what a crash left of another.
func appendFrame(dir, name string, end int64, f *frame) (int64, error) {
	path := filepath.Join(dir, name)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return end, fmt.Errorf("write rollup %s: not a regular file", name)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return end, fmt.Errorf("write rollup: %w", err)
	}
	b := f.append(nil)
	if len(b)-frameHead > maxPacked {
		return end, errors.Join(fmt.Errorf("write rollup: a frame of %d bytes", len(b)), file.Close())
	}
	err = file.Truncate(end)
	if err == nil {
		_, err = file.WriteAt(b, end)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return end, fmt.Errorf("write rollup: %w", err)
	}
	return end + int64(len(b)), nil
}
