package registry

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"countersign.dev/internal/partner"
)

func (r *Registry) doReviewRequest(ctx context.Context, j job, _ ReviewRequest) (Done, error) {
	return r.reviewDone(ctx, j, r.RequestReview(ctx, j.actor, j.op.PartnerID, j.op.Environment, j.reason))
}

func (r *Registry) doReviewStart(ctx context.Context, j job, _ ReviewStart) (Done, error) {
	return r.reviewDone(ctx, j, r.StartReview(ctx, j.actor, j.op.PartnerID, j.op.Environment, j.reason))
}

func (r *Registry) doReviewCheck(ctx context.Context, j job, p ReviewCheck) (Done, error) {
	p.Note = cmp.Or(p.Note, j.reason)
	return r.reviewDone(ctx, j, r.CheckItem(ctx, j.actor, j.op.PartnerID, j.op.Environment, p))
}

// doReviewApprove never forces and never approves what was not looked at.
func (r *Registry) doReviewApprove(ctx context.Context, j job, p ReviewApprove) (Done, error) {
	digest, err := hex.DecodeString(p.Digest)
	if err != nil || len(digest) != 32 || [32]byte(digest) == ([32]byte{}) {
		return Done{}, fmt.Errorf("%w: an approval names the digest of the review file, 64 hex digits", ErrArgument)
	}
	a := Approval{Reason: j.reason, Digest: [32]byte(digest)}
	return r.reviewDone(ctx, j, r.ApproveReview(ctx, j.actor, j.op.PartnerID, j.op.Environment, a))
}

func (r *Registry) doReviewSuspend(ctx context.Context, j job, _ ReviewSuspend) (Done, error) {
	return r.reviewDone(ctx, j, r.Suspend(ctx, j.actor, j.op.PartnerID, j.op.Environment, j.reason))
}

func (r *Registry) doReviewResume(ctx context.Context, j job, _ ReviewResume) (Done, error) {
	return r.reviewDone(ctx, j, r.Resume(ctx, j.actor, j.op.PartnerID, j.op.Environment, j.reason))
}

// doReviewWithdraw has nothing to show: there is no review any more.
func (r *Registry) doReviewWithdraw(ctx context.Context, j job, _ ReviewWithdraw) (Done, error) {
	return Done{}, r.WithdrawReview(ctx, j.actor, j.op.PartnerID, j.op.Environment, j.reason)
}

func (r *Registry) doReviewClose(ctx context.Context, j job, _ ReviewClose) (Done, error) {
	return r.reviewDone(ctx, j, r.CloseReview(ctx, j.actor, j.op.PartnerID, j.op.Environment, j.reason))
}

func (r *Registry) doEvidenceAdd(ctx context.Context, j job, p EvidenceAdd) (Done, error) {
	p.Note = cmp.Or(p.Note, j.reason)
	_, err := r.AddEvidence(ctx, j.actor, j.op.PartnerID, j.op.Environment, p)
	return r.reviewDone(ctx, j, err)
}

func (r *Registry) doCommentAdd(ctx context.Context, j job, p CommentAdd) (Done, error) {
	_, err := r.addComment(ctx, j.actor, home{j.op.PartnerID, j.op.Environment}, p)
	return r.reviewDone(ctx, j, err)
}

// reviewDone shows the file as it is now.
func (r *Registry) reviewDone(ctx context.Context, j job, err error) (Done, error) {
	if err != nil {
		return Done{}, err
	}
	file, err := r.ReviewFile(ctx, j.op.PartnerID, j.op.Environment)
	return Done{Review: &file}, err
}

func (r *Registry) doCredentialSchedule(ctx context.Context, j job, p CredentialSchedule) (Done, error) {
	if p.EverySeconds < 0 || p.EverySeconds > int64(partner.MaxRotateEvery/time.Second) ||
		p.OverlapSeconds < 0 || p.OverlapSeconds > int64(partner.MaxRotateOverlap/time.Second) {
		return Done{}, fmt.Errorf("%w: a schedule's spans are positive, at most %s, and %s for the overlap", ErrArgument,
			partner.MaxRotateEvery, partner.MaxRotateOverlap)
	}
	s := partner.Schedule{Every: time.Duration(p.EverySeconds) * time.Second,
		Overlap: time.Duration(p.OverlapSeconds) * time.Second, Next: p.Next}
	_, err := r.schedule(ctx, j.actor, p.Credential, s, j.reason)
	return r.credentialDone(ctx, p.Credential, err)
}

func (r *Registry) doCredentialRetire(ctx context.Context, j job, p CredentialRetire) (Done, error) {
	return r.credentialDone(ctx, p.Credential, r.RetireVersion(ctx, j.actor, p.Credential, p.Version, j.reason))
}

// credentialDone shows the credential as it is now.
func (r *Registry) credentialDone(ctx context.Context, id string, err error) (Done, error) {
	if err != nil {
		return Done{}, err
	}
	c, err := r.FindCredential(ctx, id)
	return Done{Credential: &c}, err
}
