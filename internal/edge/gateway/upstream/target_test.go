package upstream_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"countersign.dev/internal/edge/gateway/upstream"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

var targets = []string{
	"/", "/a", "/a?", "/a?b=;c", "/a%2Fb", "/a%2fb", "/a?x=%zz", "/a%zz", "//x", "//x?", "//x/y?a=b;c&%zz", "//", "///x",
	"//user@host:1/x", "/a//b", "/../a", "/./a", "/%2e%2e/a", "/a;b=c", "/a?b?c", "/?", "/??", "/a?b=//c", "/a+b%20c",
	"/a?q=a+b%20c", "/a\\b", "/a\"<>^`{|}", "/:x", "/a:b@c", "/http://other/x", "/%", "/a?%", "/~!$&'()*,=", "*",
}

// lines returns the targets as a raw listener received them, one request each.
func lines(t *testing.T, ln net.Listener, scheme string, cfg upstream.Config) []string {
	t.Helper()
	var got []string
	cfg.URL = serveOn(t, ln, scheme, func(w *wire) {
		for range targets {
			head, _ := w.request()
			line, _, _ := strings.Cut(head, "\r\n")
			got = append(got, strings.TrimSuffix(strings.TrimPrefix(line, "OPTIONS "), " HTTP/1.1"))
			w.send(ok(""))
		}
		w.ended()
	})
	d := client(t, cfg, nil)
	for _, target := range targets {
		mustAsk(t, d, "OPTIONS", target, "")
	}
	return got
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func same(t *testing.T, got []string) {
	t.Helper()
	for i, target := range targets {
		if i >= len(got) {
			t.Fatalf("target %q did not arrive", target)
		}
		if got[i] != target {
			t.Errorf("target %q arrived as %q", target, got[i])
		}
	}
}

func TestRule25TargetArrivesUnchanged(t *testing.T) {
	t.Run("lean", func(t *testing.T) { same(t, lines(t, listen(t), "http", upstream.Config{})) })
	t.Run("standard", func(t *testing.T) { same(t, lines(t, listen(t), "http", upstream.Config{Standard: true})) })
	t.Run("TLS", func(t *testing.T) {
		server, trust := certificates(t)
		same(t, lines(t, tls.NewListener(listen(t), server), "https", upstream.Config{TLS: trust}))
	})
}

// certificates borrows those of the standard library's test server.
func certificates(t *testing.T, protos ...string) (server, trust *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	server = &tls.Config{Certificates: s.TLS.Certificates, NextProtos: protos}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return server, &tls.Config{RootCAs: roots}
}

func TestRule25TargetArrivesUnchangedOverHTTP2(t *testing.T) {
	server, trust := certificates(t, "h2")
	got := make(chan []string, 1)
	u := serveOn(t, tls.NewListener(listen(t), server), "https", func(w *wire) {
		got <- serveHTTP2(t, w)
	})
	d := client(t, upstream.Config{URL: u, TLS: trust}, nil)
	for _, target := range targets {
		mustAsk(t, d, "OPTIONS", target, "")
	}
	same(t, <-got)
}

// serveHTTP2 answers every stream with an empty 200 and returns the :path of
// each, in order, when the client has gone. It reports any field that the
// client added.
func serveHTTP2(t *testing.T, w *wire) (paths []string) {
	if _, err := io.ReadFull(w.br, make([]byte, len(http2.ClientPreface))); err != nil {
		t.Errorf("preface: %v", err)
		return nil
	}
	fr := http2.NewFramer(w, w.br)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = fr.WriteSettings()
	var block strings.Builder
	enc := hpack.NewEncoder(&block)
	for len(paths) < len(targets) {
		f, err := fr.ReadFrame()
		if err != nil {
			t.Errorf("frame: %v", err)
			return paths
		}
		h, isHead := f.(*http2.MetaHeadersFrame)
		if !isHead {
			continue
		}
		paths = append(paths, h.PseudoValue("path"))
		if len(h.RegularFields()) > 0 {
			t.Errorf("fields added: %v", h.RegularFields())
		}
		block.Reset()
		_ = enc.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: h.StreamID, BlockFragment: []byte(block.String()), EndStream: true, EndHeaders: true})
	}
	return paths
}

// The one spelling that the standard transport cannot keep is refused, not
// changed; the lean client sends it.
func TestRule25StandardRefusesWhatItWouldChange(t *testing.T) {
	for _, target := range []string{"//a%zz", "//a\"b"} {
		d := client(t, upstream.Config{URL: serve(t), Standard: true}, nil)
		if _, err := ask(d, "GET", target); !errors.Is(err, upstream.ErrInvalidRequest) {
			t.Errorf("%q: error %v, want an invalid request", target, err)
		}
		var head string
		u := serve(t, func(w *wire) { head, _ = w.request(); w.send(ok("")); w.ended() })
		d = client(t, upstream.Config{URL: u}, nil)
		mustAsk(t, d, "GET", target, "")
		if !strings.HasPrefix(head, "GET "+target+" HTTP/1.1\r\n") {
			t.Errorf("%q arrived as %q", target, head)
		}
	}
}
