package strict_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/http1"
	"countersign.dev/internal/edge/gateway/strict"
)

// clearDoor serves connections in clear with a server, until the test ends, and returns how one is opened.
func clearDoor(t *testing.T, network, address string, own bool, refused func(strict.Fault)) func() net.Conn {
	t.Helper()
	inner, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := strict.New(inner, strict.Config{Plain: true, OnRefused: func(_ netip.AddrPort, f strict.Fault) { refused(f) }})
	if err != nil {
		t.Fatal(err)
	}
	standard := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m := strict.MarksOf(r.Context())
		if m == nil || r.TLS != nil && r.TLS.HandshakeComplete || own && r.TLS != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write(append(body, m.Fault.String()...))
	})}
	strict.Configure(standard, l)
	var server interface {
		Serve(net.Listener) error
		Shutdown(context.Context) error
	} = standard
	if own {
		if server, err = http1.New(http1.Config{Handler: standard.Handler, HTTP2: standard, ConnContext: strict.ConnContext, Log: slog.Default()}); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shut down: %v", err)
		}
		if err := <-ended; err != http.ErrServerClosed {
			t.Errorf("serve: %v", err)
		}
	})
	return func() net.Conn {
		c, err := net.Dial(network, inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
}

// TestConnectionsInClear: over TCP and over a Unix socket, requests are read, kept apart and refused as they are under TLS.
func TestConnectionsInClear(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for _, own := range []bool{true, false} {
			t.Run(network+map[bool]string{true: " own", false: " standard"}[own], func(t *testing.T) {
				address := "127.0.0.1:0"
				if network == "unix" {
					address = filepath.Join(t.TempDir(), "s.sock")
				}
				told := make(chan strict.Fault, 1)
				dial := clearDoor(t, network, address, own, func(f strict.Fault) { told <- f })
				sent := func(text string) string {
					c := dial()
					if _, err := io.WriteString(c, text); err != nil {
						t.Fatal(err)
					}
					answer, err := io.ReadAll(c)
					if err != nil {
						t.Fatal(err)
					}
					return string(answer)
				}
				two := sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\noneGET / HTTP/1.0\r\nHost: a\r\n\r\n")
				if strings.Count(two, " 200 OK\r\n") != 2 || !strings.Contains(two, "onenone") {
					t.Errorf("two requests on one connection: %q", two)
				}
				if got := sent("GET / HTTP/1.1\r\nHost: a\n\r\n"); !strings.Contains(got, "bare_lf") {
					t.Errorf("a bare LF: %q", got)
				}
				if got := sent("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 400 ") || <-told != strict.BadTarget {
					t.Errorf("absolute form: %q", got)
				}
				big := bytes.Repeat([]byte("x"), 4<<20) // more than the kernel holds for a socket
				c := dial()
				go func() {
					_, _ = c.Write(append([]byte("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4194304\r\n\r\n"), big...))
				}()
				if answer, err := io.ReadAll(c); err != nil || !bytes.Contains(answer, big) {
					t.Errorf("a long body: %d bytes back, %v", len(answer), err)
				}
				dial() // says nothing: the server's end does not wait for it
			})
		}
	}
}

// TestClearOrTLS: a listener is one of the two.
func TestClearOrTLS(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	if _, err := strict.New(inner, strict.Config{Plain: true, TLS: &tls.Config{}}); err == nil {
		t.Error("Plain and TLS at one time")
	}
	if _, err := strict.New(inner, strict.Config{}); err == nil {
		t.Error("neither Plain nor TLS")
	}
}
