//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"syscall"
)

// lockFolder takes the data folder for one server, without waiting. The kernel gives it back when the process ends, however
// it ends. Commands that only change the register need no lock: the register has its own.
func lockFolder(dir string) (io.Closer, error) {
	f, err := growOpen(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data folder: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = hinted{fmt.Errorf("another countersign serves from this data folder, %s", dir), "stop it, or choose another folder with --data"}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
