package remote

import (
	"context"
	"fmt"
)

// Bounds of a listing.
const (
	pageSize = 500
	maxPages = 2000
)

// every reads all pages of a listing. ask gets where the page begins, and tells where the next one does.
func every[T any](ctx context.Context, ask func(ctx context.Context, after string) (items []T, next string, err error)) ([]T, error) {
	var all []T
	after := ""
	for range maxPages {
		items, next, err := ask(ctx, after)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		if next == "" {
			return all, nil
		}
		if next == after {
			return nil, fmt.Errorf("the next page is the same: %w", ErrAnswer)
		}
		after = next
	}
	return nil, fmt.Errorf("more than %d pages: %w", maxPages, ErrAnswer)
}
