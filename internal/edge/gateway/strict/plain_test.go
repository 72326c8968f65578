package strict_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/strict"
)

// wire is a transport without a network: reads give the pieces one after the
// other, then the end: EOF unless set.
type wire struct {
	pieces [][]byte
	end    error
	sent   bytes.Buffer
}

func (w *wire) Read(p []byte) (int, error) {
	if len(w.pieces) == 0 && w.end != nil {
		return 0, w.end
	}
	if len(w.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, w.pieces[0])
	if w.pieces[0] = w.pieces[0][n:]; len(w.pieces[0]) == 0 {
		w.pieces = w.pieces[1:]
	}
	return n, nil
}

func (w *wire) Write(p []byte) (int, error)            { return w.sent.Write(p) }
func (*wire) Close() error                             { return nil }
func (*wire) CloseWrite() error                        { return nil }
func (*wire) ConnectionState() (s tls.ConnectionState) { return s }
func (*wire) LocalAddr() net.Addr                      { return &net.TCPAddr{} }
func (*wire) RemoteAddr() net.Addr                     { return &net.TCPAddr{} }
func (*wire) SetDeadline(time.Time) error              { return nil }
func (*wire) SetReadDeadline(time.Time) error          { return nil }
func (*wire) SetWriteDeadline(time.Time) error         { return nil }

// pieces cuts data into pieces of size n; 0: one piece.
func pieces(data []byte, n int) [][]byte {
	if n == 0 {
		n = max(len(data), 1)
	}
	var out [][]byte
	for len(data) > 0 {
		m := min(n, len(data))
		out = append(out, data[:m])
		data = data[m:]
	}
	return out
}

// outcome is what net/http's parser got of one connection.
type outcome struct {
	Served  []served
	Refused []strict.Fault
	Sent    string // our own answer
}

type served struct {
	Target, Body string
	Start, End   strict.Marks
	Cut          bool // the body ended with an error
}

// serve reads requests as the standard server does. It fails the test when
// net/http would have answered something by itself.
func serve(t testing.TB, data [][]byte) outcome {
	t.Helper()
	var out outcome
	w := &wire{pieces: data}
	c := strict.NewPlainConn(w, strict.Config{OnRefused: func(_ netip.AddrPort, f strict.Fault) {
		out.Refused = append(out.Refused, f)
	}})
	ctx := strict.ConnContext(context.Background(), c)
	br := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			checkSilent(t, c, err)
			break
		}
		s := served{Target: r.RequestURI, Start: *strict.MarksOf(ctx)}
		body, err := io.ReadAll(r.Body)
		s.Body, s.Cut, s.End = string(body), err != nil, *strict.MarksOf(ctx)
		out.Served = append(out.Served, s)
		if br.Buffered() != 0 && !s.Cut {
			t.Fatalf("%d bytes lie before the next request: two requests in one read", br.Buffered())
		}
		if s.Cut {
			break // the standard server closes here
		}
	}
	out.Sent = w.sent.String()
	return out
}

// checkSilent asserts that net/http ends the connection without its own answer:
// the error is one that it keeps silent about, or it cannot write.
func checkSilent(t testing.TB, c net.Conn, err error) {
	t.Helper()
	var op *net.OpError
	if err == io.EOF || errors.As(err, &op) && op.Op == "read" {
		return
	}
	if _, werr := c.Write([]byte("answer of net/http")); werr == nil {
		t.Fatalf("net/http would answer by itself: %v", err)
	}
}
