package main

import (
	"context"
	"errors"
	"time"
)

// surfaceDrain is how long requests of people may take after a reload has taken their listener away.
const surfaceDrain = 10 * time.Second

// exchangeSurfaces puts what was opened in force, and lets former listeners go where there is another one, or none. Nothing can
// fail. What would last behind a surface that is no more in force ends: browsers come back to the one that is.
func (a *assembly) exchangeSurfaces(all []*opening) {
	for _, o := range all {
		former := o.slot.front
		var old *surface
		if former != nil {
			old = former.surface.Load()
		}
		o.slot.front = o.front
		if o.front != nil {
			o.front.surface.Store(o.made)
			o.front.policy.Store(o.made.policy)
			o.slot.at.Store(&o.made.url)
			if o.front.listening == nil {
				o.front.serve()
			}
		} else {
			o.slot.at.Store(nil)
		}
		if old != nil && old.depart != nil {
			old.depart()
		}
		if former != nil && former != o.front {
			a.dismissSurface(former)
		}
	}
}

// dismissSurface drains a listener for people that is served no more.
func (a *assembly) dismissSurface(f *surfaceFront) {
	a.leaving.Go(func() {
		ctx, cancel := context.WithTimeout(a.life, surfaceDrain)
		defer cancel()
		if err := a.drainListening(ctx, f.listening); err != nil {
			a.log.Warn("end the listener of "+f.name, "cause", err.Error())
		}
	})
}

// departing ends what would last behind the listeners for people, so that it does not hold up a stop, and says which listeners
// these are. The caller holds mu.
func (a *assembly) departing() (all []*listening) {
	for _, slot := range []*surfaceSlot{&a.plane, &a.portal} {
		f := slot.front
		if f == nil {
			continue
		}
		if m := f.surface.Load(); m.depart != nil {
			m.depart()
		}
		all = append(all, f.listening)
	}
	return all
}

// beside runs something next to a surface, with a sign every surfaceTick, until the surface is closed.
func (m *surface) beside(a *assembly, do func(ctx context.Context, tick <-chan time.Time)) {
	ctx, end := context.WithCancel(a.life)
	if former := m.end; former != nil {
		m.end = func() { former(); end() }
	} else {
		m.end = end
	}
	a.running.Go(func() {
		ticker := time.NewTicker(surfaceTick)
		defer ticker.Stop()
		do(ctx, ticker.C)
	})
}

// close ends a surface behind which no request runs any more.
func (m *surface) close(a *assembly) {
	if m.end != nil {
		m.end()
	}
	ctx, cancel := context.WithTimeout(context.Background(), surfaceClosing)
	defer cancel()
	var failures []error
	for _, one := range m.closers {
		failures = append(failures, one(ctx))
	}
	if err := errors.Join(failures...); err != nil {
		a.log.Error("refused attempts were not all written down", "cause", err.Error())
	}
}

// planeURL is where the operators' plane is found; empty: there is none.
func (a *assembly) planeURL() string { return a.plane.url() }

// portalURL is where the partners' portal is found; empty: there is none.
func (a *assembly) portalURL() string { return a.portal.url() }
