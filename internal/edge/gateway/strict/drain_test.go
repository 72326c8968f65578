package strict_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/strict"
)

// TestTrap6IdleConnectionsAreClosed: with the listener closed, CloseIdle ends
// every connection without a request, and none with one.
func TestTrap6IdleConnectionsAreClosed(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	d := openDoor(t, func(cfg *strict.Config, srv *http.Server) {
		cfg.HandshakeTimeout = time.Hour
		srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			started <- struct{}{}
			<-finish
			_, _ = io.WriteString(w, "finished")
		})
	})
	silent, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_ = silent.SetDeadline(time.Now().Add(20 * time.Second))
	idle, half, busy := d.dial(), d.dial(), d.dial()
	h2, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer h2.Close()
	_ = h2.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(half, "GET /half HTTP/1.1\r\nHos")
	_, _ = io.WriteString(busy, "GET /busy HTTP/1.0\r\n"+host+"\r\n")
	<-started

	_ = d.listener.Close()
	d.listener.CloseIdle()
	for name, c := range map[string]net.Conn{"silent": silent, "idle": idle, "half": half, "h2": h2} {
		if _, err := io.ReadAll(c); isTimeout(err) {
			t.Errorf("the %s connection is open", name)
		}
	}
	close(finish)
	if answer, err := io.ReadAll(busy); err != nil || !strings.HasSuffix(string(answer), "finished") {
		t.Errorf("the request in flight: %q, %v", answer, err)
	}
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

// TestTrap6ShutdownClosesIdle: Configure ties CloseIdle to Shutdown. The server
// serves nothing here, so that nothing else can close the connection.
func TestTrap6ShutdownClosesIdle(t *testing.T) {
	cert, pool := mustCertificate(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := strict.New(inner, strict.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	client, err := tls.Dial("tcp", inner.Addr().String(), &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_ = client.SetDeadline(time.Now().Add(20 * time.Second))
	c := <-accepted
	defer c.Close()
	srv := &http.Server{}
	strict.Configure(srv, l)
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the connection is open: %v", err)
	}
}

// TestCloseIdleSparesUsedConnections: one that had a request is left to http.Server.
func TestCloseIdleSparesUsedConnections(t *testing.T) {
	d := openDoor(t, nil)
	c := d.dial()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: d.pool}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	reused := false
	get := func() error {
		trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }}
		req, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), "GET", "https://"+d.addr+"/h2", nil)
		if err != nil {
			return err
		}
		resp, err := transport.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	for range 2 {
		_, _ = io.WriteString(c, goodGet)
		answer := make([]byte, 4096)
		n := 0
		for !strings.HasSuffix(string(answer[:n]), "ok /good") {
			m, err := c.Read(answer[n:])
			if n += m; err != nil {
				t.Fatalf("%q, %v", answer[:n], err)
			}
		}
		if err := get(); err != nil {
			t.Fatal(err)
		}
		d.listener.CloseIdle()
	}
	if seen, _ := d.snapshot(); len(seen) != 4 || !reused {
		t.Errorf("seen %+v, HTTP/2 connection reused %v", seen, reused)
	}
}

// TestCloseEndsAccept: after Close, Accept says so, also while it waits.
func TestCloseEndsAccept(t *testing.T) {
	cert, _ := mustCertificate(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := strict.New(inner, strict.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { _, err := l.Accept(); ended <- err }()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != net.ErrClosed {
		t.Errorf("Accept: %v", err)
	}
	if _, err := l.Accept(); err != net.ErrClosed {
		t.Errorf("Accept after Close: %v", err)
	}
	if _, err := net.Dial("tcp", inner.Addr().String()); err == nil {
		t.Error("the inner listener is open")
	}
}

func TestConfigIsChecked(t *testing.T) {
	cert, _ := mustCertificate(t)
	good := func() strict.Config {
		return strict.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}
	}
	for name, spoil := range map[string]func(*strict.Config){
		"no TLS":            func(c *strict.Config) { c.TLS = nil },
		"no certificate":    func(c *strict.Config) { c.TLS = &tls.Config{} },
		"TLS 1.1":           func(c *strict.Config) { c.TLS.MinVersion = tls.VersionTLS11 },
		"foreign protocol":  func(c *strict.Config) { c.TLS.NextProtos = []string{"h2", "spdy/3"} },
		"negative head":     func(c *strict.Config) { c.MaxHead = -1 },
		"negative timeout":  func(c *strict.Config) { c.HandshakeTimeout = -1 },
		"line above head":   func(c *strict.Config) { c.MaxHead, c.MaxRequestLine = 100, 101 },
		"negative maxconns": func(c *strict.Config) { c.MaxConns = -1 },
		"negative per peer": func(c *strict.Config) { c.MaxPerPeer = -1 },
	} {
		inner := &net.TCPListener{}
		cfg := good()
		spoil(&cfg)
		if l, err := strict.New(inner, cfg); err == nil || l != nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := strict.New(inner, good()); err != nil {
			t.Errorf("the good configuration: %v", err)
		}
	}
	if _, err := strict.New(nil, good()); err == nil {
		t.Error("no inner listener: accepted")
	}
}

// TestStopLetsHandshakesEnd: who was accepted before the stop is given out after it; nobody else is, and a silent caller holds
// up nothing for longer than ctx.
func TestStopLetsHandshakesEnd(t *testing.T) {
	d := openDoor(t, nil)
	begun, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer begun.Close()
	silent, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := d.dial() // the two above have been accepted before this one
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { d.listener.Stop(ctx); close(stopped) }()
	for { // until it has begun
		other, err := net.Dial("tcp", d.addr)
		if err != nil {
			break
		}
		_ = other.Close()
	}
	late := tls.Client(begun, &tls.Config{RootCAs: d.pool, ServerName: "127.0.0.1"})
	_ = late.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(late, "GET /late HTTP/1.1\r\n"+host+"Connection: close\r\n\r\n")
	if answer, err := io.ReadAll(late); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Errorf("a handshake that was under way: %q, %v", answer, err)
	}
	select {
	case <-stopped:
		t.Error("it returned while a caller was in its handshake")
	default:
	}
	cancel()
	<-stopped
}
