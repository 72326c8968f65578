package strict

import (
	"context"
	"net"
)

// Marks is what the raw bytes of one HTTP/1 request said. A *Marks is never
// written to after it was handed out, until the handler has returned; do not
// keep it longer. What is learned while the body is read (BadChunk,
// ChunkExtension, BadTrailer, HasTrailers) appears in a new *Marks: call
// MarksOf again after the body. A fault in the body also makes its read fail,
// mostly with an error that wraps the Fault (net/http replaces the one of
// BadTrailer): an error of the body and the new marks are both reasons to
// refuse. net/http cancels the request's context with such an error; the
// connection can still be answered.
type Marks struct {
	// Fault is the first fault found, except that a later one takes the place of
	// NonASCIITarget. None: the request is well formed so far. Anything else must
	// be refused.
	Fault Fault
	// MustClose: the framing is in doubt. The answer must carry
	// "Connection: close". The connection ends after it in any case: not one
	// more byte of it reaches net/http.
	MustClose bool
	// Chunked: the body comes in chunks. Never true together with a length,
	// unless Fault says so.
	Chunked bool
	// HasTrailers: the body was followed by trailer fields (security rule 37).
	// Known for certain once the body was read to its end; it may show earlier.
	HasTrailers bool
	// Upgrade: the request has an Upgrade field. Not a fault by itself; an API
	// that does not allow it refuses (security rule 24).
	Upgrade bool
	// HTTP10: the request says HTTP/1.0.
	HTTP10 bool
	// ContentLength is the declared length in bytes; -1: none was declared.
	ContentLength int64
	// HeadBytes is the length of the head in bytes, with line ends and an empty
	// line before it.
	HeadBytes int
	// HeaderLines counts the header lines, folded ones included, without the
	// request line.
	HeaderLines int
}

type connKey struct{}

// ConnContext is for http.Server.ConnContext: it lets MarksOf find the
// connection. Connections that are not from this package's HTTP/1 side (HTTP/2)
// leave ctx as it was. Safe for concurrent use.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if sc, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, sc)
	}
	return ctx
}

// MarksOf returns the marks of the HTTP/1 request that is being handled under
// ctx (the request's context or one derived from it). Call it inside the
// handler, not after it returned. It is nil for HTTP/2, and also where the
// connection did not come through this package: a handler that meets nil with
// r.ProtoMajor below 2 must refuse. Safe for concurrent use.
func MarksOf(ctx context.Context) *Marks {
	sc, ok := ctx.Value(connKey{}).(*conn)
	if !ok {
		return nil
	}
	return sc.marks.Load()
}
