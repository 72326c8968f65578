package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"countersign.dev/internal/registry"
	"countersign.dev/internal/whatif"
)

// allChores is what a server does by itself to the register. What is about the environments that are served stands behind their
// locks; the rest is one server's at a time.
func (a *assembly) allChores() []chore {
	return []chore{
		{name: "proposals", every: choreEvery, scope: ofRegister, do: eachGrant(func(ctx context.Context, g grant) (int, error) { return g.register.ExpireProposals(ctx) })},
		{name: "break_glass", every: choreEvery, scope: ofRegister, do: eachGrant(func(ctx context.Context, g grant) (int, error) {
			return g.register.ExpireBreakGlass(ctx, choreActor)
		})},
		{name: "transients", every: choreSeldom, scope: ofRegister, do: eachGrant(func(ctx context.Context, g grant) (int, error) {
			return 0, errors.Join(g.register.SweepTransients(ctx), g.register.SweepNodes(ctx))
		})},
		{name: "rotations", every: choreEvery, do: eachGrant(a.runSchedules)},
		{name: "retirement", every: choreSeldom, do: eachGrant(a.retireSilent)},
		{name: "evidence", every: choreSeldom, do: a.collectingEvidence()},
		{name: "endings", every: choreSeldom, scope: ofItself, do: func(ctx context.Context, _ []grant) (int, error) { return a.noteEndings(ctx) }},
		{name: "what_if", every: choreReplay, do: a.attachingWhatIfs()},
	}
}

// eachGrant does a chore with one grant after another; one that fails keeps no other from being done.
func eachGrant(do func(context.Context, grant) (int, error)) func(context.Context, []grant) (int, error) {
	return func(ctx context.Context, granted []grant) (changed int, err error) {
		for _, g := range granted {
			n, failed := do(ctx, g)
			changed, err = changed+n, errors.Join(err, failed)
		}
		return changed, err
	}
}

// runSchedules makes the versions that are due. They wait, sealed, for whoever fetches them.
func (a *assembly) runSchedules(ctx context.Context, held grant) (int, error) {
	run, err := held.register.RunSchedules(ctx, choreActor, held.environments)
	for _, p := range run.Made {
		a.log.Info("a version was made by its schedule; its secret waits to be fetched once", "credential", p.CredentialID, "version", p.Version)
	}
	for _, p := range run.Lapsed {
		a.log.Warn("a version that a schedule had made was fetched by nobody, and has ended", "credential", p.CredentialID, "version", p.Version)
	}
	return len(run.Made) + len(run.Lapsed), err
}

// retireSilent ends versions that nobody uses, where the configuration wants that.
func (a *assembly) retireSilent(ctx context.Context, held grant) (int, error) {
	g := a.current.Load()
	if g == nil || g.blueprint.retireSilent == 0 {
		return 0, nil
	}
	if a.node != nil {
		return 0, errors.New("no version is retired by itself on a register of many nodes: one that is silent here may be used at another node; " +
			"set credentials.retire_silent to never in the configuration, and retire versions by hand")
	}
	uses, err := a.recall.engine.LastUse(ctx)
	if err != nil {
		return 0, err
	}
	if len(uses.Faults) > 0 {
		return 0, fmt.Errorf("nothing is retired while the counts of uses cannot be read whole: %s", uses.Faults[0])
	}
	if uses.Until.IsZero() {
		return 0, nil // nothing is counted yet, and a zero Until would say that everything is
	}
	retired, err := held.register.RetireSilent(ctx, choreActor, registry.RetirePolicy{After: g.blueprint.retireSilent, Environments: held.environments}, usageOf(uses))
	for _, r := range retired {
		a.log.Info("a version was ended because nobody used it", "credential", r.CredentialID, "version", r.Version, "environment", r.Environment)
	}
	return len(retired), err
}

// usageOf is what the counts say, in the register's words.
func usageOf(uses whatif.LastUses) registry.Usage {
	return registry.Usage{Since: uses.Reaches, Until: uses.Until, Of: func(credentialID string, version int) registry.VersionUse {
		at := uses.Uses[whatif.VersionKey{CredentialID: credentialID, Version: version}]
		return registry.VersionUse{First: at, Last: at}
	}}
}

// collectingEvidence goes through the reviews that wait, so many at a round, and begins again behind the last.
func (a *assembly) collectingEvidence() func(ctx context.Context, granted []grant) (int, error) {
	after := "" // of one goroutine
	return func(ctx context.Context, granted []grant) (int, error) {
		page, err := a.register.ReviewFiles(ctx, registry.ReviewQuery{Waiting: true, After: after, Limit: choreReviews})
		if err != nil {
			after = ""
			return 0, err
		}
		kept, last, err := a.collectEvidence(ctx, page, granted)
		if after = page.Next; last != "" {
			after = last
		}
		return kept, err
	}
}

// collectEvidence refreshes what the system itself says in reviews, in their own environment and in the one that comes before it.
// last is where the time of this round was over, for the next one to go on behind it; empty: all were looked at.
func (a *assembly) collectEvidence(ctx context.Context, page registry.ReviewPage, granted []grant) (kept int, last string, err error) {
	var failures []error
	for _, f := range page.Files {
		if ctx.Err() != nil && last != "" {
			return kept, last, errors.Join(failures...)
		}
		last = f.Place()
		for _, environment := range []string{f.Review.Environment, f.After} {
			held := slices.IndexFunc(granted, func(g grant) bool { return slices.Contains(g.environments, environment) })
			if held < 0 {
				continue
			}
			seen, err := a.recall.engine.Collect(ctx, f.Review.PartnerID, environment)
			if err == nil {
				var news bool
				if news, err = granted[held].register.CollectEvidence(ctx, choreActor, f.Review.PartnerID, environment, seen); news {
					kept++
				}
			}
			if err != nil && !errors.Is(err, registry.ErrState) && !errors.Is(err, registry.ErrNotFound) { // it went on meanwhile
				failures = append(failures, err)
			}
		}
	}
	return kept, "", errors.Join(failures...)
}

// endings are the versions that are still used and end soon.
type endings struct {
	mu     sync.Mutex
	number map[string]int // by environment
	told   map[whatif.VersionKey]bool
}

// usedLately is how long ago a use may be for a version to count as used.
const usedLately = 7 * 24 * time.Hour

// noteEndings counts the versions that are used and end soon, and tells of each once in the log: whoever uses them has to be
// given another one before.
func (a *assembly) noteEndings(ctx context.Context) (int, error) {
	g := a.current.Load()
	if g == nil || g.blueprint.warnBefore == 0 {
		return 0, nil
	}
	uses, err := a.recall.engine.LastUse(ctx)
	if err != nil {
		return 0, err
	}
	credentials, err := a.register.Credentials(ctx, "")
	if err != nil {
		return 0, err
	}
	now, number := a.now(), map[string]int{}
	for _, environment := range a.environments {
		number[environment] = 0
	}
	told := map[whatif.VersionKey]bool{}
	a.endings.mu.Lock()
	defer a.endings.mu.Unlock()
	for _, c := range credentials {
		if _, ours := number[c.Environment]; !ours || !c.RevokedAt.IsZero() {
			continue
		}
		for _, v := range c.Versions {
			key := whatif.VersionKey{CredentialID: c.ID, Version: v.Number}
			ends := !v.NotAfter.IsZero() && v.NotAfter.After(now) && v.NotAfter.Sub(now) <= g.blueprint.warnBefore
			if !ends || now.Sub(uses.Uses[key]) > usedLately {
				continue
			}
			number[c.Environment]++
			if told[key] = true; !a.endings.told[key] {
				a.log.Warn("a version that is still used ends soon", "credential", c.ID, "version", v.Number, "environment", c.Environment, "ends", v.NotAfter.UTC())
			}
		}
	}
	a.endings.number, a.endings.told = number, told
	return 0, nil
}

// endingVersions yields their number by environment.
func (a *assembly) endingVersions(yield func(string, float64)) {
	a.endings.mu.Lock()
	defer a.endings.mu.Unlock()
	for environment, n := range a.endings.number {
		yield(environment, float64(n))
	}
}
