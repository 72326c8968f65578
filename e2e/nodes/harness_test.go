package nodes_test

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/redistest"
)

// TestTheServersFallAndRise: what the faults below are made of does what it says, or they would prove nothing.
func TestTheServersFallAndRise(t *testing.T) {
	p := thePostgres(t)
	url := p.database(t)
	p.server.Do(t, url, "CREATE TABLE kept (n INTEGER)")
	for name, fall := range map[string]func(){"kill -9": func() { p.kill(t) }, "stop": func() { p.stop(t) }} {
		fall()
		if conn, err := net.Dial("unix", p.socket()); err == nil {
			_ = conn.Close()
			t.Errorf("%s: PostgreSQL still answers", name)
		}
		p.start(t)
		p.server.Do(t, url, "INSERT INTO kept VALUES (1)")
	}
	p.pause(t)
	done := make(chan struct{})
	go func() { p.server.Do(t, url, "INSERT INTO kept VALUES (2)"); close(done) }()
	select {
	case <-done:
		t.Error("a paused PostgreSQL answers")
	case <-time.After(200 * time.Millisecond):
	}
	p.resume(t)
	<-done
}

// TestTheRelay: bytes pass, are held, and are cut off; what a node asks a Redis is counted.
func TestTheRelay(t *testing.T) {
	server := redistest.Start(t)
	r := newRelay(t, "127.0.0.2", server.Address, newCommands())
	t.Cleanup(r.close)
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", r.address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	ping := func(conn net.Conn, limit time.Duration) string {
		_ = conn.SetDeadline(time.Now().Add(limit))
		if _, err := io.WriteString(conn, "*2\r\n$4\r\nPING\r\n$3\r\none\r\n"); err != nil {
			return err.Error()
		}
		text := make([]byte, 9)
		if _, err := io.ReadFull(conn, text); err != nil {
			return err.Error()
		}
		return string(text)
	}
	const pong = "$3\r\none\r\n"
	first := dial()
	if got := ping(first, patience); got != pong {
		t.Fatalf("a whole network: %q", got)
	}
	r.set(stalled)
	if got := ping(first, 200*time.Millisecond); !strings.Contains(got, "timeout") {
		t.Errorf("a stalled network: %q", got)
	}
	r.set(open)
	_ = first.SetDeadline(time.Now().Add(patience))
	if text := make([]byte, 9); true {
		if _, err := io.ReadFull(first, text); err != nil || string(text) != pong {
			t.Errorf("what was held does not arrive: %q %v", text, err)
		}
	}
	r.set(cut)
	if got := ping(first, patience); got == pong || strings.Contains(got, "timeout") {
		t.Errorf("a cut network: %q", got)
	}
	if conn, err := net.Dial("tcp", r.address()); err == nil { // or it is reset already
		if got := ping(conn, patience); got == pong || strings.Contains(got, "timeout") {
			t.Errorf("a new connection over a cut network: %q", got)
		}
		_ = conn.Close()
	}
	r.set(open)
	if got := ping(dial(), patience); got != pong {
		t.Errorf("a network that was mended: %q", got)
	}
	eventually(t, "three commands are counted", func() bool { return r.count.so()["PING one"] == 3 })
}

// TestTheLoadSeesWhatIsWrong: each kind of fault of a node is a failure of the load that meets it.
func TestTheLoadSeesWhatIsWrong(t *testing.T) {
	ok, twice, refusal := answer{status: 200}, answer{status: 409, code: "replayed"}, answer{status: 401, code: "unauthorized"}
	a, b := &node{host: "a"}, &node{host: "b"}
	r, stands := request{id: "x"}, false
	for name, c := range map[string]struct {
		arrived int
		do      func(l *load)
		wrong   bool
	}{
		"served":                       {1, func(l *load) { l.judge(writes, a, r, ok) }, false},
		"served, and never arrived":    {0, func(l *load) { l.judge(writes, a, r, ok) }, true},
		"arrived twice":                {2, func(l *load) { l.judge(reads, a, r, ok) }, true},
		"refused, and arrived":         {1, func(l *load) { l.judge(writes, a, r, answer{status: 503, code: "unavailable"}) }, true},
		"refused without a reason":     {0, func(l *load) { l.judge(writes, a, r, answer{status: 503, code: "unavailable"}) }, true},
		"no connection":                {0, func(l *load) { l.judge(reads, a, r, answer{code: notReached}) }, true},
		"no connection, held up":       {0, func(l *load) { stands = true; l.judge(reads, a, r, answer{code: notReached}) }, false},
		"arrived twice, held up":       {2, func(l *load) { stands = true; l.judge(reads, a, r, ok) }, true},
		"forged, let in, held up":      {1, func(l *load) { stands = true; l.judge(forges, a, r, ok) }, true},
		"forged, refused":              {0, func(l *load) { l.judge(forges, a, r, refusal) }, false},
		"forged, let in":               {1, func(l *load) { l.judge(forges, a, r, ok) }, true},
		"forged, refused, and arrived": {1, func(l *load) { l.judge(forges, a, r, refusal) }, true},
		"doubled, once let in":         {1, func(l *load) { l.judgeDoubles([]*node{a, b}, r, []answer{ok, twice}) }, false},
		"doubled, never let in":        {0, func(l *load) { l.judgeDoubles([]*node{a, b}, r, []answer{twice, twice}) }, false},
		"doubled, twice let in":        {2, func(l *load) { l.judgeDoubles([]*node{a, b}, r, []answer{ok, ok}) }, true},
		"doubled, twice at upstream":   {2, func(l *load) { l.judgeDoubles([]*node{a, b}, r, []answer{ok, {code: noAnswer}}) }, true},
		"again, refused":               {1, func(l *load) { l.judge(repeats, a, r, twice) }, false},
		"again, let in":                {2, func(l *load) { l.judge(repeats, a, r, ok) }, true},
		"again, arrived unseen":        {2, func(l *load) { l.judge(repeats, a, r, twice) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			stands = false
			l := &load{site: &site{upstream: &upstream{seen: map[string]int{"x": c.arrived}}}, counts: map[cell]int{}, refused: nobody, stood: func() bool { return stands }}
			if c.do(l); (l.faults > 0) != c.wrong {
				t.Errorf("it finds %q", l.wrong)
			}
		})
	}
}

// TestForgeriesAreForged: no forged request has the signature of what is sent.
func TestForgeriesAreForged(t *testing.T) {
	k, now := signingKey{"t", "s"}, time.Now()
	for way := range forgeries {
		r := forged(k, now, "id", way)
		honest := signed(k, now, http.MethodPost, "id")
		if r.text("h") == honest.text("h") {
			t.Errorf("way %d is the honest request", way)
		}
	}
}

// TestTheLoadSeesNodesThatShareNothing: two nodes with a memory of their own each let a captured request in twice, and the load finds it.
func TestTheLoadSeesNodesThatShareNothing(t *testing.T) {
	s := newSite(t, 2, map[string]string{"REPLAY": "memory"})
	l := s.startLoad(t)
	eventually(t, "the load finds a request that was let in twice", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return slices.ContainsFunc(l.wrong, func(text string) bool { return strings.Contains(text, "2 let it in, and it arrived 2 times") }) &&
			slices.ContainsFunc(l.wrong, func(text string) bool { return strings.Contains(text, " again: 200, 2 times") })
	})
}
