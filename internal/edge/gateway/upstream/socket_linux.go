package upstream

import (
	"syscall"
	"unsafe"
)

// socketSent reports whether the peer's machine has received every byte that was
// written: nothing is left in the send queue (SIOCOUTQ, which has the number of
// TIOCOUTQ).
func socketSent(fd int) bool {
	var queued int32
	_, _, failed := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&queued)))
	return failed == 0 && queued == 0
}
