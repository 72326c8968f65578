package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/internal/audit/inspect"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/ops"
	"countersign.dev/internal/edge/tokens"
	"countersign.dev/internal/engines"
	"countersign.dev/internal/follow"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/tracing/otlp"
)

// assembly is one server at work: what `dev` and `serve` have in common. It is opened, put to work with a blueprint, perhaps
// with another one later, drained and closed, in that order. What lasts as long as the process stands here: register,
// records, journals, locks. What a blueprint decides stands in a generation, which is exchanged as a whole.
type assembly struct {
	dir          string
	environments []string         // that are served: locks and state files
	now          func() time.Time // of everything that a decision or a record stands on
	log          *slog.Logger
	metrics      *ops.Metrics
	bodies       *gateway.Budget

	register    *registry.Registry
	node        *sharedRegister // nil: the register is a file of this machine
	follower    *follow.Follower
	records     *records
	replay      *watchedReplay
	limiter     limiter
	cache       *engines.Shared // nil: neither replay nor limits are shared with other nodes
	issuer      issuerNow
	exchange    *tokens.Exchange
	keepers     keepers
	derived     derived
	captures    captureStores
	tracer      *otlp.Tracer // nil: nothing is traced
	recall      *recall
	looks       *looks                                   // with recall
	nodeRecords *collecting                              // the records of other nodes; nil: they are not collected
	vouch       func(record, scope string) *inspect.Book // the book of checkpoints of a record; nil: nothing is signed
	chores      atomic.Pointer[chores]                   // nil before they began
	book        func(record string) ([]byte, error)      // the signed book of a record; nil: there is none
	endings     endings
	counts      planeCounts
	ops         *listening
	plane       surfaceSlot // of operators
	portal      surfaceSlot // of partners
	checks      []check

	current  atomic.Pointer[generation]
	open     atomic.Pointer[map[string][]string] // addresses of the open listeners, by environment
	relays   atomic.Pointer[map[string]*front]   // the listener that relayed calls take, by environment
	mu       sync.Mutex                          // guards fronts, and one put at a time
	fronts   map[string]*front
	doorways map[string]*doorway // guarded by mu
	leaving  sync.WaitGroup      // fronts that a blueprint took away
	draining atomic.Bool
	begun    bool       // the state files are ours
	failed   chan error // the first listener that failed

	life    context.Context // of everything that runs in the background
	end     context.CancelFunc
	running sync.WaitGroup
	closers []func() error // run in reverse order
}

// newAssembly makes an assembly that has opened nothing. bodies bounds the memory of all request bodies together, in bytes.
func newAssembly(dir string, environments []string, log *slog.Logger, bodies int64) *assembly {
	a := &assembly{dir: dir, environments: environments, now: clock, log: log, metrics: ops.NewMetrics(), bodies: gateway.NewBudget(bodies),
		fronts: map[string]*front{}, doorways: map[string]*doorway{}, failed: make(chan error, 1)}
	a.life, a.end = context.WithCancel(context.Background())
	a.keepers.a = a
	return a
}

// atEnd has something closed at the end, before what was opened earlier.
func (a *assembly) atEnd(c io.Closer) { a.closers = append(a.closers, c.Close) }

// inBackground runs do until the server is closed.
func (a *assembly) inBackground(do func(ctx context.Context)) {
	a.running.Go(func() { do(a.life) })
}

// lock takes the environments of the data folder. Nothing is written or removed before.
func (a *assembly) lock() error {
	for _, environment := range a.environments {
		lock, err := lockEnvironment(a.dir, environment)
		if err != nil {
			return err
		}
		a.atEnd(lock)
	}
	return nil
}

// follow makes what follows the register. roster reads it, whole or the part that is served.
func (a *assembly) follow(register *registry.Registry, roster follow.Register) error {
	a.register = register
	var err error
	if a.follower, err = follow.New(a.followConfig(roster)); err != nil {
		return err
	}
	if a.exchange, err = tokens.New(tokens.Config{Registry: register, Issuer: &a.issuer, Now: a.now}); err != nil {
		return err
	}
	return errors.Join(
		a.captures.start(a),
		a.metrics.Gauge("countersign_register_revision", "Revision of the register that decisions are taken from.", a.follower.Revision),
		a.metrics.Gauge("countersign_register_failing", "1 while the register, or its newest revision, cannot be put in force; /readyz says why.", a.follower.Failing),
		a.metrics.Gauge("countersign_register_age_seconds", "Seconds since the register was last read successfully.", a.follower.Age),
		a.metrics.Gauge("countersign_body_budget_left_bytes", "Bytes that request bodies may still take together.", func() float64 { return float64(a.bodies.Left()) }),
	)
}

// put builds what b says and puts it in force as a whole, with the register as it stands; or it changes nothing and says why.
func (a *assembly) put(ctx context.Context, b *blueprint) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.draining.Load() {
		return errors.New("the server is ending")
	}
	defer func() { a.keepers.keepOnly(a.current.Load()) }()
	g, err := a.build(b)
	if err != nil {
		return err
	}
	opened, err := a.openFronts(g)
	var surfaces []*opening
	var doorways map[string]*doorway
	if err == nil {
		doorways, err = a.openDoorways(g)
	}
	if err == nil {
		surfaces, err = a.openSurfaces(g)
	}
	if err == nil {
		defer a.promise(b.staleness)()
		err = a.follower.Adopt(ctx, g.decider, func() {
			a.exchangeDoorways(g, doorways) // before the generation in force is retired: a door that goes uses it to its end
			a.exchangeFor(g, opened)
			a.exchangeSurfaces(surfaces)
		})
		if err != nil {
			err = errors.Join(err, closeFresh(surfaces))
		}
	}
	if err != nil {
		for _, f := range opened {
			err = errors.Join(err, f.listener.Close())
		}
		err = errors.Join(err, closeDoorways(doorways))
		g.retire()
		return err
	}
	a.captures.keepOnly(b)
	return nil
}

// exchangeFor swaps the generation in force for g. From here on nothing can fail.
func (a *assembly) exchangeFor(g *generation, opened map[string]*front) {
	a.issuer.decider.Store(g.decider)
	old := a.current.Swap(g)
	for key, d := range g.doors {
		if f := a.fronts[key]; f != nil {
			f.now.Store(d)
			continue
		}
		f := opened[key]
		f.now.Store(d)
		f.serve(a.failed)
		a.fronts[key] = f
	}
	for key, f := range a.fronts {
		if g.doors[key] == nil {
			delete(a.fronts, key)
			a.dismiss(f)
		}
	}
	a.noteAddresses()
	a.noteRelays(g)
	if old != nil {
		old.retire()
	}
}

// noteAddresses keeps the addresses of the open listeners for whoever asks meanwhile.
func (a *assembly) noteAddresses() {
	all := map[string][]string{}
	for _, f := range a.fronts {
		environment := f.now.Load().world.environment
		all[environment] = append(all[environment], f.listening.addr.String())
	}
	for _, addresses := range all {
		slices.Sort(addresses)
	}
	a.open.Store(&all)
}

// addresses are those of the open listeners, by environment. The caller must not change them.
func (a *assembly) addresses() map[string][]string {
	if all := a.open.Load(); all != nil {
		return *all
	}
	return nil
}

// dismiss drains a front that is served no more. Its generation stays open for it.
func (a *assembly) dismiss(f *front) {
	g := f.use().generation // it is in force still
	limit := a.current.Load().blueprint.drain
	a.leaving.Go(func() {
		defer g.leave()
		ctx, cancel := context.WithTimeout(a.life, limit)
		defer cancel()
		if err := a.drainFront(ctx, f); err != nil {
			a.log.Warn("end a listener", "address", f.listening.addr.String(), "cause", err.Error())
		}
	})
}

// serverLog is where net/http writes.
func (a *assembly) serverLog() *log.Logger { return slog.NewLogLogger(a.log.Handler(), slog.LevelWarn) }

// replayDir is the folder of the replay journal of the environments that are served.
func (a *assembly) replayDir(scope string) string { return filepath.Join(a.dir, "replay"+scope) }

// close ends what runs in the background and closes what was opened, last first. Only what could lose something is reported.
func (a *assembly) close() {
	a.end()
	a.leaving.Wait()
	a.running.Wait()
	if g := a.current.Load(); g != nil {
		g.retire()
	}
	if a.begun {
		if err := a.clearServing(); err != nil {
			a.log.Error("close", "cause", err.Error())
		}
	}
	for i := len(a.closers) - 1; i >= 0; i-- {
		if err := a.closers[i](); err != nil && !errors.Is(err, fs.ErrClosed) {
			a.log.Error("close", "cause", err.Error())
		}
	}
}

// startFollowing keeps the snapshot as new as the register until the server is closed: requests that are drained are judged
// by the register of their time, too.
func (a *assembly) startFollowing() { a.inBackground(a.follower.Run) }

// wait serves until ctx ends or a listener fails.
func (a *assembly) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.failed:
		return fmt.Errorf("the server ends: %w", err)
	}
}
