package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/whatif"
)

// choreReplay is how often proposals without a what-if report are looked for.
const choreReplay = time.Minute

// replays are the questions of one server to its records. The zero value is not ready.
type replays struct {
	register proposalKeeper
	ask      func(context.Context, whatif.Proposed, whatif.Span) (whatif.Report, error)
	note     func(proposal string, err error)
	// environments are those whose rules and records this server has.
	environments []string
	// stages is how far each open proposal is, by digest: what takes too long once takes too long again.
	stages map[[32]byte]replayStage
}

// replayStage says what a server has made of a proposal. Where it is new here, somebody may be replaying it this moment.
type replayStage int

const (
	replayNew replayStage = iota
	replayWaits
	replayTried
)

// attachingWhatIfs replays proposals of which nobody has a report: the operators' plane does so when one is made, but waits a few
// seconds alone, which a large record takes longer than.
func (a *assembly) attachingWhatIfs() func(context.Context, []grant) (int, error) {
	note := func(proposal string, err error) {
		a.log.Warn("a proposal has no what-if report: it could not be replayed in time", "proposal", proposal, "cause", err.Error())
	}
	all := map[string]*replays{} // by the environments of a grant; of one goroutine
	return eachGrant(func(ctx context.Context, held grant) (int, error) {
		scope := strings.Join(held.environments, ",")
		if all[scope] == nil {
			all[scope] = &replays{note: note}
		}
		r := all[scope]
		r.register, r.ask, r.environments = held.register, a.recall.engine.WhatIf, held.environments // they are there before the chores begin
		return r.round(ctx)
	})
}

// proposalKeeper is what replays need of a register.
type proposalKeeper interface {
	Proposals(context.Context, registry.ProposalQuery) (registry.Page[registry.Proposal], error)
	AttachWhatIf(ctx context.Context, actor registry.Actor, id string, digest [32]byte, report []byte) (registry.Proposal, error)
}

// round replays one proposal at most, so that each has the whole time of a round.
func (r *replays) round(ctx context.Context) (int, error) {
	page, err := r.register.Proposals(ctx, registry.ProposalQuery{State: registry.ProposalOpen, Limit: registry.MaxPage})
	if err != nil {
		return 0, err
	}
	before, waiting := r.stages, []registry.Proposal{}
	r.stages = map[[32]byte]replayStage{} // what is open no more is forgotten
	for _, item := range page.Items {
		p := item.Value
		r.stages[p.Digest()] = max(before[p.Digest()], replayWaits)
		if before[p.Digest()] == replayWaits && r.lacks(p) {
			waiting = append(waiting, p)
		}
	}
	for _, p := range waiting {
		if proposed, err := admin.Replayable(p.Operation); err == nil {
			r.stages[p.Digest()] = replayTried
			return r.attach(ctx, p, proposed)
		}
	}
	return 0, nil
}

// lacks reports whether p waits for somebody without a report of what it says now.
func (r *replays) lacks(p registry.Proposal) bool {
	return p.State == registry.ProposalOpen && (p.WhatIf == nil || p.WhatIf.Stale) && slices.Contains(r.environments, p.Operation.Environment)
}

// attach keeps a report beside p. That the record cannot answer is told, and no fault of the server's: a person can ask for less.
func (r *replays) attach(ctx context.Context, p registry.Proposal, proposed whatif.Proposed) (int, error) {
	report, err := r.ask(ctx, proposed, whatif.Span{})
	if err == nil {
		report, err = report.Fit(registry.MaxWhatIf)
	}
	if err != nil {
		r.note(p.ID, err)
		return 0, nil
	}
	raw, err := json.Marshal(report)
	if err != nil {
		return 0, err
	}
	_, err = r.register.AttachWhatIf(ctx, choreActor, p.ID, p.Digest(), raw)
	switch {
	case errors.Is(err, registry.ErrStale), errors.Is(err, registry.ErrState), errors.Is(err, registry.ErrNotFound): // it went on meanwhile
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("attach the what-if report of %s: %w", p.ID, err)
	}
	return 1, nil
}
