// Package datafolder owns the folder in which a server keeps what it has: how the folder is made, the lock on each environment in it,
// the files with secrets, and what a server says there of itself. A server and a service with the check in its own process take the
// same folder by the same rules, so that two of them cannot serve one environment from it by accident, and no replay journal, counter
// or record is written by two.
//
// It refuses a folder that others can write into, a file with secrets that others can read, and a symbolic link in the place of
// either (security rule 39). The attack it answers is the neighbour on the machine who puts a file where the server's own would be.
package datafolder

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Fault is an error of this package with what to do about it.
type Fault struct {
	Cause error  // never nil
	Next  string // one step, in words for the one who runs the program
}

// Error implements error. It says what is wrong; Next is for whoever shows it.
func (f *Fault) Error() string { return f.Cause.Error() }

// Unwrap gives Cause to errors.Is.
func (f *Fault) Unwrap() error { return f.Cause }

// MaxPrivate bounds what is read from a file with secrets, in bytes.
const MaxPrivate = 1 << 20

// Create makes a file that must not exist yet, also not as a symbolic link (security rule 39).
func Create(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// Replace puts content at path as a whole or not at all: readers see the old file or the new one. Mode 0600.
func Replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // CreateTemp uses O_EXCL and 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// OpenPrivate opens a file with secrets. It refuses one that others can read, and one that is not a plain file: a symbolic
// link is not followed, also not one that takes the file's place meanwhile (security rule 39).
func OpenPrivate(path string, flag int) (*os.File, error) {
	return openChecked(path, flag, func(mode fs.FileMode) error {
		if mode&0o077 == 0 {
			return nil
		}
		return &Fault{fmt.Errorf("%s holds secrets but has mode %04o", path, mode), "chmod 600 " + path + ", and replace its secrets if others use this machine"}
	})
}

// openChecked opens a plain file whose mode passes a check.
func openChecked(path string, flag int, check func(mode fs.FileMode) error) (*os.File, error) {
	before, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if err := check(before.Mode().Perm()); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	if after, err := f.Stat(); err != nil || !os.SameFile(before, after) {
		return nil, errors.Join(fmt.Errorf("%s was exchanged while it was being opened", path), err, f.Close())
	}
	return f, nil
}

// ReadPrivate reads a file as OpenPrivate opens it.
func ReadPrivate(path string) ([]byte, error) {
	f, err := OpenPrivate(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxPrivate+1))
	if err == nil && len(text) > MaxPrivate {
		err = fmt.Errorf("%s has more than %d bytes", path, MaxPrivate)
	}
	return text, err
}

// Grow opens a file without secrets, the record or the folder's lock, to read it and to add to it, or makes it with mode
// 0600. Others may read it, as a log shipper does; one that they can write is refused.
func Grow(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if !errors.Is(err, fs.ErrExist) {
		return f, err
	}
	return openChecked(path, os.O_RDWR|os.O_APPEND, func(mode fs.FileMode) error {
		if mode&0o022 == 0 {
			return nil
		}
		return &Fault{fmt.Errorf("others can write %s (mode %04o)", path, mode), "chmod 600 " + path}
	})
}

// Key reads a 32-byte key, or makes it once.
func Key(path string) ([]byte, error) {
	key, err := ReadPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails: crypto/rand.Read ends the process instead
		if err = Create(path, key, 0o600); err == nil {
			return key, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make %s: %w", path, err)
		}
		key, err = ReadPrivate(path) // another server on the folder was faster
	}
	if err == nil && len(key) != 32 {
		err = errors.New("not 32 bytes long")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return key, nil
}

// Open makes a private folder, or takes the one that is there: an empty one is made private, one that others may write
// into is refused. One that others may look into is taken as it is, since every file with secrets has mode 0600.
func Open(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("open the data folder: %w", err)
	}
	if len(entries) == 0 {
		if err := os.Chmod(path, 0o700); err != nil {
			return fmt.Errorf("make the data folder private: %w", err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("open the data folder: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return &Fault{fmt.Errorf("others may write into the data folder %s (mode %04o)", path, mode), "chmod 700 " + path}
	}
	return nil
}
