package upstream

import (
	"context"
	"io"
	"net/http"

	"countersign.dev/internal/edge/gateway/fields"
)

// Doer sends requests to one upstream. It is safe for concurrent use.
type Doer interface {
	// Do sends r and fills resp with the head of the final answer; the body
	// streams from resp.Body, which the caller closes. On error resp holds no
	// answer and its Body is empty. Errors: see ErrUnreachable and its
	// neighbours.
	//
	// If all connections are in use, Do first waits for one in turn, see
	// Config.QueueTimeout.
	//
	// r and its Body must stay unchanged until Do has failed, or until resp.Body
	// has been closed or read to an error, io.EOF included: an upstream may
	// answer before it has read everything. From then on nobody reads them any
	// more, also where the sending was cut short, so that their memory may be
	// cleared and used for another request at once.
	Do(ctx context.Context, r *Request, resp *Response) error

	// Close closes idle connections; running exchanges end undisturbed and
	// their connections are closed afterwards. A later Do is ErrUnreachable, and
	// so is one that still waits for a connection.
	Close() error
}

// Request is what is to be sent, exactly. One Request may be sent again, but
// not changed while a Do runs.
type Request struct {
	// Method is written as it is. A token (RFC 9110 §9.1); CONNECT is refused
	// (security rule 24).
	Method string
	// Target is the request target, written byte for byte (security rule 25).
	// It begins with "/", or is "*" for OPTIONS; printable ASCII without space
	// or "#".
	Target string
	// Host is the Host header; empty: the host of the configured URL.
	Host string
	// Header holds the fields to send, with canonical names. The client adds
	// none of its own but Host and Content-Length. Hop-by-hop fields, Expect,
	// Host and Content-Length in it are not sent (RFC 9110 §7.6.1).
	Header fields.List
	// Body is the whole content; nil and empty are the same.
	Body []byte
	// HasLength writes Content-Length even when Body is empty.
	HasLength bool
}

// Response is the final answer. The zero value is ready for use; one Response
// may be used again for a later Do once its Body has been closed, and the
// memory of its Header is then reused. It must not be copied while its Body is open.
type Response struct {
	// Status is 200 to 599, never an interim status.
	Status int
	// Header holds the answer's fields as they came, with canonical names and
	// without hop-by-hop fields and what Connection named. Trailers are dropped
	// (security rule 37).
	Header fields.List
	// Body streams the content, without the framing. It is never nil after Do.
	// Closing it before its end closes the connection. It is not safe for
	// concurrent use.
	Body io.ReadCloser
	// ContentLength is the length of Body in bytes, 0 for answers that have
	// none by their status or method, -1 if unknown until its end.
	ContentLength int64

	body stream
}

// reset forgets the previous answer and keeps the memory of its header.
func (p *Response) reset() {
	p.Status, p.ContentLength, p.Body = 0, 0, http.NoBody
	clear(p.Header)
	p.Header = p.Header[:0]
}
