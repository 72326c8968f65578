package strict_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"countersign.dev/internal/edge/gateway/strict"
	"github.com/google/go-cmp/cmp"
)

// good is a message that must pass without a mark.
type good struct {
	name, raw, target, body string
	trailers                bool
}

func goodCorpus() []good {
	long := strings.Repeat("0123456789abcdef", 1000)
	return []good{
		{name: "plain", raw: get(""), target: "/x"},
		{name: "leading empty line", raw: "\r\n" + get(""), target: "/x"},
		{name: "leading empty line, body", raw: "\r\nPOST /x HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello", target: "/x", body: "hello"},
		{name: "HTTP/1.0 kept alive", raw: "GET /x HTTP/1.0\r\n" + host + "Connection: keep-alive\r\n\r\n", target: "/x"},
		{name: "IPv6 host", raw: "GET /x HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", target: "/x"},
		{name: "every byte of a host", raw: "GET /x HTTP/1.1\r\nHost: abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]\r\n\r\n", target: "/x"},
		{name: "no white space after colon", raw: "GET /x HTTP/1.1\r\nhOST:a\r\nX-A:b\r\n\r\n", target: "/x"},
		{name: "white space around value", raw: "GET /x HTTP/1.1\r\nHost:\t a \t\r\nContent-Length: 0 \r\n\r\n", target: "/x"},
		{name: "empty value, obs-text, tab", raw: get("X-A:\r\nX-B: \xe9\tb\r\n"), target: "/x"},
		{name: "odd target is left to the gateway", raw: "GET //a/../%2e%2F;b\\#?%zz&x=%&? HTTP/1.1\r\n" + host + "\r\n", target: "//a/../%2e%2F;b\\#?%zz&x=%&?"},
		{name: "method token", raw: "X-!#$ /x HTTP/1.1\r\n" + host + "\r\n", target: "/x"},
		{name: "body with length", raw: "POST /x HTTP/1.1\r\n" + host + "Content-Length: 0005\r\n\r\nhello", target: "/x", body: "hello"},
		{name: "body that looks like a request", raw: "POST /x HTTP/1.1\r\n" + host + "Content-Length: " + strconv.Itoa(len(smuggled)) + "\r\n\r\n" + smuggled, target: "/x", body: smuggled},
		{name: "long body", raw: "POST /x HTTP/1.1\r\n" + host + "Content-Length: 16000\r\n\r\n" + long, target: "/x", body: long},
		{name: "chunks", raw: chunked("5\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n"), target: "/c", body: "hello0123456789"},
		{name: "chunk of CRLF", raw: chunked("2\r\n\r\n\r\n0\r\n\r\n"), target: "/c", body: "\r\n"},
		{name: "long chunk", raw: chunked("3e80\r\n" + long + "\r\n0\r\n\r\n"), target: "/c", body: long},
		{name: "no chunk", raw: chunked("0\r\n\r\n"), target: "/c"},
		{name: "trailers", raw: chunked("1\r\na\r\n0\r\nX-A: b\r\nX-B:\r\n\r\n"), target: "/c", body: "a", trailers: true},
		{name: "announced trailer", raw: "POST /c HTTP/1.1\r\n" + host + "Trailer: X-A,X-B\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: b\r\n\r\n", target: "/c", trailers: true},
		{name: "a hundred lines", raw: get(strings.Repeat("X-A: b\r\n", 99)), target: "/x"},
		{name: "websocket upgrade", raw: get("Connection: Upgrade\r\nUpgrade: websocket\r\n"), target: "/x"},
		{name: "names that resemble", raw: get("Hosts: a\r\nContent-Lengths: x\r\nTransfer-Encodings: x\r\nExpects: y\r\n"), target: "/x"},
	}
}

// TestGoodMessagesPass: three times on one connection, in one write, and byte by byte.
func TestGoodMessagesPass(t *testing.T) {
	for _, tc := range goodCorpus() {
		t.Run(tc.name, func(t *testing.T) {
			d := openDoor(t, nil)
			answer := d.exchange(strings.Repeat(tc.raw, 3))
			one := request{Target: tc.target, Body: tc.body, Trailer: tc.trailers}
			seen, told := d.snapshot()
			if diff := cmp.Diff([]request{one, one, one}, seen); diff != "" || len(told) != 0 {
				t.Errorf("seen (-want +got):\n%s\nrefused %v", diff, told)
			}
			if n := strings.Count(answer, "200 OK"); n != 3 {
				t.Errorf("%d answers, want 3", n)
			}
			if len(tc.raw) < 300 {
				d.exchange(strings.Split(tc.raw, "")...)
				if seen, _ = d.snapshot(); len(seen) != 4 || seen[3] != one {
					t.Errorf("byte by byte: %+v", seen[3:])
				}
			}
		})
	}
}

// TestGoodSplitsDoNotMatter: every two pieces of two good messages in a row.
func TestGoodSplitsDoNotMatter(t *testing.T) {
	for _, tc := range goodCorpus() {
		data := []byte(tc.raw + tc.raw)
		want := serve(t, pieces(data, 0))
		step := 1 + len(data)/500
		for cut := 1; cut < len(data); cut += step {
			got := serve(t, [][]byte{data[:cut], data[cut:]})
			for i := range got.Served {
				// How early it shows is the one thing that may differ.
				got.Served[i].Start.HasTrailers = tc.trailers
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s: cut at %d (-one piece +two):\n%s", tc.name, cut, diff)
			}
		}
		if len(want.Served) != 2 || want.Served[1].Body != tc.body || want.Served[1].End.HasTrailers != tc.trailers {
			t.Errorf("%s: %+v", tc.name, want)
		}
	}
}

// TestMarksBelongToTheirRequest: with many requests in flight on one
// connection, each handler finds the marks of its own.
func TestMarksBelongToTheirRequest(t *testing.T) {
	const n = 60
	var all strings.Builder
	for i := range n {
		body := strings.Repeat("b", i)
		switch i % 3 {
		case 0:
			all.WriteString("POST /" + strconv.Itoa(i) + " HTTP/1.1\r\n" + host + "Content-Length: " + strconv.Itoa(i) + "\r\n\r\n" + body)
		case 1:
			all.WriteString("POST /" + strconv.Itoa(i) + " HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n" +
				strconv.FormatInt(int64(i), 16) + "\r\n" + body + "\r\n0\r\n\r\n")
		case 2:
			all.WriteString("GET /" + strconv.Itoa(i) + " HTTP/1.1\r\n" + host + "X-Pad: " + body + "\r\n\r\n")
		}
	}
	served := 0
	d := openDoor(t, func(_ *strict.Config, srv *http.Server) {
		srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m := strict.MarksOf(r.Context())
			length := r.ContentLength
			if r.Method == "GET" {
				length = -1
			}
			if r.RequestURI != "/"+strconv.Itoa(served) || m.ContentLength != length || m.Chunked != (served%3 == 1) {
				t.Errorf("request %d has the marks %+v", served, *m)
			}
			if r.TLS == nil || !r.TLS.HandshakeComplete {
				t.Error("Request.TLS is not set")
			}
			if served%2 == 0 {
				_, _ = io.Copy(io.Discard, r.Body)
			}
			if after := strict.MarksOf(r.Context()); *after != *m {
				t.Errorf("request %d: marks changed to %+v", served, *after)
			}
			served++
		})
	})
	if answers := strings.Count(d.exchange(all.String()), "200 OK"); answers != n {
		t.Errorf("%d answers, want %d", answers, n)
	}
}
