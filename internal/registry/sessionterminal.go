package registry

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/secret"
)

// terminalCodeLife is for how long a terminal can fetch its token.
const terminalCodeLife = 2 * time.Minute

// TerminalCode makes the one-time code with which a terminal fetches a token in the name of p, who has just said so in a browser.
// challenge is the terminal's own (RFC 7636, S256). Errors: ErrActor for a principal that has no sessions, ErrArgument, those of
// KeepTicket.
func (r *Registry) TerminalCode(ctx context.Context, p operator.Principal, challenge string) (string, error) {
	if p.SessionID == "" {
		return "", fmt.Errorf("let a terminal in: %w: only a person does", ErrActor)
	}
	if !isChallenge(challenge) {
		return "", fmt.Errorf("let a terminal in: %w: the challenge is base64url of a SHA-256", ErrArgument)
	}
	body, err := json.Marshal(terminalTicket{Owner: p.ID, Challenge: challenge})
	if err != nil {
		return "", fmt.Errorf("let a terminal in: %w", err)
	}
	return r.KeepTicket(ctx, TerminalTicket, body, terminalCodeLife)
}

func isChallenge(challenge string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(challenge)
	return err == nil && len(b) == sha256.Size
}

// TerminalToken exchanges a code and the verifier of its challenge for the token of a terminal session, which lasts MaxTerminal, or
// as long as the break-glass session that it stands for. A code counts once, also with a wrong verifier. Errors:
// operator.ErrNotSignedIn, secret.ErrRandom, the store's.
func (r *Registry) TerminalToken(ctx context.Context, code, verifier string) (operator.Principal, secret.Value, error) {
	var p operator.Principal
	var token secret.Value
	body, err := r.TakeTicket(ctx, TerminalTicket, code)
	if errors.Is(err, ErrNotFound) {
		return p, token, operator.ErrNotSignedIn
	}
	var ticket terminalTicket
	if err == nil {
		err = json.Unmarshal(body, &ticket)
	}
	if err != nil {
		return p, token, fmt.Errorf("let a terminal in: %w", err)
	}
	sum := sha256.Sum256([]byte(verifier))
	if subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(ticket.Challenge)) != 1 {
		return p, token, operator.ErrNotSignedIn
	}
	err = r.store.Update(ctx, func(tx Tx) (err error) {
		p, token, err = r.openTerminal(tx, ticket.Owner)
		return err
	})
	if err != nil {
		return operator.Principal{}, secret.Value{}, fmt.Errorf("let a terminal in: %w", err)
	}
	return p, token, nil
}

// openTerminal opens the session of a terminal for an account or a break-glass session as it stands now.
func (r *Registry) openTerminal(tx Tx, owner string) (operator.Principal, secret.Value, error) {
	until := r.now().Add(MaxTerminal)
	p, err := r.ownerPrincipal(tx, owner, sessionRow{SeenAt: r.now(), Until: until, Idle: MaxTerminal})
	if err != nil {
		return p, secret.Value{}, err
	}
	if p.ID == "" {
		return p, secret.Value{}, operator.ErrNotSignedIn
	}
	if isBreakGlass(owner) {
		b, err := breakGlassNoun.get(tx, owner)
		if err != nil {
			return p, secret.Value{}, err
		}
		until = b.EndsAt
	}
	s, token, err := r.openSession(tx, owner, p.Name, TerminalSession, until, MaxTerminal)
	if err != nil {
		return p, secret.Value{}, err
	}
	p.SessionID, p.ExpiresAt = s.ID, s.ExpiresAt
	return p, token, r.record(tx, ActorOf(p), audit.AccountSignedIn, owner, fmt.Sprintf("%s in a terminal, session %s", p.Name, s.ID))
}
