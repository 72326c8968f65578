package registry

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// Bounds and defaults of sessions.
const (
	MaxSessions     = 20 // of one account; a further one ends the one that was silent longest
	DefaultIdle     = 30 * time.Minute
	DefaultAbsolute = 12 * time.Hour
	MaxTerminal     = 12 * time.Hour   // of a terminal that a person let in
	RecoveryLife    = 15 * time.Minute // of a sign-in with a recovery code
	sessionSeen     = time.Minute      // how exactly the last use of a session is kept
)

// SessionKind says what a session is good for.
type SessionKind string

// The kinds of session.
const (
	BrowserSession  SessionKind = "browser"
	TerminalSession SessionKind = "terminal"
	RecoverySession SessionKind = "recovery" // registers a new passkey, and nothing else
)

// SessionTerms says how long browser sessions last. Zero fields are DefaultIdle and DefaultAbsolute.
type SessionTerms struct {
	Idle     time.Duration // without a request
	Absolute time.Duration // whatever happens
}

// Session is one sign-in, without its token.
type Session struct {
	ID        string // "ses_" and 26 characters
	Owner     string // the account's or the break-glass code's id
	Name      string // its login or name
	Kind      SessionKind
	CreatedAt time.Time
	SeenAt    time.Time // to the minute
	ExpiresAt time.Time // the earlier of both ends, as things stand
}

// sessionRow is one session in its owner's row.
type sessionRow struct {
	ID        string        `json:"id"`
	Hash      string        `json:"hash"`
	Kind      SessionKind   `json:"kind"`
	CreatedAt time.Time     `json:"created_at"`
	SeenAt    time.Time     `json:"seen_at"`
	Until     time.Time     `json:"until"`
	Idle      time.Duration `json:"idle"`
}

func (s sessionRow) ends() time.Time {
	if idle := s.SeenAt.Add(s.Idle); idle.Before(s.Until) {
		return idle
	}
	return s.Until
}

// sessionsOf are the sessions of an owner that count now. One row holds all sessions of an account or a break-glass code, and the
// token of a session names the row: so all of them are listed and ended at once, and nobody can have more than MaxSessions.
func (r *Registry) sessionsOf(tx Tx, owner string) ([]sessionRow, error) {
	row, found, err := tx.Transient(r.realm.sessions, owner)
	if err != nil || !found {
		return nil, err
	}
	var all []sessionRow
	if err := json.Unmarshal(row.Body, &all); err != nil {
		return nil, fmt.Errorf("read the sessions of %s: %w", owner, err)
	}
	now := r.now()
	return slices.DeleteFunc(all, func(s sessionRow) bool { return now.After(s.ends()) }), nil
}

// putSessions writes the sessions of an owner; none: the row goes.
func (r *Registry) putSessions(tx Tx, owner string, all []sessionRow) error {
	if len(all) == 0 {
		return r.endSessions(tx, owner)
	}
	body, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("write the sessions of %s: %w", owner, err)
	}
	end := slices.MaxFunc(all, func(a, b sessionRow) int { return a.Until.Compare(b.Until) }).Until
	return tx.PutTransient(partner.Transient{Kind: r.realm.sessions, ID: owner, Owner: owner, ExpiresAt: end, Body: body})
}

// endSessions ends every session of an owner.
func (r *Registry) endSessions(tx Tx, owner string) error {
	return tx.DeleteTransient(r.realm.sessions, owner)
}

// openSession adds a session with a fresh token, so that a token from before a sign-in is worth nothing after it.
func (r *Registry) openSession(
	tx Tx, owner, name string, kind SessionKind, until time.Time, idle time.Duration,
) (Session, secret.Value, error) {
	prefix := r.realm.session
	if kind == TerminalSession {
		prefix = operator.TerminalToken
	}
	token, err := operator.NewToken(r.random, prefix, owner)
	if err != nil {
		return Session{}, secret.Value{}, fmt.Errorf("%w: %w", secret.ErrRandom, err)
	}
	s := sessionRow{Hash: operator.HashToken(token), Kind: kind, CreatedAt: r.now(), SeenAt: r.now(), Until: until, Idle: idle}
	if s.ID, err = secret.RowID(r.random, "ses_"); err != nil {
		return Session{}, secret.Value{}, err
	}
	all, err := r.sessionsOf(tx, owner)
	if err != nil {
		return Session{}, secret.Value{}, err
	}
	if len(all) >= MaxSessions {
		slices.SortStableFunc(all, func(a, b sessionRow) int { return a.SeenAt.Compare(b.SeenAt) })
		all = all[len(all)-MaxSessions+1:]
	}
	if err := r.putSessions(tx, owner, append(all, s)); err != nil {
		return Session{}, secret.Value{}, err
	}
	return shown(s, owner, name), secret.NewValue([]byte(token)), nil
}

func shown(s sessionRow, owner, name string) Session {
	return Session{ID: s.ID, Owner: owner, Name: name, Kind: s.Kind, CreatedAt: s.CreatedAt, SeenAt: s.SeenAt, ExpiresAt: s.ends()}
}

// findSession finds the session of a token; nil for none that counts.
func (r *Registry) findSession(tx Tx, prefix operator.Prefix, token string) (owner string, all []sessionRow, at int, err error) {
	if owner, err = operator.ParseToken(token, prefix); err != nil || !r.realm.takes(prefix) || !r.realm.owns(owner) {
		return "", nil, -1, nil
	}
	if all, err = r.sessionsOf(tx, owner); err != nil {
		return "", nil, -1, err
	}
	hash, at := []byte(operator.HashToken(token)), -1
	for i, s := range all {
		if subtle.ConstantTimeCompare(hash, []byte(s.Hash)) == 1 && (s.Kind == TerminalSession) == (prefix == operator.TerminalToken) {
			at = i
		}
	}
	return owner, all, at, nil
}

// Sessions lists the sessions of one account or break-glass code, of all if owner is empty; the oldest of each first.
func (r *Registry) Sessions(ctx context.Context, owner string) ([]Session, error) {
	list, err := view(ctx, r.store, func(tx Tx) ([]Session, error) {
		var list []Session
		err := eachOwner(tx, owner, func(id, name string) error {
			all, err := r.sessionsOf(tx, id)
			for _, s := range all {
				list = append(list, shown(s, id, name))
			}
			return err
		})
		return list, err
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

// eachOwner calls visit for every row that can have sessions.
func eachOwner(tx Tx, only string, visit func(id, name string) error) error {
	accounts, err := accountNoun.list(tx, partner.DocumentQuery{})
	if err != nil {
		return err
	}
	codes, err := breakGlassNoun.list(tx, partner.DocumentQuery{})
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range accounts {
		if only == "" || only == a.ID {
			errs = append(errs, visit(a.ID, a.Login))
		}
	}
	for _, b := range codes {
		if only == "" || only == b.ID {
			errs = append(errs, visit(b.ID, b.Name))
		}
	}
	return errors.Join(errs...)
}

// EndSession ends one session by its id, whoever has it. Errors: ErrActor, ErrNotFound, the store's.
func (r *Registry) EndSession(ctx context.Context, actor Actor, id string) error {
	return r.update(ctx, actor, "end session", func(tx Tx) error {
		ended := false
		err := eachOwner(tx, "", func(owner, name string) error {
			all, err := r.sessionsOf(tx, owner)
			at := slices.IndexFunc(all, func(s sessionRow) bool { return s.ID == id })
			if err != nil || at < 0 {
				return err
			}
			ended = true
			if err := r.putSessions(tx, owner, slices.Delete(all, at, at+1)); err != nil {
				return err
			}
			return r.record(tx, actor, audit.AccountSignedOut, owner, fmt.Sprintf("%s: session %s", name, id))
		})
		if err == nil && !ended {
			err = fmt.Errorf("session %q: %w", clip(id, 40), ErrNotFound)
		}
		return err
	})
}

// SignOut ends the session of a token, in the name of whom it belongs to. A token that counts no more is no error, and takes no
// writing transaction: anybody can send one.
func (r *Registry) SignOut(ctx context.Context, prefix operator.Prefix, token string) error {
	known, err := view(ctx, r.store, func(tx Tx) (bool, error) {
		_, _, at, err := r.findSession(tx, prefix, token)
		return at >= 0, err
	})
	if err == nil && known {
		err = r.signOut(ctx, prefix, token)
	}
	if err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

func (r *Registry) signOut(ctx context.Context, prefix operator.Prefix, token string) error {
	return r.store.Update(ctx, func(tx Tx) error {
		owner, all, at, err := r.findSession(tx, prefix, token)
		if err != nil || at < 0 {
			return err
		}
		p, err := r.ownerPrincipal(tx, owner, all[at])
		if err != nil {
			return err
		}
		id := all[at].ID
		if err := r.putSessions(tx, owner, slices.Delete(all, at, at+1)); err != nil || p.Name == "" {
			return err
		}
		return r.record(tx, ActorOf(p), r.realm.signedOut, owner, fmt.Sprintf("%s: session %s", p.Name, id))
	})
}
