package strict

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeRoom is how many bytes wait in one direction of a pipe. net.Pipe has no room at all: two ends that write at one time, as
// TLS and an early refusal do, would wait for each other.
const pipeRoom = 64 << 10

// pipe is a connection inside this process. dialled is the end of who calls, whose address is peer; accepted sees that address at
// the other end. Both are full net.Conns with deadlines and, like TCP, CloseWrite.
func pipe(peer, local net.Addr) (dialled, accepted net.Conn) {
	to, back := newStream(), newStream()
	return &pipeEnd{in: back, out: to, local: peer, remote: local}, &pipeEnd{in: to, out: back, local: local, remote: peer}
}

// stream is one direction: a bounded buffer between one who writes and one who reads.
type stream struct {
	mu      sync.Mutex
	bytes   []byte
	ended   bool          // no more will be written: what is there can be read still
	broken  bool          // nobody reads any more
	turn    chan struct{} // closed and replaced whenever something has changed
	readBy  deadline
	writeBy deadline
}

func newStream() *stream { return &stream{turn: make(chan struct{})} }

// deadline is when an operation ends; passed tells it without a wait.
type deadline struct{ at time.Time }

func (d deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// changed wakes whoever waits. The lock is held.
func (s *stream) changed() {
	close(s.turn)
	s.turn = make(chan struct{})
}

// wait gives the lock away until something has changed, or the deadline has come.
func (s *stream) wait(d deadline) {
	turn := s.turn
	s.mu.Unlock()
	defer s.mu.Lock()
	if d.at.IsZero() {
		<-turn
		return
	}
	timer := time.NewTimer(time.Until(d.at))
	defer timer.Stop()
	select {
	case <-turn:
	case <-timer.C:
	}
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.broken:
			return 0, io.ErrClosedPipe
		case s.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case len(s.bytes) > 0:
			n := copy(b, s.bytes)
			if s.bytes = s.bytes[n:]; len(s.bytes) == 0 {
				s.bytes = nil
			}
			s.changed()
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.wait(s.readBy)
	}
}

func (s *stream) write(b []byte) (written int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.broken, s.ended:
			return written, io.ErrClosedPipe
		case s.writeBy.passed():
			return written, os.ErrDeadlineExceeded
		case written == len(b):
			return written, nil
		}
		if room := pipeRoom - len(s.bytes); room > 0 {
			n := min(room, len(b)-written)
			s.bytes = append(s.bytes, b[written:written+n]...)
			written += n
			s.changed()
			continue
		}
		s.wait(s.writeBy)
	}
}

// end says that no more is written; cut also throws away what is there.
func (s *stream) end(cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if cut {
		s.broken, s.bytes = true, nil
	}
	s.changed()
}

func (s *stream) set(d *deadline, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.at = at
	s.changed()
}

// pipeEnd is one end of a pipe.
type pipeEnd struct {
	in, out       *stream
	local, remote net.Addr
}

var _ net.Conn = (*pipeEnd)(nil)

func (p *pipeEnd) Read(b []byte) (int, error)  { return p.in.read(b) }
func (p *pipeEnd) Write(b []byte) (int, error) { return p.out.write(b) }

// CloseWrite lets the other end read what is there, and then the end.
func (p *pipeEnd) CloseWrite() error {
	p.out.end(false)
	return nil
}

// Close is final for this end. The other one reads what was written before.
func (p *pipeEnd) Close() error {
	p.out.end(false)
	p.in.end(true)
	return nil
}

func (p *pipeEnd) LocalAddr() net.Addr  { return p.local }
func (p *pipeEnd) RemoteAddr() net.Addr { return p.remote }

func (p *pipeEnd) SetDeadline(t time.Time) error {
	p.in.set(&p.in.readBy, t)
	p.out.set(&p.out.writeBy, t)
	return nil
}

func (p *pipeEnd) SetReadDeadline(t time.Time) error {
	p.in.set(&p.in.readBy, t)
	return nil
}

func (p *pipeEnd) SetWriteDeadline(t time.Time) error {
	p.out.set(&p.out.writeBy, t)
	return nil
}
