package strict

import (
	"io"
	"net"
	"syscall"
)

// socket reads and writes a connection of the kernel's with system calls that the scheduler is not told of. It would otherwise give the
// processor's place away whenever the kernel hands the processor to whoever was woken by what was written, and nearly every write
// wakes somebody. Nothing of it waits in the kernel: the runtime's sockets are non-blocking, and its poller does the waiting.
// Reads are serial, and so are writes, as TLS does them.
type socket struct {
	raw   syscall.RawConn // nil: the connection is another one
	read  transfer
	write transfer
	pull  func(fd uintptr) bool
	push  func(fd uintptr) bool
}

// transfer is one read or write under way.
type transfer struct {
	p   []byte
	n   int
	err error
}

// open looks under a plain TCP connection, or one over a Unix socket; under any other one stays its own.
func (s *socket) open(c net.Conn) {
	var under syscall.Conn
	switch c := c.(type) {
	case *net.TCPConn:
		under = c
	case *net.UnixConn:
		under = c
	default:
		return
	}
	if raw, err := under.SyscallConn(); err == nil {
		s.raw, s.pull, s.push = raw, s.pullOnce, s.pushAll
	}
}

// receive is net.Conn.Read.
func (s *socket) receive(c net.Conn, p []byte) (int, error) {
	if s.raw == nil || len(p) == 0 {
		return c.Read(p)
	}
	s.read = transfer{p: p}
	err := s.raw.Read(s.pull)
	n, failed := s.read.n, s.read.err
	s.read = transfer{}
	if failed != nil {
		return 0, failed
	}
	return n, err
}

// pullOnce reads what is there; false: nothing is, and the poller waits.
func (s *socket) pullOnce(fd uintptr) bool {
	t := &s.read
	for {
		n, err := rawRead(fd, t.p)
		switch err {
		case 0:
			if t.n = n; n == 0 {
				t.err = io.EOF
			}
			return true
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.err = &net.OpError{Op: "read", Net: "tcp", Err: err}
			return true
		}
	}
}

// send is net.Conn.Write.
func (s *socket) send(c net.Conn, p []byte) (int, error) {
	if s.raw == nil || len(p) == 0 {
		return c.Write(p)
	}
	s.write = transfer{p: p}
	err := s.raw.Write(s.push)
	n, failed := s.write.n, s.write.err
	s.write = transfer{}
	if failed != nil {
		return n, failed
	}
	return n, err
}

// pushAll writes as much as the socket takes; false: not all, and the poller waits for room.
func (s *socket) pushAll(fd uintptr) bool {
	t := &s.write
	for t.n < len(t.p) {
		n, err := rawWrite(fd, t.p[t.n:])
		switch err {
		case 0:
			t.n += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.err = &net.OpError{Op: "write", Net: "tcp", Err: err}
			return true
		}
	}
	return true
}
