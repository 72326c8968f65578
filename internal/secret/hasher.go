package secret

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"runtime"

	"countersign.dev/internal/turnstile"
	"golang.org/x/crypto/argon2"
)

// ErrBusy is returned when more callers wait for the hasher than it lets wait, or when a caller's context ends while it
// waits. Nothing was hashed; nobody may count it as a failed attempt.
var ErrBusy = errors.New("too many password hashes at once")

// Defaults of HasherConfig.
const (
	MinConcurrency = 2   // the default concurrency is GOMAXPROCS, but never less than this
	DefaultWaiting = 512 // the full share of about 170 credentials at once, each bounded by package registry
)

// HasherConfig says what NewHasher needs.
type HasherConfig struct {
	Rand        io.Reader // for salts; must be set
	Cost        Cost      // of new hashes; zero: 19 MiB, 2 passes, 1 thread
	Concurrency int       // hashes at once, each holding Cost.Memory; 0: GOMAXPROCS, at least MinConcurrency
	Waiting     int       // callers that may wait for their turn; 0: DefaultWaiting; negative: none
}

// Hasher hashes and verifies partner secrets with argon2id. Memory and processor time are bounded by its concurrency, the
// queue by its waiting room: a flood of logins costs a known amount. Whoever came first is served first, so that a caller
// who bounds how many of one customer's are inside at once has made it fair between customers. Safe for concurrent use.
type Hasher struct {
	random io.Reader
	cost   Cost
	slots  *turnstile.Turnstile
}

// NewHasher returns a Hasher, or an error when cfg lacks Rand or holds a number out of bounds.
func NewHasher(cfg HasherConfig) (*Hasher, error) {
	cost := cfg.Cost.withDefaults()
	switch {
	case cfg.Rand == nil:
		return nil, errors.New("new hasher: without a source of randomness")
	case !cost.inBounds():
		return nil, errors.New("new hasher: cost out of bounds")
	case cfg.Concurrency < 0:
		return nil, errors.New("new hasher: negative concurrency")
	}
	concurrency, room := cfg.Concurrency, cfg.Waiting
	if concurrency == 0 {
		concurrency = max(MinConcurrency, runtime.GOMAXPROCS(0))
	}
	if room == 0 {
		room = DefaultWaiting
	}
	return &Hasher{random: cfg.Rand, cost: cost, slots: turnstile.New(concurrency, room)}, nil
}

// Hash returns the hash of plain in PHC form under a fresh salt. It does not keep plain. Errors: ErrBusy, ErrRandom.
func (h *Hasher) Hash(ctx context.Context, plain []byte) (string, error) {
	if err := h.take(ctx); err != nil {
		return "", err
	}
	defer h.slots.Leave()
	salt, err := draw(h.random, 16)
	if err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	p := PHC{Cost: h.cost, Salt: salt}
	p.Digest = p.compute(plain, 32)
	return p.String(), nil
}

// Verify reports whether plain is what phc was made of. A wrong secret is false, not an error. Errors: ErrBusy, ErrHash.
func (h *Hasher) Verify(ctx context.Context, phc string, plain []byte) (bool, error) {
	p, err := ParsePHC(phc)
	if err != nil {
		return false, err
	}
	if err := h.take(ctx); err != nil {
		return false, err
	}
	defer h.slots.Leave()
	digest := p.compute(plain, uint32(len(p.Digest)))
	return subtle.ConstantTimeCompare(digest, p.Digest) == 1, nil
}

// Dummy does the work of a Verify and throws the result away, so that an unknown partner takes the time of a known one
// (security rule 9). Its only error is ErrBusy.
func (h *Hasher) Dummy(ctx context.Context, plain []byte) error {
	if err := h.take(ctx); err != nil {
		return err
	}
	defer h.slots.Leave()
	PHC{Cost: h.cost, Salt: make([]byte, 16)}.compute(plain, 32)
	return nil
}

func (p PHC) compute(plain []byte, length uint32) []byte {
	return argon2.IDKey(plain, p.Salt, p.Cost.Time, p.Cost.Memory, p.Cost.Threads, length)
}

// take waits for a turn. An error wraps ErrBusy, and then there is nothing to give back.
func (h *Hasher) take(ctx context.Context) error {
	if err := h.slots.Enter(ctx, 0); err != nil {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return nil
}
