package upstream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/edge/gateway/upstream"
)

const (
	mine    = 1 // what the body of the request consists of
	another = 2 // what its memory holds afterwards
)

// grip is a connection whose writer is held up in the middle of a request's body
// and goes on later as if nothing had happened, also after Close.
type grip struct {
	net.Conn // never used
	in       *io.PipeReader
	answers  *io.PipeWriter
	held     chan struct{} // closed when a write of content has begun
	release  <-chan struct{}
	expired  chan struct{} // closed some time after Close: no write lasts for ever
	once     sync.Once
	end      sync.Once

	mu      sync.Mutex
	foreign int // bytes of the next owner that were written
}

func newGrip(release <-chan struct{}) *grip {
	g := &grip{held: make(chan struct{}), release: release, expired: make(chan struct{})}
	g.in, g.answers = io.Pipe()
	return g
}

func (g *grip) Read(p []byte) (int, error) { return g.in.Read(p) }

func (g *grip) Close() error {
	g.end.Do(func() { time.AfterFunc(10*time.Second, func() { close(g.expired) }) })
	return g.in.Close()
}

func (g *grip) Write(p []byte) (int, error) {
	if bytes.IndexByte(p, mine) >= 0 {
		g.once.Do(func() { close(g.held) })
		select {
		case <-g.release:
		case <-g.expired:
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.foreign += bytes.Count(p, []byte{another})
	return len(p), nil
}

func (g *grip) send(s string) { _, _ = io.WriteString(g.answers, s) }

// ending is one way in which a request ends while its body is on its way.
type ending struct {
	upstream func(g *grip, leave context.CancelFunc) // once content is being written
	caller   func(body io.ReadCloser)                // nil: Do fails
	err      error
}

var endings = map[string]ending{
	"answer without content": {
		func(g *grip, _ context.CancelFunc) { g.send(ok("")) }, func(io.ReadCloser) {}, nil},
	"answer read to its end": {
		func(g *grip, _ context.CancelFunc) { g.send(ok("early")) }, func(b io.ReadCloser) { _, _ = io.ReadAll(b) }, nil},
	"answer not read": {
		func(g *grip, _ context.CancelFunc) { g.send(ok("early")) }, func(b io.ReadCloser) { _ = b.Close() }, nil},
	"answer cut short": {
		func(g *grip, _ context.CancelFunc) { g.send(ok("early")[:40]); _ = g.answers.Close() },
		func(b io.ReadCloser) { _, _ = io.ReadAll(b) }, nil},
	"answer that never ends": {
		func(g *grip, _ context.CancelFunc) { g.send(ok("early")[:40]) }, func(b io.ReadCloser) { _, _ = io.ReadAll(b) }, nil},
	"invalid answer":  {func(g *grip, _ context.CancelFunc) { g.send("HTTP/1.1 600 No\r\n\r\n") }, nil, upstream.ErrInvalidAnswer},
	"no answer":       {func(*grip, context.CancelFunc) {}, nil, upstream.ErrTimeout},
	"connection lost": {func(g *grip, _ context.CancelFunc) { _ = g.answers.Close() }, nil, upstream.ErrUnreachable},
	"caller gone":     {func(_ *grip, leave context.CancelFunc) { leave() }, nil, upstream.ErrCanceled},
}

// The gateway clears the memory of a body and gives it to another partner's
// request as soon as the exchange is over. However that ended, nobody may read
// it then.
func TestBodyIsFreeAfterEveryEnding(t *testing.T) {
	for name, e := range endings {
		for size, bytes := range map[string]int{"small": 32 << 10, "large": 1 << 20} {
			t.Run(name+"/"+size, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { e.play(t, bytes) })
			})
		}
	}
}

func (e ending) play(t *testing.T, size int) {
	release := make(chan struct{})
	g := newGrip(release)
	d := gripped(t, g)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	go func() { <-g.held; e.upstream(g, leave) }()
	body := bytes.Repeat([]byte{mine}, size)
	var resp upstream.Response
	err := d.Do(ctx, &upstream.Request{Method: "POST", Target: "/", Body: body}, &resp)
	if !errors.Is(err, e.err) {
		t.Errorf("error %v, want %v", err, e.err)
	}
	if err == nil && e.caller != nil {
		e.caller(resp.Body)
	}
	reuse(body)
	close(release)
	synctest.Wait()
	g.check(t)
}

func gripped(t *testing.T, all ...*grip) upstream.Doer {
	dial := func(context.Context, string, string) (net.Conn, error) {
		if len(all) == 0 {
			t.Error("one connection too many")
			return nil, net.ErrClosed
		}
		g := all[0]
		all = all[1:]
		return g, nil
	}
	return client(t, upstream.Config{URL: &url.URL{Scheme: "http", Host: "upstream"}, Standard: true, Dial: dial, BodyTimeout: time.Second}, nil)
}

func reuse(body []byte) {
	for i := range body {
		body[i] = another
	}
}

func (g *grip) check(t *testing.T) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.foreign > 0 {
		t.Errorf("%d bytes of the next owner were sent", g.foreign)
	}
}
