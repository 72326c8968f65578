// Package faultfile owns the few operations on files on which the durable records stand, twice: OS is the operating system's,
// Disk is a disk in memory that keeps what was written but not synced apart, and can lose it. It exists because a test that
// kills a process proves nothing about a loss of power: the kernel still has the bytes. It refuses what a record must not
// stand on: a symbolic link or anything else that is not a plain file (security rule 39). The faults it answers: the record
// that was never synced, the rename whose folder was not, the write cut short by a full disk, and the sync that failed once
// and then said that all was well.
package faultfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// ErrLocked is wrapped by Lock's error where somebody else holds the lock.
var ErrLocked = errors.New("locked by another process")

// ErrNotRegular is wrapped by OpenFile's error where the name is there and is no plain file.
var ErrNotRegular = errors.New("not a regular file")

// File is an open file. Its methods have the meaning and the errors of those of *os.File. Not safe for concurrent use, but
// for ReadAt and for Close.
type File interface {
	io.Reader
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync returns when everything that was written is durable; its name is durable only after SyncDir. After an error
	// nothing is known of what was written since the last Sync that succeeded: it has to be written again.
	Sync() error
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)
}

// FS is a file system. Safe for concurrent use. Names are paths of the operating system. The errors are those of package os:
// fs.ErrNotExist and fs.ErrExist can be asked for.
type FS interface {
	// OpenFile opens a plain file; a symbolic link is not followed. flag is of package os; without O_EXCL a new file is
	// never made (O_CREATE is ignored then), so that nobody's file is taken for one's own.
	OpenFile(name string, flag int, mode fs.FileMode) (File, error)
	// Lstat tells of a name without following it.
	Lstat(name string) (fs.FileInfo, error)
	// ReadDir lists a folder by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Rename replaces what is at the new name.
	Rename(from, to string) error
	// Remove removes a file.
	Remove(name string) error
	// MkdirAll makes a folder and those above it.
	MkdirAll(name string, mode fs.FileMode) error
	// SyncDir returns when what was made, renamed or removed in a folder is durable.
	SyncDir(name string) error
	// Lock makes the file if it is not there and takes its lock for this process, without waiting. Closing gives it back,
	// and so does the end of the process, however it ends.
	Lock(name string) (io.Closer, error)
}

// MakeFolder makes a folder and those above it, durably, and refuses one that is no folder, is a symbolic link, or that others
// can write into.
func MakeFolder(fsys FS, dir string) error {
	var made []string
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := fsys.Lstat(at); !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		made = append(made, filepath.Dir(at))
	}
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, above := range made {
		if err := fsys.SyncDir(above); err != nil {
			return fmt.Errorf("make %s durable: %w", dir, err)
		}
	}
	info, err := fsys.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder; a symbolic link to one is not followed", dir)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others can write into %s (mode %04o): chmod 700 it", dir, info.Mode().Perm())
	}
	return nil
}
