package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Backup writes the register as it is at one moment to a new file, while everything else goes on, and checks the result as
// CheckFile does before it gets its name. The file is one that Open opens, mode 0600, and on the disk when Backup returns; its
// secrets are sealed with the key ring, which belongs into another backup. An existing file is never replaced (fs.ErrExist).
// When it fails, or ctx ends, nothing is left behind; a killed process can leave an empty file and a draft beside it. Safe for
// concurrent use.
func (d *DB) Backup(ctx context.Context, path string) (FileInfo, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return FileInfo{}, fmt.Errorf("back up: %w", err)
	}
	taken, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // keeps the name; also for file systems without links
	if err != nil {
		return FileInfo{}, fmt.Errorf("back up: %w", err)
	}
	var info FileInfo
	if err = taken.Close(); err == nil {
		info, err = d.backup(ctx, path)
	}
	if err != nil {
		return FileInfo{}, fmt.Errorf("back up: %w", errors.Join(err, os.Remove(path)))
	}
	return info, nil
}

// backup writes a draft beside path and puts it in the place of the empty file there.
func (d *DB) backup(ctx context.Context, path string) (info FileInfo, err error) {
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part") // mode 0600, exclusively
	if err != nil {
		return info, err
	}
	defer func() {
		if gone := os.Remove(draft.Name()); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	defer draft.Close()
	if err := d.copyInto(ctx, draft.Name()); err != nil {
		return info, explain(draft.Name(), err)
	}
	if err := draft.Sync(); err != nil { // SQLite does not do this for a copy
		return info, err
	}
	if info, err = CheckFile(ctx, draft.Name()); err != nil {
		return info, err
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return info, err
	}
	return info, syncFolder(filepath.Dir(path))
}

// copyInto writes one moment of the register into an empty file. It has a connection of its own: the reading ones refuse to
// write anywhere, and the writing one must not wait.
func (d *DB) copyInto(ctx context.Context, empty string) error {
	pool, err := connect(d.path, DefaultBusyTimeout, 1, nil)
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, "VACUUM INTO ?", empty)
	return errors.Join(err, pool.Close())
}

// syncFolder makes a new name in a folder survive a power cut. Systems that cannot open a folder for this keep names anyway.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
