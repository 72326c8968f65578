package valkey

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/internal/replay"
	"countersign.dev/internal/valkeylink"
)

// ErrPolicy says that the server may evict keys, or does not say whether it does.
var ErrPolicy = errors.New("the shared cache may forget claims")

var (
	errClosed = fmt.Errorf("%w: it is closed", replay.ErrUnavailable)
	errAhead  = fmt.Errorf("%w: a claim expires more than %d seconds ahead", replay.ErrUnavailable, MaxAhead)
)

// Guard is the replay guard of all nodes that share its server and prefix. It implements replay.Guard. Open makes one; Close
// ends it. Safe for concurrent use.
type Guard struct {
	cfg    Config
	drift  int64
	closed atomic.Bool
	seen   [valkeylink.Lanes]atomic.Int64 // the latest second of each server, by part
	apart  atomic.Int64                   // by how much the clocks were apart at the last beat, in seconds
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once
}

var _ replay.Guard = (*Guard)(nil)

// Open looks at the server's policy and returns the guard. A server that is away is no error, since it may come back: until
// then claims are replay.ErrUnavailable. One that may evict keys is ErrPolicy.
func Open(cfg Config) (*Guard, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("open the shared replay guard: %w", err)
	}
	g := &Guard{cfg: cfg, drift: int64(cfg.MaxDrift / time.Second), stop: make(chan struct{}), done: make(chan struct{})}
	if cfg.Link.Ready() == nil {
		if err := g.policy(); err != nil {
			return nil, fmt.Errorf("open the shared replay guard: %w", err)
		}
	}
	go g.run()
	return g, nil
}

// policy is nil if no server evicts keys.
func (g *Guard) policy() error {
	facts := g.cfg.Link.Facts()
	if facts == nil {
		return fmt.Errorf("%w: it does not tell its maxmemory-policy; allow the command INFO", ErrPolicy)
	}
	for i := range facts.Servers {
		if s := &facts.Servers[i]; s.Policy != valkeylink.NoEviction {
			return fmt.Errorf("%w: maxmemory-policy of %s is %q; set it to noeviction and give it the memory that it needs", ErrPolicy, s.Address, s.Policy)
		}
	}
	return nil
}

// Warnings is what should be mended about the server, for people: what a restart of it would lose. Empty where nothing is
// known yet.
func (g *Guard) Warnings() (warnings []string) {
	facts := g.cfg.Link.Facts()
	if facts == nil {
		return nil
	}
	for i := range facts.Servers {
		s := &facts.Servers[i]
		if !s.AOF {
			warnings = append(warnings, fmt.Sprintf("%s writes no append-only file: when it restarts, every request of the last minutes can be repeated once; set appendonly yes", s.Address))
		}
		if s.Replicas < g.cfg.WaitReplicas {
			warnings = append(warnings, fmt.Sprintf("%s has %d replicas and %d are waited for: no claim is fresh", s.Address, s.Replicas, g.cfg.WaitReplicas))
		}
	}
	return warnings
}

// Claim implements replay.Guard: one round trip, and none for a claim that has expired. Besides the contract: a claim that
// expires more than MaxAhead seconds after now is ErrUnavailable, and so is every claim while the clocks are apart. An error
// of a server without an answer says Admit() where the configuration allows such requests.
func (g *Guard) Claim(key replay.Key, expires, now int64) (fresh bool, err error) {
	switch {
	case g.closed.Load():
		return false, errClosed
	case now < 0 || expires < now:
		return false, nil
	case expires-now > MaxAhead:
		return false, errAhead
	}
	if err := g.policy(); err != nil {
		if away := g.cfg.Link.Ready(); away != nil { // it was never there, or not yet again: nobody could tell
			err = away
		}
		return false, g.failed(err)
	}
	lane := int(key[0]) & (valkeylink.Lanes - 1)
	part := lane % g.cfg.Link.Parts()
	keys := []string{g.cfg.Prefix + valkeylink.Tag(lane) + "r:" + hex.EncodeToString(key[:]), g.markKey(part)}
	args := []string{strconv.FormatInt(expires, 10), strconv.FormatInt(now, 10), strconv.FormatInt(g.drift, 10), g.seenText(part)}
	answer, have, err := g.cfg.Link.RunAndWait(lane, claimScript, keys, args, g.cfg.WaitReplicas)
	if err == nil && len(answer) != 3 {
		err = fmt.Errorf("%w: %d numbers instead of 3", valkeylink.ErrAnswer, len(answer))
	}
	if err != nil {
		return false, g.failed(err)
	}
	g.sawMark(part, answer[2])
	return g.judge(answer, have, expires, now)
}

// judge reads the answer of the script.
func (g *Guard) judge(answer []int64, have, expires, now int64) (bool, error) {
	switch answer[0] {
	case answerReplay:
		return false, nil
	case answerFresh:
		if have < int64(g.cfg.WaitReplicas) {
			return false, fmt.Errorf("%w: %d of %d replicas have the claim", replay.ErrUnavailable, have, g.cfg.WaitReplicas)
		}
		return true, nil
	case answerDrift:
		return false, fmt.Errorf("%w: this node's clock says %s and the shared cache's %s, which is more than %s apart; set the wrong one right",
			replay.ErrUnavailable, stamp(now), stamp(answer[1]), g.cfg.MaxDrift)
	case answerForgotten:
		return false, fmt.Errorf("%w: the shared cache's clock was ahead, at %s, and has forgotten claims until then; this one ends at %s and cannot be judged",
			replay.ErrUnavailable, stamp(answer[2]), stamp(expires))
	}
	return false, fmt.Errorf("%w: %w: %d", replay.ErrUnavailable, valkeylink.ErrAnswer, answer[0])
}

func stamp(second int64) string { return time.Unix(second, 0).UTC().Format(time.RFC3339) }

// failed is the error of a claim that the server did not decide.
func (g *Guard) failed(err error) error {
	switch {
	case errors.Is(err, valkeylink.ErrMemory):
		return fmt.Errorf("%w: %w", replay.ErrFull, err)
	case g.cfg.WhenUnreachable == Allow && errors.Is(err, valkeylink.ErrUnreachable):
		return &Unjudged{err}
	}
	return fmt.Errorf("%w: %w", replay.ErrUnavailable, err)
}

// Unjudged is the error of a claim that nobody judged, where the configuration allows such requests. It is
// replay.ErrUnavailable like others.
type Unjudged struct{ cause error }

// Error says that the request is allowed, and why nobody judged it.
func (u *Unjudged) Error() string {
	return replay.ErrUnavailable.Error() + ", and requests are allowed meanwhile: " + u.cause.Error()
}

// Unwrap makes it replay.ErrUnavailable, and its cause.
func (u *Unjudged) Unwrap() []error { return []error{replay.ErrUnavailable, u.cause} }

// Admit reports that the request may be let in, with a warning in its line of the record. A consumer finds it with errors.As
// and an interface of its own; who does not look refuses.
func (u *Unjudged) Admit() bool { return true }
