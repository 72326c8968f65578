package upstream_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"countersign.dev/internal/edge/gateway/upstream"
	"github.com/google/go-cmp/cmp"
)

const chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

// invalidAnswers are refused, and their connection is closed.
var invalidAnswers = map[string]string{
	"garbage":                   "SSH-2.0-OpenSSH_9.2\r\n",
	"garbage without line end":  "220 smtp",
	"empty first line":          "\r\n" + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"version 9.9":               "HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
	"version 1.2":               "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
	"version 2":                 "HTTP/2 200\r\n\r\n",
	"lower case version":        "http/1.1 200 OK\r\n\r\n",
	"two spaces before status":  "HTTP/1.1  200 OK\r\n\r\n",
	"tab before status":         "HTTP/1.1\t200 OK\r\n\r\n",
	"status 20":                 "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
	"status 20, no reason":      "HTTP/1.1 20\r\nContent-Length: 0\r\n\r\n",
	"status 2000":               "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
	"status 099":                "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
	"status 600":                "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n",
	"status with sign":          "HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n",
	"status with letters":       "HTTP/1.1 2o0 OK\r\nContent-Length: 0\r\n\r\n",
	"NUL in reason":             "HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n",
	"CR in reason":              "HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n",
	"101":                       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
	"length and encoding":       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"encoding and length":       "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
	"two equal lengths":         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
	"two different lengths":     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
	"length list":               "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx",
	"length with sign":          "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
	"negative length":           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
	"hexadecimal length":        "HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\nx",
	"empty length":              "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nx",
	"length beyond 63 bits":     "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\nx",
	"encoding twice":            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"encoding gzip, chunked":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"encoding identity":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nx",
	"encoding xchunked":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	"encoding in HTTP/1.0":      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"interim with length":       "HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\nhi" + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"interim with zero length":  "HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n" + ok("x"),
	"interim with encoding":     "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"folded header":             "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
	"folded first header":       "HTTP/1.1 200 OK\r\n\tA: b\r\nContent-Length: 0\r\n\r\n",
	"bare LF after status":      "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
	"bare LF after header":      "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n",
	"bare LF at the end":        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n",
	"bare CR in value":          "HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n",
	"two CR":                    "HTTP/1.1 200 OK\r\nA: b\r\r\nContent-Length: 0\r\n\r\n",
	"NUL in value":              "HTTP/1.1 200 OK\r\nA: b\x00c\r\nContent-Length: 0\r\n\r\n",
	"DEL in value":              "HTTP/1.1 200 OK\r\nA: b\x7fc\r\nContent-Length: 0\r\n\r\n",
	"space in name":             "HTTP/1.1 200 OK\r\nA b: c\r\nContent-Length: 0\r\n\r\n",
	"space before colon":        "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
	"no colon":                  "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n",
	"empty name":                "HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 0\r\n\r\n",
	"non-ASCII name":            "HTTP/1.1 200 OK\r\nÄ: x\r\nContent-Length: 0\r\n\r\n",
	"head over the cap":         "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 9<<10) + "\r\nContent-Length: 0\r\n\r\n",
	"head over the cap, no end": "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 9<<10),
	"too many lines":            "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 21) + "\r\n",
	"head ends early":           "HTTP/1.1 200 OK\r\nContent-Le",
	"body ends early":           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour",
	"chunk ends early":          chunkedHead + "5\r\nfour",
	"chunks without end":        chunkedHead + "4\r\nfour\r\n",
	"last chunk without end":    chunkedHead + "4\r\nfour\r\n0\r\n",
	"chunk size empty":          chunkedHead + "\r\nfour\r\n0\r\n\r\n",
	"chunk size with sign":      chunkedHead + "+4\r\nfour\r\n0\r\n\r\n",
	"chunk size negative":       chunkedHead + "-4\r\nfour\r\n0\r\n\r\n",
	"chunk size with prefix":    chunkedHead + "0x4\r\nfour\r\n0\r\n\r\n",
	"chunk size with space":     chunkedHead + "4 \r\nfour\r\n0\r\n\r\n",
	"chunk size after space":    chunkedHead + " 4\r\nfour\r\n0\r\n\r\n",
	"chunk size too long":       chunkedHead + "0000000000000004\r\nfour\r\n0\r\n\r\n",
	"chunk size overflows":      chunkedHead + "fffffffffffffffff\r\nfour\r\n0\r\n\r\n",
	"chunk size no number":      chunkedHead + "g\r\nfour\r\n0\r\n\r\n",
	"chunk size bare LF":        chunkedHead + "4\nfour\r\n0\r\n\r\n",
	"chunk data bare LF":        chunkedHead + "4\r\nfour\n0\r\n\r\n",
	"chunk longer than size":    chunkedHead + "3\r\nfour\r\n0\r\n\r\n",
	"chunk shorter than size":   chunkedHead + "5\r\nfour\r\n0\r\n\r\n",
	"chunk extension too long":  chunkedHead + "4;" + strings.Repeat("a", 300) + "\r\nfour\r\n0\r\n\r\n",
	"chunk extension with NUL":  chunkedHead + "4;\x00\r\nfour\r\n0\r\n\r\n",
	"trailer folded":            chunkedHead + "0\r\nA: b\r\n c\r\n\r\n",
	"trailer bare LF":           chunkedHead + "0\r\nA: b\n\r\n",
	"trailer no colon":          chunkedHead + "0\r\nAb\r\n\r\n",
	"too many trailers":         chunkedHead + "0\r\n" + strings.Repeat("A: b\r\n", 21) + "\r\n",
	"trailers over the cap":     chunkedHead + "0\r\n" + strings.Repeat("A: "+strings.Repeat("b", 900)+"\r\n", 10) + "\r\n",
}

// small bounds, so that the cases beyond them stay readable.
func bounded(cfg upstream.Config) upstream.Config {
	cfg.MaxHeaderBytes, cfg.MaxHeaderLines = 8<<10, 20
	return cfg
}

func TestRule24RefusesAmbiguousAnswers(t *testing.T) {
	for name, text := range invalidAnswers {
		t.Run(name, func(t *testing.T) {
			u := serve(t,
				func(w *wire) { w.request(); _, _ = io.WriteString(w, text) },
				func(w *wire) { w.exchange(ok("next")); w.ended() })
			d := client(t, bounded(upstream.Config{URL: u}), nil)
			if got, err := ask(d, "POST", "/"); !errors.Is(err, upstream.ErrInvalidAnswer) {
				t.Fatalf("got %+v, error %v, want an invalid answer", got, err)
			}
			mustAsk(t, d, "GET", "/", "next") // on a connection of its own
		})
	}
}

// Garbage is told at once, although the connection stays open and silent.
func TestGarbageIsNotWaitedFor(t *testing.T) {
	for _, text := range []string{"220 mail ESMTP\r\n", "SSH-2", "HTTP/1.1 200 OK\nx", "HTTP/1.1 200 OK\r\nA\r\n"} {
		u := serve(t, func(w *wire) { w.exchange(text); w.ended() })
		d := client(t, upstream.Config{URL: u}, nil)
		if _, err := ask(d, "GET", "/"); !errors.Is(err, upstream.ErrInvalidAnswer) {
			t.Errorf("%q: error %v, want an invalid answer", text, err)
		}
	}
}

// The log's text never carries what the upstream sent.
func TestRule34ErrorsDoNotQuoteTheUpstream(t *testing.T) {
	for _, standard := range []bool{false, true} {
		u := serve(t, func(w *wire) { w.exchange("evil\x1b[31m 200 OK\r\n\r\n") })
		d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
		_, err := ask(d, "GET", "/")
		if !errors.Is(err, upstream.ErrInvalidAnswer) || strings.Contains(err.Error(), "evil") {
			t.Errorf("standard %v: error %q", standard, err)
		}
	}
}

type good struct {
	text    string
	method  string
	status  int
	length  int64
	body    string
	header  http.Header
	reused  bool
	noClose bool // the answer ends by its framing though the connection is not reused
}

var goodAnswers = map[string]good{
	"sized":                {text: ok("hello"), status: 200, length: 5, body: "hello", header: http.Header{"Content-Length": {"5"}}, reused: true},
	"no reason, no space":  {text: "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", status: 404, header: http.Header{"Content-Length": {"0"}}, reused: true},
	"status 599":           {text: "HTTP/1.1 599 Own\r\nContent-Length: 0\r\n\r\n", status: 599, header: http.Header{"Content-Length": {"0"}}, reused: true},
	"chunked":              {text: chunkedHead + "3\r\nhel\r\nA\r\nlo, world!\r\n0\r\n\r\n", status: 200, length: -1, body: "hello, world!", header: http.Header{}, reused: true},
	"chunked, extension":   {text: chunkedHead + "5;a=\"b\"\r\nhello\r\n00\r\n\r\n", status: 200, length: -1, body: "hello", header: http.Header{}, reused: true},
	"chunked, close":       {text: "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", status: 200, length: -1, body: "x", header: http.Header{}, noClose: true},
	"sized, close":         {text: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: Close\r\n\r\nx", status: 200, length: 1, body: "x", header: http.Header{"Content-Length": {"1"}}, noClose: true},
	"sized, HTTP/1.0":      {text: "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", status: 200, length: 1, body: "x", header: http.Header{"Content-Length": {"1"}}, noClose: true},
	"until close":          {text: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", status: 200, length: -1, body: "hello", header: http.Header{}},
	"until close, 1.0":     {text: "HTTP/1.0 200 OK\r\n\r\nhello", status: 200, length: -1, body: "hello", header: http.Header{}},
	"until close, keep":    {text: "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nhello", status: 200, length: -1, body: "hello", header: http.Header{}},
	"204":                  {text: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, header: http.Header{}, reused: true},
	"204 with zero length": {text: "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", status: 204, header: http.Header{"Content-Length": {"0"}}, reused: true},
	"204 with length":      {text: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", status: 204, header: http.Header{"Content-Length": {"5"}}, noClose: true},
	"304":                  {text: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\n", status: 304, header: http.Header{"Content-Length": {"5"}, "Etag": {`"x"`}}, reused: true},
	"HEAD":                 {text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", method: "HEAD", status: 200, header: http.Header{"Content-Length": {"5"}}, reused: true},
	"HEAD chunked":         {text: chunkedHead, method: "HEAD", status: 200, header: http.Header{}, reused: true},
	"lower case, doubled": {text: "HTTP/1.1 200 OK\r\nset-cookie: a\r\nset-Cookie:\tb \r\nx-empty:\r\nX-Latin: \xe4\r\ncontent-length: 0\r\n\r\n", status: 200,
		header: http.Header{"Set-Cookie": {"a", "b"}, "X-Empty": {""}, "X-Latin": {"\xe4"}, "Content-Length": {"0"}}, reused: true},
	"hop-by-hop": {text: "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Named\r\nx-named: 1\r\nX-Kept: 1\r\nKeep-Alive: timeout=5\r\nproxy-authenticate: x\r\n" +
		"Proxy-Connection: x\r\nTE: x\r\nTrailer: X-T\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n", status: 200, header: http.Header{"X-Kept": {"1"}, "Content-Length": {"0"}}, reused: true},
	"one byte under the cap": {text: "HTTP/1.1 204 No Content\r\nA: " + strings.Repeat("a", 8<<10-len("HTTP/1.1 204 No Content\r\nA: \r\n\r\n")) + "\r\n\r\n", status: 204,
		header: http.Header{"A": {strings.Repeat("a", 8<<10-len("HTTP/1.1 204 No Content\r\nA: \r\n\r\n"))}}, reused: true},
}

func TestAnswers(t *testing.T) {
	for name, want := range goodAnswers {
		t.Run(name, func(t *testing.T) {
			var scripts []func(w *wire)
			if want.reused {
				scripts = []func(w *wire){func(w *wire) { w.exchange(want.text); w.exchange(ok("next")); w.ended() }}
			} else {
				scripts = []func(w *wire){
					func(w *wire) {
						w.exchange(want.text)
						if want.noClose {
							w.ended()
						}
					},
					func(w *wire) { w.exchange(ok("next")); w.ended() },
				}
			}
			d := client(t, bounded(upstream.Config{URL: serve(t, scripts...)}), nil)
			method := want.method
			if method == "" {
				method = "GET"
			}
			var resp upstream.Response
			if err := d.Do(context.Background(), &upstream.Request{Method: method, Target: "/"}, &resp); err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.Status != want.status || resp.ContentLength != want.length || string(body) != want.body {
				t.Errorf("got %d, length %d, body %q", resp.Status, resp.ContentLength, body)
			}
			if diff := cmp.Diff(want.header, resp.Header.Map()); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			mustAsk(t, d, "GET", "/", "next")
		})
	}
}
