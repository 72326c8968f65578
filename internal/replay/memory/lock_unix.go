//go:build unix

package memory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const (
	noFollow           = syscall.O_NOFOLLOW
	modesMeanSomething = true
	lockName           = "lock"
)

// acquire takes the lock of dir without waiting. The kernel gives it back when
// the process ends, however it ends.
func acquire(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open replay lock: %w", explainLink(err))
	}
	if err := private(f); err != nil {
		return nil, errors.Join(fmt.Errorf("open replay lock: %w", err), f.Close())
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrLocked, path), f.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}
