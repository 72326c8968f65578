package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"countersign.dev/internal/audit/search"
	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// openTails makes what follows the record of this server for whoever looks at it, and lets it read until the server is closed.
func (a *assembly) openTails(record string) (*search.Tails, error) {
	tails, err := search.NewTails(search.TailsConfig{Dir: record, Now: a.now, Log: a.log})
	if err != nil {
		return nil, err
	}
	a.inBackground(func(ctx context.Context) {
		ticker := time.NewTicker(search.TailEvery)
		defer ticker.Stop()
		tails.Run(ctx, ticker.C)
	})
	return tails, nil
}

// stillSignedIn says whether a principal is who it was and may what it might. It only reads: a page that is left open must not keep
// its session alive. Errors: operator.ErrNotSignedIn, the store's.
func (a *assembly) stillSignedIn(ctx context.Context, who operators.Principal) error {
	same, err := a.sameOwner(ctx, who)
	if err != nil {
		return err
	}
	if !same {
		return operators.ErrNotSignedIn
	}
	if who.SessionID == "" {
		return nil // a service account has no session
	}
	sessions, err := a.register.Sessions(ctx, who.ID)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if s.ID == who.SessionID && a.now().Before(s.ExpiresAt) {
			return nil
		}
	}
	return operators.ErrNotSignedIn
}

// sameOwner reports whether the account, the program or the code behind a principal counts still and may the same.
func (a *assembly) sameOwner(ctx context.Context, who operators.Principal) (bool, error) {
	switch who.Kind {
	case operators.KindAccount:
		account, err := a.register.Account(ctx, who.ID)
		if errors.Is(err, registry.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return account.State() == operators.Active && slices.Equal(account.Roles, who.Roles) && sameScope(account.Environments, who.Environments), nil
	case operators.KindBreakGlass:
		codes, err := a.register.BreakGlassCodes(ctx)
		return slices.ContainsFunc(codes, func(b operators.BreakGlassCode) bool {
			return b.ID == who.ID && b.State(a.now()) == operators.BreakGlassOpen
		}), err
	case operators.KindService:
		programs, err := a.register.ServiceAccounts(ctx)
		return slices.ContainsFunc(programs, func(s operators.ServiceAccount) bool {
			return s.ID == who.ID && s.Live(a.now()) && slices.Equal(s.Allowed(), who.Permissions) && sameScope(s.Environments, who.Environments)
		}), err
	}
	return false, nil
}

// sameScope compares environments: nil is all of them, and an empty list none.
func sameScope(a, b []string) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }
