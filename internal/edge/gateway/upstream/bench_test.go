package upstream_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"countersign.dev/internal/edge/gateway/fields"
	"countersign.dev/internal/edge/gateway/upstream"
)

// backend answers every request with 75 bytes of JSON and allocates nothing, so
// that the figures are the client's.
func backend(b *testing.B) *url.URL {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ln.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Fri, 20 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n" +
		"Content-Length: 75\r\nConnection: keep-alive\r\n\r\n" + string(bytes.Repeat([]byte("x"), 75)))
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go answerAll(c, answer)
		}
	}()
	return &url.URL{Scheme: "http", Host: ln.Addr().String()}
}

func answerAll(c net.Conn, answer []byte) {
	defer c.Close()
	buf := make([]byte, 64<<10)
	for held := 0; ; {
		n, err := c.Read(buf[held:])
		if err != nil {
			return
		}
		if held += n; bytes.HasSuffix(buf[:held], []byte("\r\n\r\n")) {
			held = 0
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	}
}

var benchHeader = http.Header{
	"Accept": {"application/json"}, "User-Agent": {"partner/1.0"}, "X-Forwarded-For": {"192.0.2.1"},
	"X-Request-Id": {"0123456789abcdef0123456789abcdef"}, "X-Countersign-Partner": {"acme"},
}

func benchDoer(b *testing.B, cfg upstream.Config) {
	cfg.URL = backend(b)
	d, err := upstream.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var resp upstream.Response
		r := &upstream.Request{Method: "GET", Target: "/api/v1/cards?limit=10", Host: "api.example", Header: fields.Of(benchHeader)}
		buf := make([]byte, 4<<10)
		for pb.Next() {
			if err := d.Do(b.Context(), r, &resp); err != nil {
				b.Error(err)
				return
			}
			for err = nil; err == nil; {
				_, err = resp.Body.Read(buf)
			}
			_ = resp.Body.Close()
		}
	})
}

func BenchmarkLean(b *testing.B)     { benchDoer(b, upstream.Config{}) }
func BenchmarkStandard(b *testing.B) { benchDoer(b, upstream.Config{Standard: true}) }

// BenchmarkBareTransport is the standard transport without this package: what
// the ratios are taken against.
func BenchmarkBareTransport(b *testing.B) {
	u := backend(b)
	tr := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 128}
	defer tr.CloseIdleConnections()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		target := *u
		target.Opaque = "/api/v1/cards?limit=10"
		for pb.Next() {
			req := (&http.Request{Method: "GET", URL: &target, Host: "api.example", Header: benchHeader}).WithContext(b.Context())
			res, err := tr.RoundTrip(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
}
