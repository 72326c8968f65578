package remote

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// The methods from here on are those of registry.Registry with the same names. The actor is not sent: the server knows by the
// token who asks.

// Partners lists all partners, by row identity.
func (c *Client) Partners(ctx context.Context) ([]partner.Partner, error) {
	list, err := c.partners(ctx, api.PartnerListParams{})
	slices.SortFunc(list, func(a, b partner.Partner) int { return strings.Compare(a.ID, b.ID) })
	return list, err
}

func (c *Client) partners(ctx context.Context, params api.PartnerListParams) ([]partner.Partner, error) {
	params.Limit = pageSize
	return every(ctx, func(ctx context.Context, after string) (list []partner.Partner, next string, err error) {
		params.After = after
		page, err := Value(c.API.PartnerList(ctx, params))
		for _, one := range page.Items {
			list = append(list, c.partner(one))
		}
		return list, page.Next, err
	})
}

func (c *Client) partner(p api.Partner) partner.Partner {
	c.saw(p.ID, p.Etag)
	return partner.Partner{ID: p.ID, Name: oneLine(p.Name), Closed: p.Closed, CreatedAt: p.CreatedAt}
}

// FindPartner finds a partner by its id, name, or by a credential of it.
func (c *Client) FindPartner(ctx context.Context, text string) (partner.Partner, error) {
	if text == "" || len(text) > 200 {
		return partner.Partner{}, fmt.Errorf("find partner: %w", registry.ErrNotFound)
	}
	found, err := c.partners(ctx, api.PartnerListParams{Find: text})
	switch {
	case err != nil:
		return partner.Partner{}, err
	case len(found) == 0:
		return partner.Partner{}, fmt.Errorf("find partner: %w", registry.ErrNotFound)
	case len(found) > 1:
		return partner.Partner{}, fmt.Errorf("find partner: %w", registry.ErrAmbiguous)
	}
	return found[0], nil
}

// CreatePartner adds a partner.
func (c *Client) CreatePartner(ctx context.Context, _ registry.Actor, name string) (partner.Partner, error) {
	made, err := Value(c.API.PartnerCreate(ctx, api.PartnerCreateParams{}, api.PartnerCreate{Name: name, Reason: c.because()}))
	return c.partner(made.Partner), err
}

// ClosePartner refuses a partner everywhere and for good.
func (c *Client) ClosePartner(ctx context.Context, _ registry.Actor, partnerID, reason string) error {
	done, err := Value(c.API.PartnerClose(ctx, partnerID, api.PartnerCloseParams{}, api.Act{Reason: reason}))
	c.saw(partnerID, done.Partner.Etag)
	return err
}

// Unlock lets locked credentials authenticate again: one, or all of a partner.
func (c *Client) Unlock(ctx context.Context, _ registry.Actor, partnerOrCredential string) ([]string, error) {
	if strings.HasPrefix(partnerOrCredential, "ptn_") {
		done, err := Value(c.API.PartnerUnlock(ctx, partnerOrCredential, api.PartnerUnlockParams{}, api.Act{}))
		return done.Unlocked, err
	}
	before, err := Value(c.API.CredentialGet(ctx, partnerOrCredential))
	if err != nil {
		return nil, err
	}
	if _, err = Value(c.API.CredentialUnlock(ctx, partnerOrCredential, api.CredentialUnlockParams{}, api.Act{})); err != nil {
		return nil, err
	}
	if before.State == "locked" {
		return []string{before.ID}, nil
	}
	return nil, nil
}
