package http1

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

const (
	held     = 2 << 10  // a body up to so long is held until its handler ends, so that its length can be told
	bulk     = 16 << 10 // what is gathered before it is written: one TLS record
	noLength = -1
)

// response is the answer to one request, as a handler writes it. One goroutine writes.
type response struct {
	c *conn
	r *http.Request
	b body

	header   http.Header
	status   int
	told     bool // WriteHeader was called
	framed   bool // the head is complete in c.out
	chunked  bool
	measured bool   // Content-Length is in the head
	bodiless bool   // HEAD, 204, 304
	declared int64  // Content-Length; noLength: none
	written  int64  // of the body, by the handler
	pending  []byte // of a body whose length is not known yet
	says     bool   // the handler wants the connection to end
	closing  bool   // the connection ends after this answer
	broken   bool   // it must end now
	ended    bool
	by       time.Time // the handler's deadline for writing
}

var (
	errEnded   = errors.New("http1: the handler has returned")
	errFraming = errors.New("http1: the head is out")
)

func (w *response) begin(c *conn, x *exchange, r *http.Request, asks bool) {
	w.c, w.r, w.header, w.declared = c, r, c.answer, noLength
	w.b.begin(c, x, r.ContentLength, asks)
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. Informational statuses are not sent; a second call changes nothing.
func (w *response) WriteHeader(status int) {
	if w.told || w.ended || status < 200 || status > 999 {
		return
	}
	w.start(status)
	if lengths := w.header["Content-Length"]; len(lengths) > 0 {
		w.declare(lengths[0])
	}
	w.says = closes(w.header["Connection"]...)
	w.closing = w.closing || w.says || w.c.s.closing.Load()
	w.head()
}

func (w *response) start(status int) {
	w.told, w.status = true, status
	w.bodiless = w.r.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
}

// declare takes down what a handler says of the length of its body.
func (w *response) declare(value string) {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 && w.status != http.StatusNoContent {
		w.declared = n
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if w.ended {
		return 0, errEnded
	}
	if !w.told {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.broken:
		return 0, io.ErrClosedPipe
	case w.bodiless && w.r.Method != http.MethodHead:
		return 0, http.ErrBodyNotAllowed
	}
	if w.written += int64(len(p)); w.declared >= 0 && w.written > w.declared {
		return 0, http.ErrContentLength
	}
	if w.bodiless {
		return len(p), nil
	}
	if w.framed || w.declared >= 0 {
		w.frame()
		return len(p), w.send(p)
	}
	if w.pending = append(w.pending, p...); len(w.pending) > held {
		w.frame()
		return len(p), w.send(w.take())
	}
	return len(p), nil
}

// take is what was held, which the caller sends.
func (w *response) take() []byte {
	p := w.pending
	w.pending = nil
	return p
}

// send appends a piece of the body to what goes out.
func (w *response) send(p []byte) error {
	if len(p) == 0 || w.broken {
		return w.state()
	}
	c := w.c
	if w.chunked {
		c.out = append(strconv.AppendInt(c.out, int64(len(p)), 16), '\r', '\n')
	}
	c.out = append(c.out, p...)
	if w.chunked {
		c.out = append(c.out, '\r', '\n')
	}
	if len(c.out) >= bulk {
		return w.flush()
	}
	return nil
}

func (w *response) state() error {
	if w.broken {
		return io.ErrClosedPipe
	}
	return nil
}

// flush writes what has gathered.
func (w *response) flush() error {
	c := w.c
	if len(c.out) == 0 || w.broken {
		return w.state()
	}
	w.armWrite()
	_, err := c.nc.Write(c.out)
	c.out = c.out[:0]
	w.broken = err != nil
	return err
}

// armWrite makes the connection's deadline the handler's, unless the one that it has is nearly the same.
func (w *response) armWrite() {
	c := w.c
	switch {
	case w.by.IsZero() && c.writeBy.IsZero():
		return
	case !w.by.IsZero() && !c.writeBy.IsZero() && !c.writeBy.After(w.by) && w.by.Sub(c.writeBy) < time.Until(w.by)/8:
		return
	}
	if c.nc.SetWriteDeadline(w.by) == nil {
		c.writeBy = w.by
	}
}

// FlushError implements what http.ResponseController looks for.
func (w *response) FlushError() error {
	if w.ended {
		return errEnded
	}
	if !w.told {
		w.WriteHeader(http.StatusOK)
	}
	w.frame()
	if err := w.send(w.take()); err != nil {
		return err
	}
	return w.flush()
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// SetReadDeadline bounds the reading of the body. The zero time: no bound. Once the body is over there is nothing to bound: whoever reads
// then waits for the caller to leave.
func (w *response) SetReadDeadline(by time.Time) error {
	if w.ended {
		return errEnded
	}
	if !w.c.watch.quiet.Load() {
		w.c.setRead(by)
	}
	return nil
}

// SetWriteDeadline bounds the writing of the answer, to an eighth of what is left of it. The zero time: no bound.
func (w *response) SetWriteDeadline(by time.Time) error {
	if w.ended {
		return errEnded
	}
	w.by = by
	return nil
}

// EnableFullDuplex has nothing to do: a body may be read while the answer is written.
func (w *response) EnableFullDuplex() error { return nil }

// invite asks the caller for the body, unless an answer is on its way already.
func (w *response) invite() error {
	if w.told {
		return errFraming
	}
	w.c.out = append(w.c.out, continueHead...)
	return w.flush()
}

// finish completes the answer when its handler has returned.
func (w *response) finish() {
	if !w.told {
		w.WriteHeader(http.StatusOK)
	}
	if !w.framed && w.declared == noLength {
		w.measure()
	}
	w.frame()
	_ = w.send(w.take())
	w.ended = true
	switch {
	case w.chunked && !w.broken:
		w.c.out = append(w.c.out, "0\r\n\r\n"...)
	case w.declared >= 0 && w.declared != w.written && !w.bodiless:
		w.closing = true // it broke off; only the end of the connection tells
	}
	_ = w.flush()
}

// measure declares the length of a body that is known as a whole; of one that HEAD does not get, only if there was one.
func (w *response) measure() {
	switch {
	case !w.bodiless:
		w.declared = int64(len(w.pending))
	case w.r.Method == http.MethodHead && w.status != http.StatusNoContent && w.status != http.StatusNotModified && w.written > 0 && w.written <= held:
		w.declared = w.written
	}
}

// frame completes the head: how the body is delimited, and whether the connection goes on (RFC 9112 §6).
func (w *response) frame() {
	if w.framed {
		return
	}
	w.framed = true
	if !w.closing && !w.b.settle() {
		w.closing = true
	}
	c := w.c
	switch {
	case w.measured:
	case w.tellsLength():
		c.out = w.appendLength(c.out)
	case w.bodiless || w.declared >= 0:
	case w.r.ProtoMinor > 0:
		w.chunked = true
		c.out = append(c.out, "Transfer-Encoding: chunked\r\n"...)
	default:
		w.closing = true // HTTP/1.0: the end of the connection is the end of the body
	}
	switch {
	case w.closing && (w.r.ProtoMinor > 0 || w.says): // for HTTP/1.0 it goes without saying
		c.out = append(c.out, "Connection: close\r\n"...)
	case w.closing:
	case w.r.ProtoMinor == 0: // it has asked for that (RFC 9112 §9.3)
		c.out = append(c.out, "Connection: keep-alive\r\n"...)
	}
	c.out = append(c.out, '\r', '\n')
}

// tellsLength reports whether the answer has a Content-Length.
func (w *response) tellsLength() bool {
	return w.declared >= 0 && (!w.bodiless || w.r.Method == http.MethodHead || w.status == http.StatusNotModified)
}

func (w *response) appendLength(b []byte) []byte {
	w.measured = true
	return append(strconv.AppendInt(append(b, "Content-Length: "...), w.declared, 10), '\r', '\n')
}

// head writes status line and header but for the framing.
func (w *response) head() {
	c := w.c
	_, dated := w.header["Date"]
	w.statusLine(dated)
	names := c.sorted[:0]
	for name, values := range w.header {
		if len(values) > 0 && (!ours(name) || name == "Content-Length" && w.tellsLength()) && httpguts.ValidHeaderFieldName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names) // two equal answers are the same bytes (security rule 9)
	for _, name := range names {
		if name == "Content-Length" {
			c.out = w.appendLength(c.out)
			continue
		}
		for _, value := range w.header[name] {
			c.out = appendField(c.out, name, value)
		}
	}
	clear(names)
	c.sorted = names
}

// statusLine writes the status line, and the field Date unless the handler has one.
func (w *response) statusLine(dated bool) {
	c := w.c
	c.out = append(append(c.out, w.r.Proto...), ' ')
	c.out = append(strconv.AppendInt(c.out, int64(w.status), 10), ' ')
	c.out = append(append(c.out, http.StatusText(w.status)...), '\r', '\n')
	if !dated {
		c.out = append(append(append(c.out, "Date: "...), c.s.date()...), '\r', '\n')
	}
}

func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(appendValue(b, value), '\r', '\n')
}

// ours are the fields that this package writes itself.
func ours(name string) bool {
	switch name {
	case "Connection", "Content-Length", "Transfer-Encoding", "Trailer", "Keep-Alive":
		return true
	}
	return strings.HasPrefix(name, http.TrailerPrefix)
}

// appendValue writes a value that cannot become a line of its own.
func appendValue(b []byte, value string) []byte {
	if httpguts.ValidHeaderFieldValue(value) && value != "" && value[0] > ' ' && value[len(value)-1] > ' ' {
		return append(b, value...)
	}
	for _, c := range []byte(strings.Trim(value, " \t\r\n")) {
		if c < ' ' && c != '\t' || c == 0x7f {
			c = ' '
		}
		b = append(b, c)
	}
	return b
}
