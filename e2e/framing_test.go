package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// attack is one hostile way of writing a request that is otherwise good: authentic, fresh and signed for what a lenient
// reader would take it to be.
type attack struct {
	name    string
	raw     string
	status  []int    // nil: 400
	reasons []string // where a handler ran, the decision line names one of these; nil: malformed_framing
}

const smuggled = "GET /api/v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

// edit replaces old by fresh, once; what is not there is a mistake of the test.
func edit(raw, old, fresh string) string {
	if !strings.Contains(raw, old) {
		panic(fmt.Sprintf("the test is wrong: %q is not in %q", old, raw))
	}
	return strings.Replace(raw, old, fresh, 1)
}

// chunked is a signed request whose body goes out in a way of its own.
func chunked(e environment, body, spelt string, extra ...string) string {
	c := patch("chunked")
	c.body, c.bare = body, true
	c.extra = append([]string{"Content-Type: application/json", "Transfer-Encoding: chunked"}, extra...)
	return c.raw(e) + spelt
}

// framingAttacks are all of them.
func framingAttacks(e environment) []attack {
	return slices.Concat(lengthAttacks(e), lineAttacks(e), chunkAttacks(e))
}

const blocked = `{"token_status":"blocked"}`

// blockedSize is the length of blocked as a chunk's size, blockedWhole the body in one chunk.
const (
	blockedSize  = "1a"
	blockedWhole = blockedSize + "\r\n" + blocked + "\r\n0\r\n\r\n"
)

// lengthAttacks leave open where the body ends.
func lengthAttacks(e environment) []attack {
	body, whole := blocked, blockedWhole
	good := func() string { return patch("framing").raw(e) }
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	return []attack{
		{name: "length beside chunked", raw: chunked(e, body, whole, fmt.Sprintf("Content-Length: %d", len(whole)))},
		{name: "chunked beside length 0", raw: chunked(e, body, whole+smuggled, "Content-Length: 0")},
		{name: "length first, then chunked", raw: edit(good(), length, length+"Transfer-Encoding: chunked\r\n")},
		{name: "chunked twice", raw: chunked(e, body, whole, "Transfer-Encoding: chunked")},
		{name: "chunked, identity", raw: edit(chunked(e, body, whole), ": chunked\r\n", ": chunked, identity\r\n")},
		{name: "gzip, chunked", raw: edit(chunked(e, body, whole), ": chunked\r\n", ": gzip, chunked\r\n")},
		{name: "xchunked", raw: edit(chunked(e, body, whole), ": chunked\r\n", ": xchunked\r\n")},
		{name: "chunked behind a tab and before one", raw: edit(chunked(e, body, whole), ": chunked\r\n", ":\tchunked\t\v\r\n")},
		{name: "two equal lengths", raw: edit(good(), length, length+length)},
		{name: "two lengths", raw: edit(good(), length, length+"Content-Length: 0\r\n")},
		{name: "a list of equal lengths", raw: edit(good(), length, fmt.Sprintf("Content-Length: %d, %d\r\n", len(body), len(body)))},
		{name: "signed length", raw: edit(good(), length, fmt.Sprintf("Content-Length: +%d\r\n", len(body)))},
		{name: "negative length", raw: edit(good(), length, "Content-Length: -1\r\n")},
		{name: "hexadecimal length", raw: edit(good(), length, "Content-Length: 0x1a\r\n")},
		{name: "empty length", raw: edit(good(), length, "Content-Length:\r\n")},
		{name: "huge length", raw: edit(good(), length, "Content-Length: 99999999999999999999\r\n"), status: []int{400, 413}},
	}
}

// lineAttacks leave open where a line or a head ends, or what its parts are.
func lineAttacks(e environment) []attack {
	good := func() string { return patch("framing").raw(e) }
	read := func() string { return get("framing").raw(e) }
	return []attack{
		{name: "bare LF", raw: edit(read(), "\r\nX-Auth-Token", "\nX-Auth-Token")},
		{name: "bare LF at the end", raw: strings.TrimSuffix(read(), "\r\n\r\n") + "\n\n"},
		{name: "bare LF behind the request line", raw: edit(read(), " HTTP/1.1\r\n", " HTTP/1.1\n")},
		{name: "bare CR in a value", raw: edit(read(), "Host: ", "X-Note: a\rX-Auth-Token: b\r\nHost: ")},
		{name: "folded header", raw: edit(read(), "Host: ", "X-Note: a\r\n b\r\nHost: ")},
		{name: "folded by a tab", raw: edit(read(), "Host: ", "X-Note: a\r\n\tb\r\nHost: ")},
		{name: "folded authentication header", raw: edit(read(), "X-Auth-Token: ", "X-Auth-Token:\r\n ")},
		{name: "space before the colon", raw: edit(read(), "X-Auth-Token:", "X-Auth-Token :")},
		{name: "tab before the colon", raw: edit(good(), "Content-Length:", "Content-Length\t:")},
		{name: "leading space on the first header", raw: edit(read(), "Host: ", " Host: ")},
		{name: "no colon", raw: edit(read(), "Host: ", "X-Note\r\nHost: ")},
		{name: "empty header name", raw: edit(read(), "Host: ", ": a\r\nHost: ")},
		{name: "NUL in a value", raw: edit(read(), "Host: ", "X-Note: a\x00b\r\nHost: ")},
		{name: "control byte in a value", raw: edit(read(), "Host: ", "X-Note: a\x01b\r\nHost: ")},
		{name: "NUL in a name", raw: edit(read(), "Host: ", "X-N\x00te: a\r\nHost: ")},
		{name: "HTTP/0.9", raw: "GET /api/v1/cards\r\n"},
		{name: "HTTP/9.9", raw: edit(read(), "HTTP/1.1", "HTTP/9.9")},
		{name: "HTTP/1.2", raw: edit(read(), "HTTP/1.1", "HTTP/1.2")},
		{name: "http/1.1 in lower case", raw: edit(read(), "HTTP/1.1", "http/1.1")},
		{name: "two spaces in the request line", raw: edit(read(), " HTTP/1.1", "  HTTP/1.1")},
		{name: "tab in the request line", raw: edit(read(), " HTTP/1.1", "\tHTTP/1.1")},
		{name: "no host", raw: hostless(read()), reasons: hostReasons},
		{name: "two hosts", raw: edit(read(), "Host: ", "Host: other.example\r\nHost: "), reasons: hostReasons},
		{name: "the preface of HTTP/2", raw: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
		{name: "a head without end", raw: edit(read(), "Host: ", "X-Note: "+strings.Repeat("a", 1<<20)+"\r\nHost: "), status: []int{400, 431}},
		{name: "too many headers", raw: edit(read(), "Host: ", strings.Repeat("X-Note: a\r\n", 5000)+"Host: "), status: []int{400, 431}},
	}
}

// chunkAttacks leave open what a chunk is.
func chunkAttacks(e environment) []attack {
	body, size, whole := blocked, blockedSize, blockedWhole
	return []attack{
		{name: "chunk extension", raw: chunked(e, body, size+";a=b\r\n"+body+"\r\n0\r\n\r\n")},
		{name: "chunk line with bare LF", raw: chunked(e, body, size+"\n"+body+"\r\n0\r\n\r\n")},
		{name: "chunk extension with bare LF", raw: chunked(e, body, size+";a\n"+body+"\r\n0\r\n\r\n")},
		{name: "chunk size with 0x", raw: chunked(e, body, "0x"+size+"\r\n"+body+"\r\n0\r\n\r\n")},
		{name: "chunk size with a sign", raw: chunked(e, body, "+"+size+"\r\n"+body+"\r\n0\r\n\r\n")},
		{name: "chunk size behind a space", raw: chunked(e, body, " "+size+"\r\n"+body+"\r\n0\r\n\r\n")},
		{name: "chunk size of 17 digits", raw: chunked(e, body, "000000000000000"+size+"\r\n"+body+"\r\n0\r\n\r\n")},
		{name: "chunk size that overflows", raw: chunked(e, body, "fffffffffffffffff\r\n"+body+"\r\n0\r\n\r\n"), status: []int{400, 413}},
		{name: "empty chunk size", raw: chunked(e, body, "\r\n"+body+"\r\n0\r\n\r\n")},
		{name: "chunk without its CRLF", raw: chunked(e, body, size+"\r\n"+body+"0\r\n\r\n")},
		{name: "chunk longer than its size", raw: chunked(e, body, size+"\r\n"+body+"xx0\r\n\r\n")},
		{name: "HTTP/1.0 with chunked", raw: edit(chunked(e, body, whole), "HTTP/1.1", "HTTP/1.0")},
		{name: "HTTP/1.0 with chunked, kept alive", raw: edit(chunked(e, body, whole+smuggled, "Connection: keep-alive"), "HTTP/1.1", "HTTP/1.0")},
	}
}

var hostReasons = []string{"malformed_framing", "host_mismatch"}

func hostless(raw string) string {
	return strings.Join(without(strings.Split(raw, "\r\n"), "Host"), "\r\n")
}

// repel sends one hostile request and holds what comes back to what must be true of every refusal.
func (r *rig) repel(t *testing.T, env string, a attack) {
	t.Helper()
	got := r.ask(t, env, a.raw)
	if a.status == nil {
		a.status = []int{400}
	}
	if a.reasons == nil {
		a.reasons = []string{"malformed_framing"}
	}
	if !slices.Contains(a.status, got.status) {
		t.Errorf("status %v expected: %v", a.status, got)
	}
	var body refusal
	if err := json.Unmarshal(got.body, &body); err != nil || body.Status != "error" || body.RequestID != got.requestID() {
		t.Errorf("not a refusal of the signed family (%v): %v", err, got)
	}
	if slices.Contains(body.Errors, "malformed_framing") {
		a.reasons = []string{"malformed_framing"} // refused on the raw bytes, before there was a request to speak of
	}
	r.decided(t, got, a.reasons...)
}

// TestRule24HostileFraming: each of these is refused once, in good form, and the upstream sees nothing of it.
func TestRule24HostileFraming(t *testing.T) {
	r := onRecorder(t)
	for _, a := range framingAttacks(r.Environments[sandbox]) {
		t.Run(a.name, func(t *testing.T) {
			r.untouched(t, func() { r.repel(t, sandbox, a) })
		})
	}
}

// TestHonestChunkedBody is the other half: the very requests above, without their fault, get through.
func TestHonestChunkedBody(t *testing.T) {
	r := onRecorder(t)
	body := blocked
	for _, spelt := range []string{
		blockedWhole,
		"1A\r\n" + body + "\r\n0\r\n\r\n",
		"10\r\n" + body[:16] + "\r\na\r\n" + body[16:] + "\r\n0\r\n\r\n",
	} {
		if got, _ := r.forwarded(t, sandbox, chunked(r.Environments[sandbox], body, spelt)); string(got.body) != body {
			t.Errorf("body %q arrived as %q", spelt, got.body)
		}
	}
}

// TestPipelined: behind a good request a hostile one on the same connection is refused, and nothing behind that is read.
func TestPipelined(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	for _, a := range framingAttacks(e) {
		t.Run(a.name, func(t *testing.T) {
			first, last := patch("first"), patch("last")
			r.untouched(t, func() {
				requests, size := r.upstream.mark()
				w := r.dial(t, sandbox, "http/1.1")
				w.send(first.raw(e) + a.raw + last.raw(e))
				if got, err := w.read("PATCH"); err != nil || got.status != 200 {
					t.Fatalf("the good request before: %v, %v", got, err)
				}
				if got, err := w.read("PATCH"); err != nil || got.status < 400 || got.status > 499 {
					t.Errorf("the hostile request behind: %v, %v", got, err)
				}
				if more := w.rest(); more != "" {
					t.Errorf("an answer behind a refusal on framing: %.300q", more)
				}
				if got, raw := r.upstream.since(requests, size); len(got) != 1 || got[0].target != first.target {
					t.Errorf("the upstream should have seen the good request alone: %q", raw)
				}
				r.upstream.forget(requests, size)
			})
		})
	}
}
