package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestEverybodyGetsTheirOwnAnswer: many callers at once, over a few upstream connections that are used again and again.
func TestEverybodyGetsTheirOwnAnswer(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			w, err := r.connect(sandbox, "http/1.1")
			if err != nil {
				t.Error(err)
				return
			}
			defer w.Close()
			for range 25 {
				c := patch("own")
				r.upstream.on(c.target, echo)
				w.send(c.raw(e))
				if a, err := w.read(c.method); err != nil || string(a.body) != c.target {
					t.Errorf("%s is answered by %v, %v", c.target, a, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func echo(w io.Writer, s *seen) {
	_, _ = fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(s.target), s.target)
}

// TestEqualWritesAtOnce: of equal writes that arrive together exactly one is let in.
func TestEqualWritesAtOnce(t *testing.T) {
	r := onRecorder(t)
	raw := patch("together").raw(r.Environments[sandbox])
	var mu sync.Mutex
	var group sync.WaitGroup
	statuses := map[int]int{}
	for range 20 {
		group.Go(func() {
			a, err := r.try(sandbox, raw)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			statuses[a.status]++
		})
	}
	group.Wait()
	if statuses[200] != 1 || statuses[409] != 19 {
		t.Errorf("%v", statuses)
	}
}

// TestPipelinedInOrder: two honest requests in one packet are answered in their order.
func TestPipelinedInOrder(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	first, second := patch("one"), get("two")
	r.upstream.on(first.target, echo)
	r.upstream.on(second.target, echo)
	w := r.dial(t, sandbox, "http/1.1")
	w.send(first.raw(e) + second.raw(e))
	for _, c := range []call{first, second} {
		if a, err := w.read(c.method); err != nil || string(a.body) != c.target {
			t.Errorf("%v, %v", a, err)
		}
	}
}

// held is an upstream script that tells when a request has arrived and answers when it is told to.
func held(arrived chan<- *seen, proceed <-chan struct{}) func(io.Writer, *seen) {
	return func(w io.Writer, s *seen) {
		arrived <- s
		<-proceed
		echo(w, s)
	}
}

// TestDrain: SIGTERM lets the request that is under way be answered, closes connections that say nothing or stopped in
// the middle of a head, takes no new ones, and ends with 0.
func TestDrain(t *testing.T) {
	t.Parallel()
	const most = 4 * time.Second
	took := time.Hour
	for range 3 { // a machine that does much else is late now and then; net/http by itself would wait for five seconds, always
		if took = min(took, drained(t)); took <= most {
			return
		}
	}
	t.Errorf("the end took %s after the last answer: a silent connection holds it up", took)
}

// drained is how long an end took after the last answer.
func drained(t *testing.T) time.Duration {
	t.Helper()
	r := recording(t, folder(t))
	c, arrived, proceed := get("drain"), make(chan *seen, 1), make(chan struct{})
	r.upstream.on(c.target, held(arrived, proceed))
	r.dial(t, sandbox, "http/1.1")
	r.dial(t, production, "http/1.1").send("GET /api/v1/half HTTP/1.1\r\nHost: ")
	w := r.dial(t, sandbox, "http/1.1")
	w.send(c.raw(r.Environments[sandbox]))
	<-arrived
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		late, err := r.connect(sandbox, "http/1.1")
		if err != nil {
			break
		}
		_ = late.Close()
		if time.Since(begun) > startLimit {
			t.Fatal("connections are still accepted after SIGTERM")
		}
	}
	close(proceed)
	if a, err := w.read(c.method); err != nil || a.status != 200 || string(a.body) != c.target {
		t.Errorf("%v, %v", a, err)
	}
	begun := time.Now()
	mustStop(t, r.dev)
	return time.Since(begun)
}

// TestCallerLeaves: a caller that hangs up while the upstream works is recorded, and harms nobody else.
func TestCallerLeaves(t *testing.T) {
	r := onRecorder(t)
	c, arrived, proceed := get("leaves"), make(chan *seen, 1), make(chan struct{})
	r.upstream.on(c.target, held(arrived, proceed))
	w := r.dial(t, sandbox, "http/1.1")
	w.send(c.raw(r.Environments[sandbox]))
	id := (<-arrived).one("Countersign-Request-Id")
	_ = w.Close()
	a := &answer{status: 499, header: http.Header{"Countersign-Request-Id": {id}}}
	l := r.line(t, a)
	close(proceed)
	if l.text("reason") != "client_gone" {
		t.Errorf("%v", l)
	}
	r.signed(t, sandbox, get("after")).want(t, 200)
}

// TestSlowWriter: a request that comes byte by byte is read like any other.
func TestSlowWriter(t *testing.T) {
	r := onRecorder(t)
	c := patch("slow")
	w := r.dial(t, sandbox, "http/1.1")
	for _, b := range []byte(c.raw(r.Environments[sandbox])) {
		w.send(string(b))
	}
	if a, err := w.read(c.method); err != nil || a.status != 200 {
		t.Errorf("%v, %v", a, err)
	}
	w = r.dial(t, sandbox, "http/1.1")
	for _, b := range []byte(edit(get("slow").raw(r.Environments[sandbox]), "\r\nX-Auth-Token", "\n X-Auth-Token")) {
		w.send(string(b))
	}
	if a, err := w.read("GET"); err != nil || a.status != 400 {
		t.Errorf("%v, %v", a, err)
	}
}

// TestHead: an answer to HEAD has a length and no body.
func TestHead(t *testing.T) {
	r := onRecorder(t)
	a := r.signed(t, sandbox, call{method: "HEAD", target: unique("head")}).want(t, 200)
	if len(a.body) != 0 || a.header.Get("Content-Length") != fmt.Sprint(len(success)) {
		t.Errorf("%v", a)
	}
	c := call{method: "HEAD", target: unique("head"), signature: strings.Repeat("0", 64)}
	if a := r.signed(t, sandbox, c).want(t, 401); len(a.body) != 0 {
		t.Errorf("%v", a)
	}
}
