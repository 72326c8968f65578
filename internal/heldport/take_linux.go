package heldport

import (
	"errors"
	"os"
	"syscall"
)

// take binds a socket and never listens on it. With SO_REUSEADDR on both, another socket may be bound to the port by its number and
// listen; a socket that asks for any port, or connects, is given another one, since this one is bound.
func take(ip [4]byte) (port int, release func(), err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, os.NewSyscallError("socket", err)
	}
	err = errors.Join(os.NewSyscallError("setsockopt", syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)),
		os.NewSyscallError("bind", syscall.Bind(fd, &syscall.SockaddrInet4{Addr: ip})))
	if err == nil {
		var bound syscall.Sockaddr
		if bound, err = syscall.Getsockname(fd); err == nil {
			return bound.(*syscall.SockaddrInet4).Port, func() { _ = syscall.Close(fd) }, nil
		}
	}
	_ = syscall.Close(fd)
	return 0, nil, err
}
