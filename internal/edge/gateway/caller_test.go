package gateway_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/registry"
)

// call is a request in the words of the wire: method, target, header lines, body.
type call struct {
	method, target string
	fields         []string
	body           string
	raw            bool // body holds the framing; no Content-Length is added
}

// signed is a call that is signed by hand, from the vendor's words: timestamp, method, target, body.
func (d *door) signed(key registry.Issued, method, target, body string, fields ...string) call {
	return d.signedAt(key, d.clock.Load(), method, target, body, fields...)
}

func (d *door) signedAt(key registry.Issued, at int64, method, target, body string, fields ...string) call {
	ts := strconv.FormatInt(at, 10)
	mac := hmac.New(sha256.New, key.Secret.Bytes())
	mac.Write([]byte(ts + method + target + body))
	auth := []string{"X-Auth-Token: " + key.KeyID, "X-Auth-Timestamp: " + ts, "X-Auth-Signature: " + hex.EncodeToString(mac.Sum(nil))}
	return call{method: method, target: target, fields: append(auth, fields...), body: body}
}

// withToken is a call of the token family.
func withToken(app registry.Issued, token, method, target, body string, fields ...string) call {
	auth := []string{"Finicity-App-Key: " + app.KeyID}
	if token != "" {
		auth = append(auth, "Finicity-App-Token: "+token)
	}
	return call{method: method, target: target, fields: append(auth, fields...), body: body}
}

// authentication is Partner Authentication in JSON.
func authentication(app registry.Issued, password string) call {
	body := fmt.Sprintf(`{"partnerId":%q,"partnerSecret":%q}`, app.Login, password)
	return withToken(app, "", "POST", tokenEndpoint, body, "Content-Type: application/json", "Accept: application/json")
}

// without drops the header lines that begin with name.
func (c call) without(name string) call {
	var kept []string
	for _, f := range c.fields {
		if !strings.HasPrefix(f, name+":") {
			kept = append(kept, f)
		}
	}
	c.fields = kept
	return c
}

func (c call) with(fields ...string) call {
	c.fields = append(append([]string(nil), c.fields...), fields...)
	return c
}

// String is the call as bytes of HTTP/1.1.
func (c call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", c.method, c.target)
	if !strings.Contains("\n"+strings.Join(c.fields, "\n"), "\nHost: ") {
		b.WriteString("Host: api.example.com\r\n")
	}
	for _, f := range c.fields {
		b.WriteString(f + "\r\n")
	}
	if c.body != "" && !c.raw {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(c.body))
	}
	return b.String() + "\r\n" + c.body
}

// answer is what came back, parsed and as bytes.
type answer struct {
	status int
	header http.Header
	body   string
	err    error  // how the body ended
	raw    string // status line and header
}

// connection is one HTTP/1.1 connection of a caller.
type connection struct {
	*tls.Conn
	d   *door
	raw bytes.Buffer
	in  *bufio.Reader
}

func (d *door) dial() *connection {
	d.t.Helper()
	c, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool, NextProtos: []string{"http/1.1"}})
	d.must(err)
	d.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	k := &connection{Conn: c, d: d}
	k.in = bufio.NewReader(io.TeeReader(c, &k.raw))
	return k
}

// send writes text; the server may have closed meanwhile.
func (k *connection) send(text string) { _, _ = io.WriteString(k.Conn, text) }

// head reads the head of an answer to a request of the given method.
func (k *connection) head(method string) (*http.Response, answer) {
	k.d.t.Helper()
	resp, err := http.ReadResponse(k.in, &http.Request{Method: method})
	if err != nil {
		k.d.t.Fatalf("no answer: %v; bytes %q", err, k.raw.String())
	}
	head, _, _ := strings.Cut(k.raw.String(), "\r\n\r\n")
	header := http.Header{} // as it came: ReadResponse takes Connection and Transfer-Encoding out
	_, fields, _ := strings.Cut(head, "\r\n")
	for line := range strings.SplitSeq(fields, "\r\n") {
		name, value, _ := strings.Cut(line, ": ")
		header[name] = append(header[name], value)
	}
	return resp, answer{status: resp.StatusCode, header: header, raw: head}
}

func (k *connection) read(method string) answer {
	k.d.t.Helper()
	resp, a := k.head(method)
	body, err := io.ReadAll(resp.Body)
	a.body, a.err = string(body), err
	k.raw.Reset()
	return a
}

// rest is everything until the connection ends.
func (k *connection) rest() string {
	b, _ := io.ReadAll(k.in)
	return string(b)
}

func (k *connection) do(c call) answer {
	k.d.t.Helper()
	k.send(c.String())
	return k.read(c.method)
}

// do makes one call on a connection of its own.
func (d *door) do(c call) answer {
	d.t.Helper()
	k := d.dial()
	defer k.Close()
	return k.do(c)
}

// token is a fresh access token of the app.
func (d *door) token(app registry.Issued) string {
	d.t.Helper()
	a := d.do(authentication(app, string(app.Secret.Bytes())))
	var granted struct{ Token string }
	if err := json.Unmarshal([]byte(a.body), &granted); err != nil || a.status != 200 || granted.Token == "" {
		d.t.Fatalf("no token: %d %s", a.status, a.body)
	}
	d.records.line()
	return granted.Token
}

var (
	idText   = regexp.MustCompile(`[0-9a-f]{32}`)
	dateText = regexp.MustCompile(`\r\nDate: [^\r]+`)
	lastTime = regexp.MustCompile(`18000[0-9]{5}`)
)

// plain replaces what may differ between two equal answers: request id, server time, date.
func plain(text string) string {
	return lastTime.ReplaceAllString(dateText.ReplaceAllString(idText.ReplaceAllString(text, "$$ID"), ""), "$$TIME")
}
