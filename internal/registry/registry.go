// Package registry owns the use cases that change the register: onboarding and reviewing partners, issuing, rotating and
// revoking credentials, network rules, limits, webhook endpoints, sealing keys, replacing the key that seals secrets, applying a
// declarative file, accounts and sessions of those who do all this, the operations and proposals by which they ask for it, the members
// of partners and the few things that these may do and see, and the two calls with which a partner proves and changes its secret.
// Every one names its actor and writes its change row in the transaction of the change itself; VerifyChanges tells whether anything
// happened without one.
//
// It refuses: an approval by the person who asked for it, as whoever he acts; a credential where the review is not approved; a
// change without an actor; a guess beyond the fifth, however many come at once and whenever the process is killed.
//
// The attacks it answers: the quiet change, the colleague who approves himself or lets a program of his ask, the change of what
// was approved afterwards, guessing partner secrets in parallel or across restarts, locking a partner out from elsewhere (security
// rule 30), using up the hasher with one app key so that nobody else gets in, and a sealed value moved to another row.
package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// Errors of the use cases. Values that no part of the product could handle wrap partner.ErrInvalid.
var (
	ErrActor     = errors.New("this actor may not do this")
	ErrFourEyes  = errors.New("a second person decides about it")
	ErrArgument  = errors.New("argument refused")
	ErrNotFound  = errors.New("not found")
	ErrAmbiguous = errors.New("several partners fit")
	ErrState     = errors.New("not possible in the present state")
	ErrNoRing    = errors.New("no key ring")
)

// Hasher hashes partner secrets; secret.Hasher is one. Its methods return an error that wraps secret.ErrBusy when it has
// no capacity; nothing was hashed then.
type Hasher interface {
	Hash(ctx context.Context, plain []byte) (string, error)
	Verify(ctx context.Context, hash string, plain []byte) (bool, error)
	Dummy(ctx context.Context, plain []byte) error
}

// Sealer seals secrets at rest, each to the identity of its row; secret.Ring is one. Newest is the id of the key that Seal
// uses, as secret.ParseSealed reads it.
type Sealer interface {
	Newest() uint32
	Seal(row, plain []byte) ([]byte, error)
	Open(row, sealed []byte) (secret.Value, error)
}

// Defaults of Config.
const (
	DefaultParallel  = 2
	DefaultQueue     = 128
	DefaultQueueWait = 30 * time.Second
)

// Config says what New needs. The first four fields must be set, and Ring or RingOf.
type Config struct {
	Store  Store
	Hasher Hasher
	Now    func() time.Time
	Rand   io.Reader

	Ring   Sealer                          // seals the secrets of every environment for which RingOf is not asked
	RingOf func(environment string) Sealer // the ring of one environment; nil: Ring for all. A nil Sealer: that environment's secrets can be neither made nor read here

	// PlainEndpoints says in which environments webhook endpoints on this machine itself may be plain http (security rule 32:
	// only in dev); nil: in none.
	PlainEndpoints func(environment string) bool

	// Reviews is what the configuration asks of the reviews of each environment; nil: nothing. Nobody changes it afterwards;
	// SetReviews puts another one in its place.
	Reviews map[string]partner.ReviewPolicy

	// Shared says that several processes answer Authenticate and ChangeSecret on Store at once, as nodes of a register in a database do. They
	// then tell each other of attempts under way, with two more statements for each.
	Shared bool

	Parallel  int           // authentications of one credential that are hashed at once, 1 to partner.MaxFailures; 0: DefaultParallel
	Queue     int           // authentications of one credential at once, waiting ones included; 0: DefaultQueue
	QueueWait time.Duration // the longest wait for a turn; 0: DefaultQueueWait
}

// Registry is the register's use cases over one store. Safe for concurrent use. It holds nothing open: whoever opened the
// store closes it, after the last call has returned. One process at a time answers Authenticate and ChangeSecret on one
// store, unless Config.Shared is set for all of them; the other use cases may run in any number of processes.
type Registry struct {
	store  Store
	ring   func(environment string) (Sealer, error)
	hasher Hasher
	clock  func() time.Time
	random io.Reader

	plain func(environment string) bool // PlainEndpoints

	reviews *policies
	realm   *realm // whose accounts, links and sessions it works on: the operators', but for MemberSignIns
	member  bool   // it does what a member asked for (asMember): members are actors of its use cases, and of no other one's

	refusals *memberLedger

	process string // what this one is called among those that share the store; empty: it is alone

	parallel  int
	queueWait time.Duration
	gates     *gates // attempts with a credential's own login
	strangers *gates // the others
}

// New returns a Registry, or an error that names the missing or impossible field.
func New(cfg Config) (*Registry, error) {
	switch {
	case cfg.Store == nil, cfg.Ring == nil && cfg.RingOf == nil, cfg.Hasher == nil, cfg.Now == nil, cfg.Rand == nil:
		return nil, errors.New("new registry: Store, Ring or RingOf, Hasher, Now and Rand must be set")
	case cfg.Parallel < 0 || cfg.Parallel > partner.MaxFailures:
		return nil, fmt.Errorf("new registry: Parallel is 1 to %d", partner.MaxFailures)
	case cfg.Queue < 0 || cfg.QueueWait < 0:
		return nil, errors.New("new registry: Queue and QueueWait are not negative")
	}
	r := &Registry{store: cfg.Store, ring: ringOf(cfg), hasher: cfg.Hasher, clock: cfg.Now, random: cfg.Rand,
		plain: cfg.PlainEndpoints, reviews: &policies{}, realm: operatorsRealm(), refusals: &memberLedger{},
		parallel: cfg.Parallel, queueWait: cfg.QueueWait,
		gates: newGates(cmp.Or(cfg.Queue, DefaultQueue)), strangers: newGates(maxStrangers)}
	if err := r.SetReviews(cfg.Reviews); err != nil {
		return nil, fmt.Errorf("new registry: %w", err)
	}
	if cfg.Shared {
		id, err := secret.RowID(cfg.Rand, "prc_")
		if err != nil {
			return nil, fmt.Errorf("new registry: %w", err)
		}
		r.process = id
	}
	if r.parallel == 0 {
		r.parallel = DefaultParallel
	}
	if r.queueWait == 0 {
		r.queueWait = DefaultQueueWait
	}
	return r, nil
}

// ringOf finds the ring of an environment. None is an error, never another one's (security rule 11).
func ringOf(cfg Config) func(string) (Sealer, error) {
	return func(environment string) (Sealer, error) {
		ring := cfg.Ring
		if cfg.RingOf != nil {
			ring = cfg.RingOf(environment)
		}
		if ring == nil {
			return nil, fmt.Errorf("%w for %s in this process", ErrNoRing, environment)
		}
		return ring, nil
	}
}

// now is as it comes back from a store: in UTC, cut to the resolution, without a monotonic part.
func (r *Registry) now() time.Time { return r.clock().UTC().Truncate(partner.Resolution) }

// record writes the change row that belongs to the change in tx.
func (r *Registry) record(tx Tx, actor Actor, action audit.Action, subject, detail string) error {
	return tx.Record(audit.Change{At: r.now(), Actor: actor.String(), Action: action, Subject: subject, Detail: detail})
}

// may returns nil if an actor may use the operators' use cases, or is the member for whom this registry was made.
func (r *Registry) may(actor Actor) error {
	if r.member && actor.Kind == Member {
		return actor.named()
	}
	return actor.manages()
}

// update runs one operator's use case: the actor is checked first, errors carry the name of the use case.
func (r *Registry) update(ctx context.Context, actor Actor, what string, change func(Tx) error) error {
	if err := r.may(actor); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := r.store.Update(ctx, change); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// openPartner finds a partner that is not closed.
func openPartner(tx Tx, id string) (partner.Partner, error) {
	p, found, err := tx.Partner(id)
	switch {
	case err != nil:
		return partner.Partner{}, err
	case !found:
		return partner.Partner{}, fmt.Errorf("partner %q: %w", id, ErrNotFound)
	case p.Closed:
		return partner.Partner{}, fmt.Errorf("partner %s is closed: %w", id, ErrState)
	}
	return p, nil
}
