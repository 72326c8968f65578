package strict_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/edge/gateway/strict"
)

// deaf is a peer's connection that ignores deadlines, so that only closing it
// ends a write to a peer that does not read.
type deaf struct{ *pipe }

func (deaf) SetDeadline(time.Time) error      { return nil }
func (deaf) SetWriteDeadline(time.Time) error { return nil }

// stalled is an HTTP/1 connection in the hands of a server. Its peer sends one
// request, if any, and reads nothing after the handshake.
type stalled struct {
	conn net.Conn
	mine *pipe
	told chan strict.Fault
	peer *tls.Conn
}

func openStalled(t *testing.T, request string) *stalled {
	t.Helper()
	s := &stalled{told: make(chan strict.Fault, 10)}
	mine, theirs := newPipe("192.0.2.1")
	s.mine = mine
	cert, pool := mustCertificate(t)
	inner := scripted{give: make(chan any, 1)}
	inner.give <- deaf{mine}
	l, err := strict.New(inner, strict.Config{
		TLS:       &tls.Config{Certificates: []tls.Certificate{cert}},
		OnRefused: func(_ netip.AddrPort, f strict.Fault) { s.told <- f },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(); _ = theirs.Close() })
	s.peer = tls.Client(theirs, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
	done := make(chan error, 1)
	go func() {
		if err := s.peer.Handshake(); err != nil {
			done <- err
			return
		}
		_, err := io.WriteString(s.peer, request)
		done <- err
	}()
	if s.conn, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	if request == "" {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestCloseNeverBlocksOnThePeer: with a peer that reads nothing, Close returns
// without a moment passing, and the connection is gone after the bound.
func TestCloseNeverBlocksOnThePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStalled(t, "")
		checkGoodbye(t, s, strict.FarewellTimeout)
	})
}

// TestLingerIsBounded: after a fault too, where crypto/tls would allow its
// close_notify 5 s of its own.
func TestLingerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStalled(t, "GET /x HTTP/1.1\nHost: a\r\n\r\n")
		if _, err := s.conn.Read(make([]byte, 4096)); err != nil {
			t.Fatal(err) // marked: the answer is the handler's
		}
		checkGoodbye(t, s, strict.LingerTimeout)
	})
}

func checkGoodbye(t *testing.T, s *stalled, bound time.Duration) {
	t.Helper()
	start := time.Now()
	if err := s.conn.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took != 0 {
		t.Errorf("Close took %v", took)
	}
	<-s.mine.shut
	if took := time.Since(start); took != bound {
		t.Errorf("the connection was closed after %v, want %v", took, bound)
	}
	if err := s.conn.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

// TestCloseSaysGoodbye: a peer that reads is told of the end as TLS asks for
// (RFC 8446 §6.1), though Close has returned before.
func TestCloseSaysGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStalled(t, "")
		_ = s.conn.Close()
		if n, err := s.peer.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("the peer read %d, %v; want a clean end", n, err)
		}
	})
}

// TestNoRequestStartsAfterClose, even while the goodbye is still being said; and
// nothing more is written.
func TestNoRequestStartsAfterClose(t *testing.T) {
	for _, cut := range []int{0, 20} {
		c, w, ctx, told := plain(goodGet[:cut], goodGet[cut:])
		if cut > 0 {
			if _, err := c.Read(make([]byte, 4096)); err != nil {
				t.Fatal(err)
			}
		}
		_ = c.(net.Conn).Close()
		if n, err := c.Read(make([]byte, 4096)); n != 0 || !errors.Is(err, net.ErrClosed) || strict.MarksOf(ctx) != nil {
			t.Errorf("read %d, %v, marks %v", n, err, strict.MarksOf(ctx))
		}
		if _, err := c.Write([]byte("x")); err == nil || w.sent.Len() != 0 || len(*told) != 0 {
			t.Errorf("write: %v, sent %q, told %v", err, w.sent.String(), *told)
		}
	}
}

// TestCloseDuringARead: the read that was waiting starts no request either.
func TestCloseDuringARead(t *testing.T) {
	w := &closing{data: goodGet}
	c := strict.NewPlainConn(w, strict.Config{})
	w.close = func() { _ = c.Close() }
	ctx := strict.ConnContext(t.Context(), c)
	if n, err := c.Read(make([]byte, 4096)); n != 0 || err == nil || strict.MarksOf(ctx) != nil {
		t.Errorf("read %d, %v, marks %v", n, err, strict.MarksOf(ctx))
	}
}

// closing closes the connection while it is being read.
type closing struct {
	wire
	data  string
	close func()
}

func (c *closing) Read(p []byte) (int, error) {
	c.close()
	return copy(p, c.data), nil
}

// TestServerCloseIsNotHeldUp by idle peers that do not read: http.Server closes
// them one after the other under its lock.
func TestServerCloseIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var conns [3]*stalled
		give := make(chan net.Conn, len(conns))
		for i := range conns {
			conns[i] = openStalled(t, "")
			give <- conns[i].conn
		}
		srv := &http.Server{}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(given(give)) }()
		synctest.Wait()
		start := time.Now()
		_ = srv.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("closing %d connections took %v", len(conns), took)
		}
		if err := <-served; err != http.ErrServerClosed {
			t.Error(err)
		}
		for _, s := range conns {
			<-s.mine.shut
		}
	})
}

// given is a listener of connections whose handshake is done.
type given chan net.Conn

func (g given) Accept() (net.Conn, error) {
	if c, ok := <-g; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (g given) Close() error { close(g); return nil }
func (given) Addr() net.Addr { return &net.TCPAddr{} }
