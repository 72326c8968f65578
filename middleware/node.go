package middleware

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/datafolder"
	"countersign.dev/internal/follow"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// How a service speaks to the servers that share its register.
const (
	beatWait    = 4 * time.Second // how long one beat may take
	beatRetry   = time.Second     // when one that failed is tried again
	followEvery = time.Second     // how often the register is asked where the database does not tell
	maxNodeFile = 100             // bytes of the file that says which process ran here last
)

// node is this process as one of those that share a register over many machines: whoever changes the register waits for it, and is told
// its name where it does not confirm. nil: the register is a file, and the data folder says what is served.
type node struct {
	m            *Middleware
	id, replaces string
	teller       *registry.Teller
	kick         chan struct{}
}

// joinNodes makes a node of this process, where its register is one that other machines use. It tells nobody yet.
func (m *Middleware) joinNodes() (err error) {
	if !m.store.Shared() {
		return nil
	}
	n := &node{m: m, kick: make(chan struct{}, 1)}
	if n.id, err = m.register.NewNodeID(); err != nil {
		return fmt.Errorf("draw the id of this node: %w", err)
	}
	if n.teller, err = m.register.NewTeller(m.cfg.Now, n.state); err != nil {
		return err
	}
	path := m.inFolder("node")
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("note which node this is: %w", err)
	}
	if before := strings.TrimSpace(string(text)); len(text) <= maxNodeFile && partner.IsNodeID(before) {
		n.replaces = before // the lock is ours: it has ended, and nobody need wait for it
	}
	if err := datafolder.Replace(path, []byte(n.id+"\n")); err != nil {
		return fmt.Errorf("note which node this is: %w", err)
	}
	m.node = n
	m.closers = append(m.closers, n)
	return nil
}

// followConfig is how the register is followed.
func (m *Middleware) followConfig(roster follow.Register) follow.Config {
	cfg := follow.Config{Register: roster, Now: m.cfg.Now, Log: m.cfg.Log, InForce: m.say}
	if m.node != nil {
		cfg.Wake, cfg.Vouch, cfg.Every = m.store.Watch, m.node.vouch, min(max(m.staleness()/4, follow.Every), followEvery)
	}
	return cfg
}

// run beats until ctx ends.
func (n *node) run(ctx context.Context) {
	next := time.NewTimer(0) // of the machine's own time: a clock that is set changes nothing
	defer next.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		case <-n.kick:
		}
		err := n.beat(ctx)
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != failed {
			n.m.cfg.Log.Warn("whether the other nodes hear of this one has changed", "heard", err == nil, "cause", fmt.Sprint(err))
		}
		if failed = err != nil; failed {
			next.Reset(beatRetry)
		} else {
			next.Reset(registry.BeatEvery)
		}
	}
}

// soon has the next beat come now.
func (n *node) soon() {
	select {
	case n.kick <- struct{}{}:
	default: // one is due already
	}
}

func (n *node) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatWait)
	defer cancel()
	return n.teller.Beat(ctx)
}

// vouch is asked before a reading counts.
func (n *node) vouch(ctx context.Context, at time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, beatWait)
	defer cancel()
	return n.teller.Vouch(ctx, at)
}

// state is what this node tells.
func (n *node) state() registry.Beat {
	m := n.m
	b := registry.Beat{ID: n.id, Name: nodeName(), Version: programVersion(), Environments: []string{m.environment.Name}, Revision: uint64(m.follower.Revision()),
		ReadAge: -1, MaxStaleness: m.staleness(), Replaces: n.replaces}
	if age, read := m.follower.ReadAge(); read {
		b.ReadAge = age
	}
	if err := m.follower.Trouble(); err != nil {
		b.Trouble = err.Error()
	}
	return b
}

// staleness is how old the last reading of the register may be.
func (m *Middleware) staleness() time.Duration {
	if m.environment.MaxStaleness <= 0 {
		return access.DefaultStaleness
	}
	return m.environment.MaxStaleness
}

// Close says goodbye. Where that does not arrive, the others see that this node is silent.
func (n *node) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), beatWait)
	defer cancel()
	if err := n.m.register.Leave(ctx, n.id); err != nil {
		n.m.cfg.Log.Warn("the other nodes do not hear that this one has ended", "cause", err.Error())
	}
	return nil // nothing is lost
}

// nodeName is machine and process, as servers call themselves.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// programVersion is the service's program and not ours.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Path == "" {
		return "a service"
	}
	return filepath.Base(info.Main.Path) + " " + info.Main.Version
}
