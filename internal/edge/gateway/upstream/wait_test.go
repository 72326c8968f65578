package upstream_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/upstream"
)

// A request that was admitted is not refused because the upstream is busy for a
// moment.
func TestDoWaitsForAConnection(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		u := serve(t, func(w *wire) { w.exchange(ok("first")); w.exchange(ok("second")); w.ended() })
		d := client(t, upstream.Config{URL: u, MaxConns: 1, QueueTimeout: time.Minute, Standard: standard}, nil)
		first := open(t, d, t.Context(), &upstream.Request{Method: "GET", Target: "/"})
		time.AfterFunc(brief, func() {
			_, _ = io.ReadAll(first.Body)
			_ = first.Body.Close()
		})
		mustAsk(t, d, "GET", "/", "second")
		_ = d.Close()
	})
}

// Many callers, few connections: all are served, and there are never more
// connections than allowed.
func TestConnectionsStayWithinMaxConnsWhileOthersWait(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []*net.TCPConn
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		conns = append(conns, c.(*net.TCPConn))
		if n := alive(conns); n > 3 {
			t.Errorf("%d connections", n)
		}
		return c, nil
	}
	d := client(t, upstream.Config{URL: u, Dial: dial, MaxConns: 3, MaxIdle: 2, QueueTimeout: time.Minute}, nil)
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			for range 20 {
				if got, err := ask(d, "POST", "/", "x"); err != nil || got.Body != "x" {
					t.Errorf("%q, %v", got.Body, err)
				}
			}
		})
	}
	wg.Wait()
}

// alive counts the connections that the client has not closed.
func alive(conns []*net.TCPConn) (n int) {
	for _, c := range conns {
		if raw, err := c.SyscallConn(); err == nil && raw.Control(func(uintptr) {}) == nil {
			n++
		}
	}
	return n
}

// Over HTTP/2 as over HTTP/1: an upstream that answers early, or a caller who
// goes, leaves nobody with the memory of the body. The race detector watches.
func TestBodyIsFreeAfterEveryEndingOverHTTP2(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 1))
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		if r.Method == "PUT" {
			return // without the rest of the body
		}
		if b, _ := io.ReadAll(r.Body); bytes.IndexByte(b, another) >= 0 {
			t.Error("the upstream received bytes of the next owner")
		}
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	d := client(t, upstream.Config{URL: u, TLS: &tls.Config{RootCAs: roots}}, nil)
	for i := range 40 {
		ctx, leave := context.WithCancel(t.Context())
		body := bytes.Repeat([]byte{mine}, 1<<20)
		var resp upstream.Response
		r := &upstream.Request{Method: []string{"PUT", "POST"}[i%2], Target: "/", Body: body}
		if i%4 == 3 {
			time.AfterFunc(time.Duration(i)*50*time.Microsecond, leave)
		}
		if err := d.Do(ctx, r, &resp); err == nil {
			_ = resp.Body.Close()
		}
		reuse(body)
		leave()
	}
}
