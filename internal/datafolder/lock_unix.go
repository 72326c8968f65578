//go:build unix

package datafolder

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"syscall"
	"time"
)

// lockPatience is how long a server tries to take a lock: a command that looks whether a server runs holds it for a moment.
const lockPatience = 500 * time.Millisecond

// Lock takes one environment of the data folder for one server, until what it returns is closed. The kernel gives it back when the process ends,
// however it ends. Commands that only change the register need no lock: the register has its own.
func Lock(dir, environment string) (io.Closer, error) {
	f, err := Grow(filepath.Join(dir, "lock-"+environment))
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data folder: %w", err)
	}
	begun := time.Now()
	for err = flock(f.Fd()); errors.Is(err, syscall.EWOULDBLOCK) && time.Since(begun) < lockPatience; err = flock(f.Fd()) {
		time.Sleep(lockPatience / 20)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = &Fault{fmt.Errorf("another countersign serves from this data folder, %s: it has %s", dir, environment), "stop it, or choose another data folder"}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// flock takes a lock that nobody shares, or says at once that another one has it.
func flock(fd uintptr) error { return syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) }
