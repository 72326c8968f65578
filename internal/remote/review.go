package remote

import (
	"context"
	"slices"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// Reviews lists the reviews of one partner, or of all, by partner and environment.
func (c *Client) Reviews(ctx context.Context, partnerID string) ([]partner.Review, error) {
	var found []api.ReviewFile
	var err error
	if partnerID != "" {
		var page api.ReviewPage
		page, err = Value(c.API.PartnerReviews(ctx, partnerID))
		found = page.Items
	} else {
		found, err = every(ctx, func(ctx context.Context, after string) ([]api.ReviewFile, string, error) {
			page, err := Value(c.API.ReviewList(ctx, api.ReviewListParams{After: after, Limit: pageSize}))
			return page.Items, page.Next, err
		})
	}
	list := make([]partner.Review, 0, len(found))
	for _, r := range found {
		list = append(list, reviewOf(r.Review))
	}
	slices.SortFunc(list, func(a, b partner.Review) int {
		return strings.Compare(a.PartnerID+"/"+a.Environment, b.PartnerID+"/"+b.Environment)
	})
	return list, err
}

func reviewOf(r api.Review) partner.Review {
	return partner.Review{PartnerID: r.PartnerID, Environment: r.Environment, State: partner.ReviewState(r.State), RequestedBy: oneLine(r.RequestedBy),
		ApprovedBy: oneLine(r.ApprovedBy), ChangedAt: r.ChangedAt, Reason: oneLine(r.Reason)}
}

// RequestReview asks for a review.
func (c *Client) RequestReview(ctx context.Context, _ registry.Actor, partnerID, environment, reason string) error {
	_, err := Value(c.API.ReviewRequest(ctx, partnerID, environment, api.ReviewRequestParams{}, api.Act{Reason: reason}))
	return err
}

// Approve admits a partner. What is approved is the file as it is now: whoever looked at it before calls API.ReviewApprove with
// the digest of what was seen.
func (c *Client) Approve(ctx context.Context, _ registry.Actor, partnerID, environment, reason string) error {
	file, err := Value(c.API.ReviewGet(ctx, partnerID, environment))
	if err != nil {
		return err
	}
	body := api.ReviewApprove{Digest: file.Digest, Reason: reason}
	_, err = Value(c.API.ReviewApprove(ctx, partnerID, environment, api.ReviewApproveParams{}, body))
	return err
}

// Suspend refuses a partner until Resume.
func (c *Client) Suspend(ctx context.Context, _ registry.Actor, partnerID, environment, reason string) error {
	_, err := Value(c.API.ReviewSuspend(ctx, partnerID, environment, api.ReviewSuspendParams{}, api.Act{Reason: reason}))
	return err
}

// Resume admits a suspended partner again.
func (c *Client) Resume(ctx context.Context, _ registry.Actor, partnerID, environment, reason string) error {
	_, err := Value(c.API.ReviewResume(ctx, partnerID, environment, api.ReviewResumeParams{}, api.Act{Reason: reason}))
	return err
}

// WithdrawReview takes a request or an approval back.
func (c *Client) WithdrawReview(ctx context.Context, _ registry.Actor, partnerID, environment, reason string) error {
	_, err := Value(c.API.ReviewWithdraw(ctx, partnerID, environment, api.ReviewWithdrawParams{}, api.Act{Reason: reason}))
	return err
}

// CloseReview ends a partner's access to an environment for good.
func (c *Client) CloseReview(ctx context.Context, _ registry.Actor, partnerID, environment, reason string) error {
	_, err := Value(c.API.ReviewClose(ctx, partnerID, environment, api.ReviewCloseParams{}, api.Act{Reason: reason}))
	return err
}
