package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway/strict"
	"countersign.dev/internal/edge/passage"
)

// Within is how what is let in is served in this process instead of being forwarded: by a handler behind the same translation,
// the same decision, the same refusals and the same record.
type Within struct {
	// Next gets each request that is let in: the method, target and body that were verified, the header that an upstream would
	// get, identity headers among it, and no Host where the environment has no names for it. Required.
	Next http.Handler
	// Context adds to a request's context what Next wants to know of the decision, which it must not keep. nil: nothing.
	Context func(ctx context.Context, d *access.Decision) context.Context
	// Unread lets HTTP/1 requests in over connections that the strict reader has not seen: what net/http repairs before anybody
	// sees it cannot be refused then (security rule 24).
	Unread bool
}

var errPanicked = errors.New("the handler did not return")

// hand gives what was verified to Config.Within.Next.
func (c *call) hand() {
	if c.admit(c.r.Context()) != access.Allowed {
		c.refuse()
		return
	}
	w := c.g.cfg.Within
	ctx := c.r.Context()
	if w.Context != nil {
		ctx = w.Context(ctx, &c.decision)
	}
	r := c.r.WithContext(ctx)
	c.out.Header = c.clean(c.out.Header[:0])
	r.Header = c.out.Header.Map() // its own: a handler may keep it
	r.Host, r.Trailer, r.TransferEncoding = c.host(), nil, nil
	verified := &verifiedBody{data: c.body.bytes()}
	r.Body, r.ContentLength = verified, int64(len(verified.data))
	if r.ContentLength == 0 {
		r.Body = http.NoBody
	}
	c.decision.Forwarded = true
	c.run(w.Next, r, verified)
}

// run runs the handler and notes what it answered, also where it does not return.
func (c *call) run(next http.Handler, r *http.Request, verified *verifiedBody) {
	out := &handed{ResponseWriter: c.w, c: c}
	returned := false
	defer func() {
		verified.end()
		c.status, c.written, out.c = out.status, out.written, nil
		if c.r.Method == http.MethodHead {
			c.written = 0
		}
		if !returned {
			c.decision.Cause = errPanicked
		}
	}()
	next.ServeHTTP(out, r)
	returned = true
	if out.status != 0 {
		return
	}
	if c.r.Context().Err() != nil {
		c.decision.Reason = access.ClientGone // nobody is there: as where an upstream is waited for
		out.status = 499
		panic(http.ErrAbortHandler)
	}
	out.WriteHeader(http.StatusOK)
}

// handed is what the handler answers on. It has no way to take the connection over: what goes past it could not be recorded, and
// would not lose the header lines that only we set.
type handed struct {
	http.ResponseWriter
	c       *call // nil once the handler has returned
	status  int   // 0: no answer has begun
	written int64
}

// WriteHeader begins the answer.
func (h *handed) WriteHeader(status int) {
	if h.c == nil {
		return // a goroutine that the handler has left behind
	}
	if h.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		h.status = status
		header := h.Header()
		for name := range header {
			if passage.IsIdentity(name) || name == "Alt-Svc" { // as of an upstream's answer
				delete(header, name)
			}
		}
		header[passage.HeaderRequestID] = []string{h.c.decision.RequestID}
		h.c.tellLimits(header)
		h.c.tellSunset(header)
		if status == http.StatusNoContent {
			delete(header, "Content-Length") // RFC 9110 §8.6
		}
	}
	h.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (h *handed) Write(p []byte) (int, error) {
	if h.c == nil {
		return 0, http.ErrBodyNotAllowed
	}
	if h.status == 0 {
		h.WriteHeader(http.StatusOK)
	}
	n, err := h.ResponseWriter.Write(p)
	h.written += int64(n)
	return n, err
}

// Flush implements http.Flusher.
func (h *handed) Flush() { _ = h.FlushError() }

// FlushError is Flush for http.ResponseController.
func (h *handed) FlushError() error {
	if h.c == nil {
		return nil
	}
	if h.status == 0 {
		h.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(h.ResponseWriter).Flush()
}

// SetReadDeadline is for http.ResponseController.
func (h *handed) SetReadDeadline(deadline time.Time) error {
	return http.NewResponseController(h.ResponseWriter).SetReadDeadline(deadline)
}

// SetWriteDeadline is for http.ResponseController.
func (h *handed) SetWriteDeadline(deadline time.Time) error {
	return http.NewResponseController(h.ResponseWriter).SetWriteDeadline(deadline)
}

// verifiedBody reads the bytes that were verified. They belong to the gateway, which takes them back when the handler has
// returned: whoever reads later is told so.
type verifiedBody struct {
	mu   sync.Mutex
	data []byte
	at   int
	over bool
}

// Read implements io.Reader.
func (v *verifiedBody) Read(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.over:
		return 0, http.ErrBodyReadAfterClose
	case len(p) == 0:
		return 0, nil
	case v.at == len(v.data):
		return 0, io.EOF
	}
	n := copy(p, v.data[v.at:])
	v.at += n
	return n, nil
}

// WriteTo implements io.WriterTo. What it writes is a copy: the bytes may be taken back while a slow reader still has them.
func (v *verifiedBody) WriteTo(w io.Writer) (int64, error) {
	v.mu.Lock()
	if v.over {
		v.mu.Unlock()
		return 0, http.ErrBodyReadAfterClose
	}
	rest := bytes.Clone(v.data[v.at:])
	v.at = len(v.data)
	v.mu.Unlock()
	n, err := w.Write(rest)
	return int64(n), err
}

// Close implements io.Closer.
func (v *verifiedBody) Close() error {
	v.end()
	return nil
}

func (v *verifiedBody) end() {
	v.mu.Lock()
	v.over, v.data = true, nil
	v.mu.Unlock()
}

// leaveDeadline takes a deadline of ours off a connection whose next answer is somebody else's to bound, once our answer is out.
func (c *call) leaveDeadline(control *http.ResponseController) {
	if c.g.cfg.Within == nil || c.r.ProtoMajor > 1 {
		return
	}
	if s, ok := c.r.Context().Value(http.ServerContextKey).(*http.Server); ok && s.WriteTimeout > 0 {
		return // net/http sets one for each request
	}
	if control.Flush() == nil {
		_ = control.SetWriteDeadline(noDeadline)
	}
}

// unread reports whether connections need not have passed the strict reader.
func (c *Config) unread() bool { return c.Within != nil && c.Within.Unread }

// The strict reader's own bounds of a head.
const (
	unreadHead  = 32 << 10
	unreadLines = 100
)

// unreadFault refuses what the strict reader would and net/http leaves to be seen.
func unreadFault(r *http.Request) string {
	if r.ProtoMinor > 1 {
		return strict.BadVersion.String()
	}
	lines, size := 1, len(r.Method)+len(r.RequestURI)+len(r.Host)+len(" HTTP/1.1\r\nHost: \r\n\r\n")+1
	for name, values := range r.Header {
		lines += len(values)
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	switch {
	case lines > unreadLines:
		return strict.TooManyHeaders.String()
	case size > unreadHead:
		return strict.HeadTooLarge.String()
	}
	return lengthFault(r)
}
