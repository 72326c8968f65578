package strict_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/strict"
	"golang.org/x/net/nettest"
)

var visitor = netip.MustParseAddrPort("203.0.113.7:40001")

func TestPipeIsAConnection(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		a, b := strict.Pipe(net.TCPAddrFromAddrPort(visitor), net.TCPAddrFromAddrPort(visitor))
		return a, b, func() { _ = a.Close(); _ = b.Close() }, nil
	})
}

// Two ends that write more than fits at one time, and only then read, come to an end: none waits for the other for ever.
func TestPipeKeepsWhatBothEndsWrite(t *testing.T) {
	a, b := strict.Pipe(net.TCPAddrFromAddrPort(visitor), net.TCPAddrFromAddrPort(visitor))
	text := bytes.Repeat([]byte("0123456789abcdef"), 2<<10)
	for _, c := range []net.Conn{a, b} {
		if n, err := c.Write(text); n != len(text) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	_ = a.Close()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, text) {
		t.Fatalf("read %d bytes, %v, before the end", len(got), err)
	}
	if _, err := b.Write(text); err == nil {
		t.Error("written to an end that is closed")
	}
}

// inject opens a TLS connection that comes from visitor.
func (d *door) inject(from netip.AddrPort) (*tls.Conn, error) {
	d.t.Helper()
	c, err := d.listener.Inject(from)
	if err != nil {
		return nil, err
	}
	d.t.Cleanup(func() { _ = c.Close() })
	tc := tls.Client(c, &tls.Config{RootCAs: d.pool, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return tc, tc.HandshakeContext(ctx)
}

func TestAnInjectedConnectionIsLikeAnyOther(t *testing.T) {
	var remote string
	d := openDoor(t, func(_ *strict.Config, s *http.Server) {
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			remote = r.RemoteAddr
			if strict.MarksOf(r.Context()) == nil {
				t.Error("the strict reader has not seen it")
			}
			_, _ = io.WriteString(w, "ok "+r.RequestURI)
		})
	})
	c, err := d.inject(visitor)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /a%2Fb?x=%2e HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(answer.Body)
	if string(body) != "ok /a%2Fb?x=%2e" {
		t.Errorf("answered %q", body)
	}
	if remote != visitor.String() {
		t.Errorf("the gateway saw %s, want the visitor %s", remote, visitor)
	}
}

func TestAnInjectedConnectionIsReadStrictly(t *testing.T) {
	told := make(chan netip.AddrPort, 1)
	d := openDoor(t, func(c *strict.Config, _ *http.Server) {
		c.OnRefused = func(peer netip.AddrPort, _ strict.Fault) { told <- peer }
	})
	c, err := d.inject(visitor)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
		t.Errorf("answered %q, %v; want a 400", answer, err)
	}
	if peer := <-told; peer != visitor {
		t.Errorf("told of %s, want %s", peer, visitor)
	}
	if seen, _ := d.snapshot(); len(seen) != 0 {
		t.Errorf("the handler saw %v", seen)
	}
}

func TestAnInjectedConnectionCountsAgainstTheBounds(t *testing.T) {
	told := make(chan strict.Fault, 4)
	d := openDoor(t, func(c *strict.Config, _ *http.Server) {
		c.MaxPerPeer = 1
		c.Admit = func(peer netip.AddrPort) bool { return peer.Addr() != netip.MustParseAddr("198.51.100.1") }
		c.OnRefused = func(_ netip.AddrPort, f strict.Fault) { told <- f }
	})
	if _, err := d.inject(visitor); err != nil {
		t.Fatal(err)
	}
	if _, err := d.inject(visitor); err == nil {
		t.Error("a second connection of one peer, where one is allowed")
	}
	if f := <-told; f != strict.TooManyFromPeer {
		t.Errorf("told of %s", f)
	}
	if _, err := d.inject(netip.MustParseAddrPort("198.51.100.1:1")); err == nil {
		t.Error("a peer that is not admitted came in")
	}
	if _, err := d.inject(netip.MustParseAddrPort("[::ffff:198.51.100.1]:1")); err == nil {
		t.Error("the same peer in the form of an IPv6 address came in")
	}
}

func TestNothingIsInjectedAfterTheEnd(t *testing.T) {
	d := openDoor(t, nil)
	if _, err := d.listener.Inject(netip.AddrPort{}); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("from nowhere: %v", err)
	}
	d.listener.Stop(context.Background())
	if _, err := d.listener.Inject(visitor); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Stop: %v", err)
	}
	_ = d.close()
	if _, err := d.listener.Inject(visitor); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
