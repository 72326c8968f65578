package console

import (
	"context"
	"errors"
	"io"
	"net/http"

	"countersign.dev/api"
)

// client is the contract in the name of the visitor of r: the same host, the same cookies, the same address, the same
// connection's TLS. It sets no Origin: what the visitor's browser said about where it comes from was judged by Guard.
func (s *Server) client(r *http.Request) (*api.Client, error) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return api.New(api.Config{Server: scheme + "://" + r.Host, HTTP: within{handler: s.cfg.API, visitor: r}})
}

// within is a Doer that calls a handler of this process. An answer's body is a pipe, so that long ones are streams; closing it
// ends the handler's request and waits for it.
type within struct {
	handler http.Handler
	visitor *http.Request
}

// Do calls the handler with r and returns when the head of the answer stands.
func (d within) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	inner := r.Clone(ctx)
	inner.RequestURI = inner.URL.RequestURI()
	inner.Host, inner.RemoteAddr, inner.TLS = d.visitor.Host, d.visitor.RemoteAddr, d.visitor.TLS
	if cookies := d.visitor.Header.Values("Cookie"); len(cookies) > 0 {
		inner.Header["Cookie"] = cookies
	}
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	read, write := io.Pipe()
	a := &answer{header: http.Header{}, head: make(chan struct{}), done: make(chan struct{}), body: write}
	go a.run(d.handler, inner)
	select {
	case <-a.head:
	case <-ctx.Done():
		cancel()
		_ = read.CloseWithError(ctx.Err())
		<-a.done
		return nil, context.Cause(ctx)
	}
	return &http.Response{StatusCode: a.status, Header: a.sent, Request: r, ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1,
		Body: &received{pipe: read, done: a.done, cancel: cancel}}, nil
}

// answer is the ResponseWriter of one call within the process.
type answer struct {
	header http.Header
	sent   http.Header // as it stood when the head was written
	status int         // 0: the head is not written yet
	head   chan struct{}
	done   chan struct{} // the handler has returned
	body   *io.PipeWriter
}

// errBroke is what a reader gets of an answer that its handler gave up.
var errBroke = errors.New("the answer broke off")

// run serves and ends the body; a handler that gives up in the midst of an answer breaks the body off, as a connection would.
func (a *answer) run(h http.Handler, r *http.Request) {
	defer close(a.done)
	var fault error = errBroke
	defer func() {
		_ = recover() // the admin server has written down what happened; here it means that there is no whole answer
		if a.status == 0 {
			a.WriteHeader(http.StatusInternalServerError)
		}
		_ = a.body.CloseWithError(fault) // never fails
	}()
	h.ServeHTTP(a, r)
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	fault = nil
}

// Header is the head of the answer.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader lets the caller have the head. Only the first one counts.
func (a *answer) WriteHeader(status int) {
	if a.status != 0 || status < 200 {
		return
	}
	a.status, a.sent = status, a.header.Clone()
	close(a.head)
}

// Write blocks until the caller has read b, or has closed the body.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// Flush is there for streams: what is written is with the reader already.
func (a *answer) Flush() { a.WriteHeader(http.StatusOK) }

// received is the body of such an answer.
type received struct {
	pipe   *io.PipeReader
	done   chan struct{}
	cancel context.CancelFunc
}

// Read reads the body.
func (b *received) Read(p []byte) (int, error) { return b.pipe.Read(p) }

// Close ends the call and waits until its handler has returned, so that nothing of it outlives the visitor's request.
func (b *received) Close() error {
	_ = b.pipe.Close() // never fails
	b.cancel()
	<-b.done
	return nil
}
