package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/gateway/upstream"
	"pgregory.net/rapid"
)

// content is n bytes of every value, which a signed API admits as a body.
func content(n int) string {
	if n == 0 {
		return ""
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	b[0] = '['
	return string(b)
}

// chunked cuts body into chunks of odd sizes, in either case of hexadecimal digits.
func (d *door) chunked(body string, sizes ...int) call {
	c := d.signed(d.keys["good"], "POST", "/api/v1/cards", body, "Transfer-Encoding: chunked")
	c.body, c.raw = "", true
	for i := 0; body != ""; i++ {
		n := min(sizes[i%len(sizes)], len(body))
		if i%2 == 0 {
			c.body += fmt.Sprintf("%x\r\n%s\r\n", n, body[:n])
		} else {
			c.body += fmt.Sprintf("%04X\r\n%s\r\n", n, body[:n])
		}
		body = body[n:]
	}
	c.body += "0\r\n\r\n"
	return c
}

func TestBodiesArriveByteForByte(t *testing.T) {
	d := newWorld(t).open(t)
	for i, n := range []int{0, 1, 2, 4095, 4096, 4097, 65535, 65536, 65537, 1<<20 - 1, 1 << 20} {
		body := content(n)
		target := fmt.Sprintf("/api/v1/cards?%d", i)
		expect := func(how string, a answer) {
			t.Helper()
			if a.status != 200 || a.body != "ok" {
				t.Fatalf("%d bytes %s: %d %s", n, how, a.status, a.body)
			}
			got := d.upstream.next()
			if got.body != body || got.field("Content-Length") != fmt.Sprint(n) || got.field("Transfer-Encoding") != "-" {
				t.Errorf("%d bytes %s: %d bytes arrived, Content-Length %s", n, how, len(got.body), got.field("Content-Length"))
			}
			if line, _ := d.records.line(); line["bytes_in"] != float64(n) {
				t.Errorf("%d bytes %s: the record says %v", n, how, line["bytes_in"])
			}
		}
		expect("with a length", d.do(d.signed(d.keys["good"], "POST", target, body)))
		if n > 0 {
			expect("in chunks", d.do(d.chunked(body, 1, 4096, 3, 70_001, 255)))
		}
		if n < 60_000 {
			f := d.frames()
			expect("over HTTP/2", f.doPieces(d.signed(d.keys["good"], "PUT", target, body), 9_999))
			_ = f.conn.Close()
		}
	}
}

func TestOneByteOverTheCapIsRefused(t *testing.T) {
	d := newWorld(t).open(t)
	over := content(1<<20 + 1)
	for how, c := range map[string]call{"declared": d.signed(d.keys["good"], "POST", "/api/v1/cards", over), "found": d.chunked(over, 1<<19)} {
		if a := d.do(c); a.status != 413 {
			t.Errorf("%s: %d %s", how, a.status, a.body)
		}
	}
	d.upstream.untouched()
	d.givenBack()
}

// givenBack waits until no request holds a part of the budget: it is given back at the end, when the answer may have arrived already.
func (d *door) givenBack() {
	d.t.Helper()
	for begun := time.Now(); d.bodies.Left() != budget; runtime.Gosched() {
		if time.Since(begun) > patience {
			d.t.Fatalf("%d bytes of the budget were not given back", budget-d.bodies.Left())
		}
	}
}

// TestEmptyPostsInFiveShapes: every one is forwarded, with a length (spec: bodies and lengths).
func TestEmptyPostsInFiveShapes(t *testing.T) {
	d := newWorld(t).open(t)
	token := d.token(d.apps["good"])
	post := func(body string, fields ...string) call {
		return withToken(d.apps["good"], token, "POST", "/aggregation/v1/customers/1/accounts", body, fields...)
	}
	for name, c := range map[string]call{"length 0": post("", "Content-Length: 0"), "no length": post(""), "{}": post("{}"), "null": post("null"),
		"form": post("", "Content-Length: 0", "Content-Type: application/x-www-form-urlencoded")} {
		for protocol, send := range map[string]func(*door, call) answer{"HTTP/1.1": (*door).do, "HTTP/2": sendFrames} {
			if a := send(d, c); a.status != 200 {
				t.Errorf("%s over %s: %d %s", name, protocol, a.status, a.body)
				continue
			}
			got := d.upstream.next()
			if got.body != c.body || got.field("Content-Length") != fmt.Sprint(len(c.body)) {
				t.Errorf("%s over %s: body %q, Content-Length %s", name, protocol, got.body, got.field("Content-Length"))
			}
			if name == "form" != (got.field("Content-Type") != "-") {
				t.Errorf("%s over %s: Content-Type %s", name, protocol, got.field("Content-Type"))
			}
		}
	}
	for _, method := range []string{"GET", "DELETE", "HEAD", "OPTIONS"} { // what was said of a length stays said, and only that
		d.upstream.says("HTTP/1.1 204 No Content\r\n\r\n")
		for length, fields := range map[string][]string{"-": nil, "0": {"Content-Length: 0"}} {
			if a := d.do(withToken(d.apps["good"], token, method, "/aggregation/v1/x", "", fields...)); a.status != 204 || d.upstream.next().field("Content-Length") != length {
				t.Errorf("%s with Content-Length %s arrived otherwise (%d)", method, length, a.status)
			}
		}
	}
}

// TestRule26ContinueOnlyForThoseLetOn: no 100 before a refusal that needs no body, one before a request that is read.
func TestRule26ContinueOnlyForThoseLetOn(t *testing.T) {
	d := newWorld(t).open(t)
	const expect = "Expect: 100-continue"
	bad := map[string]call{
		"unknown":                         strangers(d, "POST", "[1]", expect)["unknown"],
		"stale":                           d.signedAt(d.keys["good"], base-301, "POST", "/api/v1/cards", "[1]", expect),
		"unsigned":                        d.signed(d.keys["good"], "POST", "/api/v1/cards", "[1]", expect).without("X-Auth-Signature"),
		"too long":                        d.signed(d.keys["good"], "POST", "/api/v1/cards", "", expect, "Content-Length: 1048577"),
		"too long for the token endpoint": authentication(d.apps["good"], strings.Repeat("x", 16<<10)).with(expect),
		"no token":                        withToken(d.apps["good"], "x", "POST", "/aggregation/v1/x", "[1]", expect),
	}
	for name, c := range bad {
		k := d.dial()
		head, _, _ := strings.Cut(c.String(), "\r\n\r\n")
		k.send(head + "\r\n\r\n")
		if a := k.read("POST"); a.status < 400 || strings.Contains(a.raw, "100 Continue") {
			t.Errorf("%s: %s", name, a.raw)
		}
		_ = k.CloseWrite()
		if rest := k.rest(); rest != "" {
			t.Errorf("%s: after the refusal came %q", name, rest)
		}
		if a := sendHead(d, c); a.status < 400 || strings.Contains(a.raw, "100") {
			t.Errorf("%s over HTTP/2: %s %d", name, a.raw, a.status)
		}
	}
	d.upstream.untouched()
	k := d.dial()
	c := post("good", `{"expected":1}`, expect)(d)
	head, body, _ := strings.Cut(c.String(), "\r\n\r\n")
	k.send(head + "\r\n\r\n")
	if _, a := k.head("POST"); a.status != http.StatusContinue {
		t.Fatalf("before a good body came %s", a.raw)
	}
	k.raw.Reset()
	k.send(body)
	if a := k.read("POST"); a.status != 200 || d.upstream.next().body != body {
		t.Errorf("after the body: %d %s", a.status, a.body)
	}
}

// sendHead sends the head of a request with a body over HTTP/2, and no body.
func sendHead(d *door, c call) answer {
	if c.body != "" {
		c = c.with(fmt.Sprint("Content-Length: ", len(c.body)))
	}
	f := d.frames()
	defer f.conn.Close()
	return f.read(f.open(c, "api.example.com", false))
}

// TestRule26FreshnessIsCheckedAgainAfterASlowBody: the clock passes the window while the body is on its way.
func TestRule26FreshnessIsCheckedAgainAfterASlowBody(t *testing.T) {
	w := newWorld(t)
	d := w.open(t)
	c := post("good", `{"slow":1}`, "Expect: 100-continue")(d)
	head, body, _ := strings.Cut(c.String(), "\r\n\r\n")
	k := d.dial()
	k.send(head + "\r\n\r\n")
	if _, a := k.head("POST"); a.status != http.StatusContinue { // the first check is over
		t.Fatal(a.raw)
	}
	w.clock.Add(301)
	k.raw.Reset()
	k.send(body)
	if a := k.read("POST"); a.status != 401 || !strings.Contains(a.body, "stale_timestamp") {
		t.Errorf("%d %s", a.status, a.body)
	}
	d.upstream.untouched()
}

// TestRule26WhatIsStoredIsJudgedAgainAfterASlowBody: a token that expires, and a credential that is revoked, while the body
// is on its way.
func TestRule26WhatIsStoredIsJudgedAgainAfterASlowBody(t *testing.T) {
	for name, change := range map[string]func(*door){
		"revoked": func(d *door) {
			d.must(d.register.RevokeCredential(ctx, alice, d.keys["good"].Credential.ID, "for the tests"))
			d.must(d.register.RevokeCredential(ctx, alice, d.apps["good"].Credential.ID, "for the tests"))
			d.reload()
		},
		"suspended": func(d *door) {
			d.must(d.register.Suspend(ctx, alice, d.partner("good"), "sandbox", "for the tests"))
			d.reload()
		},
		"expired": func(d *door) { d.clock.Add(7201); d.decider.Confirm(d.now()) },
	} {
		for _, family := range []string{"signed", "token"} {
			t.Run(name+", "+family, func(t *testing.T) {
				d := newWorld(t).open(t)
				c := post("good", `{"slow":1}`)(d)
				if family == "token" {
					c = withToken(d.apps["good"], d.token(d.apps["good"]), "POST", "/aggregation/v1/x", `{"slow":1}`)
				}
				head, body, _ := strings.Cut(c.with("Expect: 100-continue").String(), "\r\n\r\n")
				k := d.dial()
				k.send(head + "\r\n\r\n")
				if _, a := k.head("POST"); a.status != http.StatusContinue { // what could be decided without the body was
					t.Fatal(a.raw)
				}
				change(d)
				k.raw.Reset()
				k.send(body)
				if a := k.read("POST"); a.status != 401 && a.status != 403 {
					t.Errorf("%d %s", a.status, a.body)
				}
				d.upstream.untouched()
			})
		}
	}
}

// TestRule26BudgetIsGivenBack: after any mix of requests, good and bad, the budget is what it was.
func TestRule26BudgetIsGivenBack(t *testing.T) {
	w := newWorld(t)
	d := w.open(t, func(s *settings) {
		s.api = func(a *access.API) { a.MaxBody = 100_000 }
		s.gateway.BodyTimeout = time.Minute
	})
	token := d.token(d.apps["good"])
	serial := 0
	rapid.Check(t, func(r *rapid.T) {
		for range rapid.IntRange(1, 4).Draw(r, "requests") {
			serial++
			n := rapid.SampledFrom([]int{0, 1, 100, 4096, 4097, 70_000, 99_999, 100_000, 100_001}).Draw(r, "bytes")
			c := d.signed(d.keys["good"], "POST", fmt.Sprintf("/api/v1/cards?%d", serial), content(n))
			switch rapid.IntRange(0, 6).Draw(r, "kind") {
			case 0:
				c.target += "x"
			case 1:
				c = d.chunked(content(n)+" ", 1000+serial%977)
			case 2:
				c = withToken(d.apps["good"], token, "PUT", "/aggregation/v1/x", content(n))
			case 3:
				c = withToken(d.apps["good"], "x", "PUT", "/aggregation/v1/x", content(n))
			case 4:
				c = authentication(d.apps["good"], content(n%20_000))
				c.body = c.body[:len(c.body)/2]
			case 5:
				k := d.dial() // one that leaves in the middle of its body
				text := c.String()
				k.send(text[:len(text)-n/2])
				_ = k.CloseWrite()
				_ = k.rest()
				_ = k.Close()
				d.records.line()
				continue
			}
			d.do(c)
			d.records.line()
		}
	})
	if left := d.bodies.Left(); left != budget {
		t.Errorf("%d bytes of the budget were not given back", budget-left)
	}
}

// TestRule26BudgetCountsEveryBody: bodies that are held at one time never take more than the budget, whatever their framing.
func TestRule26BudgetCountsEveryBody(t *testing.T) {
	w := newWorld(t)
	for name, make := range map[string]func(*door) call{
		"with a length": func(d *door) call { return d.signed(d.keys["good"], "POST", "/api/v1/cards", content(3000)) },
		"in chunks":     func(d *door) call { return d.chunked(content(3001), 1000) },
	} {
		t.Run(name, func(t *testing.T) {
			held := gateway.NewBudget(100 << 10)
			d := w.open(t, func(s *settings) { s.gateway.Bodies = held })
			text := make(d).String()
			k := d.dial()
			k.send(text[:len(text)-10])  // the gateway holds what has come so far
			for held.Left() == 100<<10 { // nothing tells when the gateway begins to read
				runtime.Gosched()
			}
			if taken := 100<<10 - held.Left(); taken < 3000 {
				t.Errorf("a body of 3000 bytes takes %d from the budget", taken)
			}
			k.send(text[len(text)-10:])
			if a := k.read("POST"); a.status != 200 {
				t.Errorf("%d %s", a.status, a.body)
			}
			d.records.line()
			if held.Left() != 100<<10 {
				t.Errorf("%d bytes of the budget were not given back", 100<<10-held.Left())
			}
		})
	}
}

// TestBodiesOfOthersStayTheirs: buffers are used again; no request finds a byte of another one.
func TestBodiesOfOthersStayTheirs(t *testing.T) {
	d := newWorld(t).open(t)
	k := d.dial()
	for i := range 30 {
		body := fmt.Sprintf(`{"n":%d,"x":"%s"}`, i, strings.Repeat(fmt.Sprint(i%10), (i*7919)%9000))
		if a := k.do(d.signed(d.keys["good"], "POST", "/api/v1/cards", body)); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if got := d.upstream.next().body; got != body {
			t.Fatalf("request %d arrived as %.100q", i, got)
		}
		if a := k.do(authentication(d.apps["stray"], fmt.Sprint("wrong", i))); i < 5 && a.status != 401 {
			t.Fatal(a.status)
		}
		if a := k.do(d.signed(d.keys["good"], "DELETE", fmt.Sprintf("/api/v1/cards/%d", i), "")); a.status != 200 || d.upstream.next().body != "" {
			t.Fatalf("an empty request got a body, or %d", a.status)
		}
	}
}

// TestRule33BodiesAreWipedBeforeReuse: what a request brought is gone from memory before the next one may have the buffer.
func TestRule33BodiesAreWipedBeforeReuse(t *testing.T) {
	var kept []byte
	d := newWorld(t).open(t, func(s *settings) {
		s.doers = func(all map[*access.API]upstream.Doer) {
			for api := range all {
				all[api] = fakeDoer{do: func(_ context.Context, r *upstream.Request, _ *upstream.Response) error {
					kept = r.Body
					return upstream.ErrUnreachable
				}}
			}
		}
	})
	if a := d.do(post("good", `{"secret":"of one caller"}`)(d)); a.status != 502 {
		t.Fatal(a.status, a.body)
	}
	d.givenBack() // last of all
	if len(kept) == 0 || strings.Trim(string(kept), "\x00") != "" {
		t.Errorf("the buffer still holds %q", kept)
	}
}

// TestReadDeadlineIsForTheBodyOnly: it is in force while the body is read, and no longer when the upstream is asked.
func TestReadDeadlineIsForTheBodyOnly(t *testing.T) {
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	asked := false
	d := newWorld(t).open(t, func(s *settings) {
		s.doers = func(all map[*access.API]upstream.Doer) {
			for api := range all {
				all[api] = fakeDoer{do: func(_ context.Context, r *upstream.Request, _ *upstream.Response) error {
					if asked = true; !w.read.IsZero() || string(r.Body) != `{"a":1}` {
						t.Errorf("read deadline %v while the upstream is asked, body %q", w.read, r.Body)
					}
					return upstream.ErrUnreachable
				}}
			}
		}
	})
	r := d.inHand(post("good", `{"a":1}`)(d))
	r.Body = &timed{t, w, r.Body}
	if d.gateway.ServeHTTP(w, r); !asked || w.Code != 502 {
		t.Errorf("%d %s", w.Code, w.Body.String())
	}
}

// timed is a body that looks at the deadline while it is read.
type timed struct {
	t *testing.T
	w *deadlines
	io.ReadCloser
}

func (b *timed) Read(p []byte) (int, error) {
	if b.w.read.IsZero() {
		b.t.Error("the body is read without a deadline")
	}
	return b.ReadCloser.Read(p)
}
