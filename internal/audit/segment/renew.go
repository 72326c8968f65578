package segment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// setAside moves a damaged record into a folder below its own, the first segment first: until the damaged one, the last, is
// moved, the record is still one that does not open.
func (w *Writer) setAside(segments []Segment) error {
	name, err := w.vacant(asidePrefix)
	if err != nil {
		return err
	}
	folder := filepath.Join(w.cfg.Dir, name)
	if err := w.cfg.FS.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("set the damaged record aside: %w", err)
	}
	if err := w.cfg.FS.SyncDir(w.cfg.Dir); err != nil {
		return fmt.Errorf("set the damaged record aside: %w", err)
	}
	if err := w.setTornAside(folder); err != nil {
		return fmt.Errorf("set the damaged record aside: %w", err)
	}
	for _, s := range segments {
		if s.Gzip {
			err = w.move(Name(s.Number)+".gz", folder)
		}
		if s.Plain {
			err = errors.Join(err, w.move(Name(s.Number), folder))
		}
		if err = errors.Join(err, w.cfg.FS.SyncDir(folder), w.cfg.FS.SyncDir(w.cfg.Dir)); err != nil {
			return fmt.Errorf("set the damaged record aside: %w", err)
		}
	}
	return nil
}

// setTornAside moves what was cut off the damaged record: the new one must not tell of it as its own.
func (w *Writer) setTornAside(folder string) error {
	entries, err := w.cfg.FS.ReadDir(w.cfg.Dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), tornPrefix) {
			err = errors.Join(err, w.move(entry.Name(), folder))
		}
	}
	return err
}

func (w *Writer) move(name, folder string) error {
	return w.cfg.FS.Rename(filepath.Join(w.cfg.Dir, name), filepath.Join(folder, name))
}

// aside finds the record that was set aside last, and its id if its first segment still has one.
func (w *Writer) aside() (folder, id string, err error) {
	entries, err := w.cfg.FS.ReadDir(w.cfg.Dir)
	if err != nil {
		return "", "", err
	}
	latest := 0
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), asidePrefix)
		if n, err := strconv.Atoi(number); ok && err == nil && n > latest && entry.IsDir() {
			latest, folder = n, entry.Name()
		}
	}
	if latest == 0 {
		return "", "", nil
	}
	dir := filepath.Join(w.cfg.Dir, folder)
	segments, err := Segments(w.cfg.FS, dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", "", err
	}
	for _, s := range segments {
		if h, err := readHeader(w.cfg.FS, dir, s.Number); err == nil {
			return folder, h.Record, nil
		}
	}
	return folder, "", nil
}
