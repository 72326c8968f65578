package registry

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// breakGlassNoun keeps break-glass codes; the hash of the code is the alias, so that a code is found by it.
var breakGlassNoun = noun[operator.BreakGlassCode]{"break_glass", func(b operator.BreakGlassCode) partner.Document {
	state := operator.BreakGlassReady
	switch {
	case !b.EndedAt.IsZero():
		state = operator.BreakGlassEnded
	case !b.OpenedAt.IsZero():
		state = operator.BreakGlassOpen
	}
	return partner.Document{ID: b.ID, State: string(state), Alias: b.CodeHash, CreatedAt: b.CreatedAt}
}}

// BreakGlassMake is the operation break_glass.make.
type BreakGlassMake struct {
	Name     string    `json:"name"`               // unique for good; the record's name of whoever uses it
	NotAfter time.Time `json:"not_after,omitzero"` // the last moment that it can be used; zero: no end
}

// BreakGlassEnd is the operation break_glass.end: of a code that was not used, or of the session of one that was.
type BreakGlassEnd struct {
	BreakGlass string `json:"break_glass"` // id or name
}

// BreakGlassSession is what a code was opened to. Token is a browser session's.
type BreakGlassSession struct {
	Code    operator.BreakGlassCode
	Session Session
	Token   secret.Value
}

func isBreakGlass(owner string) bool { return strings.HasPrefix(owner, "bgl_") }

// BreakGlassCodes lists all codes by their making, without the codes themselves.
func (r *Registry) BreakGlassCodes(ctx context.Context) ([]operator.BreakGlassCode, error) {
	list, err := view(ctx, r.store, func(tx Tx) ([]operator.BreakGlassCode, error) {
		return breakGlassNoun.list(tx, partner.DocumentQuery{})
	})
	if err != nil {
		return nil, fmt.Errorf("list break-glass codes: %w", err)
	}
	return list, nil
}

// OpenBreakGlass is how many break-glass sessions are open now: something to warn of for as long as it is not 0.
func (r *Registry) OpenBreakGlass(ctx context.Context) (int, error) {
	open, err := view(ctx, r.store, func(tx Tx) (n int, err error) {
		list, err := breakGlassNoun.list(tx, partner.DocumentQuery{State: string(operator.BreakGlassOpen)})
		for _, b := range list {
			if b.State(r.now()) == operator.BreakGlassOpen {
				n++
			}
		}
		return n, err
	})
	if err != nil {
		return 0, fmt.Errorf("count break-glass sessions: %w", err)
	}
	return open, nil
}

// MakeBreakGlass makes a code, which is shown this once and kept as a hash. Errors: ErrActor, ErrArgument, ErrState for a name
// that is or was taken, secret.ErrRandom, the store's.
func (r *Registry) MakeBreakGlass(
	ctx context.Context, actor Actor, in BreakGlassMake,
) (b operator.BreakGlassCode, code secret.Value, err error) {
	err = r.update(ctx, actor, "make break-glass code", func(tx Tx) (err error) {
		b, code, err = r.makeBreakGlass(tx, actor, in)
		return err
	})
	if err != nil {
		return operator.BreakGlassCode{}, secret.Value{}, err
	}
	return b, code, nil
}

func (r *Registry) makeBreakGlass(tx Tx, actor Actor, in BreakGlassMake) (b operator.BreakGlassCode, code secret.Value, err error) {
	b = operator.BreakGlassCode{Name: in.Name, NotAfter: in.NotAfter.UTC().Truncate(partner.Resolution), MadeBy: actor.String(),
		CreatedAt: r.now()}
	if err := operator.CheckHandle(b.Name); err != nil {
		return b, code, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	if !in.NotAfter.IsZero() && !b.NotAfter.After(r.now()) {
		return b, code, fmt.Errorf("%w: the code would have ended at %s already", ErrArgument, b.NotAfter.Format(time.RFC3339))
	}
	all, err := breakGlassNoun.list(tx, partner.DocumentQuery{})
	if err != nil {
		return b, code, err
	}
	for _, other := range all {
		if other.Name == b.Name {
			return b, code, fmt.Errorf("%w: the name %s is or was another code's; choose one that was never used", ErrState, b.Name)
		}
	}
	if b.ID, err = secret.RowID(r.random, "bgl_"); err != nil {
		return b, code, err
	}
	text, err := operator.NewToken(r.random, operator.BreakToken, "")
	if err != nil {
		return b, code, fmt.Errorf("%w: %w", secret.ErrRandom, err)
	}
	b.CodeHash = operator.HashToken(text)
	if err := breakGlassNoun.put(tx, b); err != nil {
		return b, code, err
	}
	return b, secret.NewValue([]byte(text)), r.record(tx, actor, audit.BreakGlassMade, b.ID, b.Name)
}

// UseBreakGlass opens a session with a code: every permission, no second person, for operator.MaxBreakGlass at most. A code opens
// once. why is required, and stands in the record with from, the address it came from. Errors: operator.ErrNotSignedIn for a code
// that is not there, was used or has ended, ErrArgument, secret.ErrRandom, the store's.
func (r *Registry) UseBreakGlass(ctx context.Context, code, why, from string) (BreakGlassSession, error) {
	var opened BreakGlassSession
	why = strings.TrimSpace(why)
	if err := checkLine("a reason", why, 300); err != nil || len(why) < 10 {
		return BreakGlassSession{}, fmt.Errorf("open break-glass: %w: say why in one line of 10 to 300 bytes; it stands in the record", ErrArgument)
	}
	if _, err := operator.ParseToken(code, operator.BreakToken); err != nil {
		return BreakGlassSession{}, operator.ErrNotSignedIn
	}
	err := r.store.Update(ctx, func(tx Tx) error {
		hash := operator.HashToken(code)
		b, found, err := breakGlassNoun.find(tx, hash)
		if err != nil {
			return err
		}
		if !found || subtle.ConstantTimeCompare([]byte(hash), []byte(b.CodeHash)) != 1 || b.State(r.now()) != operator.BreakGlassReady {
			return operator.ErrNotSignedIn
		}
		b.OpenedAt, b.EndsAt, b.OpenedFor = r.now(), r.now().Add(operator.MaxBreakGlass), why
		if err := breakGlassNoun.put(tx, b); err != nil {
			return err
		}
		opened.Code = b
		opened.Session, opened.Token, err = r.openSession(tx, b.ID, b.Name, BrowserSession, b.EndsAt, operator.MaxBreakGlass)
		if err != nil {
			return err
		}
		detail := fmt.Sprintf("from %s, until %s: %s", clip(from, 60), b.EndsAt.Format(time.RFC3339), why)
		return r.record(tx, Actor{Kind: BreakGlass, Name: b.Name}, audit.BreakGlassOpened, b.ID, detail)
	})
	if err != nil {
		return BreakGlassSession{}, fmt.Errorf("open break-glass: %w", err)
	}
	return opened, nil
}

// EndBreakGlass ends a code that was not used, or the session of one that was. Errors: ErrActor, ErrArgument, ErrNotFound, ErrState
// if it has ended, the store's.
func (r *Registry) EndBreakGlass(ctx context.Context, actor Actor, idOrName, reason string) (operator.BreakGlassCode, error) {
	var b operator.BreakGlassCode
	err := r.update(ctx, actor, "end break-glass", func(tx Tx) (err error) {
		if err := checkLine("a reason", reason, maxReason); err != nil {
			return err
		}
		if b, err = findBreakGlass(tx, idOrName); err != nil {
			return err
		}
		if !b.EndedAt.IsZero() {
			return fmt.Errorf("%w: %s has ended already", ErrState, b.Name)
		}
		b, err = r.endBreakGlass(tx, actor, b, withReason(b.Name, reason))
		return err
	})
	if err != nil {
		return operator.BreakGlassCode{}, err
	}
	return b, nil
}

// ExpireBreakGlass records the end of sessions that have run out, so that the record says from when to when each was open, and
// returns how many. The keeper of the register calls it. Errors: ErrActor, the store's.
func (r *Registry) ExpireBreakGlass(ctx context.Context, actor Actor) (ended int, err error) {
	if n, err := r.expiredBreakGlass(ctx); err != nil || n == 0 {
		return 0, err
	}
	err = r.update(ctx, actor, "end break-glass", func(tx Tx) error {
		ended = 0
		list, err := breakGlassNoun.list(tx, partner.DocumentQuery{State: string(operator.BreakGlassOpen)})
		for _, b := range list {
			if err == nil && b.State(r.now()) == operator.BreakGlassEnded {
				_, err = r.endBreakGlass(tx, actor, b, b.Name+": its time was over at "+b.EndsAt.Format(time.RFC3339))
				ended++
			}
		}
		return err
	})
	return ended, err
}

func (r *Registry) expiredBreakGlass(ctx context.Context) (int, error) {
	n, err := view(ctx, r.store, func(tx Tx) (n int, err error) {
		list, err := breakGlassNoun.list(tx, partner.DocumentQuery{State: string(operator.BreakGlassOpen)})
		for _, b := range list {
			if b.State(r.now()) == operator.BreakGlassEnded {
				n++
			}
		}
		return n, err
	})
	if err != nil {
		return 0, fmt.Errorf("end break-glass: %w", err)
	}
	return n, nil
}

func (r *Registry) endBreakGlass(tx Tx, actor Actor, b operator.BreakGlassCode, detail string) (operator.BreakGlassCode, error) {
	if err := r.endSessions(tx, b.ID); err != nil {
		return b, err
	}
	b.EndedAt = r.now()
	if err := breakGlassNoun.put(tx, b); err != nil {
		return b, err
	}
	return b, r.record(tx, actor, audit.BreakGlassEnded, b.ID, detail)
}

func findBreakGlass(tx Tx, idOrName string) (operator.BreakGlassCode, error) {
	all, err := breakGlassNoun.list(tx, partner.DocumentQuery{})
	if err != nil {
		return operator.BreakGlassCode{}, err
	}
	for _, b := range all {
		if b.ID == idOrName || b.Name == idOrName {
			return b, nil
		}
	}
	return operator.BreakGlassCode{}, fmt.Errorf("break-glass code %q: %w", idOrName, ErrNotFound)
}
