package remote

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// Networks lists the network rules of one partner, or of all, by row identity.
func (c *Client) Networks(ctx context.Context, partnerID string) ([]partner.NetworkRule, error) {
	list, err := every(ctx, func(ctx context.Context, after string) (list []partner.NetworkRule, next string, err error) {
		page, err := Value(c.API.NetworkList(ctx, api.NetworkListParams{After: after, Limit: pageSize, Partner: partnerID}))
		for _, one := range page.Items {
			rule, bad := c.network(one)
			if bad != nil {
				return nil, "", bad
			}
			list = append(list, rule)
		}
		return list, page.Next, err
	})
	slices.SortFunc(list, func(a, b partner.NetworkRule) int { return strings.Compare(a.ID, b.ID) })
	return list, err
}

func (c *Client) network(n api.Network) (partner.NetworkRule, error) {
	rule := partner.NetworkRule{ID: n.ID, PartnerID: n.PartnerID, Environment: n.Environment, API: oneLine(n.API), Country: oneLine(n.Country),
		Note: oneLine(n.Note), CreatedAt: n.CreatedAt}
	c.saw(n.ID, n.Etag)
	if n.Prefix == "" {
		return rule, nil
	}
	var err error
	if rule.Prefix, err = netip.ParsePrefix(n.Prefix); err != nil {
		return rule, fmt.Errorf("network rule %s: %w: %w", n.ID, ErrAnswer, err)
	}
	return rule, nil
}

// Allow adds a network rule.
func (c *Client) Allow(ctx context.Context, _ registry.Actor, rule partner.NetworkRule) (partner.NetworkRule, error) {
	body := api.NetworkAllow{Environment: rule.Environment, API: rule.API, Country: rule.Country, Note: rule.Note, Reason: c.because()}
	if rule.Prefix.IsValid() {
		body.Prefix = rule.Prefix.String()
	}
	made, err := Value(c.API.NetworkAllow(ctx, rule.PartnerID, api.NetworkAllowParams{}, body))
	if err != nil {
		return partner.NetworkRule{}, err
	}
	return c.network(made.Network)
}

// RemoveNetwork takes a network rule away, as it was when it was read last.
func (c *Client) RemoveNetwork(ctx context.Context, _ registry.Actor, ruleID string) error {
	tag, err := c.Match(ctx, ruleID, func(ctx context.Context) (string, error) {
		found, err := Value(c.API.NetworkGet(ctx, ruleID))
		return found.Etag, err
	})
	if err != nil {
		return err
	}
	_, err = Value(c.API.NetworkRemove(ctx, ruleID, api.NetworkRemoveParams{IfMatch: tag, Reason: c.because()}))
	return err
}

// Limits lists the limits of one partner, or of all, by row identity.
func (c *Client) Limits(ctx context.Context, partnerID string) ([]partner.Limit, error) {
	list, err := every(ctx, func(ctx context.Context, after string) (list []partner.Limit, next string, err error) {
		page, err := Value(c.API.LimitList(ctx, api.LimitListParams{After: after, Limit: pageSize, Partner: partnerID}))
		for _, one := range page.Items {
			list = append(list, c.limit(one))
		}
		return list, page.Next, err
	})
	slices.SortFunc(list, func(a, b partner.Limit) int { return strings.Compare(a.ID, b.ID) })
	return list, err
}

func (c *Client) limit(l api.Limit) partner.Limit {
	c.saw(l.ID, l.Etag)
	return partner.Limit{ID: l.ID, PartnerID: l.PartnerID, Environment: l.Environment, CredentialID: l.CredentialID, API: oneLine(l.API), Rate: l.Rate,
		Per: time.Duration(l.PerSeconds) * time.Second, Burst: l.Burst, Daily: l.Daily, CreatedAt: l.CreatedAt}
}

// SetLimit sets the limit of a scope, whatever was there before.
func (c *Client) SetLimit(ctx context.Context, _ registry.Actor, limit partner.Limit) (partner.Limit, error) {
	body := api.LimitSet{Environment: limit.Environment, API: limit.API, CredentialID: limit.CredentialID, Rate: limit.Rate,
		PerSeconds: int64(limit.Per / time.Second), Burst: limit.Burst, Daily: limit.Daily, Reason: c.because()}
	set, err := Value(c.API.LimitSet(ctx, limit.PartnerID, api.LimitSetParams{IfMatch: "*"}, body))
	if err != nil {
		return partner.Limit{}, err
	}
	return c.limit(set.Limit), nil
}

// RemoveLimit takes a limit away, as it was when it was read last.
func (c *Client) RemoveLimit(ctx context.Context, _ registry.Actor, id string) error {
	tag, err := c.Match(ctx, id, func(ctx context.Context) (string, error) {
		found, err := Value(c.API.LimitGet(ctx, id))
		return found.Etag, err
	})
	if err != nil {
		return err
	}
	_, err = Value(c.API.LimitRemove(ctx, id, api.LimitRemoveParams{IfMatch: tag, Reason: c.because()}))
	return err
}
