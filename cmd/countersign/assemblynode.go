package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"countersign.dev/internal/engines"
	"countersign.dev/internal/follow"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// How a node speaks to the others.
const (
	beatWait     = 4 * time.Second // how long one beat may take
	beatRetry    = time.Second     // when one that failed is tried again
	sharedFollow = time.Second     // how often the register is asked where the database does not tell
	maxNodeFile  = 100             // bytes of the file that says which process ran here last
)

// sharedRegister is this server as one of the nodes that share a register over many machines: it tells what it serves, hears of changes and
// has leases for its chores. Its id is drawn at each start.
type sharedRegister struct {
	a        *assembly
	register *registry.Registry
	store    engines.Store
	rights   *leasedRights
	id       string
	replaces string // the process before on the same data folder

	staleness time.Duration // the least of the configuration at the start: the register is asked several times within it
	kick      chan struct{}

	teller *registry.Teller

	mu     sync.Mutex
	causes map[string]error // by what failed: beats, leases
	last   time.Time        // of the last beat that arrived, by this process's own clock
}

// shareRegister makes a node of this server, where its register is one that other machines use. It tells nobody yet.
func (a *assembly) shareRegister(register *registry.Registry, store engines.Store, scope string, staleness time.Duration) error {
	if !store.Shared() {
		return nil
	}
	id, err := register.NewNodeID()
	if err != nil {
		return fmt.Errorf("draw the id of this node: %w", err)
	}
	n := &sharedRegister{a: a, register: register, store: store, id: id, staleness: staleness, kick: make(chan struct{}, 1), causes: map[string]error{}}
	if n.teller, err = register.NewTeller(a.now, n.state); err != nil {
		return err
	}
	n.rights = newLeasedRights(register, id, a.environments, func(err error) { n.note("leases", err) })
	if n.replaces, err = n.takePlace(filepath.Join(a.dir, "node"+scope)); err != nil {
		return fmt.Errorf("note which node this is: %w", err)
	}
	a.node = n
	a.atEnd(n)
	a.expect("node", false, n.trouble)
	return errors.Join(
		a.metrics.Gauge("countersign_node_beat_age_seconds", "Seconds since this node last told the others what it serves.", n.beatAge),
		a.metrics.Gauge("countersign_node_failing", "1 while this node cannot tell the others what it serves, or take its leases; /readyz says why.", n.failing),
	)
}

// takePlace writes down which process this is and returns which one was here before. The locks of the data folder are held: the one before
// has ended, and nobody need wait for it.
func (n *sharedRegister) takePlace(path string) (before string, err error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if len(text) <= maxNodeFile {
		before = strings.TrimSpace(string(text))
	}
	if !partner.IsNodeID(before) { // damaged: then the others wait until it has stopped by itself
		before = ""
	}
	return before, replaceFile(path, []byte(n.id+"\n"))
}

// followConfig is how a register is followed.
func (a *assembly) followConfig(roster follow.Register) follow.Config {
	cfg := follow.Config{Register: roster, Now: a.now, Log: a.log, InForce: a.tellServing}
	if a.node != nil {
		cfg.Wake, cfg.Vouch, cfg.Every = a.node.store.Watch, a.node.vouch, min(max(a.node.staleness/4, follow.Every), sharedFollow)
	}
	return cfg
}

// tellServing says which revision is in force: to whoever waits on this machine, and to the other nodes at once.
func (a *assembly) tellServing(revision uint64) {
	a.writeServing(revision)
	if a.node != nil {
		a.node.soon()
	}
}

// soon has the next beat come now.
func (n *sharedRegister) soon() {
	select {
	case n.kick <- struct{}{}:
	default: // one is due already, and it will tell what is in force then
	}
}

// announce tells the other nodes that this one is there, before it reads what it will decide by: from then on, whoever changes the register
// waits for it. A node that nobody knows of must not decide.
func (n *sharedRegister) announce(ctx context.Context) error {
	if err := n.beat(ctx); err != nil {
		return fmt.Errorf("tell the other nodes of this one: %w", err)
	}
	n.a.inBackground(n.run) // also while the register is read, which may take long
	return nil
}

// start begins to take leases.
func (n *sharedRegister) start() { n.a.inBackground(n.rights.run) }

// run beats until ctx ends.
func (n *sharedRegister) run(ctx context.Context) {
	next := time.NewTimer(0) // of the machine's own time: a clock that is set changes nothing
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		case <-n.kick:
		}
		pause, err := registry.BeatEvery, n.beat(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			pause = beatRetry
		}
		n.note("beats", err)
		next.Reset(pause)
	}
}

// vouch is asked before a reading counts.
func (n *sharedRegister) vouch(ctx context.Context, at time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, beatWait)
	defer cancel()
	return n.teller.Vouch(ctx, at)
}

func (n *sharedRegister) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatWait)
	defer cancel()
	err := n.teller.Beat(ctx)
	if err == nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.last = n.a.now()
	}
	return err
}

// state is what this node tells.
func (n *sharedRegister) state() registry.Beat {
	b := registry.Beat{ID: n.id, Name: nodeName(os.Getpid()), Version: version(), Environments: n.a.environments, Revision: n.a.inForce(),
		ReadAge: -1, MaxStaleness: n.a.staleness(), Trouble: n.a.behindBecause(), Replaces: n.replaces}
	if age, read := n.a.readAge(); read {
		b.ReadAge = age
	}
	return b
}

// note keeps an outcome, and logs each new cause and its end once.
func (n *sharedRegister) note(what string, err error) {
	n.mu.Lock()
	before := n.causes[what]
	n.causes[what] = err
	n.mu.Unlock()
	switch {
	case err != nil && (before == nil || before.Error() != err.Error()):
		n.a.log.Warn("the other nodes do not hear of this one", "what", what, "cause", err.Error())
	case err == nil && before != nil:
		n.a.log.Log(context.Background(), slog.LevelInfo, "the other nodes hear of this one again", "what", what)
	}
}

// trouble is why the others do not hear of this node; nil: they do.
func (n *sharedRegister) trouble() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []error
	for what, err := range n.causes {
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", what, err))
		}
	}
	return errors.Join(all...)
}

func (n *sharedRegister) failing() float64 {
	if n.trouble() != nil {
		return 1
	}
	return 0
}

func (n *sharedRegister) beatAge() float64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last.IsZero() {
		return 0
	}
	return n.a.now().Sub(n.last).Seconds() // monotonic, as every span of that clock
}

// Close gives the leases back and says goodbye: the listeners have ended, and nobody need wait for this node. Where that does not arrive,
// the others see that it is silent.
func (n *sharedRegister) Close() error {
	err := n.rights.Close()
	ctx, cancel := context.WithTimeout(context.Background(), beatWait)
	defer cancel()
	if err = errors.Join(err, n.register.Leave(ctx, n.id)); err != nil {
		n.a.log.Warn("the other nodes do not hear that this one has ended", "cause", err.Error())
	}
	return nil // nothing is lost
}
