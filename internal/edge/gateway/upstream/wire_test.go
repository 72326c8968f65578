package upstream_test

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/upstream"
)

// wire is the upstream's end of one connection, played byte by byte.
type wire struct {
	net.Conn
	t  *testing.T
	br *bufio.Reader
}

// request reads one request and returns its head and body, or "" if the client
// has closed the connection instead.
func (w *wire) request() (head, body string) {
	var b strings.Builder
	length := 0
	for !strings.HasSuffix(b.String(), "\r\n\r\n") {
		line, err := w.br.ReadString('\n')
		if err != nil {
			return "", ""
		}
		if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			length, _ = strconv.Atoi(strings.TrimSpace(v))
		}
		b.WriteString(line)
	}
	content := make([]byte, length)
	if _, err := io.ReadFull(w.br, content); err != nil {
		w.t.Errorf("upstream: request body: %v", err)
	}
	return b.String(), string(content)
}

func (w *wire) send(s string) {
	if _, err := io.WriteString(w, s); err != nil {
		w.t.Errorf("upstream: send: %v", err)
	}
}

// ended waits until the client has closed the connection.
func (w *wire) ended() {
	if rest, err := io.ReadAll(w.br); len(rest) > 0 {
		w.t.Errorf("upstream: unexpected bytes %q (%v)", rest, err)
	}
}

func (w *wire) exchange(answer string) {
	w.request()
	w.send(answer)
}

// serve plays one script per connection, in the order of arrival. More
// connections than scripts fail the test.
func serve(t *testing.T, scripts ...func(w *wire)) *url.URL {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, ln, "http", scripts...)
}

func serveOn(t *testing.T, ln net.Listener, scheme string, scripts ...func(w *wire)) *url.URL {
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if i >= len(scripts) {
				t.Errorf("upstream: connection %d is one too many", i+1)
				_ = c.Close()
				continue
			}
			wg.Go(func() {
				defer c.Close()
				scripts[i](&wire{Conn: c, t: t, br: bufio.NewReader(c)})
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return &url.URL{Scheme: scheme, Host: ln.Addr().String()}
}

// always plays the same script on every connection.
func always(n int, script func(w *wire)) []func(w *wire) {
	all := make([]func(w *wire), n)
	for i := range all {
		all[i] = script
	}
	return all
}

// client makes a client for the test; dialled, if not nil, collects its
// connections.
func client(t *testing.T, cfg upstream.Config, dialled *dials) upstream.Doer {
	t.Helper()
	if dialled != nil {
		cfg.Dial = dialled.dial
	}
	cfg.DialTimeout, cfg.QueueTimeout = cmp.Or(cfg.DialTimeout, time.Minute), cmp.Or(cfg.QueueTimeout, time.Minute) // for a machine that does much else
	d, err := upstream.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// dials remembers the client's connections, to look into their sockets.
type dials struct {
	mu    sync.Mutex
	conns []*net.TCPConn
}

func (d *dials) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns = append(d.conns, c.(*net.TCPConn))
	return c, nil
}

func (d *dials) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns)
}

// arrived waits until bytes or the end of the stream have reached the client's
// socket, so that no test has to hope that they have.
func (d *dials) arrived(t *testing.T, i int) {
	t.Helper()
	d.mu.Lock()
	c := d.conns[i]
	d.mu.Unlock()
	_ = c.SetReadDeadline(time.Time{})
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return err != syscall.EAGAIN
	})
	if err != nil {
		t.Fatal(err)
	}
}

type answer struct {
	Status int
	Body   string
	Header http.Header
}

// ask sends a request and reads the whole answer.
func ask(d upstream.Doer, method, target string, body ...string) (answer, error) {
	var resp upstream.Response
	r := &upstream.Request{Method: method, Target: target, Body: []byte(strings.Join(body, ""))}
	if err := d.Do(context.Background(), r, &resp); err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.Status, string(b), resp.Header.Map()}, err
}

func mustAsk(t *testing.T, d upstream.Doer, method, target, wantBody string, body ...string) {
	t.Helper()
	got, err := ask(d, method, target, body...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	if got.Body != wantBody {
		t.Fatalf("%s %s: body %q, want %q", method, target, got.Body, wantBody)
	}
}

// ok is an answer with a length.
func ok(body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}
