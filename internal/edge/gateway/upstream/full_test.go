package upstream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/upstream"
)

// stuff fills a connection until the peer, who does not read, and the send
// buffer take nothing more, also after the peer's machine was asked again.
func stuff(t *testing.T, c net.Conn) {
	t.Helper()
	for err := error(nil); !errors.Is(err, os.ErrDeadlineExceeded); {
		_ = c.SetWriteDeadline(time.Now().Add(10 * brief))
		if _, err = c.Write(bytes.Repeat([]byte("x"), 64<<10)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
			return
		}
	}
	_ = c.SetWriteDeadline(time.Time{})
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	_ = raw.Write(func(fd uintptr) bool { // a little room is not worth a wake-up to the poller
		for err = nil; err == nil; {
			_, err = syscall.Write(int(fd), []byte("x"))
		}
		return true
	})
}

// stuffed dials connections that are full from the start.
func stuffed(t *testing.T) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := narrowDial(ctx, network, addr)
		if err == nil {
			stuff(t, c)
		}
		return c, err
	}
}

// headOnly reads the head of a request and leaves its body where it is.
func (w *wire) headOnly() {
	for line := ""; line != "\r\n"; {
		line, _ = w.br.ReadString('\n')
	}
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// Waiting for room in the send buffer is no work.
func TestFullSendBufferIsWaitedForWithoutWork(t *testing.T) {
	const wait = time.Second
	over := make(chan struct{})
	defer close(over)
	u := serve(t, func(*wire) { <-over })
	spent := time.Duration(0)
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := stuffed(t)(ctx, network, addr)
		spent = processorTime(t)
		return c, err
	}
	d := client(t, upstream.Config{URL: u, Dial: dial, WriteTimeout: wait, Timeout: time.Hour}, nil)
	if _, err := ask(d, "POST", "/", strings.Repeat("x", 60<<10)); !errors.Is(err, upstream.ErrTimeout) {
		t.Fatalf("error %v, want a timeout", err)
	}
	if spent = processorTime(t) - spent; spent > wait/2 {
		t.Fatalf("%v of processor time for a wait of %v", spent, wait)
	}
}

// As soon as there is room, the request goes on its way.
func TestFullSendBufferDrains(t *testing.T) {
	drain := make(chan struct{})
	u := serve(t, func(w *wire) {
		<-drain
		w.exchange(ok("fine"))
		w.ended()
	})
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := stuffed(t)(ctx, network, addr)
		time.AfterFunc(10*brief, func() { close(drain) }) // not while it is stuffed: that would never end
		return c, err
	}
	d := client(t, upstream.Config{URL: u, Dial: dial}, nil)
	mustAsk(t, d, "POST", "/", "fine", "body")
}

// A used connection that takes not one byte is stuck with an earlier request.
// Nothing was sent, so any request may go over another one.
func TestUsedConnectionThatTakesNothingIsReplaced(t *testing.T) {
	for name, body := range map[string]string{"small": "body", "large": strings.Repeat("x", 100<<10)} {
		t.Run(name, func(t *testing.T) {
			over := make(chan struct{})
			u := serve(t,
				func(w *wire) { w.exchange(ok("first")); <-over },
				func(w *wire) { w.exchange(ok("second")); w.ended() })
			defer close(over)
			var conns dials
			d := client(t, upstream.Config{URL: u, MaxConns: 1}, &conns)
			mustAsk(t, d, "GET", "/", "first")
			if err := conns.conns[0].SetWriteBuffer(1); err != nil { // no longer grows by itself
				t.Fatal(err)
			}
			stuff(t, conns.conns[0])
			mustAsk(t, d, "POST", "/", "second", body)
		})
	}
}

// The answer is complete before the body has left, and the upstream reads the
// rest afterwards, all of it: the connection is still not used again.
func TestDesign12AnswerBeforeTheBodyEndsTheConnection(t *testing.T) {
	const size = 1 << 20
	answered := make(chan struct{})
	u := serve(t,
		func(w *wire) {
			w.headOnly()
			w.send(ok("early"))
			<-answered
			_, _ = io.CopyN(io.Discard, w.br, size)
			w.ended()
		},
		func(w *wire) { w.exchange(ok("next")); w.ended() })
	d := client(t, upstream.Config{URL: u, Dial: buffered(64 << 10)}, nil)
	resp := open(t, d, t.Context(), &upstream.Request{Method: "POST", Target: "/", Body: make([]byte, size)})
	close(answered)
	readN(t, resp.Body, "early")
	_, _ = resp.Body.Read(make([]byte, 1))
	_ = resp.Body.Close()
	mustAsk(t, d, "GET", "/", "next")
}

// The socket took the whole body, but the upstream did not: it answered after
// the head. What comes next on this connection would wait behind the rest.
func TestDesign12BodyLeftInTheSendBufferEndsTheConnection(t *testing.T) {
	for name, size := range map[string]int{"small": 60 << 10, "large": 128 << 10} {
		t.Run(name, func(t *testing.T) {
			over := make(chan struct{})
			u := serveOn(t, narrow(t), "http",
				func(w *wire) { w.headOnly(); w.send(ok("early")); <-over },
				func(w *wire) { w.exchange(ok("next")); w.ended() })
			defer close(over)
			d := client(t, upstream.Config{URL: u, Dial: buffered(1 << 20)}, nil)
			mustAsk(t, d, "POST", "/", "early", strings.Repeat("x", size))
			mustAsk(t, d, "GET", "/", "next")
		})
	}
}

// buffered dials connections with a send buffer of that size, which stays so.
func buffered(size int) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetWriteBuffer(size)
		}
		return c, err
	}
}
