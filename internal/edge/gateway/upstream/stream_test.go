package upstream_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/upstream"
)

// both runs a test against the lean client and the standard transport.
func both(t *testing.T, test func(t *testing.T, standard bool)) {
	t.Run("lean", func(t *testing.T) { test(t, false) })
	t.Run("standard", func(t *testing.T) { test(t, true) })
}

func open(t *testing.T, d upstream.Doer, ctx context.Context, r *upstream.Request) *upstream.Response {
	t.Helper()
	resp := new(upstream.Response)
	if err := d.Do(ctx, r, resp); err != nil {
		t.Fatal(err)
	}
	return resp
}

func readN(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

// Each part is readable before the next was sent.
func TestAnswersStream(t *testing.T) {
	for name, parts := range map[string][3]string{
		"chunked": {chunkedHead, "3\r\none\r\n", "3\r\ntwo\r\n0\r\n\r\n"},
		"sized":   {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "one", "two"},
		"to end":  {"HTTP/1.0 200 OK\r\n\r\n", "one", "two"},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, standard bool) {
				next := make(chan struct{})
				u := serve(t, func(w *wire) {
					w.request()
					for _, part := range parts {
						w.send(part)
						<-next
					}
				})
				d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
				resp := open(t, d, t.Context(), &upstream.Request{Method: "GET", Target: "/"})
				next <- struct{}{}
				readN(t, resp.Body, "one")
				next <- struct{}{}
				readN(t, resp.Body, "two")
				next <- struct{}{}
				if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Fatalf("end: %d, %v", n, err)
				}
				if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Fatalf("end again: %d, %v", n, err)
				}
				_ = resp.Body.Close()
			})
		})
	}
}

// What arrived before the connection broke is delivered, the end is an error.
func TestBodyCutShortIsAnError(t *testing.T) {
	for _, head := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", chunkedHead + "9\r\n"} {
		both(t, func(t *testing.T, standard bool) {
			u := serve(t, func(w *wire) { w.exchange(head + "part") })
			d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
			got, err := ask(d, "GET", "/")
			if got.Body != "part" || !errors.Is(err, upstream.ErrInvalidAnswer) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("body %q, error %v", got.Body, err)
			}
		})
	}
}

func TestBodyClosedEarlyClosesTheConnection(t *testing.T) {
	u := serve(t,
		func(w *wire) { w.exchange(ok("never read")); w.ended() },
		func(w *wire) { w.exchange(ok("next")); w.ended() })
	d := client(t, upstream.Config{URL: u}, nil)
	resp := open(t, d, t.Context(), &upstream.Request{Method: "GET", Target: "/"})
	readN(t, resp.Body, "never")
	for range 2 {
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := resp.Body.Read(make([]byte, 9)); n != 0 || err == nil || err == io.EOF {
		t.Fatalf("read after close: %d, %v", n, err)
	}
	mustAsk(t, d, "GET", "/", "next")
}

// A handle that outlived its exchange must not read from the next one.
func TestStaleBodyReadsNothing(t *testing.T) {
	u := serve(t, func(w *wire) { w.exchange(ok("one")); w.exchange(ok("secret")); w.ended() })
	d := client(t, upstream.Config{URL: u}, nil)
	first := open(t, d, t.Context(), &upstream.Request{Method: "GET", Target: "/"})
	readN(t, first.Body, "one")
	_, _ = first.Body.Read(make([]byte, 1))
	second := open(t, d, t.Context(), &upstream.Request{Method: "GET", Target: "/"})
	if n, err := first.Body.Read(make([]byte, 9)); n != 0 || err != io.EOF {
		t.Fatalf("stale body: %d, %v", n, err)
	}
	_ = first.Body.Close()
	readN(t, second.Body, "secret")
	_ = second.Body.Close()
}

func TestResponseIsReusable(t *testing.T) {
	u := serve(t, func(w *wire) {
		w.exchange("HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 1\r\n\r\nx")
		w.exchange("HTTP/1.1 201 Created\r\nB: 2\r\nContent-Length: 0\r\n\r\n")
		w.exchange("HTTP/1.1 20")
	})
	d := client(t, upstream.Config{URL: u}, nil)
	var resp upstream.Response
	r := &upstream.Request{Method: "POST", Target: "/"}
	for _, status := range []int{200, 201} {
		if err := d.Do(t.Context(), r, &resp); err != nil || resp.Status != status {
			t.Fatalf("status %d, %v", resp.Status, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	if resp.Header.Get("A") != "" || resp.Header.Get("B") != "2" || resp.ContentLength != 0 {
		t.Fatalf("second answer holds the first: %+v", resp)
	}
	if err := d.Do(t.Context(), r, &resp); err == nil || resp.Status != 0 || len(resp.Header) != 0 || resp.Body == nil {
		t.Fatalf("after an error: %+v, %v", resp, err)
	}
}

// An upstream that answers while it reads must not lock both sides up.
func TestLargeBodyEchoedWhileItIsSent(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		body := []byte(strings.Repeat("0123456789abcdef", 1<<20))
		u := serve(t, func(w *wire) {
			for line := ""; line != "\r\n"; {
				line, _ = w.br.ReadString('\n')
			}
			w.send("HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n")
			if _, err := io.CopyN(w.Conn, w.br, int64(len(body))); err != nil {
				t.Error(err)
			}
			w.ended()
		})
		d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
		resp := open(t, d, t.Context(), &upstream.Request{Method: "POST", Target: "/", Body: body})
		sum := sha256.New()
		n, err := io.Copy(sum, resp.Body)
		if err != nil || n != int64(len(body)) || [32]byte(sum.Sum(nil)) != sha256.Sum256(body) {
			t.Fatalf("echo of %d bytes, %v", n, err)
		}
		_ = d.Close()
	})
}

// An upstream that refuses a large body early is heard; its connection is not
// used again.
func TestEarlyAnswerToLargeBody(t *testing.T) {
	over := make(chan struct{})
	u := serve(t,
		func(w *wire) {
			for line := ""; line != "\r\n"; {
				line, _ = w.br.ReadString('\n')
			}
			w.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
			<-over
		},
		func(w *wire) { w.exchange(ok("next")); w.ended() })
	d := client(t, upstream.Config{URL: u}, nil)
	got, err := ask(d, "POST", "/", strings.Repeat("x", 32<<20))
	if err != nil || got.Status != 413 || got.Body != "no" {
		t.Fatalf("%d %q %v", got.Status, got.Body, err)
	}
	mustAsk(t, d, "GET", "/", "next")
	close(over)
}

func TestLargeBodyKeepsTheConnection(t *testing.T) {
	big := strings.Repeat("x", 200<<10)
	var got [2]string
	u := serve(t, func(w *wire) {
		_, got[0] = w.request()
		w.send(chunkedHead)
		w.send("1\r\na\r\n0\r\n\r\n")
		_, got[1] = w.request()
		w.send(ok("b"))
		w.ended()
	})
	d := client(t, upstream.Config{URL: u, WriteTimeout: time.Minute}, nil)
	mustAsk(t, d, "POST", "/", "a", big)
	mustAsk(t, d, "POST", "/", "b", "small")
	if got != [2]string{big, "small"} {
		t.Fatalf("upstream received %d and %d bytes", len(got[0]), len(got[1]))
	}
}
