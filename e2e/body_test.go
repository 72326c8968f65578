package e2e_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

const bodyCap = 1 << 20 // of both APIs

// TestRule26OversizedBodies: a declared length over the cap is refused before a byte of the body was sent, a chunked body
// as soon as it is over, at the cap both get through.
func TestRule26OversizedBodies(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	c := patch("large")
	c.bare, c.extra = true, []string{fmt.Sprintf("Content-Length: %d", bodyCap+1)}
	r.untouched(t, func() { r.refused(t, r.ask(t, sandbox, c.raw(e)), 413, "body_too_large", "body_too_large") })

	body := `"` + strings.Repeat("a", bodyCap) + `"`
	long := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	r.untouched(t, func() {
		r.refused(t, r.ask(t, sandbox, chunked(e, body, long)), 413, "body_too_large", "body_too_large")
	})

	many := &strings.Builder{}
	for range bodyCap/1000 + 1 {
		fmt.Fprintf(many, "3e8\r\n%s\r\n", strings.Repeat(" ", 1000))
	}
	r.untouched(t, func() {
		r.refused(t, r.ask(t, sandbox, chunked(e, "", many.String()+"0\r\n\r\n")), 413, "body_too_large", "body_too_large")
	})

	c = patch("cap")
	c.body = `"` + strings.Repeat("a", bodyCap-2) + `"`
	if got, _ := r.forwarded(t, sandbox, c.raw(e)); string(got.body) != c.body {
		t.Errorf("a body of exactly the cap arrived with %d bytes", len(got.body))
	}
}

// TestRule26NoContinueForARefusedRequest: what is refused on its headers never hears 100 Continue.
func TestRule26NoContinueForARefusedRequest(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	expect := func(change func(*call)) call {
		c := patch("expect")
		c.bare, c.extra = true, []string{"Content-Type: application/json", "Content-Length: 26", "Expect: 100-continue"}
		change(&c)
		return c
	}
	for name, c := range map[string]call{
		"no signature":  expect(func(c *call) { c.omit = "X-Auth-Signature" }),
		"stale":         expect(func(c *call) { c.ts = shift(-1000) }),
		"unknown token": expect(func(c *call) { c.token = strings.Repeat("9", 32) }),
		"too long":      expect(func(c *call) { c.extra[1] = "Content-Length: 99999999" }),
		"bad target":    expect(func(c *call) { c.target += "//" }),
	} {
		t.Run(name, func(t *testing.T) {
			r.untouched(t, func() {
				w := r.dial(t, sandbox, "http/1.1")
				w.send(c.head(e))
				line, err := w.r.ReadString('\n')
				if err != nil || !strings.HasPrefix(line, "HTTP/1.1 4") {
					t.Errorf("first line %q, %v", line, err)
				}
			})
		})
	}
}

// TestContinue: a request that is good so far hears 100 Continue, sends its body and gets through.
func TestContinue(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	c := patch("continue")
	c.extra = []string{"Expect: 100-continue"}
	w := r.dial(t, sandbox, "http/1.1")
	w.send(c.head(e))
	if line, err := w.r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("first line %q, %v", line, err)
	}
	if line, err := w.r.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("second line %q, %v", line, err)
	}
	w.send(c.body)
	if a, err := w.read(c.method); err != nil || a.status != 200 {
		t.Fatalf("%v, %v", a, err)
	}
	c = patch("expect-else")
	c.extra = []string{"Expect: 200-ok"}
	r.untouched(t, func() {
		if a := r.signed(t, sandbox, c); a.status < 400 || a.status > 499 {
			t.Errorf("an unknown expectation: %v", a)
		}
	})
}

// TestEmptyPosts: the five shapes of an empty POST that clients send all reach the upstream.
func TestEmptyPosts(t *testing.T) {
	r := onRecorder(t)
	token := r.token(t, sandbox)
	post := tokenCall{method: "POST", path: "/v1/customers/1/accounts", token: token}
	shape := func(change func(*tokenCall)) tokenCall { c := post; change(&c); return c }
	for name, c := range map[string]tokenCall{
		"length 0":             post,
		"no length":            shape(func(c *tokenCall) { c.withoutLength = true }),
		"an empty object":      shape(func(c *tokenCall) { c.body, c.kind = "{}", jsonType }),
		"null":                 shape(func(c *tokenCall) { c.body, c.kind = "null", jsonType }),
		"length 0 with a form": shape(func(c *tokenCall) { c.kind = "application/x-www-form-urlencoded" }),
	} {
		got, _ := r.forwarded(t, sandbox, c.raw(r.Environments[sandbox]))
		if got.method != "POST" || got.target != "/aggregation/v1/customers/1/accounts" || string(got.body) != c.body {
			t.Errorf("%s: arrived as %s %s %q", name, got.method, got.target, got.body)
		}
		if c.kind != "" && got.one("Content-Type") != c.kind {
			t.Errorf("%s: Content-Type %s", name, got.one("Content-Type"))
		}
	}
}

// TestBodyOfARefusedRequestIsNoRequest: bytes that were announced as a body are never read as the next request.
func TestBodyOfARefusedRequestIsNoRequest(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	inner := get("inner").raw(e)
	for name, c := range map[string]call{
		"no signature":  {omit: "X-Auth-Signature"},
		"unknown token": {token: strings.Repeat("8", 32)},
		"forged":        {signature: strings.Repeat("0", 64)},
	} {
		t.Run(name, func(t *testing.T) {
			c.method, c.target, c.body = "POST", unique("outer"), " "+inner
			r.untouched(t, func() { r.signed(t, sandbox, c).want(t, 401) })
		})
	}
}

// TestTrailers: a trailer named like an identity header gets nowhere; the request itself is honest.
func TestTrailers(t *testing.T) {
	r := onRecorder(t)
	body := `{"token_status":"blocked"}`
	for _, extra := range [][]string{nil, {"Trailer: Countersign-Partner, X-Auth-Token"}} {
		requests, size := r.upstream.mark()
		raw := chunked(r.Environments[sandbox], body, "1a\r\n"+body+"\r\n0\r\nCountersign-Partner: spoof\r\nX-Auth-Token: spoof\r\nX-Note: spoof\r\n\r\n", extra...)
		a := r.ask(t, sandbox, raw)
		if a.status != 200 && a.status != 400 {
			t.Errorf("%v", a)
		}
		if _, bytes := r.upstream.since(requests, size); strings.Contains(bytes, "spoof") {
			t.Errorf("a trailer arrived: %q", bytes)
		}
	}
}

// TestStreaming: the caller reads the first part of an answer, whose length is not told, before the upstream has sent the
// second.
func TestStreaming(t *testing.T) {
	r := onRecorder(t)
	for _, framing := range []string{"chunked", "close"} {
		t.Run(framing, func(t *testing.T) {
			c, proceed := get("stream"), make(chan struct{})
			r.upstream.on(c.target, func(w io.Writer, _ *seen) { streamed(w, framing, proceed) })
			w := r.dial(t, sandbox, "http/1.1")
			w.send(c.raw(r.Environments[sandbox]))
			resp, err := readHead(w)
			if err != nil {
				t.Fatal(err)
			}
			first := make([]byte, 5)
			if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "first" {
				t.Fatalf("%q, %v", first, err)
			}
			close(proceed)
			if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "second" {
				t.Errorf("%q, %v", rest, err)
			}
		})
	}
}

// streamed answers in two parts; the second waits for the caller to have read the first.
func streamed(w io.Writer, framing string, proceed <-chan struct{}) {
	head, part := "Connection: close", func(text string) string { return text }
	if framing == "chunked" {
		head, part = "Transfer-Encoding: chunked", func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
	}
	fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%s\r\n\r\n%s", head, part("first"))
	<-proceed
	io.WriteString(w, part("second"))
	if framing == "chunked" {
		io.WriteString(w, "0\r\n\r\n")
	}
	if c, ok := w.(io.Closer); ok && framing == "close" {
		c.Close()
	}
}
