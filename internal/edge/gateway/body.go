package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway/strict"
)

// Budget bounds the memory that request bodies take together (security rule 26). Safe for concurrent use; share one
// between all environments of a process.
type Budget struct{ left atomic.Int64 }

// NewBudget makes a budget of a number of bytes.
func NewBudget(bytes int64) *Budget {
	b := new(Budget)
	b.left.Store(bytes)
	return b
}

// Left is how many bytes are not taken at the moment.
func (b *Budget) Left() int64 { return b.left.Load() }

func (b *Budget) take(n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	return true
}

func (b *Budget) give(n int64) { b.left.Add(n) }

// pooled bodies up to this size are kept for the next request.
const pooledBody = 64 << 10

var bodyPool = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// body holds one request's body. It is read when the pipeline asks for it, whole, before anything is forwarded.
type body struct {
	c      *call
	buffer *[]byte // from the pool or not; nil: not read
	taken  int64   // from the budget
	read   bool    // to its end
}

func (b *body) reset(c *call) { *b = body{c: c} }

func (b *body) bytes() []byte {
	if b.buffer == nil {
		return nil
	}
	return *b.buffer
}

// release gives memory and budget back. The bytes must not be used afterwards.
func (b *body) release() {
	if b.buffer != nil {
		b.c.received = int64(len(*b.buffer))
		clear(*b.buffer) // neither the next request nor the heap must hold this one's secrets
		if *b.buffer = (*b.buffer)[:0]; cap(*b.buffer) <= pooledBody {
			bodyPool.Put(b.buffer)
		}
	}
	if b.taken > 0 {
		b.c.g.cfg.Bodies.give(b.taken)
	}
	*b = body{c: b.c, read: b.read}
}

// ReadBody implements access.BodySource.
func (b *body) ReadBody(limit int64) ([]byte, access.Reason) {
	c := b.c
	if c.r.ContentLength > limit {
		return nil, access.BodyTooLarge
	}
	control := http.NewResponseController(c.w)
	_ = control.SetReadDeadline(time.Now().Add(c.g.cfg.BodyTimeout))
	reason := b.gather(limit)
	if b.read = reason == access.Allowed; b.read {
		_ = control.SetReadDeadline(noDeadline)
	}
	if c.marks = strict.MarksOf(c.r.Context()); c.marks != nil && c.marks.Fault != strict.None {
		return nil, access.MalformedFraming
	}
	if reason != access.Allowed {
		return nil, reason
	}
	return b.bytes(), access.Allowed
}

// gather reads the body into b.buffer, up to limit bytes. Memory grows with what arrives and not with what was declared: a
// declaration costs its sender nothing.
func (b *body) gather(limit int64) access.Reason {
	b.buffer = bodyPool.Get().(*[]byte)
	if !b.grow(int64(cap(*b.buffer))) { // the one from the pool counts, too
		return access.Overloaded
	}
	declared, most := b.c.r.ContentLength, limit+1
	if declared > 0 {
		most = declared
	}
	for {
		held := int64(len(*b.buffer))
		if held == int64(cap(*b.buffer)) && !b.grow(min(2*held, most)) {
			return access.Overloaded
		}
		n, err := b.c.r.Body.Read((*b.buffer)[held:min(int64(cap(*b.buffer)), most)])
		held += int64(n)
		*b.buffer = (*b.buffer)[:held]
		switch {
		case held == declared && (declared > 0 || err == io.EOF):
			return access.Allowed
		case held > limit:
			return access.BodyTooLarge
		case err == io.EOF && declared < 0:
			return access.Allowed
		case err != nil:
			return b.outcome(err)
		}
	}
}

// grow makes room for size bytes and takes them from the budget.
func (b *body) grow(size int64) bool {
	if more := size - b.taken; more > 0 {
		if !b.c.g.cfg.Bodies.take(more) {
			return false
		}
		b.taken += more
	}
	if int64(cap(*b.buffer)) < size {
		larger := make([]byte, len(*b.buffer), size)
		copy(larger, *b.buffer)
		clear(*b.buffer)
		*b.buffer = larger
	}
	return true
}

// outcome maps what ended the reading of a body.
func (b *body) outcome(err error) access.Reason {
	switch {
	case err == nil:
		return access.Allowed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return access.BodyTimeout
	case b.c.r.Context().Err() != nil:
		return access.ClientGone
	}
	return access.MalformedBody
}
