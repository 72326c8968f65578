package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// handshakeKind is the kind of the transients that keep what a handshake showed until an operator's change takes it up.
const handshakeKind = "handshake"

// HandshakeLifetime is how long what a handshake showed may be taken up.
const HandshakeLifetime = 10 * time.Minute

// KeepHandshake keeps what a handshake just showed, for VerifyKeptEndpoint. It is called by whoever ran the handshake, and by
// nobody else: that way an operation that an operator writes names an endpoint, and never claims what the endpoint proved. It
// changes nothing that is recorded. Errors: ErrArgument, ErrNotFound, the store's.
func (r *Registry) KeepHandshake(ctx context.Context, h partner.Handshake) error {
	const what = "keep handshake"
	if err := r.checkHandshake(h); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	body, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	err = r.store.Update(ctx, func(tx Tx) error {
		if _, err := endpointNoun.get(tx, h.EndpointID); err != nil {
			return err
		}
		return tx.PutTransient(partner.Transient{Kind: handshakeKind, ID: h.EndpointID, Owner: h.EndpointID,
			ExpiresAt: h.At.Add(HandshakeLifetime).UTC().Truncate(partner.Resolution), Body: body})
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (r *Registry) checkHandshake(h partner.Handshake) error {
	if h.EndpointID == "" || !slices.Contains(partner.HandshakeResults(), h.Result) || h.Millis < 0 {
		return fmt.Errorf("%w: a handshake names its endpoint and how it ended", ErrArgument)
	}
	if age := r.now().Sub(h.At); age > HandshakeLifetime || age < -time.Minute {
		return fmt.Errorf("%w: the handshake is not of now; run it again", ErrArgument)
	}
	return nil
}

// VerifyKeptEndpoint takes up what KeepHandshake kept, once, as VerifyEndpoint does. Errors: ErrActor, ErrNotFound, ErrState
// where no handshake was kept within HandshakeLifetime, and as there, the store's.
func (r *Registry) VerifyKeptEndpoint(ctx context.Context, actor Actor, id string) (e partner.Endpoint, err error) {
	err = r.update(ctx, actor, "verify endpoint", func(tx Tx) error {
		h, err := r.takeHandshake(tx, id)
		if err != nil {
			return err
		}
		e, err = r.verifyEndpoint(tx, actor, id, h)
		return err
	})
	if err != nil {
		return partner.Endpoint{}, err
	}
	return e.Clone(), nil
}

func (r *Registry) takeHandshake(tx Tx, id string) (h partner.Handshake, err error) {
	kept, found, err := tx.Transient(handshakeKind, id)
	if err != nil {
		return h, err
	}
	if !found || r.now().After(kept.ExpiresAt) {
		return h, fmt.Errorf("no handshake with endpoint %q was made just now: %w", id, ErrState)
	}
	if err := json.Unmarshal(kept.Body, &h); err != nil || h.EndpointID != id {
		return h, errors.Join(fmt.Errorf("read the handshake with endpoint %q: it is damaged", id), err)
	}
	return h, tx.DeleteTransient(handshakeKind, id)
}

// VerifyEndpoint writes down how a handshake ended, and with HandshakeProved makes the endpoint verified. One that failed is no
// error: it is recorded as audit.EndpointFailed, and the state stays: a verified endpoint that was down for a moment is not
// lost. A proof with a key that no longer counts is a failure (HandshakeWrongProof). h must be of the last HandshakeLifetime.
// Errors: ErrActor, ErrArgument, ErrNotFound, ErrState where the endpoint is disabled or the partner closed, the store's.
func (r *Registry) VerifyEndpoint(ctx context.Context, actor Actor, h partner.Handshake) (e partner.Endpoint, err error) {
	if err := r.checkHandshake(h); err != nil {
		return e, fmt.Errorf("verify endpoint: %w", err)
	}
	err = r.update(ctx, actor, "verify endpoint", func(tx Tx) error {
		e, err = r.verifyEndpoint(tx, actor, h.EndpointID, h)
		return err
	})
	if err != nil {
		return partner.Endpoint{}, err
	}
	return e.Clone(), nil
}

func (r *Registry) verifyEndpoint(tx Tx, actor Actor, id string, h partner.Handshake) (partner.Endpoint, error) {
	e, err := enabledEndpoint(tx, id)
	if err != nil {
		return e, err
	}
	h.At = h.At.UTC().Truncate(partner.Resolution)
	if h.Result == partner.HandshakeProved && !holdsKey(e, h.KeyID, r.now()) {
		h.Result, h.KeyID = partner.HandshakeWrongProof, ""
	}
	e.LastHandshake = &h
	action := audit.EndpointFailed
	if h.Result == partner.HandshakeProved {
		action, e.State, e.VerifiedAt = audit.EndpointVerified, partner.EndpointVerified, h.At
	}
	if err := putEndpoint(tx, e); err != nil {
		return e, err
	}
	return e, r.record(tx, actor, action, e.ID, detail(e.Environment, handshakeText(e, h)))
}

func holdsKey(e partner.Endpoint, keyID string, now time.Time) bool {
	return slices.ContainsFunc(e.Keys, func(k partner.EndpointKey) bool { return k.ID == keyID && k.Live(now) })
}

func handshakeText(e partner.Endpoint, h partner.Handshake) string {
	text := string(h.Result)
	if h.KeyID != "" {
		text += " with key " + h.KeyID
	}
	if h.Address.IsValid() {
		text += " at " + h.Address.String()
	}
	return text + ": " + endpointText(e) + " of " + e.PartnerID
}

// enabledEndpoint finds an endpoint that may still be used. One that was disabled never is again: whoever disables alone must
// not be able to undo it alone, and adding an endpoint can wait for a second person.
func enabledEndpoint(tx Tx, id string) (partner.Endpoint, error) {
	e, err := endpointNoun.get(tx, id)
	if err != nil {
		return e, err
	}
	if e.State == partner.EndpointDisabled {
		return e, fmt.Errorf("endpoint %s is disabled; remove it and add it again: %w", id, ErrState)
	}
	_, err = openPartner(tx, e.PartnerID)
	return e, err
}
