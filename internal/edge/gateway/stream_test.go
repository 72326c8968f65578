package gateway_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway/upstream"
)

// TestStreamingAnswersArrivePieceByPiece: the upstream sends the next piece only after the caller has read the one before.
func TestStreamingAnswersArrivePieceByPiece(t *testing.T) {
	d := newWorld(t).open(t)
	for name, framing := range map[string]string{"chunked": "Transfer-Encoding: chunked", "with a length": "Content-Length: 15", "to the end": "Connection: close"} {
		t.Run(name, func(t *testing.T) {
			d := d.in(t)
			next := make(chan struct{}, 1)
			d.upstream.answers(func(c net.Conn, _ arrival) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+framing+"\r\n\r\n")
				for range 3 {
					text := "piece"
					if name == "chunked" {
						text = "5\r\npiece\r\n"
					}
					_, _ = io.WriteString(c, text)
					<-next
				}
				if name == "chunked" {
					_, _ = io.WriteString(c, "0\r\n\r\n")
				}
				if name == "to the end" {
					_ = c.Close()
				}
			})
			k := d.dial()
			k.send(get("good")(d).String())
			resp, a := k.head("GET")
			if a.status != 200 {
				t.Fatal(a.raw)
			}
			for range 3 {
				piece := make([]byte, 5)
				if _, err := io.ReadFull(resp.Body, piece); err != nil || string(piece) != "piece" {
					t.Fatalf("%q, %v", piece, err)
				}
				next <- struct{}{}
			}
			if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
				t.Errorf("after the last piece: %q, %v", rest, err)
			}
		})
	}
}

// TestAnswersThatBreakOffStayBroken: never a complete answer, over either protocol; and the record has the cause.
func TestAnswersThatBreakOffStayBroken(t *testing.T) {
	d := newWorld(t).open(t)
	for name, text := range map[string]string{
		"length":                    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!",
		"long, and large":           "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000),
		"chunk":                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\na\r\nfive!",
		"between chunks":            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n",
		"before the first chunk":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"bad chunk":                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\nzz\r\n",
		"last chunk without an end": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n0\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			d := d.in(t)
			d.upstream.answers(func(c net.Conn, _ arrival) { _, _ = io.WriteString(c, text); _ = c.Close() })
			k := d.dial()
			k.send(get("good")(d).String())
			resp, err := http.ReadResponse(k.in, &http.Request{Method: "GET"})
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			}
			if err == nil {
				t.Errorf("the caller got a whole answer: %q", k.raw.String())
			}
			if line, text := d.records.line(); line["cause"] == nil || line["reason"] != "allowed" {
				t.Errorf("the record does not tell the cause: %s", text)
			}
			if a := sendFrames(d, get("good")(d)); a.err == nil {
				t.Errorf("HTTP/2: the caller got a whole answer: %d %q", a.status, a.body)
			}
			d.records.line()
		})
	}
}

// TestCallerThatLeavesCancelsTheUpstream.
func TestCallerThatLeavesCancelsTheUpstream(t *testing.T) {
	d := newWorld(t).open(t)
	for name, answerHead := range map[string]string{"before the answer": "", "within it": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!"} {
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
			t.Run(name+" over "+protocol, func(t *testing.T) {
				d := d.in(t)
				over := make(chan struct{})
				d.upstream.answers(func(c net.Conn, _ arrival) {
					_, _ = io.WriteString(c, answerHead)
					_, _ = c.Read(make([]byte, 1)) // returns when the gateway hangs up
					close(over)
					_ = c.Close()
				})
				d.startAndLeave(protocol, answerHead != "")
				select {
				case <-over:
				case <-time.After(patience):
					t.Fatal("the upstream was never told")
				}
				line, text := d.records.line()
				if want := map[string]string{"": "client_gone"}[answerHead]; want != "" && line["reason"] != want {
					t.Errorf("record %s", text)
				}
			})
		}
	}
}

// startAndLeave sends a good call and goes as soon as the upstream has it, or as its answer has begun.
func (d *door) startAndLeave(protocol string, answered bool) {
	d.t.Helper()
	if protocol == "HTTP/1.1" {
		k := d.dial()
		k.send(get("good")(d).String())
		d.upstream.next()
		if answered {
			k.head("GET")
		}
		_ = k.Close()
		return
	}
	f := d.frames()
	stream := f.open(get("good")(d), "api.example.com", true)
	d.upstream.next()
	d.must(f.WriteRSTStream(stream, 8)) // CANCEL
	f.d.t.Cleanup(func() { _ = f.conn.Close() })
}

// TestClientGoneGetsNoAnswerOfOurs: a caller that ends only its side of the connection must not be told that all is well;
// net/http takes that end for the caller's leave, and would write "200 OK" for a handler that writes nothing.
func TestClientGoneGetsNoAnswerOfOurs(t *testing.T) {
	d := newWorld(t).open(t)
	t.Run("while the upstream works", func(t *testing.T) {
		d := d.in(t)
		over := make(chan struct{})
		d.upstream.answers(func(c net.Conn, _ arrival) { _, _ = c.Read(make([]byte, 1)); close(over); _ = c.Close() })
		k := d.dial()
		k.send(post("good", `{"a":1}`)(d).String())
		d.upstream.next()
		_ = k.CloseWrite()
		if text := k.rest(); text != "" {
			t.Errorf("the caller was told %q", text)
		}
		<-over
		if line, text := d.records.line(); line["reason"] != "client_gone" || line["status"] != float64(499) {
			t.Errorf("record %s", text)
		}
	})
	for name, c := range map[string]call{"in the middle of a body": post("good", `{"b":1}`)(d), "at the token endpoint": authentication(d.apps["good"], "anything")} {
		t.Run(name, func(t *testing.T) {
			d := d.in(t)
			k, text := d.dial(), c.String()
			k.send(text[:len(text)-3])
			_ = k.CloseWrite()
			if text := k.rest(); text != "" {
				t.Errorf("the caller was told %q", text)
			}
			if line, text := d.records.line(); line["reason"] != "client_gone" {
				t.Errorf("record %s", text)
			}
		})
	}
}

// inOrder is a head with its fields in the order of the alphabet, which net/http gives them and our server does not.
func inOrder(head string) string {
	lines := strings.Split(head, "\r\n")
	slices.Sort(lines[1:])
	return strings.Join(lines, "\r\n")
}

// TestAnswersPassUnchanged: what an upstream says arrives, and nothing that is ours to say.
func TestAnswersPassUnchanged(t *testing.T) {
	d := newWorld(t).open(t)
	for name, row := range map[string]struct{ method, says, head, body string }{
		"identity of the upstream's own": {"GET", "HTTP/1.1 200 Fine\r\nContent-Length: 1\r\nContent-Type: a/b\r\nCountersign-Partner: x\r\ncountersign-request-id: x\r\nCOUNTERSIGN-X: y\r\nX-A: 1\r\nX-A: 2\r\n\r\nz",
			"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Type: a/b\r\nCountersign-Request-Id: $ID\r\nX-A: 1\r\nX-A: 2", "z"},
		"interim answers": {"GET", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nCountersign-Request-Id: $ID", ""},
		"trailers": {"GET", "HTTP/1.1 200 OK\r\nTrailer: Countersign-Partner, X-T\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\nCountersign-Partner: x\r\nX-T: y\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nCountersign-Request-Id: $ID\r\nTransfer-Encoding: chunked", "z"},
		"connection options":  {"GET", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Authenticate: x\r\n\r\nz", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Type: a/b\r\nCountersign-Request-Id: $ID", "z"},
		"no Content-Type":     {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nCountersign-Request-Id: $ID", "<html>"},
		"HEAD with a length":  {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nCountersign-Request-Id: $ID", ""},
		"HEAD without":        {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nCountersign-Request-Id: $ID", ""},
		"204 with a length":   {"DELETE", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 204 No Content\r\nCountersign-Request-Id: $ID", ""},
		"304 with a length":   {"GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nCountersign-Request-Id: $ID\r\nEtag: \"x\"", ""},
		"a redirect":          {"GET", "HTTP/1.1 302 Found\r\nLocation: https://api.example.com/a?b\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nCountersign-Request-Id: $ID\r\nLocation: https://api.example.com/a?b", ""},
		"an error of its own": {"GET", "HTTP/1.1 503 Busy\r\nContent-Type: a/b\r\nContent-Length: 4\r\nRetry-After: 9\r\n\r\nbusy", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nContent-Type: a/b\r\nCountersign-Request-Id: $ID\r\nRetry-After: 9", "busy"},
	} {
		t.Run(name, func(t *testing.T) {
			d := d.in(t)
			d.upstream.says(row.says)
			k := d.dial()
			a := k.do(d.signed(d.keys["good"], row.method, "/api/v1/cards/1?"+name[:1], ""))
			if got := inOrder(plain(a.raw)); got != row.head || a.body != row.body || a.err != nil {
				t.Errorf("head\n%s\nwant\n%s\nbody %q, want %q, %v", got, row.head, a.body, row.body, a.err)
			}
			d.upstream.says(okAnswer)
			if b := k.do(d.signed(d.keys["good"], "GET", "/api/v1/cards/2", "")); b.status != 200 || b.body != "ok" { // in step
				t.Errorf("the next answer on the connection: %d %s", b.status, b.body)
			}
			d.upstream.says(row.says)
			h2 := sendFrames(d, d.signed(d.keys["good"], row.method, "/api/v1/cards/1", "[]"))
			for name := range h2.header {
				if !strings.Contains("\r\n"+row.head+"\r\nDate: ", "\r\n"+name+": ") {
					t.Errorf("over HTTP/2 came %s: %s", name, h2.header[name])
				}
			}
			if len(h2.header["Countersign-Request-Id"]) != 1 || h2.body != row.body {
				t.Errorf("over HTTP/2 came %v, body %q", h2.header, h2.body)
			}
		})
	}
}

// TestHeadsThatAreTooLargeOrInject are answers that an upstream must not get past the gateway.
func TestHeadsThatAreTooLargeOrInject(t *testing.T) {
	d := newWorld(t).open(t)
	for name, head := range map[string]string{
		"large": "X: " + strings.Repeat("x", 70<<10), "many": strings.TrimSuffix(strings.Repeat("X: y\r\n", 101), "\r\n"), "bare CR": "X: a\rSet-Cookie: b", "bare LF": "X: a\nSet-Cookie: b",
		"NUL": "X: \x00", "odd name": "X y: z", "no colon": "X", "folded": "X: a\r\n b", "length beside chunks": "Content-Length: 2\r\nTransfer-Encoding: chunked",
	} {
		d.upstream.says("HTTP/1.1 200 OK\r\nX-Leak: over\r\n" + head + "\r\n\r\nok")
		a := d.do(get("good")(d))
		if a.status != 502 || a.header["X-Leak"] != nil || a.header["Set-Cookie"] != nil {
			t.Errorf("%s: %s", name, a.raw)
		}
		if line, _ := d.records.line(); line["reason"] != "upstream_invalid" {
			t.Errorf("%s: record %v", name, line)
		}
	}
	d.upstream.says("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\nX: " + strings.Repeat("x", 60<<10) + "\r\n\r\nok")
	if a := d.do(get("good")(d)); a.status != 200 || len(a.header.Get("X")) != 60<<10 {
		t.Errorf("a head of 60 KiB: %d", a.status)
	}
}

// inHand is c as a request of HTTP/2, for a gateway without a listener.
func (d *door) inHand(c call) *http.Request {
	r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
	r.Proto, r.ProtoMajor, r.ProtoMinor, r.RemoteAddr = "HTTP/2.0", 2, 0, "127.0.0.1:1"
	for _, line := range c.fields {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// deadlines is a ResponseWriter that knows whether a write deadline is in force.
type deadlines struct {
	*httptest.ResponseRecorder
	write, read time.Time
}

func (w *deadlines) SetWriteDeadline(t time.Time) error { w.write = t; return nil }
func (w *deadlines) SetReadDeadline(t time.Time) error  { w.read = t; return nil }

// waiting is an answer's body that looks at the deadline while the upstream is waited for.
type waiting struct {
	t      *testing.T
	w      *deadlines
	pieces int
}

func (b *waiting) Read(p []byte) (int, error) {
	if !b.w.write.IsZero() {
		b.t.Error("a write deadline is in force while the gateway waits for the upstream")
	}
	if b.pieces--; b.pieces < 0 {
		return 0, io.EOF
	}
	return copy(p, "piece"), nil
}

func (b *waiting) Close() error { return nil }

// TestWriteDeadlineIsForWritesOnly: over HTTP/2 net/http resets a stream when its write deadline passes, also while nothing
// is being written. An upstream that is silent for a while must not cost the caller its answer.
func TestWriteDeadlineIsForWritesOnly(t *testing.T) {
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	d := newWorld(t).open(t, func(s *settings) {
		s.doers = func(all map[*access.API]upstream.Doer) {
			for api := range all {
				all[api] = fakeDoer{do: func(_ context.Context, _ *upstream.Request, resp *upstream.Response) error {
					resp.Status, resp.ContentLength, resp.Body = 200, -1, &waiting{t, w, 3}
					return nil
				}}
			}
		}
	})
	r := d.inHand(get("good")(d))
	d.gateway.ServeHTTP(w, r)
	if w.Code != 200 || w.Body.String() != "piecepiecepiece" {
		t.Errorf("%d %s", w.Code, w.Body.String())
	}
	if w.write.IsZero() {
		t.Error("the last write has no deadline: a caller that takes nothing would be waited for without end")
	}
}
