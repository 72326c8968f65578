package http1_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/http1"
)

func TestNewWantsItsFields(t *testing.T) {
	good := http1.Config{Handler: http.NotFoundHandler(), HTTP2: new(http.Server), Log: slog.New(slog.DiscardHandler),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return ctx }}
	if _, err := http1.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*http1.Config){
		"no handler": func(c *http1.Config) { c.Handler = nil }, "no HTTP/2": func(c *http1.Config) { c.HTTP2 = nil },
		"no context": func(c *http1.Config) { c.ConnContext = nil }, "no log": func(c *http1.Config) { c.Log = nil },
		"a negative timeout": func(c *http1.Config) { c.IdleTimeout = -1 },
	} {
		bad := good
		spoil(&bad)
		if _, err := http1.New(bad); err == nil {
			t.Error(name, "is accepted")
		}
	}
}

// TestALeavingCallerEndsTheContext: a handler that waits learns that its caller has gone; one whose caller only sends the next
// request does not, and that request is answered afterwards.
func TestALeavingCallerEndsTheContext(t *testing.T) {
	gone, entered, release := make(chan error, 1), make(chan struct{}, 2), make(chan struct{})
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI == "/next" {
			_, _ = io.WriteString(w, "next")
			return
		}
		entered <- struct{}{}
		select {
		case <-r.Context().Done():
			gone <- r.Context().Err()
		case <-release:
			_, _ = io.WriteString(w, "waited")
		}
	}, true)
	c := s.dial(t)
	_, _ = io.WriteString(c, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
	<-entered
	_ = c.Close()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the context ended with %v", err)
	}
	c = s.dial(t)
	_, _ = io.WriteString(c, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
	<-entered
	time.AfterFunc(100*time.Millisecond, func() { close(release) }) // long enough for the watch to begin, if nothing is slow; else it proves less
	_, _ = io.WriteString(c, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
	r := bufio.NewReader(c)
	for _, want := range []string{"waited", "next"} {
		if got := read(t, r); got != want {
			t.Errorf("answered %q in place of %q", got, want)
		}
	}
}

// read reads one answer's body.
func read(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	a, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestNothingOfARequestIsTheNexts: what a handler kept of a request gives nothing away, and takes nothing, once it has returned.
func TestNothingOfARequestIsTheNexts(t *testing.T) {
	var kept struct {
		sync.Mutex
		w http.ResponseWriter
		r *http.Request
	}
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		kept.Lock()
		defer kept.Unlock()
		if kept.r == nil {
			kept.w, kept.r = w, r
			return
		}
		if n, err := kept.r.Body.Read(make([]byte, 10)); n > 0 || err == nil {
			t.Errorf("the body of the request before read %d bytes of this one", n)
		}
		if _, err := kept.w.Write([]byte("late")); err == nil {
			t.Error("the answer before could still be written to")
		}
		if kept.r.Context().Err() == nil || r.Context().Err() != nil {
			t.Error("the contexts of two requests are one")
		}
		if err := http.NewResponseController(kept.w).SetReadDeadline(time.Now()); err == nil {
			t.Error("the answer before could still set a deadline")
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}, true)
	c := s.dial(t)
	r := bufio.NewReader(c)
	_, _ = io.WriteString(c, "POST /a HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nContent-Length: 3\r\n\r\none")
	if got := read(t, r); got != "" {
		t.Errorf("%q", got)
	}
	_, _ = io.WriteString(c, "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo")
	if got := read(t, r); got != "two" {
		t.Errorf("%q", got)
	}
	if all := s.forget(); len(all) != 2 || strings.Contains(all[1].Header, "X-A") {
		t.Errorf("%+v", all)
	}
}

// TestShutdown: connections that wait are closed, running requests end, and their answers say that the connection does.
func TestShutdown(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI == "/slow" {
			close(entered)
			<-release
		}
		_, _ = io.WriteString(w, r.RequestURI)
	}, true)
	idle, busy := s.dial(t), s.dial(t)
	_, _ = io.WriteString(idle, "GET /quick HTTP/1.1\r\nHost: a\r\n\r\n")
	waiting := bufio.NewReader(idle)
	if got := read(t, waiting); got != "/quick" {
		t.Fatal(got)
	}
	_, _ = io.WriteString(busy, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-entered
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.own.Shutdown(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a running request was not waited for: %v", err)
	}
	if _, err := waiting.ReadByte(); err == nil {
		t.Error("an idle connection is still open")
	}
	if _, err := net.Dial("tcp", s.addr); err == nil {
		t.Error("a connection is still accepted")
	}
	close(release)
	answer, err := http.ReadResponse(bufio.NewReader(busy), nil)
	if err != nil || !answer.Close {
		t.Fatalf("%+v, %v", answer, err)
	}
	if body, err := io.ReadAll(answer.Body); string(body) != "/slow" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if err := s.own.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown at the end: %v", err)
	}
}

// TestManyIdleConnections: they are served beside each other, and are all there afterwards.
func TestManyIdleConnections(t *testing.T) {
	var answered atomic.Int64
	s := open(t, func(w http.ResponseWriter, r *http.Request) { answered.Add(1); w.WriteHeader(http.StatusNoContent) }, true)
	const many = 300 // 10,000 are for docs/benchmarks.md: a test's own files are limited
	conns := make([]*tls.Conn, many)
	for i := range conns {
		conns[i] = s.dial(t)
	}
	for round := range 3 {
		var all sync.WaitGroup
		for _, c := range conns {
			all.Go(func() {
				_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		all.Wait()
	}
	if n := answered.Load(); n != 3*many {
		t.Errorf("%d requests", n)
	}
}

// TestACallerThatDoesNotReadIsCutOff: a write deadline of the handler counts, also where one was set for a request before.
func TestACallerThatDoesNotReadIsCutOff(t *testing.T) {
	failed := make(chan error, 1)
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.RequestURI == "/first" {
			_ = control.SetWriteDeadline(time.Now().Add(time.Hour))
			_, _ = io.WriteString(w, "first")
			return
		}
		_ = control.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				failed <- err
				return
			}
		}
	}, true)
	c := s.dial(t)
	_, _ = io.WriteString(c, "GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := read(t, bufio.NewReader(c)); got != "first" {
		t.Fatal(got)
	}
	_, _ = io.WriteString(c, "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
	if err := <-failed; !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "timeout") {
		t.Errorf("it failed with %v", err)
	}
}

// TestHTTP2GoesOn: a caller that chooses HTTP/2 is served by net/http.
func TestHTTP2GoesOn(t *testing.T) {
	s := open(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }, true)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.pool}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	for range 2 {
		r, err := client.Get("https://" + s.addr + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if string(body) != "HTTP/2.0" {
			t.Errorf("%q", body)
		}
	}
}
