package registry

import (
	"context"
	"fmt"
	"strconv"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// MaxPage is the most items that one page has; DefaultPage is how many it has where the query does not say.
const (
	MaxPage     = 500
	DefaultPage = 100
)

// Page is a part of a listing.
type Page[T any] struct {
	Items []Item[T]
	Next  string // the After of the next page; empty: this was the last
}

// Item is one row of a listing.
type Item[T any] struct {
	Value T
	ETag  string // of the row as it is stored, as ETag gives it; empty for what never changes
}

// ProposalQuery says which proposals are listed. Empty fields ask for nothing.
type ProposalQuery struct {
	State       ProposalState // as it is kept: what has expired a moment ago may still be listed as open, and says that it has expired
	PartnerID   string
	Environment string
	After       string // Page.Next of the page before
	Limit       int    // 0: DefaultPage; at most MaxPage
}

// PartnerPage lists partners by row identity. Errors: ErrArgument, the store's.
func (r *Registry) PartnerPage(ctx context.Context, q partner.PartnerQuery) (Page[partner.Partner], error) {
	if err := q.Validate(); err != nil {
		return Page[partner.Partner]{}, fmt.Errorf("list partners: %w: %w", ErrArgument, err)
	}
	limit := pageLimit(q.Limit)
	q.Limit = limit + 1
	rows, err := view(ctx, r.store, func(tx Tx) ([]partner.Partner, error) { return tx.PartnerPage(q) })
	return pageOf(rows, limit, audit.TouchPartner, func(p partner.Partner) string { return p.ID }), err
}

// CredentialPage lists credentials by row identity, without any secret or hash. Errors: ErrArgument, the store's.
func (r *Registry) CredentialPage(ctx context.Context, q partner.CredentialQuery) (Page[partner.Credential], error) {
	if err := q.Validate(); err != nil {
		return Page[partner.Credential]{}, fmt.Errorf("list credentials: %w: %w", ErrArgument, err)
	}
	limit := pageLimit(q.Limit)
	q.Limit = limit + 1
	rows, err := view(ctx, r.store, func(tx Tx) ([]partner.Credential, error) { return tx.CredentialPage(q) })
	page := pageOf(rows, limit, audit.TouchCredential, func(c partner.Credential) string { return c.ID })
	for i := range page.Items {
		page.Items[i].Value = withoutSecrets(page.Items[i].Value)
	}
	return page, err
}

// ChangePage lists changes by number; after is Page.Next of the page before, and q.After is left empty. Errors: ErrArgument, the
// store's.
func (r *Registry) ChangePage(ctx context.Context, q audit.ChangeQuery, after string) (Page[audit.Change], error) {
	if err := q.Validate(); err != nil {
		return Page[audit.Change]{}, fmt.Errorf("list changes: %w: %w", ErrArgument, err)
	}
	if after != "" {
		n, err := strconv.ParseUint(after, 10, 63)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != after {
			return Page[audit.Change]{}, fmt.Errorf("list changes: %w: %q is no place in this listing", ErrArgument, clip(after, 60))
		}
		q.After = n
	}
	limit := pageLimit(q.Limit)
	q.Limit = limit + 1
	rows, err := view(ctx, r.store, func(tx Tx) ([]audit.Change, error) { return tx.ChangePage(q) })
	return pageOf(rows, limit, nil, func(c audit.Change) string { return strconv.FormatUint(c.Seq, 10) }), err
}

// pageOf makes a page of the rows that a store listed: one more than the limit where there is a next page.
func pageOf[T any](rows []T, limit int, touch func(T) audit.Touch, place func(T) string) (page Page[T]) {
	for _, v := range rows[:min(len(rows), limit)] {
		item := Item[T]{Value: v}
		if touch != nil {
			item.ETag = TagOf(touch(v))
		}
		page.Items = append(page.Items, item)
	}
	if len(rows) > limit {
		page.Next = place(rows[limit-1])
	}
	return page
}

// pageLimit is how many items a page has.
func pageLimit(asked int) int {
	if asked <= 0 {
		return DefaultPage
	}
	return min(asked, MaxPage)
}
