package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// endpointSecretPrefix marks a webhook signing key (Standard Webhooks, "Signature scheme").
const endpointSecretPrefix = "whsec_"

// EndpointSecret is a signing key as its owner puts it into a Standard Webhooks library: "whsec_" and base64. The text is not
// wiped by anybody: it is made where it is shown.
func EndpointSecret(key secret.Value) string {
	return endpointSecretPrefix + base64.StdEncoding.EncodeToString(key.Bytes())
}

// newEndpointKey puts a new key in front of those of e.
func (r *Registry) newEndpointKey(e *partner.Endpoint) (secret.Value, error) {
	id, err := secret.RowID(r.random, "whk_")
	if err != nil {
		return secret.Value{}, err
	}
	raw := make([]byte, partner.EndpointKeySize)
	if _, err := io.ReadFull(r.random, raw); err != nil {
		return secret.Value{}, fmt.Errorf("%w: %w", secret.ErrRandom, err)
	}
	plain := secret.NewValue(raw)
	secret.Wipe(raw)
	ring, err := r.ring(e.Environment)
	if err != nil {
		return plain, err
	}
	sealed, err := ring.Seal(endpointKeyRow(*e, id), plain.Bytes())
	if err != nil {
		return plain, err
	}
	key := partner.EndpointKey{ID: id, Sealed: sealed, CreatedAt: r.now().Truncate(time.Second)}
	e.Keys = append([]partner.EndpointKey{key}, e.Keys...)
	return plain, nil
}

// endpointKeyRow is the identity to which a webhook signing key is sealed: purpose, environment, endpoint, key (security
// rule 11). The URL never changes, and is in it: a key moved to another URL does not open.
func endpointKeyRow(e partner.Endpoint, keyID string) []byte {
	return secret.Row("webhook key", e.Environment, e.ID, e.URL, keyID)
}

// RotateEndpointKey gives an endpoint a new signing key. The former one goes on counting until overlapUntil, an absolute time
// (security rule 36) within MaxOverlap, and what is sent until then is signed with both; zero or a time that has passed ends it
// at once. A third one never counts: of two that do, the older one ends. The state stays: a partner that has not installed the
// new key yet is still proved by the former one. Errors: ErrActor, ErrArgument for an end beyond MaxOverlap, ErrNotFound,
// ErrState where it is disabled or the partner closed, ErrNoRing, secret.ErrRandom, the store's.
func (r *Registry) RotateEndpointKey(ctx context.Context, actor Actor, id string, overlapUntil time.Time) (IssuedEndpoint, error) {
	const what = "rotate endpoint key"
	if overlapUntil.After(r.now().Add(MaxOverlap)) {
		return IssuedEndpoint{}, fmt.Errorf("%s: %w: an overlap ends within %d days", what, ErrArgument, MaxOverlap/(24*time.Hour))
	}
	var issued IssuedEndpoint
	err := r.update(ctx, actor, what, func(tx Tx) error {
		e, err := enabledEndpoint(tx, id)
		if err != nil {
			return err
		}
		e.Keys = r.endingKeys(e.Keys, overlapUntil.UTC().Truncate(partner.Resolution))
		issued.Key, err = r.newEndpointKey(&e)
		if err != nil {
			return err
		}
		if err := putEndpoint(tx, e); err != nil {
			return err
		}
		issued.Endpoint, issued.KeyID = e.Clone(), e.Keys[0].ID
		return r.record(tx, actor, audit.EndpointRotated, e.ID, detail(e.Environment, endpointRotation(e)))
	})
	if err != nil {
		issued.Key.Zero()
		return IssuedEndpoint{}, err
	}
	return issued, nil
}

// endingKeys are those of keys that count beside a new one until end: the newest that is live, or none. Others are dropped
// with what they sealed.
func (r *Registry) endingKeys(keys []partner.EndpointKey, end time.Time) []partner.EndpointKey {
	now := r.now()
	if !end.After(now) {
		return nil
	}
	at := slices.IndexFunc(keys, func(k partner.EndpointKey) bool { return k.Live(now) })
	if at < 0 {
		return nil
	}
	kept := keys[at]
	if kept.NotAfter.IsZero() || kept.NotAfter.After(end) {
		kept.NotAfter = end
	}
	return []partner.EndpointKey{kept}
}

func endpointRotation(e partner.Endpoint) string {
	if len(e.Keys) == 1 {
		return "key " + e.Keys[0].ID + "; the former one ended at once"
	}
	return "key " + e.Keys[0].ID + "; the former one ends at " + e.Keys[1].NotAfter.Format(time.RFC3339)
}

// EndpointTarget is what a handshake with an endpoint needs: its URL and its live signing keys in clear. It is for
// internal/webhook, never for an answer. Errors: ErrNotFound, ErrState where the endpoint is disabled or the partner closed,
// ErrNoRing, secret.ErrSealed, secret.ErrUnknownKey, the store's.
func (r *Registry) EndpointTarget(ctx context.Context, id string) (partner.EndpointTarget, error) {
	var e partner.Endpoint
	err := r.store.View(ctx, func(tx Tx) (err error) {
		e, err = enabledEndpoint(tx, id)
		return err
	})
	if err != nil {
		return partner.EndpointTarget{}, fmt.Errorf("open endpoint: %w", err)
	}
	ring, err := r.ring(e.Environment)
	if err != nil {
		return partner.EndpointTarget{}, fmt.Errorf("open endpoint: %w", err)
	}
	target := partner.EndpointTarget{ID: e.ID, PartnerID: e.PartnerID, Environment: e.Environment, URL: e.URL}
	for _, k := range e.Keys {
		if !k.Live(r.now()) {
			continue
		}
		plain, err := ring.Open(endpointKeyRow(e, k.ID), k.Sealed)
		if err != nil {
			target.Zero()
			return partner.EndpointTarget{}, fmt.Errorf("open endpoint: key %s: %w", k.ID, err)
		}
		target.Keys = append(target.Keys, partner.TargetKey{ID: k.ID, Secret: plain})
	}
	return target, nil
}

// eachEndpointKey visits the sealed keys of all endpoints, for Reseal and SealedWith.
func eachEndpointKey(tx Tx, visit func(row sealedRow, sealed []byte) error) error {
	list, err := endpointNoun.list(tx, partner.DocumentQuery{})
	if err != nil {
		return err
	}
	for _, e := range list {
		for _, k := range e.Keys {
			if err := visit(sealedRow{environment: e.Environment, endpoint: e.ID}, k.Sealed); err != nil {
				return err
			}
		}
	}
	return nil
}

// endpointValues are the sealed keys of one endpoint, to be sealed again. One that was removed meanwhile has none.
func endpointValues(tx Tx, id string) ([]sealedValue, error) {
	e, err := endpointNoun.get(tx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	var values []sealedValue
	for i, k := range e.Keys {
		values = append(values, sealedValue{name: "endpoint " + e.ID + ", key " + k.ID, row: endpointKeyRow(e, k.ID), sealed: k.Sealed,
			put: func(sealed []byte) error {
				e.Keys[i].Sealed = sealed
				return putEndpoint(tx, e)
			}})
	}
	return values, err
}
