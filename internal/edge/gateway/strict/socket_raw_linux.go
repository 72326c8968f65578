//go:build linux && !race

package strict

import (
	"syscall"
	"unsafe"
)

// rawRead is read(2), of which the scheduler is not told. p is not empty.
func rawRead(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, err := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(n), err
}

// rawWrite is write(2) in the same way.
func rawWrite(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, err := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(n), err
}
