//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/heldport"
)

// TestEveryRequestIsGenuineAndUnlikeAllOthers is what a replay guard asks of writes.
func TestEveryRequestIsGenuineAndUnlikeAllOthers(t *testing.T) {
	for _, size := range []int{64, 1 << 10, 64 << 10} {
		s := fakeSite(t)
		var mu sync.Mutex
		seen, bad := map[string]bool{}, 0
		p := s.listen(t, reply(func(r *http.Request, body []byte) string {
			mu.Lock()
			defer mu.Unlock()
			if signature := r.Header.Get("X-Auth-Signature"); seen[signature] || !s.genuine(r, body) || len(body) != size {
				bad++
			} else {
				seen[signature] = true
			}
			return good
		}))
		for _, l := range []load{{conns: 3, want: 200, length: 100 * time.Millisecond}, {conns: 3, rate: 200, want: 200, length: 100 * time.Millisecond, patience: time.Hour}} {
			done, err := s.call(t.Context(), p, &form{site: s, method: "POST", target: cardTarget, size: size}, l)
			if err != nil || done.requests == 0 {
				t.Fatalf("%d bytes: %d requests, %v", size, done.requests, err)
			}
			if l.rate > 0 && done.requests != 20 {
				t.Errorf("%d bytes: %d requests at 200 a second in 100 ms, not 20", size, done.requests)
			}
		}
		mu.Lock()
		if bad > 0 || len(seen) == 0 {
			t.Errorf("%d bytes: %d bad ones, %d good ones", size, bad, len(seen))
		}
		mu.Unlock()
	}
}

// TestLatencyCountsFromTheDueMoment: a server that does not answer for a while makes all late that are due meanwhile, although only the first was sent.
func TestLatencyCountsFromTheDueMoment(t *testing.T) {
	const stall = 200 * time.Millisecond
	s := fakeSite(t)
	var first sync.Once
	p := s.listen(t, reply(func(*http.Request, []byte) string {
		first.Do(func() { <-time.After(stall) }) // what is tested: a server that stalls
		return good
	}))
	done, err := s.call(t.Context(), p, &form{site: s, method: "GET", target: cardTarget},
		load{conns: 1, rate: 1000, tick: 100 * time.Microsecond, want: 200, length: 100 * time.Millisecond, patience: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if done.requests != 100 || done.late.total != 100 {
		t.Fatalf("%d requests, %d latencies, not 100", done.requests, done.late.total)
	}
	if least := done.late.quantile(0); least < stall-100*time.Millisecond {
		t.Errorf("one is said to have taken %s; the last of them was due %s before the first answer", least, stall-100*time.Millisecond)
	}
	if done.late.longest < stall {
		t.Errorf("the first took %s", done.late.longest)
	}
}

// TestAPeerThatCannotKeepUpEndsTheTurn: what was sent is counted, and it is said.
func TestAPeerThatCannotKeepUpEndsTheTurn(t *testing.T) {
	s := fakeSite(t)
	var requests atomic.Int64
	p := s.listen(t, reply(func(*http.Request, []byte) string {
		requests.Add(1)
		<-time.After(200 * time.Millisecond)
		return good
	}))
	done, err := s.call(t.Context(), p, &form{site: s, method: "GET", target: cardTarget},
		load{conns: 2, rate: 1000, want: 200, length: time.Minute, patience: 100 * time.Millisecond})
	if err != nil || !done.fell {
		t.Fatalf("fell %v, %v", done.fell, err)
	}
	if done.requests != requests.Load() || done.requests > 4 {
		t.Errorf("%d requests counted, %d served", done.requests, requests.Load())
	}
}

// TestWhatIsNotAGoodAnswerIsAnError.
func TestWhatIsNotAGoodAnswerIsAnError(t *testing.T) {
	for _, c := range []struct{ name, answer, want string }{
		{"another status", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "answered 401 in place of 200"},
		{"no HTTP", "hello, is anybody there\r\n\r\n", "answered"},
		{"no length", "HTTP/1.1 200 OK\r\n\r\n", "without a length"},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "transfer encoding"},
		{"two answers", good + good, "more than the answer"},
		{"an endless head", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxHead), "end of its head"},
		{"an end too early", "", "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := fakeSite(t)
			p := s.listen(t, func(conn net.Conn) {
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = conn.Write([]byte(c.answer))
				}
			})
			_, err := s.call(t.Context(), p, &form{site: s, method: "GET", target: cardTarget}, load{conns: 2, want: 200, length: time.Minute})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestNothingIsLeftAfterATurn: no connection, no goroutine.
func TestNothingIsLeftAfterATurn(t *testing.T) {
	most := sockets(t) + 1 // whoever runs the tests may talk with them over one
	s := fakeSite(t)
	p := s.listen(t, reply(func(*http.Request, []byte) string { return good }))
	f, l := &form{site: s, method: "GET", target: cardTarget}, load{conns: 8, want: 200, length: 20 * time.Millisecond}
	turn := func(want error, ctx context.Context) {
		t.Helper()
		if _, err := s.call(ctx, p, f, l); !errors.Is(err, want) {
			t.Fatal(err)
		}
	}
	turn(nil, t.Context())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	turn(context.Canceled, ended)
	for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() { // the server's side ends when it has read the end
		buffer := make([]byte, 1<<20)
		stacks := string(buffer[:runtime.Stack(buffer, true)])
		if !strings.Contains(stacks, "main.reply") && !strings.Contains(stacks, "callerloop") && sockets(t) <= most {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sockets\n%s", sockets(t), stacks)
		}
	}
}

// TestACallerWithoutServerSaysSo where nobody listens, and with a certificate that it does not trust.
func TestACallerWithoutServerSaysSo(t *testing.T) {
	s, stranger := fakeSite(t), fakeSite(t)
	f, l := &form{site: s, method: "GET", target: cardTarget}, load{conns: 1, want: 200, length: time.Second}
	if _, err := s.call(t.Context(), &peer{address: heldport.Hold(t, "127.0.0.1")}, f, l); err == nil {
		t.Error("nobody listens, and it is no error")
	}
	p := stranger.listen(t, reply(func(*http.Request, []byte) string { return good }))
	if _, err := s.call(t.Context(), p, f, l); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a stranger's certificate: %v", err)
	}
}
