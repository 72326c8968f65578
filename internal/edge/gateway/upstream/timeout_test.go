package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/edge/gateway/upstream"
)

// brief must pass for the test to go on; it never decides between right and
// wrong.
const brief = 40 * time.Millisecond

func TestRule26SlowAnswersTimeOut(t *testing.T) {
	for name, start := range map[string]string{
		"nothing":           "",
		"half a head":       "HTTP/1.1 200 OK\r\nContent-Le",
		"interim and quiet": "HTTP/1.1 103 Early Hints\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, standard bool) {
				u := serve(t, func(w *wire) { w.exchange(start); w.ended() })
				d := client(t, upstream.Config{URL: u, Timeout: brief, Standard: standard}, nil)
				if _, err := ask(d, "GET", "/"); !errors.Is(err, upstream.ErrTimeout) {
					t.Fatalf("error %v, want a timeout", err)
				}
			})
		})
	}
}

// A head that trickles in byte by byte has no more time than a silent one.
func TestRule26TricklingHeadTimesOut(t *testing.T) {
	u := serve(t, func(w *wire) {
		w.request()
		for _, err := w.Write([]byte("HTTP/1.1 200 OK\r\n")); err == nil; {
			_, err = w.Write([]byte("A"))
		}
	})
	d := client(t, upstream.Config{URL: u, Timeout: brief, MaxHeaderBytes: 16 << 20}, nil)
	if _, err := ask(d, "GET", "/"); !errors.Is(err, upstream.ErrTimeout) {
		t.Fatalf("error %v, want a timeout", err)
	}
}

func TestRule26SilentBodyTimesOut(t *testing.T) {
	for _, head := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", chunkedHead + "9\r\n", "HTTP/1.0 200 OK\r\n\r\n"} {
		both(t, func(t *testing.T, standard bool) {
			u := serve(t, func(w *wire) { w.exchange(head + "part"); w.ended() })
			d := client(t, upstream.Config{URL: u, BodyTimeout: brief, Standard: standard}, nil)
			got, err := ask(d, "GET", "/")
			if got.Body != "part" || !errors.Is(err, upstream.ErrTimeout) {
				t.Fatalf("body %q, error %v, want a timeout", got.Body, err)
			}
		})
	}
}

// The clock of the head does not run on into the body, and that of the body
// runs only while the caller reads.
func TestTimeoutsDoNotRunWhileTheCallerPauses(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		synctest.Test(t, func(t *testing.T) {
			const start, pause = time.Second, 3200 * time.Millisecond // longer than the three before the body
			ours, theirs := net.Pipe()
			dial := func(context.Context, string, string) (net.Conn, error) { return ours, nil }
			d := client(t, upstream.Config{URL: &url.URL{Scheme: "http", Host: "upstream"}, Dial: dial,
				Timeout: start, WriteTimeout: start, DialTimeout: start, BodyTimeout: start, Standard: standard}, nil)
			next := make(chan struct{})
			go func() {
				w := &wire{Conn: theirs, t: t, br: bufio.NewReader(theirs)}
				w.exchange("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
				for range 2 {
					<-next
					w.send("x")
				}
				w.ended()
			}()
			resp := open(t, d, t.Context(), &upstream.Request{Method: "GET", Target: "/"})
			for range 2 {
				time.Sleep(pause)
				next <- struct{}{}
				readN(t, resp.Body, "x")
			}
			_ = resp.Body.Close()
		})
	})
}

func TestRule26UpstreamThatDoesNotReadTimesOut(t *testing.T) {
	over := make(chan struct{})
	u := serve(t, func(*wire) { <-over })
	d := client(t, upstream.Config{URL: u, WriteTimeout: brief, Timeout: time.Hour}, nil)
	if _, err := ask(d, "POST", "/", strings.Repeat("x", 32<<20)); !errors.Is(err, upstream.ErrTimeout) {
		t.Fatalf("error %v, want a timeout", err)
	}
	close(over)
}

func TestCallerGoneAbortsAtEveryStage(t *testing.T) {
	stages := map[string]struct {
		answer string // sent before the caller goes
		body   int
	}{
		"waiting for the head": {"", 0},
		"in the head":          {"HTTP/1.1 200 OK\r\nA", 0},
		"sending a body":       {"", 32 << 20},
		"in the body":          {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart", 0},
		"in a chunk":           {chunkedHead + "9\r\npart", 0},
	}
	for name, stage := range stages {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, standard bool) {
				ctx, leave := context.WithCancel(t.Context())
				closed := make(chan struct{})
				u := serve(t, func(w *wire) {
					for line := ""; line != "\r\n"; {
						line, _ = w.br.ReadString('\n')
					}
					w.send(stage.answer)
					leave()
					_, _ = io.Copy(io.Discard, w.br) // ends when the client closes
					close(closed)
				})
				d := client(t, upstream.Config{URL: u, Timeout: time.Hour, BodyTimeout: time.Hour, WriteTimeout: time.Hour, Standard: standard}, nil)
				var resp upstream.Response
				err := d.Do(ctx, &upstream.Request{Method: "POST", Target: "/", Body: make([]byte, stage.body)}, &resp)
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				if !errors.Is(err, upstream.ErrCanceled) || !errors.Is(err, context.Canceled) {
					t.Fatalf("error %v, want canceled", err)
				}
				<-closed
			})
		})
	}
}

func TestCallerGoneBeforeAndWhileDialling(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		ctx, leave := context.WithCancel(t.Context())
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			leave()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		cfg := upstream.Config{URL: serve(t), Dial: dial, DialTimeout: time.Hour, Standard: standard}
		d := client(t, cfg, nil)
		var resp upstream.Response
		for range 2 { // the second time the context is over from the start
			err := d.Do(ctx, &upstream.Request{Method: "GET", Target: "/"}, &resp)
			if !errors.Is(err, upstream.ErrCanceled) {
				t.Fatalf("error %v, want canceled", err)
			}
		}
	})
}

func TestCallersDeadlineIsATimeout(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		u := serve(t, func(w *wire) { w.request(); w.ended() })
		d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), brief)
		defer cancel()
		var resp upstream.Response
		if err := d.Do(ctx, &upstream.Request{Method: "GET", Target: "/"}, &resp); !errors.Is(err, upstream.ErrTimeout) {
			t.Fatalf("error %v, want a timeout", err)
		}
	})
}

func TestUnreachable(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		u := serveOn(t, ln, "http", func(w *wire) { w.request() })
		d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
		if _, err := ask(d, "POST", "/"); !errors.Is(err, upstream.ErrUnreachable) {
			t.Errorf("closed before an answer: %v", err)
		}
		_ = ln.Close()
		if _, err := ask(d, "GET", "/"); !errors.Is(err, upstream.ErrUnreachable) {
			t.Errorf("refused: %v", err)
		}
	})
}

func TestDialThatHangsIsUnreachable(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		d := client(t, upstream.Config{URL: serve(t), Dial: dial, DialTimeout: brief, Standard: standard}, nil)
		if _, err := ask(d, "GET", "/"); !errors.Is(err, upstream.ErrUnreachable) {
			t.Fatalf("error %v, want unreachable", err)
		}
	})
}
