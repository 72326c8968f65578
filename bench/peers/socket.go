//go:build linux

package main

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// socket is a TCP connection that crypto/tls reads and writes, without the scheduler's poller. While it greets it blocks; afterwards Read says errNotYet where
// nothing has come, and Write only keeps, so that all records of a request leave in one call of flush.
type socket struct {
	fd       int
	greeting bool
	out      []byte // kept by Write
	sent     int    // of out
}

// notYet is an error after which crypto/tls goes on reading where it was: it calls itself temporary.
type notYet struct{}

func (notYet) Error() string   { return "nothing has come yet" }
func (notYet) Timeout() bool   { return true }
func (notYet) Temporary() bool { return true }

// errNotYet is what Read says in place of waiting.
var errNotYet net.Error = notYet{}

// connect opens a connection; from is the caller's own address, nil for any. What blocks until ready ends after ten seconds.
func connect(address string, from net.Addr) (_ *socket, err error) {
	to, err := endpoint(address)
	if err != nil {
		return nil, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &socket{fd: fd, greeting: true}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	patience := syscall.NsecToTimeval(int64(10 * time.Second))
	for _, option := range []int{syscall.SO_RCVTIMEO, syscall.SO_SNDTIMEO} {
		if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, option, &patience); err != nil {
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if from != nil {
		mine, err := endpoint(net.JoinHostPort(from.(*net.TCPAddr).IP.String(), "0"))
		if err != nil {
			return nil, err
		}
		if err := syscall.Bind(fd, mine); err != nil {
			return nil, os.NewSyscallError("bind", err)
		}
	}
	if err := syscall.Connect(fd, to); err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	return s, nil
}

func endpoint(address string) (*syscall.SockaddrInet4, error) {
	a, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return nil, err
	}
	return &syscall.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())}, nil
}

// ready ends the greeting: nothing blocks from now on.
func (s *socket) ready() error {
	s.greeting = false
	return os.NewSyscallError("fcntl", syscall.SetNonblock(s.fd, true))
}

// Read implements net.Conn. End of file is 0 bytes without an error only to the kernel; here it is errClosed.
func (s *socket) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, e := s.ask(syscall.SYS_READ, b)
		switch {
		case e == 0 && n > 0:
			return n, nil
		case e == 0:
			return 0, errClosed
		case e == syscall.EINTR:
		case e == syscall.EAGAIN && !s.greeting:
			return 0, errNotYet
		default:
			return 0, os.NewSyscallError("read", e)
		}
	}
}

var errClosed = errors.New("the peer has closed the connection")

// Write implements net.Conn.
func (s *socket) Write(b []byte) (int, error) {
	s.out = append(s.out, b...)
	if !s.greeting {
		return len(b), nil
	}
	for s.pending() {
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// pending reports whether something is kept.
func (s *socket) pending() bool { return len(s.out) > 0 }

// flush sends what is kept, as much as the kernel takes now.
func (s *socket) flush() error {
	for s.sent < len(s.out) {
		n, e := s.ask(syscall.SYS_WRITE, s.out[s.sent:])
		switch {
		case e == 0:
			s.sent += n
		case e == syscall.EINTR:
		case e == syscall.EAGAIN && !s.greeting:
			return nil
		default:
			return os.NewSyscallError("write", e)
		}
	}
	s.out, s.sent = s.out[:0], 0
	return nil
}

// ask reads or writes. What may block is told to the scheduler, which would have to wait for it to collect garbage; the rest is not, because telling costs more.
func (s *socket) ask(what uintptr, b []byte) (int, syscall.Errno) {
	if s.greeting {
		n, _, e := syscall.Syscall(what, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		return int(n), e
	}
	n, _, e := syscall.RawSyscall(what, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), e
}

// Close implements net.Conn.
func (s *socket) Close() error {
	if s.fd < 0 {
		return nil
	}
	fd := s.fd
	s.fd = -1
	return os.NewSyscallError("close", syscall.Close(fd))
}

// The rest of net.Conn, which crypto/tls does not use here: it is asked for no deadlines.

// LocalAddr implements net.Conn.
func (s *socket) LocalAddr() net.Addr { return nil }

// RemoteAddr implements net.Conn.
func (s *socket) RemoteAddr() net.Addr { return nil }

// SetDeadline implements net.Conn and does nothing.
func (s *socket) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn and does nothing.
func (s *socket) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn and does nothing.
func (s *socket) SetWriteDeadline(time.Time) error { return nil }

// greet opens a connection over TLS and ends its handshake.
func greet(address string, trust *tls.Config, from net.Addr) (*socket, *tls.Conn, error) {
	s, err := connect(address, from)
	if err != nil {
		return nil, nil, err
	}
	t := tls.Client(s, trust)
	if err = t.Handshake(); err == nil {
		err = s.ready()
	}
	if err != nil {
		_ = s.Close()
		return nil, nil, err
	}
	return s, t, nil
}
