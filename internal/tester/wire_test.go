package tester_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/strict"
	"countersign.dev/internal/tester"
	"countersign.dev/scheme"
)

// read is a message as a server of the standard library reads it.
func read(t *testing.T, m *tester.Message) *scheme.Request {
	t.Helper()
	in := bufio.NewReader(bytes.NewReader(m.Bytes()))
	r, err := http.ReadRequest(in)
	if err != nil {
		t.Fatalf("%v of\n%q", err, m.Bytes())
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(in); len(rest) > 0 {
		t.Fatalf("%q stands behind the request", rest)
	}
	return &scheme.Request{Method: r.Method, Target: r.RequestURI, Scheme: "https", Host: r.Host, Header: r.Header, Body: body}
}

// door is a server behind the strict reader, into which a test puts connections.
type door struct {
	listener *strict.Listener
	pool     *x509.CertPool
	served   chan *scheme.Request
	refused  chan strict.Fault
}

func openDoor(t testing.TB) *door {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "door"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{pool: x509.NewCertPool(), served: make(chan *scheme.Request, 4), refused: make(chan strict.Fault, 4)}
	d.pool.AddCert(made)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.listener, err = strict.New(inner, strict.Config{TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"http/1.1"}},
		OnRefused: func(_ netip.AddrPort, f strict.Fault) { d.refused <- f }})
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(d.serve)}
	strict.Configure(srv, d.listener)
	go func() { _ = srv.Serve(d.listener) }()
	t.Cleanup(func() { _ = srv.Close() })
	return d
}

func (d *door) serve(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	marks := strict.MarksOf(r.Context())
	if err != nil || marks == nil || marks.Fault != strict.None || marks.Chunked {
		d.refused <- strict.BadRequestLine
		return
	}
	d.served <- &scheme.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Body: body}
}

// send is what the server behind the strict reader saw of bytes.
func (d *door) send(t *testing.T, text []byte) *scheme.Request {
	t.Helper()
	raw, err := d.listener.Inject(netip.MustParseAddrPort("203.0.113.7:40001"))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c := tls.Client(raw, &tls.Config{RootCAs: d.pool, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}})
	if _, err := c.Write(text); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	select {
	case r := <-d.served:
		if len(d.served) > 0 || len(d.refused) > 0 {
			t.Fatalf("the bytes are more than one request: %q", text)
		}
		return r
	case f := <-d.refused:
		t.Fatalf("the strict reader finds %s in %q", f, text)
	default:
		t.Fatalf("nothing arrived of %q", text)
	}
	return nil
}

// FuzzForm: whatever a form is built into is one plain request for the strict reader, with the same target and body.
func FuzzForm(f *testing.F) {
	f.Add("POST", "/api/v1/cards?b=2&a=1", "Content-Type: application/json\r\nX-Mine: 1", "{}", "00ff", uint8(0))
	f.Add("GET", "/api/v1", "", "", "AbC=", uint8(1))
	f.Add("GET", "/api/v1/%2e?%", "A:\n B: c", "x\ny", "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", uint8(2))
	f.Add("PUT", "/api/v1/x HTTP/1.1\r\nTransfer-Encoding: chunked", "transfer-encoding: chunked", "0\r\n\r\n", "x", uint8(3))
	f.Add("HEAD", "/api/v1/x?", "Expect: 100-continue\nTE: trailers", "AAEC", "x", uint8(5))
	d := openDoor(f)
	f.Fuzz(func(t *testing.T, method, target, headers, body, signature string, how uint8) {
		names := []string{"finci", "countersign-v1", "aws-s3-v2", "binance"}
		in := tester.Form{API: "card", KeyID: keyID, Method: method, Target: target, Headers: headers, Body: body,
			BodyForm: []string{tester.BodyText, tester.BodyCRLF, tester.BodyBase64}[int(how/4)%3]}
		c, err := build(world(shipped(t, names[int(how)%4]), ""), in)
		if err != nil {
			if !errors.As(err, new(tester.Problems)) {
				t.Fatalf("%v is no problem of a form", err)
			}
			return
		}
		m, err := c.Message(signature)
		if err != nil {
			if !errors.As(err, new(tester.Problems)) {
				t.Fatalf("%v is no problem of a signature", err)
			}
			return
		}
		r := d.send(t, m.Bytes())
		line, _, _ := strings.Cut(string(m.Head), "\r\n")
		if line != method+" "+r.Target+" HTTP/1.1" || r.Method != method || r.Host != "sandbox.example.com" || !bytes.Equal(r.Body, m.Body) {
			t.Errorf("%q arrives as %+v", m.Bytes(), r)
		}
		if c.API.Profile.Name() != "binance" && r.Target != target { // binance signs in the query
			t.Errorf("%q arrives as %q", target, r.Target)
		}
		if r.Header["Transfer-Encoding"] != nil || len(r.Header["Connection"]) != 1 {
			t.Errorf("the headers of the connection are %v", r.Header)
		}
	})
}
