//go:build linux && !race

package upstream

import (
	"syscall"
	"unsafe"
)

const canPeek = true

// The three below make their system calls without telling the scheduler. It would otherwise take the processor's place away from
// whoever is preempted in one of them, and that is nearly everybody: sending on loopback or to a busy card wakes somebody else. None
// of them waits: the socket is the runtime's, and that is non-blocking.

// writeSocket writes what the socket takes at once; a full one takes nothing.
func writeSocket(fd int, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, err := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch err {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}

// readSocket reads what is there, or syscall.EAGAIN.
func readSocket(fd int, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, err := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch err {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return -1, err
		}
	}
}

// socketQuiet reports whether a read would block: the peer has neither sent a
// byte nor closed. It takes nothing out of the socket.
func socketQuiet(fd int) bool {
	var one [1]byte
	for {
		_, _, err := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&one[0])), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
		if err != syscall.EINTR {
			return err == syscall.EAGAIN
		}
	}
}
