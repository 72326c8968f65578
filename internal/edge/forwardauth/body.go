package forwardauth

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/door"
)

// told is what a proxy says of a body in headerBody:
//
//	HTTP/1.1 length=17 held=17 encoding=
//
// protocol of the caller's request, its Content-Length, how many bytes were handed over, and its Transfer-Encoding up to the end,
// which is the caller's own text. What is empty was not there; held is empty where the kind does not say it.
type told struct {
	protocol     string
	length, held int64 // -1: empty
	encoding     string
}

// parseBody reads a headerBody.
func parseBody(text string) (t told, ok bool) {
	protocol, rest, _ := strings.Cut(text, " length=")
	length, rest, found := strings.Cut(rest, " held=")
	held, encoding, ended := strings.Cut(rest, " encoding=")
	if !found || !ended {
		return told{}, false
	}
	switch protocol {
	case "HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0":
	default:
		return told{}, false
	}
	t = told{protocol: protocol, encoding: strings.Trim(encoding, " \t")}
	var one, two bool
	t.length, one = parseLength(length)
	t.held, two = parseLength(held)
	return t, one && two
}

func parseLength(text string) (int64, bool) {
	if text == "" {
		return -1, true
	}
	n, err := strconv.ParseUint(text, 10, 62)
	return int64(n), err == nil && text == strconv.FormatUint(n, 10)
}

// readBody says what there is of the request's body.
func (q *question) readBody() *fault {
	how, to := q.h.how, &q.request
	if how.body == bodyIfSet {
		q.readForwarded()
		return nil
	}
	text, ok := take(q.r.Header, headerBody)
	if !ok {
		return faultBody
	}
	t, ok := parseBody(text)
	if !ok {
		return faultBody
	}
	to.Protocol, to.ContentLength, to.LengthStated = t.protocol, t.length, t.length >= 0
	switch how.body {
	case bodyStays:
		to.State = t.staying()
	case bodyIsPosted:
		q.readPosted(&t)
	default:
		q.readOwn(&t)
	}
	return nil
}

// staying is what is known of a body that is not handed over. Over HTTP/2 and later a body needs no length, so that only a
// length of 0, or a proxy that waited for its end and held nothing, says that there is none.
func (t *told) staying() door.BodyState {
	switch {
	case t.length > 0 || t.held > 0 || t.encoding != "":
		return door.BodyUnseen
	case t.length == 0 || t.held == 0 || t.protocol == "HTTP/1.1" || t.protocol == "HTTP/1.0":
		return door.BodyNone
	}
	return door.BodyUnknown
}

// readOwn: the question is the request, with the body that the proxy has buffered and will forward.
func (q *question) readOwn(t *told) {
	to, own := &q.request, q.r.ContentLength
	_, stated := q.r.Header["Content-Length"]
	switch {
	case own < 0, t.length >= 0 && t.length != own, t.encoding != "" && !stated:
		to.State = door.BodyUnseen // it is streamed, or was left out
	case own == 0:
		to.State = door.BodyNone
	default:
		q.hand(own)
	}
}

// readPosted: the proxy says how much it held of a body, and sends just that. Of one in chunks nobody can tell whether it is
// whole; one without bytes was waited for to its end.
func (q *question) readPosted(t *told) {
	to, own := &q.request, q.r.ContentLength // -1: HAProxy's client sends chunks
	switch {
	case t.held < 0 || own >= 0 && own != t.held:
		to.State = door.BodyUnseen
	case t.held == 0 && t.length <= 0:
		to.State = door.BodyNone
	case t.encoding != "" || t.length != t.held:
		to.State = door.BodyUnseen
	default:
		q.hand(t.held)
	}
}

// readForwarded: nothing but the door's setting tells that bodies are handed over.
func (q *question) readForwarded() {
	to, own := &q.request, q.r.ContentLength
	_, to.LengthStated = q.r.Header["Content-Length"]
	switch {
	case !q.h.cfg.WholeBody:
		to.State, to.LengthStated = door.BodyUnknown, false
	case own < 0:
		to.State = door.BodyUnseen
	case own == 0:
		to.State, to.ContentLength = door.BodyNone, 0
	default:
		q.hand(own)
	}
}

// hand lets the pipeline read the question's body when it asks for it.
func (q *question) hand(length int64) {
	to := &q.request
	to.ContentLength = length
	if length > q.h.cfg.MaxBody {
		to.State = door.BodyUnseen
		return
	}
	q.body.q, q.body.length = q, length
	to.State, to.Source = door.BodyWhole, &q.body
}

// body reads the body of a question, whole, once.
type body struct {
	q      *question
	length int64 // as the proxy said it; not more than Config.MaxBody
	held   []byte
	taken  int64
}

// ReadBody implements access.BodySource.
func (b *body) ReadBody(limit int64) ([]byte, access.Reason) {
	q := b.q
	switch {
	case b.held != nil:
		return b.held, access.Allowed
	case b.length > limit:
		return nil, access.BodyTooLarge
	case !q.h.cfg.Bodies.Take(b.length):
		return nil, access.Overloaded
	}
	b.taken = b.length
	control := http.NewResponseController(q.w)
	_ = control.SetReadDeadline(time.Now().Add(q.h.cfg.BodyTimeout))
	held := make([]byte, b.length)
	if _, err := io.ReadFull(q.r.Body, held); err != nil {
		return nil, door.BodyMissed(q.r, err)
	}
	if _, err := io.ReadFull(q.r.Body, make([]byte, 1)); err != io.EOF {
		return nil, access.BodyNotSeen // more than the proxy said, or an end that is none
	}
	_ = control.SetReadDeadline(time.Time{})
	b.held = held
	return held, access.Allowed
}

// release gives memory and budget back.
func (b *body) release(h *Handler) {
	clear(b.held) // neither the next question nor the heap must hold this one's secrets
	if b.taken > 0 {
		h.cfg.Bodies.Give(b.taken)
	}
	*b = body{}
}
