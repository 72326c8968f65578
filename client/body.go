package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// DefaultMaxBody is how much of a body is held in memory, so that it can be signed before it is sent, and sent again.
const DefaultMaxBody = 16 << 20

// ErrBody is wrapped by the error for a body that is too long to be held, or that could not be read: nothing was sent.
var ErrBody = errors.New("the body cannot be signed")

// source hands a body out as often as it is needed. The zero value is no body.
type source struct {
	open   func() (io.ReadCloser, error) // nil: no body
	length int64                         // -1: not known
	whole  []byte                        // the body, where it is held
	held   bool
}

// rewindable makes a body that can be read again, and closes that of req. One that req can already rewind is held only if
// hold is set.
func rewindable(req *http.Request, hold bool, most int64) (source, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return source{held: true}, nil
	}
	if req.GetBody != nil && req.ContentLength > 0 && !hold {
		return source{open: req.GetBody, length: req.ContentLength}, req.Body.Close()
	}
	whole, err := io.ReadAll(io.LimitReader(req.Body, most+1))
	err = errors.Join(err, req.Body.Close())
	switch {
	case err != nil:
		return source{}, fmt.Errorf("%w: %w", ErrBody, err)
	case int64(len(whole)) > most:
		return source{}, fmt.Errorf("%w: more than %d bytes", ErrBody, most)
	case req.ContentLength > 0 && int64(len(whole)) != req.ContentLength:
		return source{}, fmt.Errorf("%w: %d bytes instead of the %d that were announced", ErrBody, len(whole), req.ContentLength)
	}
	return heldSource(whole), nil
}

// heldSource is a body in memory; an empty one is none.
func heldSource(whole []byte) source {
	if len(whole) == 0 {
		return source{held: true}
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(whole)), nil }
	return source{open: open, length: int64(len(whole)), whole: whole, held: true}
}

// attach gives r a body of its own to send.
func (s source) attach(r *http.Request) error {
	if s.open == nil {
		r.Body, r.GetBody, r.ContentLength = nil, nil, 0
		return nil
	}
	body, err := s.open()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBody, err)
	}
	r.Body, r.GetBody, r.ContentLength, r.TransferEncoding = body, s.open, s.length, nil
	return nil
}

// peek reads the beginning of an answer and puts it back in front of the rest. An answer that breaks off is left to whoever
// reads it.
func peek(resp *http.Response, most int64) []byte {
	if resp.Body == nil {
		return nil
	}
	start, err := io.ReadAll(io.LimitReader(resp.Body, most))
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = failing{err}
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), rest), resp.Body}
	return start
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// discard ends an answer that nobody will read, so that its connection can be used again.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}
