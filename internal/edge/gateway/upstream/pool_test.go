package upstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"countersign.dev/internal/edge/gateway/upstream"
)

func TestPoolRefusesMoreThanMaxConns(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		hold := func(w *wire) { w.exchange("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"); w.ended() }
		answer := func(w *wire) { w.exchange(ok("free")); w.ended() }
		u := serve(t, hold, hold, answer)
		d := client(t, upstream.Config{URL: u, MaxConns: 2, QueueTimeout: brief, Standard: standard}, nil)
		r := &upstream.Request{Method: "GET", Target: "/"}
		first, second := open(t, d, t.Context(), r), open(t, d, t.Context(), r)
		if _, err := ask(d, "GET", "/"); !errors.Is(err, upstream.ErrOverloaded) {
			t.Fatalf("third connection: %v, want overloaded", err)
		}
		_ = first.Body.Close()
		mustAsk(t, d, "GET", "/", "free")
		_ = second.Body.Close()
		_ = d.Close()
	})
}

// Failures give their place back: afterwards the whole bound is still there.
func TestPoolCountsFailuresDown(t *testing.T) {
	refused := errors.New("refused")
	fails := true
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if fails {
			return nil, refused
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	u := serve(t, func(w *wire) { w.exchange("garbage\r\n") }, func(w *wire) { w.request() },
		func(w *wire) { w.exchange(ok("fine")); w.ended() })
	d := client(t, upstream.Config{URL: u, MaxConns: 1, Dial: dial}, nil)
	for range 3 {
		if _, err := ask(d, "GET", "/"); !errors.Is(err, upstream.ErrUnreachable) || !errors.Is(err, refused) {
			t.Fatalf("error %v, want unreachable with its cause", err)
		}
	}
	fails = false
	for _, want := range []error{upstream.ErrInvalidAnswer, upstream.ErrUnreachable, nil} {
		if _, err := ask(d, "GET", "/"); !errors.Is(err, want) {
			t.Fatalf("error %v, want %v", err, want)
		}
	}
}

// Three connections at once, one may stay: the others are closed. Of two idle
// ones the one used last is taken.
func TestPoolKeepsMaxIdleAndTakesTheLast(t *testing.T) {
	u := serve(t,
		func(w *wire) { w.exchange(ok("0")); w.ended() },
		func(w *wire) { w.exchange(ok("1")); w.exchange(ok("last")); w.exchange(ok("last")); w.ended() },
		func(w *wire) { w.exchange(ok("2")); w.ended() })
	d := client(t, upstream.Config{URL: u, MaxIdle: 2}, nil)
	r := &upstream.Request{Method: "GET", Target: "/"}
	open3 := []*upstream.Response{open(t, d, t.Context(), r), open(t, d, t.Context(), r), open(t, d, t.Context(), r)}
	for _, i := range []int{0, 1, 2} { // 2 finds no room
		if _, err := io.ReadAll(open3[i].Body); err != nil {
			t.Fatal(err)
		}
	}
	mustAsk(t, d, "GET", "/", "last")
	mustAsk(t, d, "GET", "/", "last")
}

// The place of the connection that failed is free for its retry.
func TestPoolHasRoomForARetry(t *testing.T) {
	u := serve(t,
		func(w *wire) { w.exchange(ok("a")); w.request() },
		func(w *wire) { w.exchange(ok("fresh")); w.ended() })
	d := client(t, upstream.Config{URL: u, MaxConns: 1}, nil)
	mustAsk(t, d, "GET", "/", "a")
	mustAsk(t, d, "GET", "/", "fresh")
}

func TestCloseEndsIdleConnectionsAndLetsRunningOnesFinish(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		rest := make(chan struct{})
		u := serve(t, func(w *wire) {
			w.exchange("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
			<-rest
			w.send("rest")
			w.ended()
		})
		d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
		resp := open(t, d, t.Context(), &upstream.Request{Method: "GET", Target: "/"})
		_ = d.Close()
		close(rest)
		readN(t, resp.Body, "rest")
		_, _ = resp.Body.Read(make([]byte, 1))
		_ = resp.Body.Close()
		if _, err := ask(d, "GET", "/"); !errors.Is(err, upstream.ErrUnreachable) {
			t.Fatalf("after Close: %v, want unreachable", err)
		}
		_ = d.Close()
	})
}

// A connection that cannot be peeked is never used twice.
func TestConnectionThatCannotBePeekedIsUsedOnce(t *testing.T) {
	u := serve(t, func(w *wire) { w.exchange(ok("a")); w.ended() }, func(w *wire) { w.exchange(ok("b")); w.ended() })
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return struct{ net.Conn }{c}, err
	}
	d := client(t, upstream.Config{URL: u, Dial: dial}, nil)
	mustAsk(t, d, "GET", "/", "a")
	mustAsk(t, d, "GET", "/", "b")
}

// Everybody gets the answer to their own question, also while some leave early.
func TestConcurrentCallersGetTheirOwnAnswers(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				t.Error(err)
			}
			w.Header().Set("X-Echo", r.RequestURI)
			if r.Method == "POST" {
				w.WriteHeader(http.StatusEarlyHints)
			}
			_, _ = io.Copy(w, r.Body)
		}))
		t.Cleanup(s.Close)
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
		var wg sync.WaitGroup
		for g := range 50 {
			wg.Go(func() {
				var resp upstream.Response
				for i := range 20 {
					echo(t, d, &resp, fmt.Sprintf("/%d/%d", g, i), (g+i)%13)
				}
			})
		}
		wg.Wait()
	})
}

// echo asks for its own target back; kind varies method, size and manners.
func echo(t *testing.T, d upstream.Doer, resp *upstream.Response, target string, kind int) {
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r := &upstream.Request{Method: "GET", Target: target, Body: []byte(target)}
	switch kind {
	case 1:
		r.Body = bytes.Repeat([]byte(target), 20_000)
	case 2, 3:
		r.Method = "POST"
	case 4:
		leave()
	}
	err := d.Do(ctx, r, resp)
	if kind == 4 && errors.Is(err, upstream.ErrCanceled) {
		return
	}
	if err != nil {
		t.Errorf("%s: %v", target, err)
		return
	}
	defer resp.Body.Close()
	if resp.Header.Get("X-Echo") != target {
		t.Errorf("%s got the answer to %s", target, resp.Header.Get("X-Echo"))
	}
	if kind == 5 {
		return // leaves without reading
	}
	if body, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(body, r.Body) {
		t.Errorf("%s: %d bytes back, %v", target, len(body), err)
	}
}
