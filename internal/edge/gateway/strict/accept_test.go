package strict_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"testing"

	"countersign.dev/internal/edge/gateway/strict"
)

// scripted is an inner listener that gives what it is told.
type scripted struct {
	net.Listener
	give chan any
}

func (s scripted) Accept() (net.Conn, error) {
	switch v := (<-s.give).(type) {
	case net.Conn:
		return v, nil
	case error:
		return nil, v
	}
	return nil, net.ErrClosed
}

func (s scripted) Close() error { close(s.give); return nil }

type fakeConn struct {
	wire
	remote net.Addr
}

func (f *fakeConn) RemoteAddr() net.Addr { return f.remote }

// TestRule22PeerIsUnmappedOrRefused: Admit sees plain addresses, and a peer
// without a readable one is not asked about but refused.
func TestRule22PeerIsUnmappedOrRefused(t *testing.T) {
	inner := scripted{give: make(chan any)}
	asked := make(chan netip.AddrPort, 10)
	cert, _ := mustCertificate(t)
	l, err := strict.New(inner, strict.Config{
		TLS:   &tls.Config{Certificates: []tls.Certificate{cert}},
		Admit: func(peer netip.AddrPort) bool { asked <- peer; return false },
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { _, err := l.Accept(); ended <- err }()
	inner.give <- &fakeConn{remote: &net.UnixAddr{Name: "x"}}
	inner.give <- &fakeConn{remote: &net.TCPAddr{}}
	for _, addr := range []string{"::ffff:192.0.2.7", "fe80::1"} {
		inner.give <- &fakeConn{remote: &net.TCPAddr{IP: net.ParseIP(addr).To16(), Port: 7, Zone: "eth0"}}
		want := netip.AddrPortFrom(netip.MustParseAddr(addr).Unmap(), 7)
		if got := <-asked; got != want {
			t.Errorf("asked about %v, want %v", got, want)
		}
	}
	_ = l.Close()
	if err := <-ended; err != net.ErrClosed {
		t.Error(err)
	}
}

// TestAcceptErrorsArePassedOn, and accepting goes on after them.
func TestAcceptErrorsArePassedOn(t *testing.T) {
	inner := scripted{give: make(chan any, 2)}
	cert, _ := mustCertificate(t)
	l, err := strict.New(inner, strict.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{errors.New("too many open files"), errors.New("again")} {
		inner.give <- want
		if _, err := l.Accept(); err != want {
			t.Errorf("Accept: %v, want %v", err, want)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
