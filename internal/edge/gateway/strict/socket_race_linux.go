//go:build linux && race

package strict

import (
	"errors"
	"syscall"
)

// The two below are those of package syscall, which tell the race detector what one end of a connection has seen of the other.

func rawRead(fd uintptr, p []byte) (int, syscall.Errno) { return number(syscall.Read(int(fd), p)) }

func rawWrite(fd uintptr, p []byte) (int, syscall.Errno) { return number(syscall.Write(int(fd), p)) }

func number(n int, err error) (int, syscall.Errno) {
	var failed syscall.Errno
	if errors.As(err, &failed) {
		return 0, failed
	}
	return n, 0
}
