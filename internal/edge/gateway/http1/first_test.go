package http1_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/edge/gateway/http1"
	"countersign.dev/internal/edge/gateway/strict"
)

// piped is a listener whose connections the test makes, by a clock of its own where it runs in a bubble.
type piped chan net.Conn

func (p piped) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p piped) Close() error { close(p); return nil }

func (p piped) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// placed is an end of a pipe that says where it comes from.
type placed struct{ net.Conn }

func (placed) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7} }

// pipedServer serves plain connections by the clock of the bubble that the test runs in, and returns how one is made.
func pipedServer(t *testing.T, head time.Duration, handler http.HandlerFunc) (dial func() net.Conn) {
	t.Helper()
	inner := make(piped)
	l, err := strict.New(inner, strict.Config{Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	server, err := http1.New(http1.Config{Handler: handler, HTTP2: &http.Server{Handler: handler}, ConnContext: strict.ConnContext, Log: slog.New(slog.DiscardHandler),
		ReadHeaderTimeout: head, IdleTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	return func() net.Conn {
		mine, theirs := net.Pipe()
		inner <- placed{mine}
		t.Cleanup(func() { _ = theirs.Close() })
		return theirs
	}
}

// TestASilentConnectionEnds: who opens a connection and sends nothing is not waited for as long as a caller between two requests.
func TestASilentConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const head = 5 * time.Second
		dial := pipedServer(t, head, func(http.ResponseWriter, *http.Request) {})
		begun := time.Now()
		busy, silent := dial(), dial()
		r := bufio.NewReader(busy)
		ask := func() {
			if _, err := io.WriteString(busy, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if got := read(t, r); got != "" {
				t.Errorf("answered %q", got)
			}
		}
		ask()
		text, err := io.ReadAll(silent)
		if took := time.Since(begun); err != nil || len(text) > 0 || took != head {
			t.Fatalf("%q, %v after %s", text, err, took)
		}
		ask() // it is still there, though its time for a head has passed
	})
}
