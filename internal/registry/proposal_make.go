package registry

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// maxInlineParams is how long parameters may be to stand in the row of a proposal; longer ones are kept beside it.
const maxInlineParams = 48 << 10

// propose keeps an operation as a proposal that needs n approvals.
func (r *Registry) propose(tx Tx, a asked, n int) (Done, error) {
	if err := crowded(tx, a); err != nil {
		return Done{}, err
	}
	id, err := secret.RowID(r.random, "prp_")
	if err != nil {
		return Done{}, err
	}
	now := r.now()
	p := Proposal{ID: id, State: ProposalOpen, Operation: a.c.op, Reason: a.in.Reason, RequestedBy: a.actor.String(), Needed: n,
		CreatedAt: now, ExpiresAt: now.Add(ProposalLife)}
	var named []string
	for _, t := range a.in.IfMatch {
		named = append(named, t.Row)
	}
	if p.Base, err = r.base(tx, a.actor, a.c, named); err != nil {
		return Done{}, err
	}
	if err := keepProposal(tx, p); err != nil {
		return Done{}, err
	}
	if err := r.record(tx, a.actor, audit.ProposalMade, p.ID, p.story(p.Reason)); err != nil {
		return Done{}, err
	}
	if err := r.annotate(tx, &p); err != nil {
		return Done{}, err
	}
	return Done{Proposal: &p}, nil
}

// crowded refuses a proposal of somebody who has very many that wait; of members all of one partner count together.
func crowded(tx Tx, a asked) error {
	n, most, by, of := 0, MaxOpenProposals, a.actor.String(), ""
	if a.actor.Kind == Member {
		most, by, of = MaxMemberProposals, "members of this partner", a.member.PartnerID
	}
	for _, state := range []ProposalState{ProposalOpen, ProposalReady} {
		list, err := proposalNoun.list(tx, partner.DocumentQuery{State: string(state), PartnerID: of})
		if err != nil {
			return err
		}
		for _, p := range list {
			if of == "" && p.RequestedBy == by || of != "" && p.ofMember(of) {
				n++
			}
		}
	}
	if n >= most {
		return fmt.Errorf("%d proposals of %s wait already; withdraw some: %w", n, by, ErrState)
	}
	return nil
}

// maxStoryParams is how much of a proposal's parameters stands in its rows, so that the record tells what was proposed also where
// that was rejected or edited later. The digest is of all of them.
const maxStoryParams = 250

// story is a proposal in one line of the record: what, for whom, with which parameters and digest, and why.
func (p Proposal) story(why string) string {
	text := string(p.Operation.Name)
	if p.Operation.PartnerID != "" {
		text += " for " + p.Operation.PartnerID
	}
	if p.Operation.Environment != "" {
		text += " in " + p.Operation.Environment
	}
	if params := clip(string(p.Operation.Params), maxStoryParams); params != "" && params != "{}" {
		text += " " + params
	}
	text += fmt.Sprintf(", needs %d, digest %s", p.Needed, p.DigestText())
	if why != "" {
		text += ": " + why
	}
	return clip(text, audit.MaxDetail)
}

// base is what a proposal is held to: the rows that it concerns, and those that the caller named.
func (r *Registry) base(tx Tx, actor Actor, c command, named []string) ([]RowState, error) {
	states, err := r.concerned(tx, actor, c)
	if err != nil {
		return nil, err
	}
	for _, row := range named {
		if row == planRow || slices.ContainsFunc(states, func(s RowState) bool { return s.Row == row }) {
			continue
		}
		more, err := rowStates(tx, []string{row})
		if err != nil {
			return nil, err
		}
		states = append(states, more...)
	}
	return states, nil
}

// unmoved returns ErrStale where the register is not what p was proposed against any more.
func (r *Registry) unmoved(tx Tx, c command, p Proposal) error {
	requester, err := actorFrom(p.RequestedBy)
	if err != nil {
		return err
	}
	var named []string
	for _, s := range p.Base {
		named = append(named, s.Row)
	}
	now, err := r.base(tx, requester, c, named)
	if err != nil {
		return err
	}
	for _, s := range now {
		if !slices.Contains(p.Base, s) {
			return fmt.Errorf("%s is not what this was proposed against, edit it to bring it up to date: %w", clip(s.Row, 100), ErrStale)
		}
	}
	return nil
}

// EditProposal replaces parameters and reason of a proposal that is open or approved, and so makes every approval void. The same
// parameters again bring it up to date with the rows that it concerns. Whoever edits does not approve. ifMatch as in Intent; the
// proposal's own row is Proposal.Row. Errors: ErrActor, ErrArgument, ErrNotFound, ErrState, ErrStale, those of the use case.
func (r *Registry) EditProposal(ctx context.Context, actor Actor, id string, params json.RawMessage, reason string,
	ifMatch []audit.Touch) (Proposal, error) {
	const what = "edit proposal"
	in := Intent{Reason: reason, IfMatch: ifMatch}
	if err := errors.Join(actor.manages(), in.check(actor)); err != nil {
		return Proposal{}, fmt.Errorf("%s: %w", what, err)
	}
	if actor.Kind == BreakGlass {
		return Proposal{}, fmt.Errorf("%s: %w: nobody knows who opened a break-glass code, and so who is no second person", what, ErrActor)
	}
	before, err := r.Proposal(ctx, id)
	if err != nil {
		return Proposal{}, fmt.Errorf("%s: %w", what, err)
	}
	op := before.Operation
	op.Params = params
	c, err := parseOperation(op)
	if err == nil && before.live(r.now()) == nil {
		requester, _ := actorFrom(before.RequestedBy)
		err = r.trial(ctx, requester, c, reason)
	}
	if err != nil {
		return Proposal{}, fmt.Errorf("%s: %w", what, err)
	}
	var after Proposal
	err = r.update(ctx, actor, what, func(tx Tx) error {
		if err := matches(tx, ifMatch); err != nil {
			return err
		}
		after, err = r.edit(tx, actor, id, c, reason)
		return err
	})
	return after, err
}

func (r *Registry) edit(tx Tx, actor Actor, id string, c command, reason string) (Proposal, error) {
	p, err := r.liveProposal(tx, id)
	if err != nil {
		return p, err
	}
	if p.Edits >= MaxProposalEdits {
		return p, fmt.Errorf("it was edited %d times, make a new one: %w", p.Edits, ErrState)
	}
	if err := c.located(tx); err != nil {
		return p, err
	}
	requester, err := actorFrom(p.RequestedBy)
	if err != nil {
		return p, err
	}
	var named []string
	for _, s := range p.Base {
		named = append(named, s.Row)
	}
	p.Operation, p.Reason = c.op, reason
	if p.Base, err = r.base(tx, requester, c, named); err != nil {
		return p, err
	}
	n, err := needed(tx, c)
	if err != nil {
		return p, err
	}
	if by := actor.String(); by != p.RequestedBy && !slices.Contains(p.Editors, by) {
		p.Editors = append(p.Editors, by)
	}
	p.Edits++
	p.State, p.Approvals, p.Failure, p.Needed, p.ExpiresAt = ProposalOpen, nil, nil, max(n, 1), r.now().Add(ProposalLife)
	if err := keepProposal(tx, p); err != nil {
		return p, err
	}
	if err := r.record(tx, actor, audit.ProposalEdited, p.ID, p.story(reason)); err != nil {
		return p, err
	}
	return p, r.annotate(tx, &p)
}

// keepProposal writes p; long parameters go into a blob, whose digest stands in their place.
func keepProposal(tx Tx, p Proposal) error {
	p.Approvers, p.Warning = nil, ""
	if p.WhatIf != nil {
		note := *p.WhatIf
		note.Stale = false
		p.WhatIf = &note
	}
	if len(p.Operation.Params) > maxInlineParams {
		digest, err := tx.PutBlob(p.Operation.Params)
		if err != nil {
			return err
		}
		p.ParamsSHA256, p.Operation.Params = hex.EncodeToString(digest[:]), json.RawMessage("{}")
	}
	return proposalNoun.put(tx, p)
}

// readProposal reads a proposal as it was kept.
func readProposal(tx Tx, id string) (Proposal, error) {
	p, err := proposalNoun.get(tx, id)
	if err != nil {
		return p, err
	}
	return p, wholeParams(tx, &p)
}

// wholeParams puts long parameters back into their place.
func wholeParams(tx Tx, p *Proposal) error {
	if p.ParamsSHA256 == "" {
		return nil
	}
	params, err := readBlob(tx, p.ParamsSHA256)
	p.Operation.Params, p.ParamsSHA256 = params, ""
	return err
}

func readBlob(tx Tx, text string) ([]byte, error) {
	var digest [32]byte
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(digest) {
		return nil, fmt.Errorf("%q is no digest of a blob", clip(text, 70))
	}
	copy(digest[:], b)
	content, found, err := tx.Blob(digest)
	if err == nil && !found {
		err = fmt.Errorf("blob %s: %w", text, ErrNotFound)
	}
	return content, err
}

// actorFrom reads what Actor.String wrote.
func actorFrom(text string) (Actor, error) {
	kind, name, _ := strings.Cut(text, ":")
	a := Actor{Kind: ActorKind(kind), Name: name}
	return a, a.asks()
}
