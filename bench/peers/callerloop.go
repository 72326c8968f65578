//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// run is the turn: it sends what is due, and waits for answers and for what is due next, until everything is answered.
func (c *caller) run(ctx context.Context) error {
	c.begun = time.Now()
	heard := time.Duration(0)
	for {
		now := time.Since(c.begun)
		if err := c.start(now); err != nil {
			return err
		}
		if c.idle.count == len(c.lines) && !c.more(now) {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if c.idle.count == len(c.lines) {
			heard = now
		}
		if now-max(c.last, heard) > stuck {
			return fmt.Errorf("no answer to any of %d requests for %s", len(c.lines)-c.idle.count, stuck)
		}
		if c.doze() {
			now = time.Since(c.begun)
		}
		n, err := c.wait(now)
		if err != nil {
			return err
		}
		for _, e := range c.events[:n] {
			if err := c.hear(c.lines[e.Fd], e.Events); err != nil {
				return err
			}
		}
	}
}

// dueAt is when a request is due, counted from the begin.
func (c *caller) dueAt(i int64) time.Duration {
	return time.Duration(i * int64(time.Second) / int64(c.load.rate))
}

// more reports whether the turn has requests that are not sent.
func (c *caller) more(now time.Duration) bool {
	if c.load.rate == 0 {
		return now < c.load.length
	}
	return !c.fell && c.dueAt(c.sent) < c.load.length
}

// start sends everything that is due, as far as connections are free.
func (c *caller) start(now time.Duration) error {
	for c.idle.count > 0 && c.more(now) {
		due := now
		if c.load.rate > 0 {
			if due = c.dueAt(c.sent); due > now {
				return nil
			}
		}
		if err := c.send(c.idle.pop(), due); err != nil {
			return err
		}
	}
	if c.load.rate > 0 && c.more(now) {
		late := now - c.dueAt(c.sent)
		c.fell = late > c.load.patience || now >= c.load.length && late > c.load.patience/4
	}
	return nil
}

func (c *caller) send(n *line, due time.Duration) error {
	n.due, n.busy = due, true
	c.sent++
	c.text = c.maker.next(c.text[:0])
	if _, err := n.tls.Write(c.text); err != nil {
		return err
	}
	return c.push(n)
}

// push sends what the kernel takes, and asks to be told when it takes the rest.
func (c *caller) push(n *line) error {
	if err := n.socket.flush(); err != nil {
		return err
	}
	switch pending := n.socket.pending(); {
	case pending && !n.eager:
		return c.watch(n, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN|syscall.EPOLLOUT)
	case !pending && n.eager:
		return c.watch(n, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN)
	}
	return nil
}

// wait waits for events: at most until the next request is due that a connection is free for, and a tenth of a second.
func (c *caller) wait(now time.Duration) (int, error) {
	limit := 100 * time.Millisecond
	if c.load.rate > 0 && c.idle.count > 0 && c.more(now) {
		limit = max(0, min(limit, c.dueAt(c.sent)-now))
	}
	n, e := c.polled(limit)
	if e == syscall.EINTR {
		return 0, nil
	}
	if e != 0 {
		return 0, os.NewSyscallError("epoll_pwait2", e)
	}
	return n, nil
}

// polled is epoll_pwait2(2), which takes nanoseconds and has this number on every architecture. A wait that is long is told to the scheduler.
func (c *caller) polled(longest time.Duration) (int, syscall.Errno) {
	const number = 441
	limit := syscall.NsecToTimespec(int64(longest))
	if longest > time.Millisecond {
		n, _, e := syscall.Syscall6(number, uintptr(c.poll), uintptr(unsafe.Pointer(&c.events[0])), uintptr(len(c.events)), uintptr(unsafe.Pointer(&limit)), 0, 0)
		return int(n), e
	}
	n, _, e := syscall.RawSyscall6(number, uintptr(c.poll), uintptr(unsafe.Pointer(&c.events[0])), uintptr(len(c.events)), uintptr(unsafe.Pointer(&limit)), 0, 0)
	return int(n), e
}

// doze lets things gather for a tick, at a rate: what has come and what is due meanwhile is then done in one go.
func (c *caller) doze() bool {
	if c.load.rate == 0 || c.load.tick == 0 {
		return false
	}
	gap := syscall.NsecToTimespec(int64(c.load.tick))
	const monotonic = 1
	_, _, _ = syscall.RawSyscall6(syscall.SYS_CLOCK_NANOSLEEP, monotonic, 0, uintptr(unsafe.Pointer(&gap)), 0, 0, 0) // shorter, where a signal comes
	return true
}

// slack sets by how much the kernel may prolong the calling thread's waits, to wake it together with others; 0: as much as is usual, 50 µs.
func slack(d time.Duration) {
	const set = 29                                                                    // PR_SET_TIMERSLACK
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, set, uintptr(d.Nanoseconds()), 0) // a kernel that does not know it waits longer, which shows in every latency alike
}

// hear takes what has happened on a connection.
func (c *caller) hear(n *line, events uint32) error {
	if events&syscall.EPOLLOUT != 0 {
		if err := c.push(n); err != nil {
			return err
		}
	}
	if events&^uint32(syscall.EPOLLOUT) == 0 {
		return nil
	}
	for {
		k, err := n.tls.Read(c.piece)
		if errors.Is(err, errNotYet) {
			return nil
		}
		if err != nil {
			return err
		}
		if !n.busy {
			return errors.New("an answer that nobody asked for")
		}
		whole, err := n.answer.take(c.piece[:k])
		if err != nil {
			return err
		}
		if whole {
			return c.answered(n)
		}
	}
}

// answered counts an answer.
func (c *caller) answered(n *line) error {
	if status := n.answer.status; status != c.load.want {
		return fmt.Errorf("answered %d in place of %d", status, c.load.want)
	}
	c.last = time.Since(c.begun)
	c.done++
	if c.last <= c.load.length {
		c.within++
	}
	if c.load.rate > 0 {
		c.late.add(c.last - n.due)
	}
	n.busy = false
	c.idle.push(n)
	return nil
}
