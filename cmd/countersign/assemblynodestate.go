package main

import (
	"fmt"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/config"
	"countersign.dev/internal/registry"
)

// staleness is how old the last reading of the register may be, as the configuration in force says.
func (a *assembly) staleness() time.Duration {
	if g := a.current.Load(); g != nil && g.blueprint.staleness > 0 {
		return g.blueprint.staleness
	}
	return access.DefaultStaleness
}

// promise has the other nodes know of a max_staleness before it is in force; done says that it is, or will not be.
func (a *assembly) promise(staleness time.Duration) (done func()) {
	if a.node == nil {
		return func() {}
	}
	a.node.teller.Expect(staleness)
	return func() { a.node.teller.Expect(0) }
}

// inForce is the revision that decisions are taken from; 0: none.
func (a *assembly) inForce() uint64 {
	if a.follower == nil {
		return 0
	}
	return uint64(a.follower.Revision())
}

func (a *assembly) readAge() (time.Duration, bool) {
	if a.follower == nil {
		return 0, false
	}
	return a.follower.ReadAge()
}

// behindBecause is why the newest revision is not in force; empty: it is.
func (a *assembly) behindBecause() string {
	if a.follower == nil {
		return ""
	}
	if err := a.follower.Trouble(); err != nil {
		return err.Error()
	}
	return ""
}

// choreRights are the rights to do chores: by the data folder's locks, or by leases where many machines share the register.
func (a *assembly) choreRights() rights {
	if a.node != nil {
		return a.node.rights
	}
	r := &folderRights{a: a, lease: choreLease{dir: a.dir}}
	a.atEnd(r)
	return r
}

// mayDo is the registry with which what is about one environment is done by itself; false: another node does it.
func (a *assembly) mayDo(environment string) (*registry.Registry, bool) {
	if a.node == nil {
		return a.register, true // the lock of the environment is held
	}
	held := a.node.rights.under(leaseOf(environment))
	if len(held) == 0 {
		return nil, false
	}
	return held[0].register, true
}

// registerTrouble is why the newest revision is not in force, and how old the last reading is.
func (a *assembly) registerTrouble() error {
	err := a.follower.Trouble()
	if err == nil {
		return nil
	}
	age, read := a.follower.ReadAge()
	if !read {
		return err
	}
	return fmt.Errorf("%w; it was last read %s ago, and decides for %s", err, age.Round(100*time.Millisecond), a.staleness())
}

// leastStaleness is the shortest max_staleness of a configuration.
func leastStaleness(cfg *config.Config) time.Duration {
	least := access.DefaultStaleness
	for i := range cfg.Environments {
		least = min(least, cfg.Environments[i].MaxStaleness)
	}
	return least
}
