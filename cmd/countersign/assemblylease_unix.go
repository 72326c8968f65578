//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// choreLease is held by the one server on a data folder that does the chores of the whole register. The kernel gives it back
// when the process ends, however it ends; then another server has it at its next look.
type choreLease struct {
	dir  string
	mu   sync.Mutex
	file *os.File // nil: another server has it, or nobody
}

// take reports whether this server has it, and tries to get it.
func (l *choreLease) take() (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		return true, nil
	}
	f, err := growOpen(filepath.Join(l.dir, "chores.lock"))
	if err != nil {
		return false, err
	}
	if err := flock(f.Fd()); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return false, f.Close()
		}
		return false, errors.Join(err, f.Close())
	}
	l.file = f
	return true, nil
}

// Close gives it back.
func (l *choreLease) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
