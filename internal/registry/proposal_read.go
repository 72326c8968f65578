package registry

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
)

// Place is the After of a page of proposals that begins behind p.
func (p Proposal) Place() string { return cursor(p.CreatedAt, p.ID) }

func (p Proposal) ended() bool { return p.State != ProposalOpen && p.State != ProposalReady }

// Proposal reads one. Errors: ErrNotFound, the store's.
func (r *Registry) Proposal(ctx context.Context, id string) (Proposal, error) {
	return view(ctx, r.store, func(tx Tx) (Proposal, error) { return r.shownProposal(tx, id) })
}

// shownProposal reads a proposal as people see it.
func (r *Registry) shownProposal(tx Tx, id string) (Proposal, error) {
	p, err := readProposal(tx, id)
	if err != nil {
		return p, err
	}
	return p, r.annotate(tx, &p)
}

// annotate works out what is in no record: whether it has expired by now, whether its what-if is stale, who could approve it.
func (r *Registry) annotate(tx Tx, p *Proposal) error {
	accounts, err := accountNoun.list(tx, partner.DocumentQuery{})
	if err != nil {
		return err
	}
	return r.annotateFor(tx, p, accounts)
}

func (r *Registry) annotateFor(tx Tx, p *Proposal, accounts []operator.Account) error {
	named, err := names(tx, *p, accounts)
	if err != nil {
		return err
	}
	p.Names = named
	if !p.ended() && r.now().After(p.ExpiresAt) {
		p.State = ProposalExpired
	}
	if p.WhatIf != nil {
		note := *p.WhatIf
		note.Stale = note.For != p.DigestText()
		p.WhatIf = &note
	}
	if p.ended() {
		return nil
	}
	if p.Approvals, err = p.given(tx, accounts); err != nil {
		return err
	}
	why, err := abandoned(tx, *p, accounts)
	if p.Warning = why; err != nil || why != "" || p.State != ProposalOpen {
		return err
	}
	c, err := parseOperation(p.Operation)
	if err != nil {
		p.Warning = "this version cannot apply it: " + clip(err.Error(), 200)
		return nil
	}
	barred, err := bars(tx, *p, c)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		if couldApprove(a, *p, barred) {
			p.Approvers = append(p.Approvers, a.Login)
		}
	}
	if missing := p.Needed - len(p.Approvals); len(p.Approvers) < missing {
		p.Warning = fmt.Sprintf("needs %d more, and %d other accounts could approve it: invite one with the role approver, or change "+
			"what needs approval with the command line on the server itself", missing, len(p.Approvers))
	}
	p.Approvers = p.Approvers[:min(len(p.Approvers), 20)]
	return nil
}

// couldApprove reports whether an account could approve p now.
func couldApprove(a operator.Account, p Proposal, barred []bar) bool {
	return approver(a, p) && mayApprove(Actor{Kind: Operator, Name: a.Login}, p, barred) == nil
}

// Proposals lists proposals, the newest first. A page of long ones has fewer than q.Limit. Errors: ErrArgument for a cursor that is
// none, the store's.
func (r *Registry) Proposals(ctx context.Context, q ProposalQuery) (Page[Proposal], error) {
	limit := pageLimit(q.Limit)
	at, id, err := parseCursor(q.After)
	if err == nil && q.State != "" && !slices.Contains(ProposalStates(), q.State) {
		err = fmt.Errorf("%w: a proposal is of %v", ErrArgument, ProposalStates())
	}
	if err != nil {
		return Page[Proposal]{}, fmt.Errorf("list proposals: %w", err)
	}
	return view(ctx, r.store, func(tx Tx) (Page[Proposal], error) { return r.proposalPage(tx, q, limit, at, id) })
}

// Proposals can be long: so many are read at once, and after so many bytes a page ends.
const (
	proposalChunk = 50
	proposalBytes = 4 << 20
)

func (r *Registry) proposalPage(tx Tx, q ProposalQuery, limit int, at time.Time, id string) (page Page[Proposal], err error) {
	accounts, err := accountNoun.list(tx, partner.DocumentQuery{})
	if err != nil {
		return page, err
	}
	for size := 0; len(page.Items) < limit && size < proposalBytes; {
		chunk := min(limit-len(page.Items), proposalChunk)
		rows, err := tx.Documents(partner.DocumentQuery{Kind: proposalKind, PartnerID: q.PartnerID, Environment: q.Environment,
			State: string(q.State), Newest: true, AfterAt: at, AfterID: id, Limit: chunk + 1})
		if err != nil {
			return page, err
		}
		read := 0
		for ; read < min(len(rows), chunk) && size < proposalBytes; read++ {
			item, err := r.proposalItem(tx, rows[read], accounts)
			if err != nil {
				return page, err
			}
			page.Items = append(page.Items, item)
			size += len(rows[read].Body) + len(item.Value.Operation.Params)
			at, id = rows[read].CreatedAt, rows[read].ID
		}
		if read == len(rows) {
			return page, nil
		}
	}
	page.Next = cursor(at, id)
	return page, nil
}

func (r *Registry) proposalItem(tx Tx, d partner.Document, accounts []operator.Account) (item Item[Proposal], err error) {
	p, err := proposalNoun.decode(d)
	if err == nil {
		err = wholeParams(tx, &p)
	}
	if err == nil {
		err = r.annotateFor(tx, &p, accounts)
	}
	return Item[Proposal]{Value: p, ETag: TagOf(audit.TouchDocument(d))}, err
}

// overdue lists the ids of proposals that have expired and do not say so.
func (r *Registry) overdue(tx Tx) (ids []string, err error) {
	const most = 1000
	for _, state := range []ProposalState{ProposalOpen, ProposalReady} {
		list, err := proposalNoun.list(tx, partner.DocumentQuery{State: string(state)})
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			if len(ids) < most && r.now().After(p.ExpiresAt) {
				ids = append(ids, p.ID)
			}
		}
	}
	return ids, nil
}

// CommentOnProposal adds a comment, whatever the state. Errors: ErrActor, ErrArgument, ErrNotFound, ErrState when there are
// MaxProposalComments.
func (r *Registry) CommentOnProposal(ctx context.Context, actor Actor, id, text string) (p Proposal, err error) {
	const what = "comment on proposal"
	bad := func(c rune) bool { return c != '\n' && c != '\t' && unicode.Is(unicode.C, c) }
	fits := len(text) <= MaxProposalComment && utf8.ValidString(text) && !strings.ContainsFunc(text, bad)
	if !fits || strings.TrimSpace(text) == "" {
		return p, fmt.Errorf("%s: %w: a comment is text of 1 to %d bytes", what, ErrArgument, MaxProposalComment)
	}
	err = r.update(ctx, actor, what, func(tx Tx) error {
		if p, err = readProposal(tx, id); err != nil {
			return err
		}
		if len(p.Comments) >= MaxProposalComments {
			return fmt.Errorf("it has %d comments: %w", len(p.Comments), ErrState)
		}
		p.Comments = append(p.Comments, ProposalComment{By: actor.String(), At: r.now(), Text: text})
		if err := keepProposal(tx, p); err != nil {
			return err
		}
		if err := r.record(tx, actor, audit.CommentAdded, p.ID, clip(text, 300)); err != nil {
			return err
		}
		return r.annotate(tx, &p)
	})
	return p, err
}

// AttachWhatIf keeps a what-if report beside a proposal, in the place of an older one. digest is that of the proposal that it was
// made for. Errors: ErrActor, ErrArgument for what is not JSON or longer than MaxWhatIf, ErrNotFound, ErrState, ErrStale.
func (r *Registry) AttachWhatIf(ctx context.Context, actor Actor, id string, digest [32]byte, report []byte) (p Proposal, err error) {
	const what = "attach what-if"
	var compact bytes.Buffer
	if len(report) > MaxWhatIf || json.Compact(&compact, report) != nil || compact.Len() == 0 {
		return p, fmt.Errorf("%s: %w: a report is JSON of at most %d bytes", what, ErrArgument, MaxWhatIf)
	}
	err = r.update(ctx, actor, what, func(tx Tx) error {
		if p, err = r.liveProposal(tx, id); err != nil {
			return err
		}
		if p.Digest() != digest {
			return fmt.Errorf("the report was made for something else than the proposal says now: %w", ErrStale)
		}
		if p.Reports >= MaxWhatIfs {
			return fmt.Errorf("%d reports were attached to it: %w", p.Reports, ErrState)
		}
		sum, err := tx.PutBlob(compact.Bytes())
		if err != nil {
			return err
		}
		p.Reports++
		p.WhatIf = &WhatIfNote{SHA256: hex.EncodeToString(sum[:]), For: p.DigestText(), Bytes: compact.Len(), By: actor.String(),
			At: r.now()}
		if err := keepProposal(tx, p); err != nil {
			return err
		}
		if err := r.record(tx, actor, audit.CommentAdded, p.ID, "what-if report "+p.WhatIf.SHA256); err != nil {
			return err
		}
		return r.annotate(tx, &p)
	})
	return p, err
}

// WhatIfReport reads the attached report, as compact JSON. Errors: ErrNotFound, also where there is none, the store's.
func (r *Registry) WhatIfReport(ctx context.Context, id string) ([]byte, error) {
	return view(ctx, r.store, func(tx Tx) ([]byte, error) {
		p, err := readProposal(tx, id)
		if err != nil {
			return nil, err
		}
		if p.WhatIf == nil {
			return nil, fmt.Errorf("what-if of proposal %s: %w", id, ErrNotFound)
		}
		return readBlob(tx, p.WhatIf.SHA256)
	})
}

// cursor names a place in a listing of documents.
func cursor(at time.Time, id string) string { return strconv.FormatInt(at.UnixMicro(), 10) + "-" + id }

// parseCursor reads what cursor wrote; empty: the beginning.
func parseCursor(text string) (at time.Time, id string, err error) {
	if text == "" {
		return at, "", nil
	}
	micros, id, ok := strings.Cut(text, "-")
	n, err := strconv.ParseInt(micros, 10, 64)
	if err != nil || !ok || id == "" || n <= 0 || strconv.FormatInt(n, 10) != micros {
		return at, "", fmt.Errorf("%w: %q is no place in this listing", ErrArgument, clip(text, 60))
	}
	return time.UnixMicro(n).UTC(), id, nil
}
