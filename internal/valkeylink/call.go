package valkeylink

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/valkey-io/valkey-go"
)

// Script is a Lua script, known to servers by its digest. Make one with NewScript. Safe for concurrent use.
type Script struct{ text, digest string }

// NewScript makes a script whose answer is a list of whole numbers.
func NewScript(text string) *Script {
	sum := sha1.Sum([]byte(text)) // as servers name scripts; nothing rests on it
	return &Script{text, hex.EncodeToString(sum[:])}
}

// Text is the script.
func (s *Script) Text() string { return s.text }

// Run is a Call of one script.
func (l *Link) Run(lane int, s *Script, keys, args []string) ([]int64, error) {
	numbers, _, err := l.RunAndWait(lane, s, keys, args, 0)
	return numbers, err
}

// RunAndWait is Run, and tells how many replicas have what the script wrote: it waits for so many as asked for, in the same
// round trip, and at most half of the timeout. Where a slot of a cluster moves in this very moment, the answer is of the node
// that had it.
func (l *Link) RunAndWait(lane int, s *Script, keys, args []string, replicas int) (numbers []int64, have int64, err error) {
	c := l.Begin()
	defer c.End()
	return c.run(lane, s, keys, args, replicas)
}

// Counters are what a link has counted since it was opened, and how it stands.
type Counters struct {
	Calls    uint64 // that were begun, the guard's own beats among them
	Failures uint64 // of these, those without a usable answer, also those that an open circuit failed at once
	Open     int    // circuits that are open now, of Link.Parts
}

// Counters reads the counters, each by itself.
func (l *Link) Counters() (c Counters) {
	c.Calls, c.Failures = l.calls.Load(), l.failures.Load()
	for i := range l.lanes {
		if l.lanes[i].fault() != nil {
			c.Open++
		}
	}
	return c
}

// Call is scripts that have one timeout together. Begin makes one, and End ends it. Of one goroutine.
type Call struct {
	link   *Link
	ctx    context.Context
	cancel context.CancelFunc
}

// Begin begins a call; its time runs from now on.
func (l *Link) Begin() Call {
	ctx, cancel := context.WithTimeout(l.requests, l.cfg.Timeout)
	return Call{l, ctx, cancel}
}

// End gives back what the call holds.
func (c Call) End() { c.cancel() }

// Run runs a script once on the keys, which with a cluster all belong to the lane, and returns its numbers. It takes one
// round trip (a second one only where the server has never seen the script) and what is left of the timeout; it never makes
// a connection, and tries nothing twice. Errors: ErrUnreachable, ErrMemory, ErrAnswer.
func (c Call) Run(lane int, s *Script, keys, args []string) ([]int64, error) {
	numbers, _, err := c.run(lane, s, keys, args, 0)
	return numbers, err
}

// run is ask, counted.
func (c Call) run(lane int, s *Script, keys, args []string, replicas int) (numbers []int64, have int64, err error) {
	numbers, have, err = c.ask(lane, s, keys, args, replicas)
	c.link.calls.Add(1)
	if err != nil {
		c.link.failures.Add(1)
	}
	return numbers, have, err
}

func (c Call) ask(lane int, s *Script, keys, args []string, replicas int) (numbers []int64, have int64, err error) {
	a := c.link.laneOf(lane)
	if err := a.fault(); err != nil {
		return nil, 0, err
	}
	to := c.link.client.Load()
	if to == nil {
		return nil, 0, errClosed
	}
	count := strconv.Itoa(len(keys))
	first, second := to.ask(c.ctx, c.link.waiting(to, replicas), to.B().Arbitrary("EVALSHA", s.digest, count).Keys(keys...).Args(args...).Build())
	if answer, ok := valkey.IsValkeyErr(first.Error()); ok && answer.IsNoScript() {
		first, second = to.ask(c.ctx, c.link.waiting(to, replicas), to.B().Arbitrary("EVAL", s.text, count).Keys(keys...).Args(args...).Build())
	}
	if numbers, err = a.numbers(first); err != nil || replicas == 0 {
		return numbers, 0, err
	}
	have, err = second.AsInt64()
	if err != nil {
		_, err = a.numbers(second)
	}
	return numbers, have, err
}

// waiting is the command that waits for replicas, if any are waited for. It is not built as a blocking one, which would get
// a connection of its own, made while the request waits.
func (l *Link) waiting(c *client, replicas int) []valkey.Completed {
	if replicas == 0 {
		return nil
	}
	return []valkey.Completed{c.B().Arbitrary("WAIT", strconv.Itoa(replicas), strconv.FormatInt(max(1, l.cfg.Timeout.Milliseconds()/2), 10)).Build()}
}

func (c *client) ask(ctx context.Context, wait []valkey.Completed, script valkey.Completed) (first, second valkey.ValkeyResult) {
	if wait == nil {
		return c.Do(ctx, script), second
	}
	both := c.DoMulti(ctx, script, wait[0])
	return both[0], both[1]
}

// numbers reads an answer, and opens the circuit where there was none.
func (a *lane) numbers(result valkey.ValkeyResult) ([]int64, error) {
	numbers, err := result.AsIntSlice()
	if err == nil {
		return numbers, nil
	}
	if result.NonValkeyError() != nil {
		err = noAnswer(err)
		a.silence(err)
		return nil, err
	}
	text := err.Error()
	switch _, ok := valkey.IsValkeyErr(err); {
	case ok && strings.Contains(text, noMemory):
		return nil, fmt.Errorf("%w: %s", ErrMemory, plain(text))
	case !ok || !passing(text):
		return nil, fmt.Errorf("%w: %s", ErrAnswer, plain(text))
	case strings.HasPrefix(text, "READONLY"):
		a.renew.Store(true)
	}
	err = noAnswer(err)
	a.lose(err)
	return nil, err
}

// noMemory is in the answer of a server without memory; before Redis 7 it stands behind the name of the script.
const noMemory = "OOM command not allowed"

// passing reports whether an answer is that of a server which cannot serve at the moment.
func passing(answer string) bool {
	for _, word := range []string{"LOADING", "READONLY", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS", "MOVED", "ASK"} {
		if strings.HasPrefix(answer, word) {
			return true
		}
	}
	return false
}

// noAnswer is err as the cause of calls that fail.
func noAnswer(err error) error { return fmt.Errorf("%w: %s", ErrUnreachable, plain(err.Error())) }

// plain is the text of an error for logs: one line, bounded (security rule 34).
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return text[:min(len(text), 300)]
}
