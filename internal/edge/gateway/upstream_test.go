package gateway_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"

// arrival is one request as the upstream got it, byte for byte.
type arrival struct {
	line   string
	fields []string // header lines, in their order
	body   string
}

// field is the only value of a header, by its exact spelling; "-" if it is not there.
func (a arrival) field(name string) string {
	found := "-"
	for _, f := range a.fields {
		if value, ok := strings.CutPrefix(f, name+": "); ok {
			if found != "-" {
				return "twice"
			}
			found = value
		}
	}
	return found
}

// rawUpstream is a TCP server that keeps every byte that reaches it and answers with bytes.
type rawUpstream struct {
	t    testing.TB
	addr string

	mu       sync.Mutex
	seen     bytes.Buffer
	conns    int
	answer   func(net.Conn, arrival) // nil: okAnswer
	arrivals chan arrival
}

func newRawUpstream(t testing.TB) *rawUpstream {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &rawUpstream{t: t, addr: listener.Addr().String(), arrivals: make(chan arrival, 10_000)}
	var serving sync.WaitGroup
	open := map[net.Conn]bool{}
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			u.mu.Lock()
			u.conns++
			open[c] = true
			u.mu.Unlock()
			serving.Go(func() { defer c.Close(); u.converse(c) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		u.mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		u.mu.Unlock()
		serving.Wait()
	})
	return u
}

// answers sets what comes back from now on.
func (u *rawUpstream) answers(f func(net.Conn, arrival)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = f
}

// says sets bytes that come back from now on.
func (u *rawUpstream) says(text string) {
	u.answers(func(c net.Conn, _ arrival) { _, _ = io.WriteString(c, text) })
}

func (u *rawUpstream) converse(c net.Conn) {
	in := bufio.NewReader(io.TeeReader(c, u))
	for {
		a, err := readArrival(in)
		if err != nil {
			return
		}
		u.mu.Lock()
		answer := u.answer
		u.mu.Unlock()
		u.arrivals <- a
		if answer == nil {
			_, _ = io.WriteString(c, okAnswer)
		} else {
			answer(c, a)
		}
	}
}

// Write keeps what was read from a connection.
func (u *rawUpstream) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen.Write(p)
}

func readArrival(in *bufio.Reader) (a arrival, err error) {
	length := 0
	for first := true; ; first = false {
		line, err := in.ReadString('\n')
		if err != nil {
			return a, err
		}
		line = strings.TrimSuffix(line, "\r\n")
		switch {
		case first:
			a.line = line
			continue
		case line == "":
			body := make([]byte, length)
			_, err := io.ReadFull(in, body)
			a.body = string(body)
			return a, err
		}
		a.fields = append(a.fields, line)
		if n, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			length, _ = strconv.Atoi(n)
		}
	}
}

// next is the next request that arrives.
func (u *rawUpstream) next() arrival {
	u.t.Helper()
	select {
	case a := <-u.arrivals:
		return a
	case <-time.After(patience):
		u.t.Fatal("nothing reached the upstream")
	}
	return arrival{}
}

// all is every byte that has arrived.
func (u *rawUpstream) all() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen.String()
}

// untouched fails the test if one byte, or one connection, has reached the upstream.
func (u *rawUpstream) untouched() {
	u.t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.seen.Len() != 0 || u.conns != 0 {
		u.t.Errorf("the upstream saw %d connections and these bytes: %q", u.conns, u.seen.String())
	}
}
