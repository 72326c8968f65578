package valkey

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"countersign.dev/internal/rate"
	"countersign.dev/internal/valkeylink"
)

var errClosed = fmt.Errorf("%w: it is closed", rate.ErrUnavailable)

// Limiter is the limiter of all nodes that share its server and prefix. It implements rate.Limiter. Open makes one; Close
// ends it. Safe for concurrent use.
type Limiter struct {
	cfg       Config
	closed    atomic.Bool
	uncounted atomic.Uint64
	script    *valkeylink.Script
}

var _ rate.Limiter = (*Limiter)(nil)

// Open returns the limiter. A server that is away is no error, since it may come back.
func Open(cfg Config) (*Limiter, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("open the shared rate limiter: %w", err)
	}
	return &Limiter{cfg: cfg, script: takeScript}, nil
}

// Take implements rate.Limiter: one round trip, and with a cluster one for each server that has buckets of the request, one
// more for each where one of them refuses. All of them together take at most the timeout of the link.
func (l *Limiter) Take(buckets []rate.Bucket) (bool, error) {
	switch {
	case l.closed.Load():
		return false, errClosed
	case len(buckets) > rate.Max:
		return false, fmt.Errorf("%w: %d buckets in one call", rate.ErrUnavailable, len(buckets))
	case len(buckets) == 0:
		return true, nil
	}
	call := l.cfg.Link.Begin()
	defer call.End()
	admitted, err := l.take(call, buckets)
	switch {
	case err == nil:
		return admitted, nil
	case errors.Is(err, valkeylink.ErrUnreachable) && l.cfg.WhenUnreachable == Allow:
		l.uncounted.Add(1)
		l.assume(buckets)
		return true, nil
	case errors.Is(err, valkeylink.ErrMemory):
		return false, fmt.Errorf("%w: %w", rate.ErrFull, err)
	}
	return false, fmt.Errorf("%w: %w", rate.ErrUnavailable, err)
}

// Uncounted is how many requests were let in without being counted, because the server did not answer.
func (l *Limiter) Uncounted() uint64 { return l.uncounted.Load() }

// Ready is nil, or why requests are not counted now.
func (l *Limiter) Ready() error { return l.cfg.Link.Ready() }

// Warnings is what should be mended about the server, for people: one that evicts keys forgets limits, and gives a burst and
// a day's quota anew. Empty where nothing is known yet.
func (l *Limiter) Warnings() (warnings []string) {
	facts := l.cfg.Link.Facts()
	if facts == nil {
		return nil
	}
	for i := range facts.Servers {
		if s := &facts.Servers[i]; s.Policy != valkeylink.NoEviction {
			warnings = append(warnings, fmt.Sprintf("maxmemory-policy of %s is %q: it may forget limits; set it to noeviction", s.Address, s.Policy))
		}
	}
	return warnings
}

// Close ends the limiter, and leaves the link open. A second Close does nothing.
func (l *Limiter) Close() error {
	l.closed.Store(true)
	return nil
}

// assume writes what buckets that nobody has used would say.
func (l *Limiter) assume(buckets []rate.Bucket) {
	now := l.cfg.Link.Now()
	for i := range buckets {
		rate.State{}.Ask(&buckets[i], 0, now)
		buckets[i].Outcome, buckets[i].Wait = rate.Room, 0
	}
}

// ask runs the script on some of the buckets and writes what they say.
func (l *Limiter) ask(call valkeylink.Call, mode string, lane int, buckets []*rate.Bucket) (bool, error) {
	keys, args := make([]string, len(buckets)), make([]string, 1, 1+argsPerBucket*len(buckets))
	args[0] = mode
	for i, b := range buckets {
		keys[i], args = l.key(b), appendBucket(args, b)
	}
	answer, err := call.Run(lane, l.script, keys, args)
	if err != nil {
		return false, err
	}
	if len(answer) != answerHead+perBucket*len(buckets) {
		return false, fmt.Errorf("%w: %d numbers for %d buckets", valkeylink.ErrAnswer, len(answer), len(buckets))
	}
	if mode == modeBack {
		return true, nil
	}
	return tell(answer, buckets)
}

// tell lets package rate say what each bucket does of the state that the script found. Both have to agree on who is let in.
func tell(answer []int64, buckets []*rate.Bucket) (bool, error) {
	now, room := time.Unix(answer[1], answer[2]), true
	for i, b := range buckets {
		v := answer[answerHead+perBucket*i:]
		state, ok := rate.Owed(rate.Moment{Seconds: v[0], Nanos: v[1], Rest: v[2]}, int32(v[3]), v[4])
		if !ok || v[3] != int64(int32(v[3])) {
			return false, fmt.Errorf("%w: a bucket that owes %d", valkeylink.ErrAnswer, v[:perBucket])
		}
		state.Ask(b, 0, now)
		room = room && b.Outcome == rate.Room
	}
	if room != (answer[0] == 1) {
		return false, fmt.Errorf("%w: it let a request in (%d) that has room (%v)", valkeylink.ErrAnswer, answer[0], room)
	}
	return room, nil
}

func (l *Limiter) key(b *rate.Bucket) string {
	return l.cfg.Prefix + valkeylink.Tag(laneOf(b)) + "l:" + hex.EncodeToString(b.Key[:])
}

// laneOf is where a bucket is kept.
func laneOf(b *rate.Bucket) int {
	if b.Group != (rate.Key{}) {
		return int(b.Group[0]) & (valkeylink.Lanes - 1)
	}
	return int(b.Key[0]) & (valkeylink.Lanes - 1)
}

func appendBucket(args []string, b *rate.Bucket) []string {
	var p rate.Parts
	if b.Pace != nil {
		p = b.Pace.Parts()
	}
	for _, n := range [argsPerBucket]int64{p.Rate, p.Step.Seconds, p.Step.Nanos, p.Step.Rest, p.Span.Seconds, p.Span.Nanos, p.Span.Rest, b.Daily} {
		args = append(args, strconv.FormatInt(n, 10))
	}
	return args
}
