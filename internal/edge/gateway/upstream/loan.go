package upstream

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
)

// loan is a request's body while the standard transport has it. The transport
// may go on reading when it has answered already, or failed: only the Close of
// the body tells when it has done with it, and that may come much later. So the
// bytes are lent piece by piece, and taken back when the exchange is over:
// afterwards no reader touches them, and nobody had to be waited for.
type loan struct {
	size int

	mu   sync.Mutex // held while a reader copies
	body []byte     // nil once it was taken back
}

// lend makes the body for one exchange, and the function that makes a reader for
// each of its attempts. A small body is copied instead, which leaves nothing to
// take back: the transport sends one that it knows to be in memory together with
// the head, any other apart from it.
func lend(body []byte) (l *loan, attempt func() (io.ReadCloser, error)) {
	if len(body) < largeBody {
		own := slices.Clone(body)
		return nil, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(own)), nil }
	}
	l = &loan{size: len(body), body: body}
	return l, func() (io.ReadCloser, error) { return &loanReader{loan: l}, nil }
}

// recall takes the body back. When it returns, nobody reads the bytes any more.
// A nil loan has lent nothing.
func (l *loan) recall() {
	if l == nil {
		return
	}
	l.mu.Lock()
	l.body = nil
	l.mu.Unlock()
}

// loanReader is the body of one attempt. Its Close may run beside a Read, and
// waits for it.
type loanReader struct {
	loan   *loan
	at     int
	closed bool
}

var errRecalled = errors.New("request body: read after the end of its exchange")

// Read copies. The end is told with the last bytes, and once it was reached it
// stays the end: the transport looks for it again, and a body that was sent
// whole must not become one that broke off.
func (r *loanReader) Read(p []byte) (int, error) {
	l := r.loan
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case r.closed:
		return 0, errRecalled
	case r.at == l.size:
		return 0, io.EOF
	case l.body == nil:
		return 0, errRecalled
	}
	n := copy(p, l.body[r.at:])
	if r.at += n; r.at == l.size {
		return n, io.EOF
	}
	return n, nil
}

// Close ends the use of the body by this attempt.
func (r *loanReader) Close() error {
	r.loan.mu.Lock()
	r.closed = true
	r.loan.mu.Unlock()
	return nil
}
