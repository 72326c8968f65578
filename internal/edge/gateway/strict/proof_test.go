package strict_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"

	"countersign.dev/internal/edge/gateway/strict"
)

// plain is a connection without a network, with what was refused on it.
func plain(data ...string) (c io.ReadWriter, w *wire, ctx context.Context, told *[]strict.Fault) {
	w, told = &wire{}, new([]strict.Fault)
	for _, d := range data {
		w.pieces = append(w.pieces, []byte(d))
	}
	conn := strict.NewPlainConn(w, strict.Config{OnRefused: func(_ netip.AddrPort, f strict.Fault) { *told = append(*told, f) }})
	return conn, w, strict.ConnContext(context.Background(), conn), told
}

// TestOneReadNeverHoldsTwoMessages is one half of the reason why MarksOf is right.
func TestOneReadNeverHoldsTwoMessages(t *testing.T) {
	post := "POST /x HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc"
	chunks := chunked("3\r\nabc\r\n0\r\nX-A: b\r\n\r\n")
	c, _, _, _ := plain(post + goodGet + chunks + goodGet)
	buf := make([]byte, 4096)
	for _, want := range []string{post, goodGet, chunks, goodGet} {
		if n, err := c.Read(buf); err != nil || string(buf[:n]) != want {
			t.Fatalf("read %q, %v; want %q", buf[:n], err, want)
		}
	}
}

// TestBackgroundReadKeepsTheMarks is the other half: the one byte of the next
// request that net/http may read while a handler runs changes no marks.
func TestBackgroundReadKeepsTheMarks(t *testing.T) {
	c, _, ctx, _ := plain("GET /a HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n" + goodGet)
	br := bufio.NewReader(c)
	if _, err := http.ReadRequest(br); err != nil {
		t.Fatal(err)
	}
	before := strict.MarksOf(ctx)
	if before.HeaderLines != 2 {
		t.Fatalf("marks %+v", *before)
	}
	var one [1]byte
	if n, err := c.Read(one[:]); n != 1 || err != nil || one[0] != 'G' {
		t.Fatalf("background read: %q, %v", one[:n], err)
	}
	if after := strict.MarksOf(ctx); after != before || after.HeaderLines != 2 {
		t.Errorf("the marks changed to %+v", *after)
	}
	if _, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader("G"), c))); err != nil {
		t.Fatal(err)
	}
	if after := strict.MarksOf(ctx); after.HeaderLines != 1 {
		t.Errorf("the marks of the second request are %+v", *after)
	}
}

// TestFaultInBackgroundReadWaits: our answer to the next request must not fall
// into the middle of the answer that a handler is writing.
func TestFaultInBackgroundReadWaits(t *testing.T) {
	for _, next := range []string{"\x00", " GET", "\n", "\r\r", "\r\n\r\n", "(("} {
		c, w, _, told := plain(goodGet, next)
		buf := make([]byte, 4096)
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(buf[:1])
		if n != 1 || err != nil || w.sent.Len() != 0 || len(*told) != 0 {
			t.Fatalf("%q: background read gave %d, %v; sent %q, told %v", next, n, err, w.sent.String(), *told)
		}
		if n, err = c.Read(buf); n != 0 || err == nil || len(*told) != 1 {
			t.Fatalf("%q: the next read gave %d, %v; told %v", next, n, err, *told)
		}
		if !strings.HasPrefix(w.sent.String(), "HTTP/1.1 400 ") {
			t.Errorf("%q: sent %q", next, w.sent.String())
		}
	}
}

// TestNothingFollowsAMarkedHead: no reader gets a byte after a head whose
// framing is in doubt, and a background read learns that the peer has left.
func TestNothingFollowsAMarkedHead(t *testing.T) {
	head := "GET /x HTTP/1.1\nHost: a\r\n\r\n"
	c, _, ctx, _ := plain(head+smuggled, smuggled)
	buf := make([]byte, 4096)
	if n, err := c.Read(buf); err != nil || string(buf[:n]) != head {
		t.Fatalf("read %q, %v", buf[:n], err)
	}
	if m := strict.MarksOf(ctx); m.Fault != strict.BareLF || !m.MustClose {
		t.Fatalf("marks %+v", *m)
	}
	if n, err := c.Read(buf[:1]); n != 0 || err != io.EOF {
		t.Errorf("background read gave %d, %v; want EOF", n, err)
	}
	n, err := c.Read(buf)
	if n != 0 || !errors.Is(err, strict.BareLF) {
		t.Errorf("read gave %d, %v", n, err)
	}
	if _, err := c.Write([]byte("HTTP/1.1 400")); err != nil {
		t.Errorf("the handler cannot answer: %v", err)
	}
}

// TestNoAnswerToABrokenHead: net/http parses what it has of a line when a read
// fails in the middle of it, and would answer that; a response between two
// requests is not touched.
func TestNoAnswerToABrokenHead(t *testing.T) {
	for _, end := range []error{os.ErrDeadlineExceeded, io.ErrUnexpectedEOF, net.ErrClosed} {
		c, w, _, _ := plain(goodGet + "GET /half HTT")
		w.end = end
		br := bufio.NewReader(c)
		if _, err := http.ReadRequest(br); err != nil {
			t.Fatal(err)
		}
		if _, err := http.ReadRequest(br); err == nil {
			t.Fatal("half a head was served")
		}
		if _, err := c.Write([]byte("HTTP/1.1 400")); err == nil || w.sent.Len() != 0 {
			t.Errorf("%v: net/http could answer by itself", end)
		}
		c, w, _, _ = plain(goodGet)
		w.end = end
		buf := make([]byte, 4096)
		_, _ = c.Read(buf)
		if _, err := c.Read(buf[:1]); err == nil {
			t.Fatal("no error")
		}
		if _, err := c.Write([]byte("answer")); err != nil {
			t.Errorf("%v in the background read: the handler cannot answer: %v", end, err)
		}
	}
}

// TestTrap6NoRequestStartsOnAConnectionClosedAsIdle, even when its head is
// complete a moment later; and none is closed as idle once it has started.
func TestTrap6NoRequestStartsOnAConnectionClosedAsIdle(t *testing.T) {
	c, w, ctx, _ := plain(goodGet[:20], goodGet[20:])
	buf := make([]byte, 4096)
	if _, err := c.Read(buf); err != nil {
		t.Fatal(err)
	}
	if !strict.CloseAsIdle(c.(net.Conn)) {
		t.Fatal("half a head counts as a request")
	}
	if n, err := c.Read(buf); n != 0 || err == nil || strict.MarksOf(ctx) != nil {
		t.Errorf("the end of the head was read: %d, %v", n, err)
	}
	if _, err := c.Write([]byte("x")); err == nil || w.sent.Len() != 0 {
		t.Error("net/http could answer by itself")
	}
	c, _, _, _ = plain(goodGet)
	if _, err := c.Read(buf); err != nil || strict.CloseAsIdle(c.(net.Conn)) {
		t.Errorf("a request that has started was closed as idle, or: %v", err)
	}
}

// TestNoWriteAfterOurAnswer: net/http cannot add an answer of its own.
func TestNoWriteAfterOurAnswer(t *testing.T) {
	c, w, _, _ := plain("GET /x HTTP/9.9\r\n")
	if _, err := c.Read(make([]byte, 4096)); err == nil {
		t.Fatal("not refused")
	}
	sent := w.sent.String()
	if _, err := c.Write([]byte("x")); err == nil || w.sent.String() != sent {
		t.Error("a write after our answer went through")
	}
}

// TestScanDoesNotAllocate: a clean request on a kept connection costs no
// allocation, marks included.
func TestScanDoesNotAllocate(t *testing.T) {
	w := &endless{data: []byte(typical)}
	conn := strict.NewPlainConn(w, strict.Config{})
	ctx := strict.ConnContext(context.Background(), conn)
	buf := make([]byte, 4096)
	n := testing.AllocsPerRun(100, func() {
		if n, err := conn.Read(buf); n != len(typical) || err != nil {
			t.Fatal(n, err)
		}
		if strict.MarksOf(ctx).Fault != strict.None {
			t.Fatal("marked")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
