package strict

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// tcpPair is two ends of one TCP connection, the first with its socket opened.
func tcpPair(t *testing.T) (s *socket, ours net.Conn, theirs *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialled, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialled.Close() })
	if ours, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	s = new(socket)
	s.open(ours)
	return s, ours, dialled.(*net.TCPConn)
}

// TestSocketWritesAllOfIt sends more than the kernel holds to a peer that reads late: every byte arrives, in order.
func TestSocketWritesAllOfIt(t *testing.T) {
	s, ours, theirs := tcpPair(t)
	text := make([]byte, 16<<20)
	for i := range text {
		text[i] = byte(i * 7 >> 3)
	}
	got := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(theirs)
		got <- all
	}()
	if n, err := s.send(ours, text); n != len(text) || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	_ = ours.Close()
	if !bytes.Equal(<-got, text) {
		t.Error("other bytes arrived")
	}
}

// TestSocketKeepsDeadlines: a write that finds no room and a read that finds nothing end at their deadlines, with how far they came.
func TestSocketKeepsDeadlines(t *testing.T) {
	s, ours, theirs := tcpPair(t)
	begun := make(chan error, 1)
	go func() { // the time comes when some of it has arrived, and not before
		_, err := theirs.Read(make([]byte, 1))
		begun <- errors.Join(err, ours.SetDeadline(time.Now().Add(20*time.Millisecond)))
	}()
	n, err := s.send(ours, make([]byte, 64<<20))
	if n <= 0 || n >= 64<<20 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %d bytes, %v", n, err)
	}
	if err := <-begun; err != nil {
		t.Fatal(err)
	}
	if n, err := s.receive(ours, make([]byte, 8)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %d bytes, %v", n, err)
	}
	var timeout net.Error
	if _, err := s.receive(ours, make([]byte, 8)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%v is no timeout", err)
	}
}

// TestSocketTellsHowItEnded: the end of what is sent is io.EOF, a reset is an error, a closed connection is net.ErrClosed, and a Close
// wakes a read that waits.
func TestSocketTellsHowItEnded(t *testing.T) {
	s, ours, theirs := tcpPair(t)
	if _, err := theirs.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	_ = theirs.CloseWrite()
	buffer := make([]byte, 8)
	if n, err := io.ReadFull(readerOf(s, ours), buffer); n != 4 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := s.receive(ours, buffer); n != 0 || err != io.EOF {
		t.Errorf("%d bytes, %v, want io.EOF", n, err)
	}

	s, ours, theirs = tcpPair(t)
	_ = theirs.SetLinger(0)
	_ = theirs.Close()
	if n, err := s.receive(ours, buffer); n != 0 || err == nil || err == io.EOF {
		t.Errorf("after a reset: %d bytes, %v", n, err)
	}

	s, ours, _ = tcpPair(t)
	ended := make(chan error, 1)
	go func() { _, err := s.receive(ours, buffer); ended <- err }()
	_ = ours.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := s.send(ours, buffer); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
}

// TestSocketStaysOutOfTheWay: what is no plain TCP connection is read and written as it is.
func TestSocketStaysOutOfTheWay(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	var s socket
	s.open(a)
	go func() { _, _ = s.send(a, []byte("through")) }()
	got := make([]byte, 7)
	if _, err := io.ReadFull(b, got); err != nil || string(got) != "through" {
		t.Errorf("%q, %v", got, err)
	}
}

type reading struct {
	s *socket
	c net.Conn
}

func readerOf(s *socket, c net.Conn) io.Reader { return reading{s, c} }

func (r reading) Read(p []byte) (int, error) { return r.s.receive(r.c, p) }
