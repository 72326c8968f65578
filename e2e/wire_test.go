package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// wireLimit bounds every wait on a socket; nothing here is meant to take a second.
const wireLimit = 30 * time.Second

// wire is one TLS connection on which a test writes what it likes.
type wire struct {
	*tls.Conn
	r *bufio.Reader
}

// answer is an answer, taken from the wire.
type answer struct {
	proto  string
	status int
	header http.Header
	body   []byte
}

func (d *dev) roots() (*x509.CertPool, error) {
	pem, err := os.ReadFile(d.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", d.CAFile)
	}
	return pool, nil
}

// connect opens a connection to an environment that negotiates exactly one protocol: "http/1.1" or "h2".
func (d *dev) connect(env, protocol string) (*wire, error) {
	roots, err := d.roots()
	if err != nil {
		return nil, err
	}
	conn, err := tls.Dial("tcp", d.Environments[env].address(), &tls.Config{RootCAs: roots, NextProtos: []string{protocol}})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", env, err)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != protocol {
		_ = conn.Close()
		return nil, fmt.Errorf("negotiated %q instead of %q", got, protocol)
	}
	_ = conn.SetDeadline(time.Now().Add(wireLimit))
	return &wire{conn, bufio.NewReader(conn)}, nil
}

// dial is connect for one test.
func (d *dev) dial(t testing.TB, env, protocol string) *wire {
	t.Helper()
	w, err := d.connect(env, protocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// send writes raw bytes. That the other side has closed already is no failure: its answer may still be read.
func (w *wire) send(raw string) {
	_ = w.SetDeadline(time.Now().Add(wireLimit))
	_, _ = io.WriteString(w.Conn, raw)
}

// read takes one answer to a request of the given method from the connection.
func (w *wire) read(method string) (*answer, error) {
	_ = w.SetDeadline(time.Now().Add(wireLimit))
	resp, err := http.ReadResponse(w.r, &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return &answer{resp.Proto, resp.StatusCode, resp.Header, body}, err
}

// rest ends our side in good order and returns what the gateway still had to say.
func (w *wire) rest() string {
	_ = w.CloseWrite()
	left, _ := io.ReadAll(w.r)
	return string(left)
}

// try sends raw bytes on a connection of their own and returns the one answer. A second answer is an error.
func (d *dev) try(env, raw string) (*answer, error) {
	w, err := d.connect(env, "http/1.1")
	if err != nil {
		return nil, err
	}
	defer w.Close()
	w.send(raw)
	method, _, _ := strings.Cut(raw, " ")
	a, err := w.read(method)
	if err != nil {
		return nil, fmt.Errorf("no answer to %.200q: %w", raw, err)
	}
	if more := w.rest(); more != "" {
		return nil, fmt.Errorf("a second answer to one request %.200q: %.400q", raw, more)
	}
	return a, nil
}

// ask is try for one test.
func (d *dev) ask(t testing.TB, env, raw string) *answer {
	t.Helper()
	a, err := d.try(env, raw)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *answer) String() string {
	return fmt.Sprintf("%d %v %.600q", a.status, a.header, a.body)
}

func (a *answer) requestID() string { return a.header.Get("Countersign-Request-Id") }

// want fails unless the status is as expected.
func (a *answer) want(t testing.TB, status int) *answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d expected: %v", status, a)
	}
	return a
}

// decode reads the body as JSON, strictly one value.
func (a *answer) decode(t testing.TB, into any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		t.Fatalf("body is not JSON: %v: %v", err, a)
	}
}

// decision is a line of the decision log.
type decision map[string]any

func (l decision) text(key string) string {
	s, _ := l[key].(string)
	return s
}

// line waits for the decision line of an answer; it is flushed soon after the answer.
func (d *dev) line(t testing.TB, a *answer) decision {
	t.Helper()
	id := a.requestID()
	if id == "" {
		t.Fatalf("an answer without Countersign-Request-Id: %v", a)
	}
	deadline := time.Now().Add(startLimit)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		if l := d.find(t, id); l != nil {
			return l
		}
		if time.Now().After(deadline) {
			t.Fatalf("no decision line for %s: %v", id, a)
		}
		time.Sleep(wait) // backoff between looks at a file; nothing depends on its length
	}
}

func (d *dev) find(t testing.TB, id string) decision {
	t.Helper()
	text, err := os.ReadFile(d.DecisionLog)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	at := bytes.Index(text, []byte(id))
	if at < 0 {
		return nil
	}
	begin := bytes.LastIndexByte(text[:at], '\n') + 1
	end := bytes.IndexByte(text[begin:], '\n')
	if end < 0 {
		return nil // not whole yet
	}
	var l decision
	if err := json.Unmarshal(text[begin:begin+end], &l); err != nil {
		t.Fatalf("decision line %q: %v", text[begin:begin+end], err)
	}
	return l
}

// readHead reads an answer's head and leaves the body to be read as it comes.
func readHead(w *wire) (*http.Response, error) {
	return http.ReadResponse(w.r, &http.Request{Method: "GET"})
}
