package valkeylink

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Lanes is how many parts the keys are kept in: each is one slot of a cluster, so that one script may touch several of its
// keys, and each has a circuit of its own there, so that the failure of one node of a cluster stops its part alone. The number
// and the tags are part of the keys' names and never change.
const Lanes = 16

// probePause is how long after a probe without an answer the next one begins.
const probePause = 100 * time.Millisecond

// Tag is the hash tag of a lane, which every key of the lane has in its name. n counts modulo Lanes.
func Tag(n int) string { return "{" + strconv.FormatInt(int64(n&(Lanes-1)), 16) + "}" }

// ValidPrefix reports whether prefix may begin the name of a key: letters, digits and -_.: alone, so that no brace in it
// makes a hash tag of its own.
func ValidPrefix(prefix string) bool {
	for _, c := range []byte(prefix) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.:", rune(c)) {
			return false
		}
	}
	return true
}

// Parts is how many circuits there are, and so how many servers there may be with a clock of their own: 1, or Lanes with a
// cluster. The circuit of a lane is lane modulo Parts.
func (l *Link) Parts() int { return len(l.lanes) }

// lane is one circuit. It is closed while broken is nil.
type lane struct {
	link   *Link
	number int
	broken atomic.Pointer[outage]
	renew  atomic.Bool   // the connection leads to the wrong server
	wake   chan struct{} // holds one: a call failed
}

type outage struct {
	since time.Time
	cause error
}

// unheard reports whether nobody was told of it.
func (o *outage) unheard() bool { return o.cause == errStart || o.cause == errSuspect }

func (a *lane) open(l *Link, number int) {
	a.link, a.number, a.wake = l, number, make(chan struct{}, 1)
	a.broken.Store(&outage{l.cfg.Now(), errStart})
}

// laneOf is the circuit of a part of the keys.
func (l *Link) laneOf(n int) *lane { return &l.lanes[n&(len(l.lanes)-1)] }

// fault is why calls fail at once, or nil.
func (a *lane) fault() error {
	if a.link.ending.Err() != nil {
		return errClosed
	}
	if out := a.broken.Load(); out != nil {
		return out.cause
	}
	return nil
}

// lose opens the circuit because a call had an answer that is none, and has the server looked for at once.
func (a *lane) lose(cause error) {
	a.breakBy(cause)
	a.hurry()
}

// silence opens the circuit because a call had no answer, and those of the other lanes until their servers have given a sign
// of life, which takes a round trip: a request that waited for one lane must not wait for another on the same server.
func (a *lane) silence(cause error) {
	a.lose(cause)
	for i := range a.link.lanes {
		other := &a.link.lanes[i]
		if other != a && other.broken.CompareAndSwap(nil, &outage{a.link.cfg.Now(), errSuspect}) {
			other.hurry()
		}
	}
}

func (a *lane) hurry() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// breakBy opens the circuit, or renews why it is open.
func (a *lane) breakBy(cause error) {
	if a.link.ending.Err() != nil {
		return
	}
	out := &outage{a.link.cfg.Now(), cause}
	former := a.broken.Load()
	if former != nil {
		out.since = former.since
	}
	if a.broken.CompareAndSwap(former, out) && (former == nil || former.unheard()) {
		a.link.cfg.Log.Warn("the shared cache does not answer: calls fail at once until it does", "lane", a.number, "cause", cause.Error())
	}
}

// run looks at the server at each beat, and more often while it is away, one probe at a time.
func (a *lane) run() {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-a.link.ending.Done():
			return
		case <-a.wake:
		case <-pause.C:
		}
		next := Beat
		if !a.look() {
			next = probePause
		}
		pause.Reset(next)
	}
}

// look asks the server of the lane for a sign of life, and closes the circuit when there is one. Only here connections are
// made.
func (a *lane) look() bool {
	if err := a.ask(); err != nil {
		a.breakBy(noAnswer(err))
		return false
	}
	if out := a.broken.Swap(nil); out != nil && !out.unheard() {
		a.link.cfg.Log.Info("the shared cache answers again", "lane", a.number, "away", a.link.cfg.Now().Sub(out.since).String())
	}
	return true
}

func (a *lane) ask() error {
	if err := a.link.reconnect(a.renew.Swap(false)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.link.ending, max(connectTimeout, a.link.cfg.Timeout)) // behind a call that waits for replicas
	defer cancel()
	c := a.link.client.Load()
	if err := c.Do(ctx, c.B().Exists().Key(Tag(a.number)).Build()).Error(); err != nil {
		return err
	}
	if a.number == 0 {
		a.link.learn(ctx, c)
	}
	return nil
}
