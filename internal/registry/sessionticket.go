package registry

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// TicketKind says what a ticket belongs to; one of another kind is not found.
type TicketKind string

// The kinds of ticket.
const (
	OIDCTicket     TicketKind = "sign_in_oidc"     // state, nonce and verifier of a sign-in with the provider
	PasskeyTicket  TicketKind = "sign_in_passkey"  // the challenge of a ceremony
	TerminalTicket TicketKind = "sign_in_terminal" // the code with which a terminal fetches its token
)

// MaxTicket is how long a ticket may live.
const MaxTicket = 15 * time.Minute

// KeepTicket keeps what a sign-in needs at its next step, and returns the random name under which TakeTicket finds it, once. The
// register keeps the name's hash. life is at most MaxTicket. Errors: ErrArgument, secret.ErrRandom, the store's.
func (r *Registry) KeepTicket(ctx context.Context, kind TicketKind, body []byte, life time.Duration) (string, error) {
	if life <= 0 || life > MaxTicket {
		return "", fmt.Errorf("keep ticket: %w: a ticket lives up to %s", ErrArgument, MaxTicket)
	}
	var b [32]byte
	if _, err := io.ReadFull(r.random, b[:]); err != nil {
		return "", fmt.Errorf("keep ticket: %w: %w", secret.ErrRandom, err)
	}
	name := base64.RawURLEncoding.EncodeToString(b[:])
	row := partner.Transient{Kind: r.realm.tickets + string(kind), ID: operator.HashToken(name), ExpiresAt: r.now().Add(life), Body: body}
	if err := r.store.Update(ctx, func(tx Tx) error { return tx.PutTransient(row) }); err != nil {
		return "", fmt.Errorf("keep ticket: %w", err)
	}
	return name, nil
}

// TakeTicket returns what was kept, and it is gone: of several callers at once one gets it. Errors: ErrNotFound for a name that is
// unknown, was used, or has ended; the store's.
func (r *Registry) TakeTicket(ctx context.Context, kind TicketKind, name string) ([]byte, error) {
	if len(name) != base64.RawURLEncoding.EncodedLen(sha256.Size) {
		return nil, fmt.Errorf("take ticket: %w", ErrNotFound)
	}
	var body []byte
	err := r.store.Update(ctx, func(tx Tx) error {
		row, found, err := tx.Transient(r.realm.tickets+string(kind), operator.HashToken(name))
		if err != nil {
			return err
		}
		if !found || r.now().After(row.ExpiresAt) {
			return ErrNotFound
		}
		body = row.Body
		return tx.DeleteTransient(row.Kind, row.ID)
	})
	if err != nil {
		return nil, fmt.Errorf("take ticket: %w", err)
	}
	return body, nil
}

// terminalTicket is what a code for a terminal stands for.
type terminalTicket struct {
	Owner     string `json:"owner"`
	Challenge string `json:"challenge"` // base64url of SHA-256 of the verifier (RFC 7636 §4.2, S256)
}
