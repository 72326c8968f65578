package upstream_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/fields"
	"countersign.dev/internal/edge/gateway/upstream"
)

func TestRule37TrailersAreDropped(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		u := serve(t, func(w *wire) {
			w.exchange("HTTP/1.1 200 OK\r\nTrailer: X-Partner\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Partner: evil\r\nB: c\r\n\r\n")
			w.exchange(ok("next"))
			w.ended()
		})
		d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
		got, err := ask(d, "GET", "/")
		if err != nil || got.Body != "hello" || len(got.Header) != 0 {
			t.Fatalf("got %+v, %v", got, err)
		}
		mustAsk(t, d, "GET", "/", "next")
		_ = d.Close()
	})
}

func TestRule24NoSwitchOfProtocol(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		u := serve(t, func(w *wire) {
			w.exchange("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nnot HTTP")
			w.ended()
		})
		d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
		if got, err := ask(d, "GET", "/"); !errors.Is(err, upstream.ErrInvalidAnswer) {
			t.Fatalf("got %+v, %v, want an invalid answer", got, err)
		}
	})
}

// Hop-by-hop fields of the answer stop here, whichever client read it.
func TestAnswersHopByHopFieldsAreRemoved(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		u := serve(t, func(w *wire) {
			w.exchange("HTTP/1.1 204 No Content\r\nConnection: X-Named , x-Other\r\nX-NAMED: 1\r\nX-Other: 1\r\nX-Kept: 1\r\nKeep-Alive: 1\r\n" +
				"Proxy-Authenticate: 1\r\nTe: 1\r\nTrailer: A\r\nUpgrade: a\r\n\r\n")
			w.ended()
		})
		d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
		got, err := ask(d, "GET", "/")
		if err != nil || len(got.Header) != 1 || got.Header.Get("X-Kept") != "1" {
			t.Fatalf("got %+v, %v", got, err)
		}
		_ = d.Close()
	})
}

// No outcome repeats what the request carried.
func TestRule33ErrorsDoNotQuoteTheRequest(t *testing.T) {
	secret := func(method, target, value string) *upstream.Request {
		return &upstream.Request{Method: method, Target: target, Header: fields.Of(http.Header{"Authorization": {value}}), Body: []byte("s3cret")}
	}
	both(t, func(t *testing.T, standard bool) {
		u := serve(t, func(w *wire) { w.request() }, func(w *wire) { w.exchange("s3cret\r\n") },
			func(w *wire) { w.exchange("HTTP/1.1 200 OK\r\nContent-Length: s3cret\r\n\r\n") })
		d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
		for _, r := range []*upstream.Request{
			secret("POST", "/?s3cret", "s3cret"), secret("POST", "/?s3cret", "s3cret"), secret("POST", "/?s3cret", "s3cret"),
			secret("s3cret s3cret", "/", ""), secret("GET", "/s3cret\n", ""), secret("GET", "/", "s3cret\n"),
		} {
			var resp upstream.Response
			err := d.Do(t.Context(), r, &resp)
			if err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error %q", err)
			}
		}
	})
}

func TestUntrustedCertificateIsUnreachable(t *testing.T) {
	server, _ := certificates(t)
	u := serveOn(t, tls.NewListener(listen(t), server), "https", func(w *wire) { w.request() })
	d := client(t, upstream.Config{URL: u}, nil)
	if _, err := ask(d, "GET", "/"); !errors.Is(err, upstream.ErrUnreachable) {
		t.Fatalf("error %v, want unreachable", err)
	}
}

// narrow listens with the smallest receive buffer, so that even a small request
// is more than the connection takes at once.
func narrow(t *testing.T) net.Listener {
	t.Helper()
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1) })
	}}
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func narrowDial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(1)
	}
	return c, err
}

func TestSmallBodyThroughANarrowConnection(t *testing.T) {
	body := strings.Repeat("0123456789", 6000)
	var received string
	u := serveOn(t, narrow(t), "http", func(w *wire) { _, received = w.request(); w.send(ok("thanks")); w.exchange(ok("next")); w.ended() })
	d := client(t, upstream.Config{URL: u, Dial: narrowDial}, nil)
	mustAsk(t, d, "POST", "/", "thanks", body)
	mustAsk(t, d, "GET", "/", "next")
	if received != body {
		t.Fatalf("upstream received %d of %d bytes", len(received), len(body))
	}
}

func TestSmallBodyToAnUpstreamThatDoesNotRead(t *testing.T) {
	over := make(chan struct{})
	u := serveOn(t, narrow(t), "http", always(2, func(*wire) { <-over })...)
	defer close(over)
	body := strings.Repeat("0123456789", 6000)
	d := client(t, upstream.Config{URL: u, Dial: narrowDial, WriteTimeout: brief, Timeout: time.Hour}, nil)
	if _, err := ask(d, "POST", "/", body); !errors.Is(err, upstream.ErrTimeout) {
		t.Errorf("error %v, want a timeout", err)
	}
	d = client(t, upstream.Config{URL: u, Dial: narrowDial, WriteTimeout: time.Hour, Timeout: time.Hour}, nil)
	ctx, leave := context.WithCancel(t.Context())
	time.AfterFunc(brief, leave)
	var resp upstream.Response
	if err := d.Do(ctx, &upstream.Request{Method: "POST", Target: "/", Body: []byte(body)}, &resp); !errors.Is(err, upstream.ErrCanceled) {
		t.Errorf("error %v, want canceled", err)
	}
}

// slow is a connection whose write is still busy with the caller's memory for a
// while after it was closed.
type slow struct {
	canned
	once   sync.Once
	closed chan struct{}
	large  atomic.Bool // a large write has begun
	busy   atomic.Bool
}

func (s *slow) Read([]byte) (int, error) { <-s.closed; return 0, net.ErrClosed }
func (s *slow) Close() error             { s.once.Do(func() { close(s.closed) }); return nil }

func (s *slow) Write(p []byte) (int, error) {
	if len(p) < 64<<10 {
		return len(p), nil
	}
	s.busy.Store(true)
	s.large.Store(true)
	<-s.closed
	for range 10_000 {
		runtime.Gosched()
	}
	s.busy.Store(false)
	return 0, net.ErrClosed
}

// When Do has failed, nobody reads the body any more: the caller may use its
// memory again.
func TestBodyIsFreeAfterFailure(t *testing.T) {
	s := &slow{closed: make(chan struct{})}
	d := client(t, upstream.Config{URL: serve(t), Dial: func(context.Context, string, string) (net.Conn, error) { return s, nil }}, nil)
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		for !s.large.Load() {
			runtime.Gosched()
		}
		leave()
	}()
	var resp upstream.Response
	err := d.Do(ctx, &upstream.Request{Method: "POST", Target: "/", Body: make([]byte, 100<<10)}, &resp)
	if !errors.Is(err, upstream.ErrCanceled) || s.busy.Load() {
		t.Fatalf("error %v, body in use %v", err, s.busy.Load())
	}
}

// The figure that the lean client exists for: 2 allocations, the text of the
// head and the slice of its values. The race detector adds some.
func TestLeanAllocatesLittle(t *testing.T) {
	u := serve(t, func(w *wire) {
		buf := make([]byte, 4<<10)
		for {
			if _, err := w.Read(buf); err != nil {
				return
			}
			_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\nok")
		}
	})
	d := client(t, upstream.Config{URL: u}, nil)
	var resp upstream.Response
	r := &upstream.Request{Method: "GET", Target: "/", Header: fields.Of(benchHeader)}
	buf := make([]byte, 64)
	allocs := testing.AllocsPerRun(200, func() {
		if err := d.Do(t.Context(), r, &resp); err != nil {
			t.Fatal(err)
		}
		_, _ = resp.Body.Read(buf)
		_ = resp.Body.Close()
	})
	if allocs > 5 {
		t.Fatalf("%v allocations per exchange", allocs)
	}
}
