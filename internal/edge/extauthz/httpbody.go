package extauthz

import (
	"io"
	"net/http"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/door"
)

// bodyReader hands over the body of a check request, whole, when the pipeline asks for it. The zero value has none.
type bodyReader struct {
	k     *Checker
	w     http.ResponseWriter
	r     *http.Request
	body  []byte
	taken int64
}

// ReadBody implements access.BodySource.
func (b *bodyReader) ReadBody(limit int64) ([]byte, access.Reason) {
	length := b.r.ContentLength
	switch {
	case b.body != nil || length == 0:
		return b.body, access.Allowed
	case length < 0:
		return nil, access.BodyNotSeen // the filter has buffered it, and knows its length
	case length > min(limit, b.k.cfg.MaxBody):
		return nil, access.BodyTooLarge
	case !b.k.cfg.Bodies.Take(length):
		return nil, access.Overloaded
	}
	b.taken = length
	control := http.NewResponseController(b.w)
	_ = control.SetReadDeadline(time.Now().Add(DefaultTimeout))
	body := make([]byte, length)
	if _, err := io.ReadFull(b.r.Body, body); err != nil {
		return nil, door.BodyMissed(b.r, err)
	}
	_ = control.SetReadDeadline(time.Time{})
	b.body = body
	return body, access.Allowed
}

// release gives memory and budget back.
func (b *bodyReader) release() {
	clear(b.body) // neither the next check nor the heap must hold this one's secrets
	if b.taken > 0 {
		b.k.cfg.Bodies.Give(b.taken)
	}
}
