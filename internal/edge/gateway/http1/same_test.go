package http1_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"countersign.dev/internal/edge/gateway/fields"
)

// behave is a handler that behaves as its target says: whether it reads its body, and how it answers.
func behave(w http.ResponseWriter, r *http.Request) {
	way, _, _ := strings.Cut(strings.TrimPrefix(r.RequestURI, "/"), "?")
	w.Header()["Content-Type"] = nil // net/http would guess one
	if way, read := strings.CutPrefix(way, "read-"); read {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer(w, way)
		return
	}
	answer(w, way)
}

func answer(w http.ResponseWriter, way string) {
	name, argument, _ := strings.Cut(way, "-")
	n, _ := strconv.Atoi(argument)
	n = min(max(n, 0), 1<<20)
	switch name {
	case "body":
		_, _ = io.WriteString(w, strings.Repeat("x", n))
	case "pieces":
		for range min(n, 1000) {
			_, _ = io.WriteString(w, "piece")
		}
	case "flushed":
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, strings.Repeat("y", n))
	case "declared":
		w.Header().Set("Content-Length", argument)
		_, _ = io.WriteString(w, strings.Repeat("z", n))
	case "short":
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "short")
	case "long":
		w.Header().Set("Content-Length", "3")
		if _, err := io.WriteString(w, "long"); err == nil {
			panic("more was written than was declared")
		}
		_, _ = io.WriteString(w, "abc")
	case "status":
		w.Header().Set("X-Two", "b")
		w.Header().Add("X-Two", "a")
		w.WriteHeader(min(max(n, 200), 599))
		w.Header().Set("X-Late", "too late")
		w.WriteHeader(500)
		_, _ = io.WriteString(w, "text")
	case "close":
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "bye")
	case "lines":
		w.Header()["X-Lines"] = []string{"a\r\nX-Injected: b", " spaced\t"}
		w.Header()["Bad Name"] = []string{"x"}
	case "list", "dated", "odd":
		list(w, n, lists[name])
		_, _ = io.WriteString(w, "four")
	case "leaving":
		w.Header().Set("Connection", "close")
		list(w, n, lists["list"])
		_, _ = io.WriteString(w, "four")
	case "abort":
		_, _ = io.WriteString(w, strings.Repeat("q", n))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "panic":
		panic("as it happens")
	}
}

// lists are headers that are given as lists.
var lists = map[string]fields.List{
	"list":  {{Name: "Content-Length", Value: "4"}, {Name: "X-Two", Value: "b"}, {Name: "X-Two", Value: "a"}, {Name: "Etag", Value: `"x"`}},
	"dated": {{Name: "Date", Value: "Sun, 06 Nov 1994 08:49:37 GMT"}, {Name: "X-Empty", Value: ""}},
	"odd":   {{Name: "Bad Name", Value: "x"}, {Name: "X-Lines", Value: "a\r\nX-Injected: b"}, {Name: "X-Spaced", Value: " spaced\t"}, {Name: "Content-Length", Value: "4"}},
}

// list begins an answer with a header that is a list, where the server takes one; what comes too late changes nothing.
func list(w http.ResponseWriter, status int, header fields.List) {
	status = min(max(status, 200), 599)
	if own, ok := w.(fields.Writer); ok {
		own.WriteList(status, header)
		own.WriteList(500, fields.List{{Name: "X-Late", Value: "x"}})
		return
	}
	header.AddTo(w.Header())
	w.WriteHeader(status)
}

// ways are all of behave's.
var ways = []string{"nothing", "body-0", "body-1", "body-2048", "body-2049", "body-16384", "body-300000", "pieces-3", "pieces-1000", "flushed-0", "flushed-10",
	"flushed-100000", "declared-0", "declared-5", "declared-100000", "short", "long", "status-200", "status-204", "status-304", "status-404", "close", "lines", "list-200", "list-204", "list-404", "dated-200", "dated-304", "odd-200", "leaving-200", "abort-0", "abort-5000", "panic"}

// bodies are ways to send one.
var bodies = []struct{ name, head, body string }{
	{"none", "", ""},
	{"empty", "Content-Length: 0\r\n", ""},
	{"small", "Content-Length: 5\r\n", "hello"},
	{"large", "Content-Length: 100000\r\n", strings.Repeat("b", 100000)},
	{"huge", "Content-Length: 400000\r\n", strings.Repeat("b", 400000)},
	{"chunked", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"},
	{"no chunk", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"},
	{"chunks", "Transfer-Encoding: chunked\r\n", strings.Repeat("A\r\n0123456789\r\n", 3000) + "0\r\n\r\n"},
	{"trailers", "Transfer-Encoding: chunked\r\nTrailer: X-Check, X-Other\r\n", "3\r\nabc\r\n0\r\nX-Check: 1\r\n\r\n"},
	{"cut", "Content-Length: 10\r\n", "hello"},
	{"cut chunk", "Transfer-Encoding: chunked\r\n", "a\r\nhello"},
	{"bad chunk", "Transfer-Encoding: chunked\r\n", "5;x\r\nhello\r\n0\r\n\r\n"},
	{"both", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"},
}

// TestSameAsNetHTTP holds every way to send a request against every way to answer it: the same is seen, and the same bytes come
// back, up to whether a second request on the connection is answered.
func TestSameAsNetHTTP(t *testing.T) {
	p := openPair(t, behave)
	for _, method := range []string{"GET", "HEAD", "POST"} {
		for _, version := range []string{"HTTP/1.1", "HTTP/1.0", "HTTP/1.0\r\nConnection: keep-alive", "HTTP/1.1\r\nConnection: Close"} {
			for _, body := range bodies {
				for _, read := range []string{"", "read-"} {
					plain := body.name == "none" || body.name == "small" || body.name == "chunked"
					if (version != "HTTP/1.1" || method == "HEAD") && !plain || method == "GET" && !plain && read == "" {
						continue // the rest is the same in all that matters
					}
					name := fmt.Sprintf("%s %s, %s, %s", method, strings.ReplaceAll(version, "\r\n", " "), body.name, read)
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						for _, way := range ways {
							raw := method + " /" + read + way + " " + version + "\r\nHost: localhost\r\n" + body.head + "\r\n" + body.body
							p := &pair{std: p.std, own: p.own}
							p.sameAnswer(t, raw+"GET /body-3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
						}
					})
				}
			}
		}
	}
	_ = p
}
