package registry

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// ApproveReview is Approve with what the approver has looked at. A digest that is not that of the file as it is now approves
// nothing: ErrStale. Required items that are open, or an environment that must come first and is not approved, are ErrState but with
// Force, which is for whoever has the disk (design decision 14): what was open is then part of the record. The admin API always
// names a digest and never forces.
func (r *Registry) ApproveReview(ctx context.Context, actor Actor, partnerID, environment string, a Approval) error {
	at := home{partnerID, environment}
	return r.moving(ctx, actor, at, a.Reason, approveStep.name, func(tx Tx) error {
		review, err := approveStep.start(tx, at, actor)
		if err != nil {
			return err
		}
		barred, err := authors(tx, "asked for", review.RequestedBy)
		if err == nil {
			err = secondPerson(actor, barred)
		}
		if err != nil {
			return err
		}
		file, err := r.assemble(tx, home{partnerID, environment})
		if err != nil {
			return err
		}
		if err := r.approvable(tx, at, file, a); err != nil {
			return err
		}
		approval := r.approval(actor, file, a)
		if err := r.keepApproval(tx, at, file, approval); err != nil {
			return err
		}
		return r.keepMoved(tx, actor, review, a.Reason, audit.ReviewApproved, detail(environment, approval.text(a.Reason)))
	})
}

// approvable says why a file cannot be approved as it is, or nil.
func (r *Registry) approvable(tx Tx, at home, file ReviewFile, a Approval) error {
	if a.Digest != ([32]byte{}) && a.Digest != file.Digest {
		return fmt.Errorf("the review file is another one than the one that was looked at: %w", ErrStale)
	}
	if a.Force {
		return nil
	}
	if err := r.reached(tx, at); err != nil {
		return err
	}
	if len(file.Missing) > 0 {
		return fmt.Errorf("required items of the checklist are open: %s: %w", some(file.Missing, 10), ErrState)
	}
	return nil
}

// approval is what is kept of one.
func (r *Registry) approval(actor Actor, file ReviewFile, a Approval) ReviewApproval {
	out := ReviewApproval{By: actor.String(), At: r.now(), Digest: hex.EncodeToString(file.Digest[:]), Bound: a.Digest != ([32]byte{}),
		Open: file.Missing, Reason: a.Reason}
	for _, item := range file.Items {
		if item.Fact != "" {
			out.Facts = append(out.Facts, item.ID+": "+item.Fact)
		}
	}
	return out
}

// keepApproval writes down what was approved. Where there is no checklist and nothing was bound, the review itself says it all.
func (r *Registry) keepApproval(tx Tx, at home, file ReviewFile, approval ReviewApproval) error {
	if !approval.Bound && len(file.Items) == 0 {
		return nil
	}
	return r.changeFile(tx, at, func(f *fileRecord) error {
		f.Approval = &approval
		return nil
	})
}

// text is what the change row says of an approval: the reason, what it was bound to, what was open.
func (a ReviewApproval) text(reason string) string {
	parts := []string{reason}
	if a.Bound {
		parts = append(parts, "file "+a.Digest)
	}
	if len(a.Open) > 0 {
		parts = append(parts, "forced, open: "+some(a.Open, 5))
	}
	return strings.TrimPrefix(strings.Join(parts, "; "), "; ")
}

// some lists a few of many.
func some(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// CheckItem says that an item of the checklist of a review that waits for its approval is done, or is not any more. What people
// attach comes first: an item about files or links is checked with the evidence that it has then, and is open again when that
// changes. What the system decides is nobody's to check. Errors: ErrActor, ErrArgument (no such item, or a system's), ErrNotFound,
// ErrState, the store's.
func (r *Registry) CheckItem(ctx context.Context, actor Actor, partnerID, environment string, check ReviewCheck) error {
	at := home{partnerID, environment}
	return r.moving(ctx, actor, at, check.Note, "check item", func(tx Tx) error {
		if _, err := reviewIn(tx, at, openReview); err != nil {
			return err
		}
		item, err := r.item(environment, check.Item)
		if err != nil {
			return err
		}
		if item.Evidence.System() {
			return fmt.Errorf("%w: %s is what the system sees; nobody else says so", ErrArgument, item.ID)
		}
		text := "open again: " + item.ID
		if check.Done {
			text = "done: " + item.ID
		}
		if err := r.changeFile(tx, at, func(f *fileRecord) error { return r.setCheck(tx, f, actor, item, check) }); err != nil {
			return err
		}
		return r.record(tx, actor, audit.ReviewChecked, partnerID, detail(environment, because(text, check.Note)))
	})
}

// setCheck puts a check in the place of the one before, or takes it away.
func (r *Registry) setCheck(tx Tx, f *fileRecord, actor Actor, item partner.ChecklistItem, check ReviewCheck) error {
	kept := make([]itemCheck, 0, len(f.Checks)+1)
	for _, c := range f.Checks {
		if c.Item != item.ID {
			kept = append(kept, c)
		}
	}
	if !check.Done {
		if len(kept) == len(f.Checks) {
			return fmt.Errorf("%s is open already: %w", item.ID, ErrState)
		}
		f.Checks = kept
		return nil
	}
	evidence, err := roundEvidence(tx, home{f.PartnerID, f.Environment}, f.Round)
	if err != nil {
		return err
	}
	ids := counting(evidence, item)
	if item.Evidence.Attached() && len(ids) == 0 {
		return fmt.Errorf("attach a %s to %s first: %w", item.Evidence, item.ID, ErrState)
	}
	f.Checks = append(kept, itemCheck{Item: item.ID, Title: item.Title, Kind: item.Evidence, By: actor.String(), At: r.now(),
		Note: check.Note, Evidence: ids})
	return nil
}

// item finds an item of the checklist of an environment.
func (r *Registry) item(environment, id string) (partner.ChecklistItem, error) {
	for _, item := range r.policy(environment).Items {
		if item.ID == id {
			return item, nil
		}
	}
	return partner.ChecklistItem{}, fmt.Errorf("%w: the checklist of %s has no item %.60q", ErrArgument, environment, id)
}

// reviewIn reads the review of an open partner, which must be in one of these states.
func reviewIn(tx Tx, at home, states []partner.ReviewState) (partner.Review, error) {
	s := step{from: states}
	if _, err := openPartner(tx, at.partner); err != nil {
		return partner.Review{}, err
	}
	review, _, err := tx.Review(at.partner, at.environment)
	if err != nil {
		return review, err
	}
	review.Environment = at.environment
	state := review.State
	if err := s.apply(&review, Actor{}); err != nil {
		return review, err
	}
	review.State = state
	return review, nil
}
