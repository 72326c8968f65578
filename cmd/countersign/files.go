package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxPrivate bounds what is read from a file with secrets.
const maxPrivate = 1 << 20

// createFile makes a file that must not exist yet, also not as a symbolic link (security rule 39).
func createFile(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// replaceFile puts content at path as a whole or not at all: readers see the old file or the new one. Mode 0600.
func replaceFile(path string, content []byte) error {
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

// openPrivate opens a file with secrets. It refuses one that others can read, and one that is not a plain file: a symbolic
// link is not followed, also not one that takes the file's place meanwhile (security rule 39).
func openPrivate(path string, flag int) (*os.File, error) {
	return openChecked(path, flag, func(mode fs.FileMode) error {
		if mode&0o077 == 0 {
			return nil
		}
		return hinted{fmt.Errorf("%s holds secrets but has mode %04o", path, mode), "chmod 600 " + path + ", and replace its secrets if others use this machine"}
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

// readPrivate reads a file as openPrivate opens it.
func readPrivate(path string) ([]byte, error) {
	f, err := openPrivate(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPrivate+1))
	if err == nil && len(text) > maxPrivate {
		err = fmt.Errorf("%s has more than %d bytes", path, maxPrivate)
	}
	return text, err
}

// growOpen opens a file without secrets, the record or the folder's lock, to read it and to add to it, or makes it with mode
// 0600. Others may read it, as a log shipper does; one that they can write is refused.
func growOpen(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if !errors.Is(err, fs.ErrExist) {
		return f, err
	}
	return openChecked(path, os.O_RDWR|os.O_APPEND, func(mode fs.FileMode) error {
		if mode&0o022 == 0 {
			return nil
		}
		return hinted{fmt.Errorf("others can write %s (mode %04o)", path, mode), "chmod 600 " + path}
	})
}

// keptKey reads a 32-byte key, or makes it once.
func keptKey(path string) ([]byte, error) {
	key, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails: crypto/rand.Read ends the process instead
		if err = createFile(path, key, 0o600); err == nil {
			return key, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make %s: %w", path, err)
		}
		key, err = readPrivate(path) // another server on the folder was faster
	}
	if err == nil && len(key) != 32 {
		err = errors.New("not 32 bytes long")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return key, nil
}

// openFolder makes a private folder, or takes the one that is there: an empty one is made private, one that others may write
// into is refused. One that others may look into is taken as it is, since every file with secrets has mode 0600.
func openFolder(path string) error {
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
		return hinted{fmt.Errorf("others may write into the data folder %s (mode %04o)", path, mode), "chmod 700 " + path}
	}
	return nil
}
