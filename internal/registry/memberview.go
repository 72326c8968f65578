package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
)

// MemberView is all that the people of a partner see of the register: their own partner's, without secrets, without the names of
// operators, and without what operators wrote for each other (record 40). It is of one moment.
type MemberView struct {
	Partner     partner.Partner
	Members     []operator.Account    // id, login, name, state and times alone; by their making
	Reviews     []MemberReview        // one for each environment that has a checklist, an order or a review; by name
	Credentials []partner.Credential  // without secrets and hashes, revoked ones too; with a version that waits, Schedules says which
	Schedules   []RotationSchedule    // SetBy is empty; Pending: a secret that waits for RevealAsMember
	Networks    []partner.NetworkRule // without their notes, which operators write too
	Limits      []partner.Limit
	Proposals   []MemberProposal // that members of the partner made, the newest first, at most 50
}

// MemberReview is a review as the partner sees it.
type MemberReview struct {
	Environment string
	State       partner.ReviewState // empty: nobody has asked for it
	RequestedBy string              // the login of the member who asked; empty: an operator did, or nobody
	ChangedAt   time.Time           // zero: nobody has asked for it
	After       string              // the environment that must be approved first; empty: none
	Blocked     bool                // After is not approved yet: asking now would be refused
	Items       []MemberItem        // the checklist
	Evidence    []Evidence          // what members attached, of all rounds, by time; AddedBy is a login
	Comments    []Comment           // of members, and of operators where they said that the partner reads it; By is a login, empty for an operator
}

// MemberItem is one item of the checklist as the partner sees it.
type MemberItem struct {
	partner.ChecklistItem
	Done     bool
	Outdated bool     // it was checked, but its evidence has changed since: an operator looks again
	Evidence []string // ids of what members attached and counts for it now
	Fact     string   // of a system's item: what it saw, or what it waits for
}

// MemberProposal is what a member asked for and an operator decides about.
type MemberProposal struct {
	ID        string
	State     ProposalState // ProposalReady: approved, and the member who asked takes the secret with ApplyAsMember
	Operation Operation     // PartnerID is the member's
	Reason    string
	By        string // the login of the member who asked
	CreatedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time // zero: it waits
	EndReason string    // of a rejection: what the operator answers; of a withdrawal: the member's own
	Failed    bool      // it was approved, and could not be done as things were
}

// MemberDone is what became of what a member asked for. Fields that do not apply are zero.
type MemberDone struct {
	Proposal   *MemberProposal // it waits for an operator; or was carried out just now, by ApplyAsMember
	Repeated   bool            // the idempotency key was used for this before: the same ids as then, never the secret again
	Revision   uint64
	Review     *MemberReview
	Issued     *Issued             // a new credential or version, with its secret this once; whoever has handed it over wipes it
	Credential *partner.Credential // without secrets and hashes
	Network    *partner.NetworkRule
}

// maxMemberProposals is how many proposals a MemberView has.
const maxMemberProposals = 50

// MemberView reads what the people of a partner see. Errors: ErrNotFound for a partner that is not there or is closed, the store's.
func (r *Registry) MemberView(ctx context.Context, partnerID string) (MemberView, error) {
	v, err := view(ctx, r.store, func(tx Tx) (MemberView, error) { return r.memberView(tx, partnerID) })
	if errors.Is(err, ErrState) {
		err = fmt.Errorf("partner %q: %w", clip(partnerID, 60), ErrNotFound)
	}
	if err != nil {
		return MemberView{}, fmt.Errorf("read what members see: %w", err)
	}
	return v, nil
}

func (r *Registry) memberView(tx Tx, partnerID string) (v MemberView, err error) {
	if partnerID == "" { // it would stand for all of them
		return v, fmt.Errorf("no partner: %w", ErrNotFound)
	}
	if v.Partner, err = openPartner(tx, partnerID); err != nil {
		return v, err
	}
	return v, firstOf(
		func() (err error) { v.Members, err = colleagues(tx, partnerID); return err },
		func() (err error) { v.Reviews, err = r.memberReviews(tx, partnerID); return err },
		func() (err error) { v.Credentials, err = tx.Credentials(partnerID); return err },
		func() (err error) { v.Schedules, err = memberSchedules(tx, partnerID); return err },
		func() (err error) { v.Networks, err = tx.Networks(partnerID); return err },
		func() (err error) { v.Limits, err = tx.Limits(partnerID); return err },
		func() (err error) { v.Proposals, err = r.memberProposals(tx, partnerID); return err },
		func() error {
			for i := range v.Credentials {
				v.Credentials[i] = withoutSecrets(v.Credentials[i])
			}
			for i := range v.Networks {
				v.Networks[i].Note = ""
			}
			return nil
		},
	)
}

// colleagues are the members of a partner, without what they sign in with and who invited them.
func colleagues(tx Tx, partnerID string) ([]operator.Account, error) {
	list, err := memberNoun.list(tx, partner.DocumentQuery{PartnerID: partnerID})
	for i, a := range list {
		list[i] = operator.Account{ID: a.ID, PartnerID: a.PartnerID, Login: a.Login, Name: a.Name, Origin: a.Origin, DisabledAt: a.DisabledAt,
			SignedInAt: a.SignedInAt, CreatedAt: a.CreatedAt}
	}
	return list, err
}

// memberSchedules are the schedules of a partner's credentials, and secrets that wait although there is no schedule any more.
func memberSchedules(tx Tx, partnerID string) ([]RotationSchedule, error) {
	pending, err := pendingNoun.list(tx, partner.DocumentQuery{PartnerID: partnerID})
	if err != nil {
		return nil, err
	}
	waits := map[string]*PendingSecret{}
	for _, p := range pending {
		shown := p.show()
		waits[p.CredentialID] = &shown
	}
	list, err := scheduleNoun.list(tx, partner.DocumentQuery{PartnerID: partnerID})
	var out []RotationSchedule
	for _, s := range list {
		s.SetBy = ""
		out = append(out, s.show(waits[s.CredentialID]))
		delete(waits, s.CredentialID)
	}
	for _, p := range pending {
		if left := waits[p.CredentialID]; left != nil {
			out = append(out, RotationSchedule{CredentialID: left.CredentialID, PartnerID: left.PartnerID, Environment: left.Environment, Pending: left})
		}
	}
	return out, err
}

// memberProposals are what members of a partner asked for: all that waits, and the last of what has ended; the newest first.
func (r *Registry) memberProposals(tx Tx, partnerID string) ([]MemberProposal, error) {
	var found []Proposal
	waiting := []partner.DocumentQuery{{State: string(ProposalOpen)}, {State: string(ProposalReady)}}
	for _, q := range append(waiting, partner.DocumentQuery{Newest: true, Limit: 4 * maxMemberProposals}) {
		q.PartnerID = partnerID
		list, err := proposalNoun.list(tx, q)
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			if p.ofMember(partnerID) && p.ended() == (q.State == "") && len(found) < maxMemberProposals {
				found = append(found, p)
			}
		}
	}
	slices.SortFunc(found, func(a, b Proposal) int { return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(b.ID, a.ID)) })
	out := make([]MemberProposal, 0, len(found))
	for _, p := range found {
		if err := wholeParams(tx, &p); err != nil {
			return nil, err
		}
		if !p.ended() && r.now().After(p.ExpiresAt) {
			p.State, p.EndedAt = ProposalExpired, p.ExpiresAt
		}
		out = append(out, memberProposal(p))
	}
	return out, nil
}

// memberProposal is a proposal as its partner sees it: without approvals, comments and the names of operators, and without the words of
// an operator who edited it.
func memberProposal(p Proposal) MemberProposal {
	m := MemberProposal{ID: p.ID, State: p.State, Operation: p.Operation, Reason: p.Reason, By: memberLogin(p.RequestedBy),
		CreatedAt: p.CreatedAt, ExpiresAt: p.ExpiresAt, EndedAt: p.EndedAt, Failed: p.Failure != nil}
	m.Operation.Params = slices.Clone(json.RawMessage(p.Operation.Params))
	if len(p.Editors) > 0 {
		m.Reason, m.Operation = "", withoutNote(m.Operation)
	}
	if p.State == ProposalRejected || isMember(p.EndedBy) {
		m.EndReason = p.EndReason
	}
	return m
}

// withoutNote takes the note out of what a proposal asks for; of what members ask for, only an address has one. Parameters that cannot
// be read are not shown.
func withoutNote(op Operation) Operation {
	if op.Name != OpNetworkAllow {
		return op
	}
	var p NetworkAllow
	err := json.Unmarshal(op.Params, &p)
	if p.Note = ""; err == nil {
		op.Params, err = json.Marshal(p)
	}
	if err != nil {
		op.Params = nil
	}
	return op
}

// memberDoneOf is what became of an operation, as the member who asked sees it.
func memberDoneOf(p operator.Principal, done Done) MemberDone {
	out := MemberDone{Repeated: done.Repeated, Revision: done.Revision, Issued: done.Issued, Credential: done.Credential}
	if done.Network != nil {
		shown := *done.Network
		shown.Note = ""
		out.Network = &shown
	}
	if done.Proposal != nil && done.Proposal.ofMember(p.PartnerID) {
		shown := memberProposal(*done.Proposal)
		out.Proposal = &shown
	}
	if done.Review != nil {
		shown := memberReview(*done.Review)
		out.Review = &shown
	}
	return out
}
