package segment

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// runningName is a file that is there while a Writer is open. Where Open finds it, the last run did not end with Close: lines
// that waited in memory are lost, and nobody knows how many.
const runningName = "running"

func (w *Writer) running() string { return filepath.Join(w.cfg.Dir, runningName) }

// crashed reports whether the last run did not end with Close.
func (w *Writer) crashed() (bool, error) {
	_, err := w.cfg.FS.Lstat(w.running())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// markRunning is called when the record is open, and has told of a crash before.
func (w *Writer) markRunning() error {
	f, err := w.cfg.FS.OpenFile(w.running(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), w.cfg.FS.SyncDir(w.cfg.Dir))
}

// unmarkRunning is called when everything is durable.
func (w *Writer) unmarkRunning() error {
	if err := w.cfg.FS.Remove(w.running()); err != nil {
		return err
	}
	return w.cfg.FS.SyncDir(w.cfg.Dir)
}
