//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

const (
	patience = time.Second      // see load
	stuck    = 20 * time.Second // without any answer: an error, with a rate or without
)

// caller sends requests over many connections from one thread: it waits for all of them together and asks the kernel for nothing that is not needed, so that the
// peer has the processors. Not safe for concurrent use.
type caller struct {
	load   load
	maker  *maker
	poll   int
	lines  []*line
	idle   ring
	begun  time.Time
	sent   int64 // with a rate, always those that were due first
	done   int64
	within int64         // of done, before the turn's end
	last   time.Duration // when the last answer came
	fell   bool          // too far behind: nothing more is sent
	late   *histogram
	events [128]syscall.EpollEvent
	text   []byte // the request that is sent
	piece  []byte // of an answer
}

// line is one connection of a caller.
type line struct {
	place  int32 // in lines
	socket *socket
	tls    *tls.Conn
	answer answerReader
	due    time.Duration // since the caller's begin; of the request that is on its way
	busy   bool
	eager  bool // is told when the kernel takes more
}

// ring is a queue of idle connections: the one that has rested longest is the next, so that all are used.
type ring struct {
	lines []*line
	first int
	count int
}

func (r *ring) push(n *line) {
	r.lines[(r.first+r.count)%len(r.lines)] = n
	r.count++
}

func (r *ring) pop() (n *line) {
	n, r.first, r.count = r.lines[r.first], (r.first+1)%len(r.lines), r.count-1
	return n
}

// call sends requests of f to a peer for one turn, over connections of its own, which it closes. Without a rate each connection sends when it has its answer.
// With one each request is due at a fixed moment, and its latency counts from then: a peer that stalls makes all late that are due meanwhile (no coordinated
// omission). An answer with another status than the wanted one is an error.
func (s *site) call(ctx context.Context, p *peer, f *form, l load) (outcome, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	slack(time.Nanosecond)
	defer slack(0)
	if l.patience == 0 {
		l.patience = patience
	}
	c := &caller{load: l, maker: f.maker(), poll: -1, late: new(histogram), piece: make([]byte, 16<<10)}
	defer c.close()
	if err := c.open(p.address, s.trust); err != nil {
		return outcome{}, err
	}
	before, err := processorTime(os.Getpid())
	if err != nil {
		return outcome{}, err
	}
	if err := c.run(ctx); err != nil {
		return outcome{}, err
	}
	after, err := processorTime(os.Getpid())
	o := outcome{requests: c.done, elapsed: max(c.last, time.Millisecond), caller: after - before, fell: c.fell}
	if l.rate > 0 {
		o.late, o.served = c.late, float64(c.within)/l.length.Seconds()
	}
	return o, err
}

// open makes the connections, one after the other.
func (c *caller) open(address string, trust *tls.Config) (err error) {
	if c.poll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	trust = trust.Clone()
	trust.DynamicRecordSizingDisabled = true // large records: fewer of them for a body
	c.idle.lines = make([]*line, c.load.conns)
	for i := range c.load.conns {
		s, t, err := greet(address, trust, c.load.from)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
		n := &line{place: int32(i), socket: s, tls: t}
		c.lines = append(c.lines, n)
		if err := c.watch(n, syscall.EPOLL_CTL_ADD, syscall.EPOLLIN); err != nil {
			return err
		}
		c.idle.push(n)
	}
	return nil
}

// watch asks for events of a connection; the kernel hands its place back with them.
func (c *caller) watch(n *line, how int, events uint32) error {
	n.eager = events&syscall.EPOLLOUT != 0
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(c.poll, how, n.socket.fd, &syscall.EpollEvent{Events: events, Fd: n.place}))
}

// close ends the connections.
func (c *caller) close() {
	for _, n := range c.lines {
		if n.tls.CloseWrite() == nil {
			_ = n.socket.flush()
		}
		_ = n.socket.Close()
	}
	if c.poll >= 0 {
		_ = syscall.Close(c.poll)
	}
}
