package gateway

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/edge/problem"
)

var noDeadline time.Time

// unreadGrace is how long net/http may go on reading a refused body to keep the connection usable.
const unreadGrace = 5 * time.Second

// forward sends what was verified to the API's upstream and its answer back.
func (c *call) forward() {
	doer := c.g.cfg.Upstreams[c.decision.API]
	if doer == nil {
		c.decision.Reason, c.decision.Cause = access.Internal, errors.New("no upstream for "+c.decision.API.Name)
		c.refuse()
		return
	}
	if c.out.Header == nil {
		c.out.Header = make(http.Header, 16)
	}
	c.cleanHeaders(c.out.Header)
	c.out.Method, c.out.Target, c.out.Host, c.out.Body = c.r.Method, c.r.RequestURI, c.r.Host, c.body.bytes()
	c.out.HasLength = c.r.ContentLength != 0 || c.request.LengthStated || expectsBody(c.r.Method)
	if err := doer.Do(c.r.Context(), &c.out, &c.answer); err != nil {
		c.fail(err)
		return
	}
	defer func() { _ = c.answer.Body.Close() }()
	c.relay()
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
		c.decision.Reason = access.Overloaded
	case errors.Is(err, upstream.ErrInvalidRequest):
		c.decision.Reason = access.Internal
	default:
		c.decision.Reason = access.UpstreamUnreachable
	}
	c.refuse()
}

// relay streams the upstream's answer. An answer that breaks off is broken off to the caller too, never completed.
func (c *call) relay() {
	header := c.w.Header()
	for name, values := range c.answer.Header {
		if !isIdentity(name) {
			header[name] = append([]string(nil), values...)
		}
	}
	if c.answer.ContentLength >= 0 && c.answer.Status != http.StatusNoContent && c.answer.Status != http.StatusNotModified && c.r.Method != http.MethodHead {
		header["Content-Length"] = []string{strconv.FormatInt(c.answer.ContentLength, 10)}
	}
	if _, stated := header["Content-Type"]; !stated {
		header["Content-Type"] = nil // net/http would guess one from the body, and a browser would believe it
	}
	c.status = c.answer.Status
	control := http.NewResponseController(c.w)
	_ = control.SetWriteDeadline(time.Now().Add(c.g.cfg.WriteStall))
	c.w.WriteHeader(c.answer.Status)
	if err := c.stream(control); err != nil {
		c.decision.Cause = err
		panic(http.ErrAbortHandler) // net/http's way to cut an answer off; a plain return would end it as if it were whole
	}
}

// stream copies the body, flushing each piece but the last of an answer whose length is known.
func (c *call) stream(control *http.ResponseController) error {
	buffer := copyPool.Get().(*[]byte)
	defer copyPool.Put(buffer)
	extended := time.Now()
	for {
		n, err := c.answer.Body.Read(*buffer)
		if n > 0 {
			if now := time.Now(); now.Sub(extended) > time.Second {
				_ = control.SetWriteDeadline(now.Add(c.g.cfg.WriteStall))
				extended = now
			}
			written, err := c.w.Write((*buffer)[:n])
			c.written += int64(written)
			if err != nil {
				return err
			}
			if c.written != c.answer.ContentLength {
				_ = control.Flush()
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
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
	if c.decision.Reason == access.ClientGone {
		return
	}
	header := c.w.Header()
	clear(header)
	header["Countersign-Request-Id"] = []string{c.decision.RequestID}
	if c.decision.Reason != access.Allowed {
		header[headerTime] = []string{strconv.FormatInt(c.g.cfg.Now().Unix(), 10)}
	}
	a.Close = a.Close || c.marks != nil && c.marks.MustClose || c.closesUniformly(a.Status)
	a.Apply(header)
	c.status = a.Status
	control := http.NewResponseController(c.w)
	_ = control.SetWriteDeadline(time.Now().Add(c.g.cfg.WriteStall))
	if c.r.ContentLength != 0 && !c.body.read {
		_ = control.SetReadDeadline(time.Now().Add(unreadGrace))
	}
	c.w.WriteHeader(a.Status)
	n, _ := c.w.Write(a.Body)
	c.written = int64(n)
}
