package main

import (
	"context"
	"errors"
)

// exchangeDoorways puts g's doors in force, and lets those go that it has not. Nothing can fail. The caller holds mu.
func (a *assembly) exchangeDoorways(g *generation, opened map[string]*doorway) {
	for key, p := range g.passages {
		if f := a.doorways[key]; f != nil {
			f.now.Store(p)
			continue
		}
		f := opened[key]
		f.now.Store(p)
		f.serve()
		a.doorways[key] = f
		a.log.Info("a door for other proxies is open", "environment", p.world.environment, "proxy", p.print.setting.Asks(), "address", f.listening.addr.String())
	}
	for key, f := range a.doorways {
		if g.passages[key] == nil {
			delete(a.doorways, key)
			a.dismissDoorway(f)
		}
	}
}

// dismissDoorway drains a door that is served no more.
func (a *assembly) dismissDoorway(f *doorway) {
	g := f.use().generation // it is in force still
	limit := g.blueprint.drain
	a.leaving.Go(func() {
		defer g.leave()
		ctx, cancel := context.WithTimeout(a.life, limit)
		defer cancel()
		if err := f.drain(ctx); err != nil {
			a.log.Warn("end a door", "address", f.listening.addr.String(), "cause", err.Error())
		}
	})
}

// closeDoorways closes doors that were opened and are not used.
func closeDoorways(opened map[string]*doorway) error {
	var failures []error
	for _, f := range opened {
		failures = append(failures, f.listener.Close())
	}
	return errors.Join(failures...)
}
