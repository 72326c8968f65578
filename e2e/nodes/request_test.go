package nodes_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Bounds of one request.
const (
	dialLimit   = 20 * time.Second
	answerLimit = 30 * time.Second // longer than any fault lasts: what a paused node has taken, it answers
)

// signingKey is a credential of a partner.
type signingKey struct{ token, secret string }

// request is one call, as it is signed and sent.
type request struct {
	id, method, target, body string
	headers                  string
	at                       time.Time // when it was signed, by the machine's clock
}

// signed makes a request with the timestamp at, by the documentation of the API: hex of HMAC-SHA256 over timestamp, method, target, body.
func signed(k signingKey, at time.Time, method, id string) request {
	r := request{id: id, method: method, target: "/api/v1/cards/" + id, at: time.Now()}
	if method != http.MethodGet {
		r.body = `{"note":"` + id + `"}`
	}
	ts := strconv.FormatInt(at.Unix(), 10)
	r.headers = "X-Auth-Token: " + k.token + "\r\nX-Auth-Timestamp: " + ts + "\r\nX-Auth-Signature: " + mac(k.secret, ts, method, r.target, r.body) + "\r\n"
	return r
}

func mac(secret, ts, method, target, body string) string {
	m := hmac.New(sha256.New, []byte(secret))
	fmt.Fprint(m, ts, method, target, body)
	return hex.EncodeToString(m.Sum(nil))
}

// forgeries are the ways to a request that nobody with the secret has signed.
const forgeries = 5

func forged(k signingKey, at time.Time, id string, way int) request {
	r := signed(k, at, http.MethodPost, id)
	switch way % forgeries {
	case 0:
		return signed(signingKey{k.token, "guessed"}, at, http.MethodPost, id)
	case 1:
		r.body = strings.Replace(r.body, "note", "nota", 1)
	case 2:
		r = signed(k, at, http.MethodPost, "honest")
		r.id, r.target = id, "/api/v1/cards/"+id
	case 3:
		r.method = http.MethodPut
	case 4:
		return signed(signingKey{strings.Repeat("0", 32), k.secret}, at, http.MethodPost, id)
	}
	return r
}

func (r request) text(host string) string {
	text := r.method + " " + r.target + " HTTP/1.1\r\nHost: " + host + "\r\n" + r.headers
	if r.method != http.MethodGet {
		text += "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(r.body)) + "\r\n"
	}
	return text + "\r\n" + r.body
}

// answer is how a request ended: a status with the code of a refusal, or none with a word for what became of the connection.
type answer struct {
	status int
	code   string
	cause  error // of a broken connection
	last   bool  // the server asks for another connection
	body   []byte
}

// Words for the end of a request without an answer.
const (
	notReached = "no connection"       // nothing was sent
	cutOff     = "connection broken"   // whether it was carried out is unknown
	noAnswer   = "no answer in time"   // likewise
	odd        = "an answer like none" // never
)

// is names it as tables do.
func (a answer) is() string {
	if a.status == 0 {
		return a.code
	}
	if a.code == "" {
		return strconv.Itoa(a.status)
	}
	return strconv.Itoa(a.status) + " " + a.code
}

// caller sends requests to one node, one after the other. It tries nothing twice, unlike the clients of libraries. Of one goroutine.
type caller struct {
	address string
	tls     *tls.Config
	conn    *tls.Conn
	from    *bufio.Reader
}

// send sends a request and takes the answer.
func (c *caller) send(r request) answer {
	if c.conn == nil {
		if err := c.dial(); err != nil {
			return answer{code: notReached, cause: err}
		}
	}
	a := c.ask(r)
	if a.status == 0 || a.last {
		c.close()
	}
	return a
}

func (c *caller) dial() error {
	dialer := &net.Dialer{Timeout: dialLimit}
	conn, err := tls.DialWithDialer(dialer, "tcp", c.address, c.tls)
	if err != nil {
		return err
	}
	c.conn, c.from = conn, bufio.NewReader(conn)
	return nil
}

func (c *caller) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *caller) ask(r request) answer {
	_ = c.conn.SetDeadline(time.Now().Add(answerLimit)) // a conn that refuses it fails below
	if _, err := io.WriteString(c.conn, r.text(c.address)); err != nil {
		return broken(err)
	}
	got, err := http.ReadResponse(c.from, &http.Request{Method: r.method})
	if err != nil {
		return broken(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(io.LimitReader(got.Body, 64<<10))
	if err != nil {
		return broken(err)
	}
	return answer{status: got.StatusCode, code: codeOf(got.StatusCode, body), last: got.Close, body: body}
}

func broken(err error) answer {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return answer{code: noAnswer, cause: err}
	}
	return answer{code: cutOff, cause: err}
}

// codeOf is the code of a refusal, empty for the upstream's answer; of a signed API a word, of a token API a number.
func codeOf(status int, body []byte) string {
	var refusal struct {
		Errors []string `json:"errors"`
		Code   int      `json:"code"`
	}
	err := json.Unmarshal(body, &refusal)
	switch {
	case status == http.StatusOK && string(body) == success:
		return ""
	case err == nil && status != http.StatusOK && len(refusal.Errors) == 1:
		return refusal.Errors[0]
	case err == nil && status != http.StatusOK && refusal.Code > 0:
		return strconv.Itoa(refusal.Code)
	}
	return odd
}
