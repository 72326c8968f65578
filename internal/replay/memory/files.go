package memory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Files is the folder of the journal, as small as the guard's use of it. It is
// an interface so that a full, read-only or failing disk can be put in its place
// in a test. Names have no path in them.
type Files interface {
	// Create makes a new file of mode 0600 for reading and writing; an
	// existing one is an error.
	Create(name string) (File, error)
	// Open opens an existing file for reading and writing. Symbolic links,
	// anything that is not a regular file and modes looser than 0600 are
	// refused (security rule 39).
	Open(name string) (File, error)
	// Rename puts from in the place of to, atomically.
	Rename(from, to string) error
	// Remove deletes a file.
	Remove(name string) error
	// List returns the names of everything in the folder, sorted.
	List() ([]string, error)
	// Sync makes creations, renames and deletions durable.
	Sync() error
}

// File is one open file of the journal. The guard never uses one from two
// goroutines at the same time, except for Sync beside WriteAt.
type File interface {
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// OpenFiles makes dir with mode 0700 if it is missing, checks it and returns it
// as Files. A symbolic link, or a folder that anyone but its owner may enter, is
// an error (security rule 39).
func OpenFiles(dir string) (Files, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make replay folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, fmt.Errorf("inspect replay folder: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("replay folder %s is not a folder (symbolic links are refused)", dir)
	}
	if loose(info) {
		return nil, fmt.Errorf("replay folder %s has mode %04o: others may use it; make it 0700", dir, info.Mode().Perm())
	}
	return folder(dir), nil
}

// folder is the operating system's Files.
type folder string

func (d folder) path(name string) string { return filepath.Join(string(d), name) }

func (d folder) Create(name string) (File, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

func (d folder) Open(name string) (File, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR|noFollow, 0)
	if err != nil {
		return nil, explainLink(err)
	}
	if err := private(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return file{f}, nil
}

// explainLink says what the system means when it meets a symbolic link.
func explainLink(err error) error {
	if errors.Is(err, syscall.ELOOP) {
		return fmt.Errorf("%w: symbolic links are refused", err)
	}
	return err
}

// private checks the open file itself, so that nothing can be swapped between
// the check and the use.
func private(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", f.Name())
	}
	if loose(info) {
		return fmt.Errorf("%s has mode %04o: others may use it; make it 0600", f.Name(), info.Mode().Perm())
	}
	return nil
}

func loose(info fs.FileInfo) bool { return modesMeanSomething && info.Mode().Perm()&0o077 != 0 }

func (d folder) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d folder) Remove(name string) error { return os.Remove(d.path(name)) }

func (d folder) List() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, nil
}

func (d folder) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// file adds Size to the operating system's file.
type file struct{ *os.File }

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
