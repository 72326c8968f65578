package sqlite

import (
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"countersign.dev/internal/store"
)

// explain gives an error of the driver its sentinel, the file's name and what to do. Other errors stay as they are.
func explain(path string, err error) error {
	var fault *driver.Error
	if err == nil || !errors.As(err, &fault) || sorted(err) {
		return err
	}
	switch fault.Code() & 0xff {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return fmt.Errorf("%s: %w; another process is writing, try again: %w", path, store.ErrBusy, err)
	case codes.SQLITE_READONLY, codes.SQLITE_PERM:
		return fmt.Errorf("%s: %w; check its owner, its mode and how the disk is mounted: %w", path, store.ErrReadOnly, err)
	case codes.SQLITE_FULL:
		return fmt.Errorf("%s: %w; make room, nothing of this change was kept: %w", path, store.ErrFull, err)
	case codes.SQLITE_CORRUPT:
		return fmt.Errorf("%s: %w; keep a copy of it and restore a backup: %w", path, store.ErrCorrupt, err)
	case codes.SQLITE_NOTADB:
		return fmt.Errorf("%s: %w: it is not an SQLite file; choose another file, or restore a backup if it was one: %w",
			path, store.ErrForeign, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// sorted reports whether err carries a sentinel already.
func sorted(err error) bool {
	for _, known := range []error{store.ErrBusy, store.ErrReadOnly, store.ErrFull, store.ErrCorrupt, store.ErrForeign} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
