package strict_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"countersign.dev/internal/edge/gateway/strict"
)

// pipe is a connection of a scripted peer that sends nothing until the test does.
type pipe struct {
	net.Conn
	remote net.Addr
	shut   chan struct{} // one value per Close
}

func (p *pipe) RemoteAddr() net.Addr { return p.remote }

func (p *pipe) Close() error {
	p.shut <- struct{}{}
	return p.Conn.Close()
}

// newPipe returns the server's end and the peer's. An empty address: none that
// can be read.
func newPipe(addr string) (*pipe, net.Conn) {
	mine, theirs := net.Pipe()
	var remote net.Addr = &net.UnixAddr{}
	if addr != "" {
		remote = &net.TCPAddr{IP: net.ParseIP(addr).To16(), Port: 7}
	}
	return &pipe{Conn: mine, remote: remote, shut: make(chan struct{}, 10)}, theirs
}

// arrivals is a listener whose connections the test makes.
type arrivals struct {
	t    *testing.T
	give chan any
	l    *strict.Listener
	told chan strict.Fault
}

func openArrivals(t *testing.T, change func(*strict.Config)) *arrivals {
	t.Helper()
	a := &arrivals{t: t, give: make(chan any), told: make(chan strict.Fault, 100)}
	cert, _ := mustCertificate(t)
	cfg := strict.Config{
		TLS:       &tls.Config{Certificates: []tls.Certificate{cert}},
		OnRefused: func(_ netip.AddrPort, f strict.Fault) { a.told <- f },
	}
	change(&cfg)
	var err error
	if a.l, err = strict.New(scripted{give: a.give}, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.l.Close() })
	return a
}

var errNext = errors.New("nothing came")

// arrive lets a connection come in from addr. It returns when the listener has
// decided on it: None, or why it was turned away.
func (a *arrivals) arrive(addr string) (*pipe, net.Conn, strict.Fault) {
	a.t.Helper()
	mine, theirs := newPipe(addr)
	go func() { a.give <- mine; a.give <- errNext }()
	if _, err := a.l.Accept(); err != errNext {
		a.t.Fatalf("Accept: %v", err)
	}
	select {
	case f := <-a.told:
		<-mine.shut
		return mine, theirs, f
	default:
		return mine, theirs, strict.None
	}
}

// accept does the peer's side of the handshake, sends what follows and reads to
// the end, and returns the connection as http.Server gets it.
func accept(a *arrivals, theirs net.Conn, data ...string) net.Conn {
	a.t.Helper()
	go func() {
		c := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		for _, d := range data {
			_, _ = io.WriteString(c, d)
		}
		if c.Handshake() == nil {
			_, _ = io.Copy(io.Discard, c)
		}
		_ = theirs.Close()
	}()
	c, err := a.l.Accept()
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}
