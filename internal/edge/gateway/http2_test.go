package gateway_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// TestHTTP2DecidesLikeHTTP1: the same calls, the same status and body, whatever the protocol (security rule 16).
func TestHTTP2DecidesLikeHTTP1(t *testing.T) {
	w := newWorld(t)
	d := w.open(t)
	for _, row := range refusals() {
		if row.door != nil || row.before != nil || row.send != nil {
			continue
		}
		c := row.call(d)
		if c.raw || row.what == "declared" || strings.Contains(strings.Join(c.fields, "\n"), "\r") || row.reason.String() == "malformed_framing" || row.reason.String() == "upgrade_not_allowed" || row.reason.String() == "hop_by_hop_header" {
			continue // HTTP/1 alone can say it; over HTTP/2 net/http refuses connection options itself
		}
		t.Run(row.reason.String()+"/"+row.what, func(t *testing.T) {
			d := d.in(t)
			f := d.frames()
			defer f.conn.Close()
			a := f.do(c)
			fields, text := d.records.line()
			for i, line := range row.extra {
				if line == closed {
					row.extra = append(append([]string(nil), row.extra[:i]...), row.extra[i+1:]...) // no such header over HTTP/2
				}
			}
			if row.reason.String() != "allowed" {
				row.checkAnswer(t, d, a, fields["request_id"].(string))
			}
			row.checkLine(t, d, fields)
			checkSecrets(t, d, c, text)
			if b := f.do(get("good")(d)); b.status != 200 || f.goAway {
				t.Errorf("the connection was ended for one stream's fault (%d, GOAWAY %v)", b.status, f.goAway)
			}
			d.records.line()
			d.upstream.next()
		})
	}
}

// TestRule37HostBesideAnotherAuthority, and every authority that is no host: 400, and nothing is forwarded.
func TestRule37HostBesideAnotherAuthority(t *testing.T) {
	d := newWorld(t).open(t)
	for name, row := range map[string]struct {
		authority string
		fields    []string
		status    int
	}{
		"equal":                    {"api.example.com", []string{"Host: API.example.com"}, 200},
		"Host alone":               {"", []string{"Host: api.example.com"}, 200},
		"another":                  {"api.example.com", []string{"Host: evil.example.com"}, 400},
		"another port":             {"api.example.com", []string{"Host: api.example.com:1"}, 400},
		"one of two":               {"api.example.com", []string{"Host: api.example.com", "Host: evil.example.com"}, 400},
		"two, no authority":        {"", []string{"Host: api.example.com", "Host: evil.example.com"}, 400},
		"neither":                  {"", nil, 400},
		"empty Host":               {"api.example.com", []string{"Host: "}, 400},
		"authority with a path":    {"api.example.com/x", nil, 400},
		"authority with a comma":   {"api.example.com,evil.example.com", nil, 400},
		"authority with a space":   {"api.example.com evil", nil, 400},
		"authority with a query":   {"api.example.com?x", nil, 400},
		"authority beyond ASCII":   {"\u212a.example.com", nil, 400},
		"authority that is long":   {strings.Repeat("a", 265), nil, 400},
		"authority with a percent": {"a%2fb", nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			d := d.in(t)
			f := d.frames()
			defer f.conn.Close()
			a := f.read(f.open(get("good", row.fields...)(d), row.authority, true))
			if a.status != row.status || row.status == 400 && !strings.Contains(a.body, "host_mismatch") {
				t.Errorf("%d %s %v", a.status, a.body, a.err)
			}
			if line, text := d.records.line(); row.status == 400 && line["reason"] != "host_mismatch" {
				t.Errorf("record %s", text)
			}
			if row.status == 200 {
				d.upstream.next()
			}
		})
	}
	select {
	case a := <-d.upstream.arrivals:
		t.Errorf("forwarded: %+v", a)
	default:
	}
}

// TestRule37TrailersDoNotArrive, over both protocols, announced or not.
func TestRule37TrailersDoNotArrive(t *testing.T) {
	d := newWorld(t).open(t)
	trailers := [][2]string{{"countersign-partner", "ptn_ev1l"}, {"x-auth-token", "x"}, {"x-trailer", "x"}}
	for _, announced := range []bool{true, false} {
		f := d.frames()
		c := d.signed(d.keys["good"], "POST", "/api/v1/cards", `{"h2":1}`)
		if !announced {
			c = d.signed(d.keys["good"], "PUT", "/api/v1/cards", `{"h2":1}`)
		} else {
			c = c.with("trailer: countersign-partner, x-auth-token, x-trailer")
		}
		stream := f.open(c, "api.example.com", false)
		d.must(f.WriteData(stream, false, []byte(c.body)))
		d.must(f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.block(trailers), EndStream: true, EndHeaders: true}))
		if a := f.read(stream); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if got := d.upstream.next(); len(got.fields) != 8 || got.body != c.body {
			t.Errorf("announced %v: arrived %q, body %q", announced, got.fields, got.body)
		}
	}
	c := d.chunked(`{"h1":1}`, 3)
	c.body = strings.TrimSuffix(c.body, "\r\n") + "Countersign-Partner: ptn_ev1l\r\nX-Trailer: x\r\n\r\n"
	if a := d.do(c.with("Trailer: Countersign-Partner")); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if got := d.upstream.next(); len(got.fields) != 8 || got.body != `{"h1":1}` {
		t.Errorf("HTTP/1.1: arrived %q, body %q", got.fields, got.body)
	}
	if all := strings.ToLower(d.upstream.all()); strings.Contains(all, "ev1l") || strings.Contains(all, "trailer") { // no id has a 1
		t.Errorf("a trailer reached the upstream: %q", all)
	}
}

// TestHTTP2ResetWithinABody: the caller is gone, nothing is forwarded.
func TestHTTP2ResetWithinABody(t *testing.T) {
	d := newWorld(t).open(t)
	f := d.frames()
	c := post("good", `{"a":1}`)(d)
	stream := f.open(c, "api.example.com", false)
	d.must(f.WriteData(stream, false, []byte(c.body)))
	d.must(f.WriteRSTStream(stream, http2.ErrCodeCancel))
	if line, text := d.records.line(); line["reason"] != "client_gone" || line["status"] != float64(499) {
		t.Errorf("record %s", text)
	}
	d.upstream.untouched()
	if a := f.do(get("good")(d)); a.status != 200 {
		t.Errorf("the next stream: %d", a.status)
	}
}

// TestHTTP2StalledBodyTimesOut: one stream is refused, the connection of the others lives on.
func TestHTTP2StalledBodyTimesOut(t *testing.T) {
	d := newWorld(t).open(t, func(s *settings) { s.gateway.BodyTimeout = 20 * time.Millisecond })
	f := d.frames()
	c := post("good", `{"a":1}`)(d)
	stream := f.open(c, "api.example.com", false)
	d.must(f.WriteData(stream, false, []byte(c.body[:3])))
	if a := f.read(stream); a.status != 408 || !strings.Contains(a.body, "body_timeout") {
		t.Errorf("%d %s", a.status, a.body)
	}
	d.records.line()
	d.upstream.untouched()
	if a := f.do(get("good")(d)); a.status != 200 || f.goAway {
		t.Errorf("the next stream: %d, GOAWAY %v", a.status, f.goAway)
	}
}

// TestHTTP2LengthsAreOne: a Content-Length that is not what the frames say is refused, or the stream is reset; nothing is
// forwarded.
func TestHTTP2LengthsAreOne(t *testing.T) {
	d := newWorld(t).open(t)
	for name, row := range map[string]struct{ fields, body string }{
		"too small": {"Content-Length: 3", `{"a":1}`}, "too large": {"Content-Length: 30", `{"a":1}`}, "two": {"Content-Length: 7|Content-Length: 8", `{"a":1}`},
		"two equal": {"Content-Length: 7|Content-Length: 7", `{"a":1}`}, "a list": {"Content-Length: 7, 7", `{"a":1}`}, "negative": {"Content-Length: -7", `{"a":1}`},
		"no number": {"Content-Length: x", `{"a":1}`}, "of no body": {"Content-Length: 7", ""}, "zero before a body": {"Content-Length: 0", `{"a":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			d := d.in(t)
			f := d.frames()
			defer f.conn.Close()
			c := d.signed(d.keys["good"], "POST", "/api/v1/cards?"+strings.ReplaceAll(name, " ", ""), row.body, strings.Split(row.fields, "|")...)
			stream := f.open(c, "api.example.com", row.body == "")
			if row.body != "" {
				d.must(f.WriteData(stream, true, []byte(row.body)))
			}
			if a := f.read(stream); a.err == nil && a.status < 400 {
				t.Errorf("%d %s", a.status, a.body)
			}
			d.records.line()
		})
	}
	d.upstream.untouched()
}

// TestRule24NoConnectOverHTTP2, nor upgrades by another name.
func TestRule24NoConnectOverHTTP2(t *testing.T) {
	d := newWorld(t).open(t)
	f := d.frames()
	f.stream = 1
	d.must(f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block([][2]string{{":method", "CONNECT"}, {":authority", "evil.example.com:443"}}), EndHeaders: true, EndStream: true}))
	if a := f.read(1); a.status != 400 || !strings.Contains(a.body, "upgrade_not_allowed") {
		t.Errorf("CONNECT: %d %s", a.status, a.body)
	}
	d.records.line()
	for _, target := range []string{"*", "https://evil.example.com/api/v1/x", "//evil/api/v1", "/api/v1/a#b", "/api/v1/a b", "/api/v1/\x01"} {
		f := d.frames()
		c := d.signed(d.keys["good"], "OPTIONS", target, "")
		if a := f.do(c); a.err == nil && a.status != 400 && a.status != 404 {
			t.Errorf("%q: %d %s", target, a.status, a.body)
		}
		_ = f.conn.Close()
	}
	d.upstream.untouched()
}
