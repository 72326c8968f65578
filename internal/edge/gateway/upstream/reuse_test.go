package upstream_test

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/fields"
	"countersign.dev/internal/edge/gateway/upstream"
)

func TestDesign12InterimAnswerDoesNotShiftTheNextAnswer(t *testing.T) {
	u := serve(t, func(w *wire) {
		w.exchange("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("first"))
		w.exchange("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + ok("second"))
		w.exchange(ok("third"))
		w.ended()
	})
	d := client(t, upstream.Config{URL: u}, nil)
	for _, want := range []string{"first", "second", "third"} {
		got, err := ask(d, "GET", "/"+want)
		if err != nil || got.Body != want || got.Header.Get("Link") != "" {
			t.Fatalf("got %+v, %v; want %q without the interim fields", got, err, want)
		}
	}
}

func TestDesign12InterimAnswersAreBounded(t *testing.T) {
	hint := "HTTP/1.1 103 Early Hints\r\n\r\n"
	five := hint + hint + hint + hint + hint
	u := serve(t,
		func(w *wire) { w.exchange(five + ok("fine")); w.exchange(five + hint + ok("late")); w.ended() })
	d := client(t, upstream.Config{URL: u}, nil)
	mustAsk(t, d, "GET", "/", "fine")
	if _, err := ask(d, "GET", "/"); !errors.Is(err, upstream.ErrInvalidAnswer) {
		t.Fatalf("six interim answers: %v", err)
	}
}

// Bytes that arrive after an answer must never become the next caller's.
func TestDesign12LateBytesNeverBecomeTheNextAnswer(t *testing.T) {
	later := make(chan struct{})
	u := serve(t,
		func(w *wire) {
			w.exchange(ok("first"))
			<-later
			w.send(ok("someone else's"))
			w.ended()
		},
		func(w *wire) { w.exchange(ok("second")); w.ended() })
	var conns dials
	d := client(t, upstream.Config{URL: u}, &conns)
	mustAsk(t, d, "GET", "/", "first")
	close(later)
	conns.arrived(t, 0)
	mustAsk(t, d, "POST", "/", "second", "x")
}

func TestDesign12SecondAnswerInOnePacketIsNotHandedOut(t *testing.T) {
	u := serve(t,
		func(w *wire) { w.exchange(ok("first") + ok("someone else's")); w.ended() },
		func(w *wire) {
			w.exchange("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" + ok("someone else's"))
			w.ended()
		},
		func(w *wire) { w.exchange("HTTP/1.1 204 No Content\r\n\r\n" + ok("someone else's")); w.ended() },
		func(w *wire) { w.exchange(ok("fourth")); w.ended() })
	d := client(t, upstream.Config{URL: u}, nil)
	for _, want := range []string{"first", "x", "", "fourth"} {
		mustAsk(t, d, "GET", "/", want)
	}
}

func TestDesign12IdleConnectionClosedByUpstreamIsInvisible(t *testing.T) {
	for _, method := range []string{"GET", "POST", "PUT", "PATCH"} {
		t.Run(method, func(t *testing.T) {
			var got atomic.Int32
			u := serve(t,
				func(w *wire) { w.exchange(ok("first")) },
				func(w *wire) {
					if _, body := w.request(); body == "payload" {
						got.Add(1)
					}
					w.send(ok("second"))
					w.ended()
				})
			var conns dials
			d := client(t, upstream.Config{URL: u}, &conns)
			mustAsk(t, d, "GET", "/", "first")
			conns.arrived(t, 0)
			mustAsk(t, d, method, "/", "second", "payload")
			if got.Load() != 1 {
				t.Fatalf("upstream received the request %d times", got.Load())
			}
		})
	}
}

// The upstream takes a request on a used connection and hangs up: only a safe
// method is sent again, once. An idempotency key changes nothing.
func TestDesign12RetriesOnlyWhatIsSafe(t *testing.T) {
	for method, want := range map[string]struct {
		requests int32
		err      error
	}{
		"GET": {3, nil}, "HEAD": {3, nil}, "OPTIONS": {3, nil},
		"POST": {2, upstream.ErrUnreachable}, "PUT": {2, upstream.ErrUnreachable},
		"PATCH": {2, upstream.ErrUnreachable}, "DELETE": {2, upstream.ErrUnreachable},
	} {
		for _, body := range []string{"", "body"} {
			both(t, func(t *testing.T, standard bool) {
				var requests atomic.Int32
				count := func(w *wire) { w.request(); requests.Add(1) }
				u := serve(t,
					func(w *wire) { count(w); w.send(ok("")); count(w) },
					func(w *wire) { count(w); w.send(ok("")); w.ended() })
				d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
				mustAsk(t, d, "GET", "/", "")
				var resp upstream.Response
				r := &upstream.Request{Method: method, Target: "/", Body: []byte(body), Header: fields.Of(http.Header{"Idempotency-Key": {"k"}})}
				if err := d.Do(t.Context(), r, &resp); !errors.Is(err, want.err) {
					t.Fatalf("%s %q: error %v, want %v", method, body, err, want.err)
				}
				_ = resp.Body.Close()
				_ = d.Close()
				if requests.Load() != want.requests {
					t.Fatalf("%s %q: upstream received %d requests, want %d", method, body, requests.Load(), want.requests)
				}
			})
		}
	}
}

// A request of which no byte left is sent again whatever its method. Here the
// connection can no longer be written to, but does not look closed.
func TestDesign12RetriesWhatWasNeverSent(t *testing.T) {
	over := make(chan struct{})
	u := serve(t,
		func(w *wire) { w.exchange(ok("first")); w.ended(); <-over },
		func(w *wire) { w.exchange(ok("second")); w.ended() })
	var conns dials
	d := client(t, upstream.Config{URL: u}, &conns)
	mustAsk(t, d, "GET", "/", "first")
	if err := conns.conns[0].CloseWrite(); err != nil {
		t.Fatal(err)
	}
	mustAsk(t, d, "POST", "/", "second", "body")
	close(over)
}

func TestDesign12RetriesOnceAndNeverOnAFreshConnection(t *testing.T) {
	hangUp := func(w *wire) { w.request() }
	u := serve(t,
		func(w *wire) { w.exchange(ok("")); w.request() }, hangUp, // used, then fresh
		hangUp) // fresh
	d := client(t, upstream.Config{URL: u}, nil)
	mustAsk(t, d, "GET", "/", "")
	for range 2 {
		if _, err := ask(d, "GET", "/"); !errors.Is(err, upstream.ErrUnreachable) {
			t.Fatalf("error %v, want unreachable", err)
		}
	}
}

// An answer that began is not asked for again, however it ends.
func TestDesign12NoRetryOnceAnAnswerBegan(t *testing.T) {
	u := serve(t, func(w *wire) { w.exchange(ok("")); w.exchange("HTTP/1.1 20") })
	d := client(t, upstream.Config{URL: u}, nil)
	mustAsk(t, d, "GET", "/", "")
	_, err := ask(d, "GET", "/")
	if !errors.Is(err, upstream.ErrInvalidAnswer) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("error %v, want an invalid answer that ended early", err)
	}
}

func TestIdleConnectionExpires(t *testing.T) {
	var mu sync.Mutex
	now := time.Unix(1e9, 0)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	u := serve(t,
		func(w *wire) { w.exchange(ok("a")); w.exchange(ok("b")); w.ended() },
		func(w *wire) { w.exchange(ok("c")); w.ended() })
	d := client(t, upstream.Config{URL: u, IdleTimeout: time.Minute, Clock: clock}, nil)
	mustAsk(t, d, "GET", "/", "a")
	mustAsk(t, d, "GET", "/", "b")
	mu.Lock()
	now = now.Add(time.Minute)
	mu.Unlock()
	mustAsk(t, d, "GET", "/", "c")
}

// Nobody asks again, and the connection is closed all the same.
func TestIdleConnectionExpiresWithoutTraffic(t *testing.T) {
	closed := make(chan struct{})
	u := serve(t, func(w *wire) { w.exchange(ok("a")); w.ended(); close(closed) })
	d := client(t, upstream.Config{URL: u, IdleTimeout: 10 * time.Millisecond}, nil)
	mustAsk(t, d, "GET", "/", "a")
	<-closed
}
