package registry

import "context"

// Because is the registry with a reason: it stands in every change row that its use cases write. It is for callers that make changes
// directly and of whom no second person is asked, as the command line on the server's own disk; Do takes the reason of an Intent.
// The empty reason is none. Errors: ErrArgument for a reason that is not one line or too long.
func (r *Registry) Because(reason string) (*Registry, error) {
	if reason == "" {
		return r, nil
	}
	if err := checkLine("a reason", reason, maxReason); err != nil {
		return nil, err
	}
	inner := *r
	inner.store = reasoning{r.store, reason}
	return &inner, nil
}

// reasoning is a store in which every transaction that changes something knows why.
type reasoning struct {
	Store
	reason string
}

// Update adds the reason to the rows of the transaction.
func (s reasoning) Update(ctx context.Context, change func(Tx) error) error {
	return s.Store.Update(ctx, func(tx Tx) error { return change(reasoned{Tx: tx, reason: s.reason}) })
}
