//go:build darwin || dragonfly || freebsd || netbsd || openbsd || (linux && race)

package upstream

import "syscall"

// Under the race detector Linux is served by these as well: they tell it what one end of a connection has seen of the other.

const canPeek = true

// writeSocket writes what the socket takes at once; a full one takes nothing.
func writeSocket(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Write(fd, p)
		switch err {
		case nil:
			return n, nil
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
	for {
		n, err := syscall.Read(fd, p)
		if err != syscall.EINTR {
			return n, err
		}
	}
}

// socketQuiet reports whether a read would block: the peer has neither sent a
// byte nor closed. It takes nothing out of the socket.
func socketQuiet(fd int) bool {
	var one [1]byte
	for {
		_, _, err := syscall.Recvfrom(fd, one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err == syscall.EINTR {
			continue
		}
		return err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
	}
}
