package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// remote is one exchange over the standard transport, and the body of its
// answer.
type remote struct {
	s      *standard
	caller context.Context
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	loan   *loan // the request's body, if there is anything to take back
	body   io.ReadCloser
	err    error // how it ended
	over   bool

	connected, got atomic.Bool
}

// trace notes how far the exchange came: the transport's errors do not tell.
func (e *remote) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { e.connected.Store(true) },
		GotFirstResponseByte: func() { e.got.Store(true) },
	}
}

// classify gives an error of the transport its outcome. Once an answer has
// begun the text is a fixed one: the transport would quote the upstream.
func (e *remote) classify(err error) error {
	var slow net.Error
	switch gone := ended(e.caller); {
	case gone != nil:
		return gone
	case classified(err):
		return err
	case errors.Is(context.Cause(e.ctx), errSilent):
		return fail(ErrTimeout, "answer", errSilent)
	case !e.connected.Load():
		return fail(ErrUnreachable, "connect", err)
	case errors.As(err, &slow) && slow.Timeout():
		return fail(ErrTimeout, "answer", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fail(ErrInvalidAnswer, "answer ends early", io.ErrUnexpectedEOF)
	case e.got.Load():
		return fail(ErrInvalidAnswer, "transport", nil)
	}
	return fail(ErrUnreachable, "exchange", err)
}

// abandon ends an exchange whose answer, if there is one, is not wanted. The
// transport is told first, so that it does not wait for the upstream.
func (e *remote) abandon(res *http.Response) {
	e.cancel(errClosed)
	if res != nil {
		_ = res.Body.Close()
	}
	e.end()
}

// end releases what the exchange holds; afterwards nobody reads the request. It
// may be called more than once.
func (e *remote) end() {
	if e.over {
		return
	}
	e.over = true
	e.timer.Stop()
	e.cancel(nil)
	e.loan.recall()
	e.s.queue.leave()
	if e.s.closed.Load() {
		e.s.transport.CloseIdleConnections()
	}
}

// Read reads content; every read has the configured silence to succeed.
func (e *remote) Read(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	e.timer.Reset(e.s.cfg.BodyTimeout)
	n, err := e.body.Read(p)
	e.timer.Stop()
	if err == nil {
		return n, nil
	}
	if err != io.EOF {
		err = e.classify(err)
	}
	e.err = err
	_ = e.body.Close()
	e.end()
	return n, err
}

// Close ends the exchange. It may be called more than once.
func (e *remote) Close() error {
	if e.err == nil {
		e.cancel(errClosed)
		_ = e.body.Close()
		e.end()
	}
	e.err = errClosed
	return nil
}
