package admin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// call is one request on its way. It is the ResponseWriter that the handlers of the contract get, so that what they need is at
// hand without a context of values.
type call struct {
	http.ResponseWriter
	s  *Server
	r  *http.Request
	op *operation // nil: none of the contract

	id     string             // of the request
	who    operator.Principal // zero: not signed in
	body   []byte             // whole, and as the contract says
	wait   time.Duration      // Prefer: wait
	start  time.Time
	status int           // 0: nothing is written yet
	bytes  int64         // of the answer
	spent  time.Duration // in which the reader kept it waiting
	why    string        // why it was refused, for the record
	tries  bool          // it would change nothing: what stands in its way is an answer, and no refused attempt
}

// actor is in whose name the request acts.
func (c *call) actor() registry.Actor { return registry.ActorOf(c.who) }

// WriteHeader notes the status for the log.
func (c *call) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

// How long a reader may keep an answer waiting: so long, and longer by what it has taken already. What is spent here, before the
// first byte or between two, does not count: a search may take minutes.
const (
	grace   = 30 * time.Second
	minRate = 16 << 10 // bytes in a second
	piece   = 64 << 10 // that are written under one deadline
)

// Write writes piece by piece, each with the time that the reader has left. A reader that is too slow is an error, and the
// connection with it: it would keep a place that others wait for.
func (c *call) Write(b []byte) (written int, err error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	for first := true; err == nil && (first || written < len(b)); first = false {
		c.patient()
		begun, n := c.s.wire(), 0
		n, err = c.ResponseWriter.Write(b[written:min(written+piece, len(b))])
		c.spent += c.s.wire().Sub(begun)
		c.bytes += int64(n)
		written += n
	}
	return written, err
}

// patient gives the connection the time that its reader has left. One that keeps no deadlines has its own.
func (c *call) patient() {
	left := grace + time.Duration(c.bytes)*time.Second/minRate - c.spent
	_ = http.NewResponseController(c.ResponseWriter).SetWriteDeadline(c.s.wire().Add(left))
}

// Unwrap lets http.ResponseController find the connection.
func (c *call) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// json answers with v.
func (c *call) json(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		c.broke(err)
		return
	}
	c.Header().Set("Content-Type", typeJSON)
	c.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	c.WriteHeader(status)
	_, _ = c.Write(append(body, '\n')) // whoever has left hears nothing
}

// found answers with one resource and its ETag.
func (c *call) found(etag string, v any) {
	c.etag(etag)
	c.json(http.StatusOK, v)
}

// etag sets the ETag of the answer (RFC 9110 §8.8.3); empty: none.
func (c *call) etag(etag string) {
	if etag != "" {
		c.Header().Set("ETag", `"`+etag+`"`)
	}
}

// read takes the body into v, as strictly as the contract was checked before. false: it has answered.
func (c *call) read(v any) bool {
	if err := json.Unmarshal(c.body, v); err != nil {
		c.refuse(refusal{kind: api.Invalid, detail: "The body does not fit the contract.",
			errors: []field{{pointer: pointerOf(err), message: messageOf(err)}}})
		return false
	}
	return true
}

// match is the ETag of If-Match without its quotes; star: any state will do. Weak and several ETags were refused before.
func match(value string) (etag string, star bool) {
	if value == "*" {
		return "", true
	}
	return strings.Trim(value, `"`), false
}
