package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"countersign.dev/internal/partner"
)

// memberReviews are the reviews of a partner, and the checklists of environments for which nobody has asked yet.
func (r *Registry) memberReviews(tx Tx, partnerID string) ([]MemberReview, error) {
	reviews, err := tx.Reviews(partnerID)
	if err != nil {
		return nil, err
	}
	asked := map[string]bool{}
	names := slices.Collect(maps.Keys(*r.reviews.Load()))
	for _, review := range reviews {
		asked[review.Environment] = true
		names = append(names, review.Environment)
	}
	slices.Sort(names)
	var list []MemberReview
	for _, name := range slices.Compact(names) {
		if name == "" {
			continue
		}
		m, err := r.memberReviewIn(tx, home{partnerID, name}, asked[name])
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// memberReviewIn is one review, or the checklist of one for which nobody has asked.
func (r *Registry) memberReviewIn(tx Tx, at home, asked bool) (MemberReview, error) {
	file := ReviewFile{After: r.policy(at.environment).After}
	file.Review.Environment = at.environment
	for _, item := range r.policy(at.environment).Items {
		file.Items = append(file.Items, ReviewItem{ChecklistItem: item})
	}
	if asked {
		var err error
		if file, err = r.reviewFile(tx, at); err != nil {
			return MemberReview{}, err
		}
	}
	m := memberReview(file)
	if m.After == "" {
		return m, nil
	}
	before, _, err := tx.Review(at.partner, m.After)
	m.Blocked = before.State != partner.ReviewApproved
	return m, err
}

// memberReview is a review file as the partner sees it: without the names and the notes of operators, and without what operators wrote
// and attached for each other.
func memberReview(file ReviewFile) MemberReview {
	m := MemberReview{Environment: file.Review.Environment, State: file.Review.State, RequestedBy: memberLogin(file.Review.RequestedBy),
		ChangedAt: file.Review.ChangedAt, After: file.After}
	own := map[string]bool{}
	for _, e := range file.Evidence {
		if !isMember(e.AddedBy) {
			continue
		}
		own[e.ID] = true
		e.AddedBy = memberLogin(e.AddedBy)
		m.Evidence = append(m.Evidence, e)
	}
	for i := range m.Evidence { // an operator's piece that stands in the place of one has no name here
		if by := m.Evidence[i].SupersededBy; by != "" && !own[by] {
			m.Evidence[i].SupersededBy = SupersededByOperator
		}
	}
	for _, item := range file.Items {
		ids := slices.DeleteFunc(slices.Clone(item.Evidence), func(id string) bool { return !own[id] })
		m.Items = append(m.Items, MemberItem{ChecklistItem: item.ChecklistItem, Done: item.Done, Outdated: item.Outdated, Evidence: ids,
			Fact: item.Fact})
	}
	for _, c := range file.Comments {
		if isMember(c.By) || c.Shared {
			c.By = memberLogin(c.By)
			m.Comments = append(m.Comments, c)
		}
	}
	return m
}

// SupersededByOperator is Evidence.SupersededBy of a member's piece in whose place an operator has put another one.
const SupersededByOperator = "operator"

// memberLogin is the login of a member that stands as an actor somewhere; empty for everybody else.
func memberLogin(actor string) string {
	login, ok := strings.CutPrefix(actor, string(Member)+":")
	if !ok {
		return ""
	}
	return login
}

// MemberEvidence reads a piece of evidence that a member of the partner attached; content is nil for a link. What operators attached
// is not there, and of another partner's no file is read, so that the time of the answer tells nothing either. What stands in its
// place is left out. It is served as an attachment, never inline. Errors: ErrNotFound, the store's.
func (r *Registry) MemberEvidence(ctx context.Context, partnerID, id string) (Evidence, []byte, error) {
	e, err := view(ctx, r.store, func(tx Tx) (Evidence, error) { return evidenceNoun.get(tx, id) })
	if errors.Is(err, ErrNotFound) || err == nil && (partnerID == "" || e.PartnerID != partnerID || !isMember(e.AddedBy)) {
		return Evidence{}, nil, fmt.Errorf("read evidence: %q: %w", clip(id, 60), ErrNotFound)
	}
	if err != nil {
		return Evidence{}, nil, fmt.Errorf("read evidence: %w", err)
	}
	e, content, err := r.Evidence(ctx, id) // what it is and whose never changes
	e.AddedBy, e.SupersededBy = memberLogin(e.AddedBy), ""
	return e, content, err
}
