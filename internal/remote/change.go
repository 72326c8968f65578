package remote

import (
	"context"
	"encoding/hex"
	"fmt"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/registry"
)

// Changes returns up to limit change rows with a Seq above after, the oldest first; limit is cut to registry.MaxChanges.
func (c *Client) Changes(ctx context.Context, after uint64, limit int) ([]audit.Change, error) {
	if limit <= 0 || limit > registry.MaxChanges {
		limit = registry.MaxChanges
	}
	return c.SearchChanges(ctx, api.ChangeListParams{Order: api.ChangeListParamsOrderOldest}, after, limit)
}

// SearchChanges returns the first limit change rows that a question finds, in its order, but none up to after.
func (c *Client) SearchChanges(ctx context.Context, q api.ChangeListParams, after uint64, limit int) ([]audit.Change, error) {
	var found []audit.Change
	q.Limit = min(pageSize, max(limit, 1))
	for range maxPages {
		page, err := Value(c.API.ChangeList(ctx, q))
		if err != nil {
			return nil, err
		}
		for _, one := range page.Items {
			change, err := changeOf(one)
			if err != nil {
				return nil, err
			}
			if change.Seq > after && len(found) < limit {
				found = append(found, change)
			}
		}
		if page.Next == "" || len(found) >= limit {
			return found, nil
		}
		q.After = page.Next
	}
	return nil, fmt.Errorf("more than %d pages: %w", maxPages, ErrAnswer)
}

func changeOf(c api.Change) (audit.Change, error) {
	change := audit.Change{Seq: uint64(c.Seq), At: c.At, Actor: oneLine(c.Actor), Action: audit.Action(oneLine(c.Action)), Subject: oneLine(c.Subject), Detail: oneLine(c.Detail)}
	hash, err := hex.DecodeString(c.Hash)
	if err != nil || len(hash) != len(change.Hash) {
		return change, fmt.Errorf("change %d: %w", c.Seq, ErrAnswer)
	}
	copy(change.Hash[:], hash)
	return change, nil
}
