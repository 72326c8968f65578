package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/upstream"
)

// canned is a connection whose peer sends fixed bytes, a few at a time, and
// takes whatever is written. It cannot be peeked, so it serves one request.
type canned struct {
	rest []byte
	step int
}

func (c *canned) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest[:min(c.step, len(c.rest))])
	c.rest = c.rest[n:]
	return n, nil
}

func (c *canned) Write(p []byte) (int, error)      { return len(p), nil }
func (c *canned) Close() error                     { return nil }
func (c *canned) LocalAddr() net.Addr              { return nil }
func (c *canned) RemoteAddr() net.Addr             { return nil }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

// hear returns what the client makes of an answer that arrives step bytes at a
// time.
func hear(t *testing.T, text []byte, step int) (answer, error) {
	t.Helper()
	d, err := upstream.New(upstream.Config{
		URL:  &url.URL{Scheme: "http", Host: "canned"},
		Dial: func(context.Context, string, string) (net.Conn, error) { return &canned{text, step}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return ask(d, "GET", "/")
}

// judge holds the client against the reference parser, whole and byte by byte,
// and everything it accepts against the lenient standard parser.
func judge(t *testing.T, text []byte) {
	want, fine := reference(text)
	for _, step := range []int{len(text) + 1, 1, 7} {
		got, err := hear(t, text, step)
		if (err == nil) != fine {
			t.Fatalf("%.300q in steps of %d: error %v, but the reference says fine=%v", text, step, err, fine)
		}
		if err != nil {
			if !errors.Is(err, upstream.ErrInvalidAnswer) && !errors.Is(err, upstream.ErrUnreachable) {
				t.Fatalf("%.300q: unexpected outcome %v", text, err)
			}
			continue
		}
		if got.Status != want.Status || got.Body != want.Body {
			t.Fatalf("%.300q in steps of %d: got %d %q, want %d %q", text, step, got.Status, got.Body, want.Status, want.Body)
		}
	}
	if fine {
		lenient(t, text, want)
	}
}

func lenient(t *testing.T, text []byte, want answer) {
	br := bufio.NewReaderSize(bytes.NewReader(text), 64<<10)
	for {
		res, err := http.ReadResponse(br, &http.Request{Method: "GET"})
		if err != nil {
			t.Fatalf("%.300q: accepted, but not by net/http: %v", text, err)
		}
		if res.StatusCode < 200 {
			continue
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != want.Status || string(body) != want.Body {
			t.Fatalf("%.300q: net/http reads %d %q %v", text, res.StatusCode, body, err)
		}
		return
	}
}

func FuzzAnswer(f *testing.F) {
	for _, text := range invalidAnswers {
		f.Add([]byte(text))
	}
	for _, g := range goodAnswers {
		f.Add([]byte(g.text))
	}
	f.Add([]byte("HTTP/1.1 103 E\r\nA: b\r\n\r\nHTTP/1.1 100\r\n\r\n" + ok("x")))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) < 16<<10 {
			judge(t, text)
		}
	})
}

func FuzzChunks(f *testing.F) {
	for _, text := range invalidAnswers {
		if body, isChunked := bytes.CutPrefix([]byte(text), []byte(chunkedHead)); isChunked {
			f.Add(body)
		}
	}
	f.Add([]byte("1;a\r\nx\r\n00a\r\n0123456789\r\n0;b=c\r\nT: u\r\n\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) < 16<<10 {
			judge(t, append([]byte(chunkedHead), body...))
		}
	})
}
