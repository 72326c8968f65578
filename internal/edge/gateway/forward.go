package gateway

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway/fields"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/edge/passage"
	"countersign.dev/internal/edge/problem"
)

var noDeadline time.Time

// A refused body that was not read is read for so long and so far, and dropped.
const (
	unreadGrace = 2 * time.Second
	unreadBytes = 4 << 20
)

// forward sends what was verified to the API's upstream and its answer back.
func (c *call) forward() {
	if c.g.cfg.Within != nil {
		c.hand()
		return
	}
	doer := c.g.cfg.Upstreams[c.decision.API]
	if doer == nil {
		c.decision.Reason, c.decision.Cause = access.Internal, errors.New("no upstream for "+c.decision.API.Name)
		c.refuse()
		return
	}
	if c.admit(c.r.Context()) != access.Allowed {
		c.refuse()
		return
	}
	c.out.Header = c.clean(c.out.Header)
	if t := c.g.cfg.Trace; t != nil {
		c.traceOut(t)
	}
	c.out.Method, c.out.Target, c.out.Host, c.out.Body = c.r.Method, c.r.RequestURI, c.host(), c.body.bytes()
	_, stated := c.r.Header["Content-Length"]
	c.out.HasLength = c.r.ContentLength != 0 || stated || expectsBody(c.r.Method)
	c.decision.Forwarded = true
	if err := doer.Do(c.r.Context(), &c.out, &c.answer); err != nil {
		c.fail(err)
		return
	}
	defer func() { _ = c.answer.Body.Close() }()
	c.relay()
}

// host is the caller's Host where it was checked against the environment's names, and otherwise empty, for the upstream's own:
// no signature covers it, so that a caller could choose among the upstream's virtual hosts.
func (c *call) host() string {
	if c.g.hosts == nil {
		return ""
	}
	return c.r.Host
}

// expectsBody: RFC 9110 §8.6 asks for a Content-Length even where such a request has no body.
func expectsBody(method string) bool { return method == "POST" || method == "PUT" || method == "PATCH" }

// fail answers for an upstream that did not.
func (c *call) fail(err error) {
	c.decision.Cause = err
	switch {
	case errors.Is(err, upstream.ErrCanceled) && c.r.Context().Err() != nil:
		c.decision.Reason = access.ClientGone
	case errors.Is(err, upstream.ErrTimeout):
		c.decision.Reason = access.UpstreamTimeout
	case errors.Is(err, upstream.ErrInvalidAnswer):
		c.decision.Reason = access.UpstreamInvalid
	case errors.Is(err, upstream.ErrOverloaded):
		c.decision.Reason, c.decision.Forwarded = access.Overloaded, false
	case errors.Is(err, upstream.ErrInvalidRequest):
		c.decision.Reason, c.decision.Forwarded = access.Internal, false
	default:
		c.decision.Reason = access.UpstreamUnreachable
	}
	c.refuse()
}

// relay streams the upstream's answer. An answer that breaks off is broken off to the caller too, never completed.
func (c *call) relay() {
	c.status = c.answer.Status
	c.head.Add(passage.HeaderRequestID, c.decision.RequestID)
	for _, f := range c.answer.Header {
		if !passage.IsIdentity(f.Name) && f.Name != "Alt-Svc" { // which would lead callers around the gateway
			c.head = append(c.head, f)
		}
	}
	c.tellLimits(&c.head)
	c.tellSunset(&c.head)
	switch {
	case c.status == http.StatusNoContent:
		c.head.Del("Content-Length") // RFC 9110 §8.6; HTTP/2 would pass it on
	case c.answer.ContentLength >= 0 && c.status != http.StatusNotModified && c.r.Method != http.MethodHead && !plainLength(c.head.Get("Content-Length")):
		c.head.Set("Content-Length", strconv.FormatInt(c.answer.ContentLength, 10))
	}
	c.sendHead()
	if err := c.stream(http.NewResponseController(c.w)); err != nil {
		c.decision.Cause = err
		panic(http.ErrAbortHandler) // net/http's way to cut an answer off; a plain return would end it as if it were whole
	}
}

// plainLength reports whether an upstream, whose length was read as a number, has spelt it as we would.
func plainLength(value string) bool { return value != "" && (value[0] != '0' || value == "0") }

// stream copies the body, piece by piece. The write deadline covers writes, up to the one that net/http makes after the end.
func (c *call) stream(control *http.ResponseController) error {
	buffer := copyPool.Get().(*[]byte)
	defer copyPool.Put(buffer)
	for {
		n, err := c.answer.Body.Read(*buffer)
		if n > 0 || err == io.EOF {
			_ = control.SetWriteDeadline(time.Now().Add(c.g.cfg.WriteStall))
		}
		if failed := c.pass(control, (*buffer)[:n]); failed != nil {
			return failed
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case c.r.ProtoMajor == 2: // there a deadline resets the stream when it passes, also while the upstream is waited for
			_ = control.SetWriteDeadline(noDeadline)
		}
	}
}

// pass writes one piece, and flushes it unless it is the last of an answer whose length is known.
func (c *call) pass(control *http.ResponseController, piece []byte) error {
	if len(piece) == 0 {
		return nil
	}
	n, err := c.w.Write(piece)
	if c.written += int64(n); err == nil && c.written != c.answer.ContentLength {
		_ = control.Flush()
	}
	return err
}

var copyPool = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// closesUniformly makes a 401 look the same whether its body was read or not: net/http ends connections on which much of a
// body is left, and says so in the answer, which would tell a live key id from a dead one (security rule 9).
func (c *call) closesUniformly(status int) bool {
	const kept = 64 << 10
	return status == http.StatusUnauthorized && (c.r.ContentLength < 0 || c.r.ContentLength > kept)
}

// write sends an answer of ours. Whatever an upstream left in the header is cleared first (trap 7).
func (c *call) write(a problem.Answer) {
	c.status = a.Status
	c.body.release() // nothing of it is needed any more, and the answer may take its time
	if c.decision.Reason == access.ClientGone {
		panic(http.ErrAbortHandler) // a handler that only returns has answered 200, and half of the connection may be open
	}
	c.clear(c.w.Header())
	c.head = append(c.head[:0], fields.Field{Name: passage.HeaderRequestID, Value: c.decision.RequestID})
	if c.decision.Reason != access.Allowed {
		c.head.Add(passage.HeaderTime, strconv.FormatInt(c.g.cfg.Now().Unix(), 10))
	}
	a.Close = a.Close || c.marks != nil && c.marks.MustClose || c.closesUniformly(a.Status)
	a.Close = a.Close && c.r.ProtoMajor < 2 // one stream's fault does not end the connection of all
	a.Apply(&c.head)
	c.tellLimits(&c.head)
	c.tellSunset(&c.head)
	control := http.NewResponseController(c.w)
	_ = control.SetWriteDeadline(time.Now().Add(c.g.cfg.WriteStall))
	if c.r.ContentLength != 0 && !c.body.read {
		_ = control.SetReadDeadline(time.Now().Add(unreadGrace))
	}
	c.sendHead()
	if n, _ := c.w.Write(a.Body); c.r.Method != http.MethodHead {
		c.written = int64(n)
	}
	if c.r.ContentLength != 0 && !c.body.read {
		c.leaveBody(control)
	}
	c.leaveDeadline(control)
}

// clear takes out what may have been put there on the way, but for a Connection: who serves may be about to leave.
func (c *call) clear(header http.Header) {
	for name := range header {
		if name != "Connection" {
			delete(header, name)
		}
	}
}

// leaveBody makes sure that the answer arrives although its request is still being sent: it goes out at once, and over
// HTTP/1 what is on the way is read and dropped, within bounds: a caller that is reset while it writes may never read why. Not
// so where the caller waits to be asked for the body, where it did not come in time, or where nobody can tell its end.
func (c *call) leaveBody(control *http.ResponseController) {
	_ = control.Flush()
	asks := c.r.Header["Expect"] != nil
	if c.r.ProtoMajor == 1 && !asks && c.decision.Reason != access.BodyTimeout && c.decision.Reason != access.MalformedFraming {
		_, _ = io.CopyN(io.Discard, c.r.Body, unreadBytes)
	}
}
