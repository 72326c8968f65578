package registry

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// PendingSecret is a version that a schedule made and whose secret nobody has seen yet. The versions before it go on until the
// secret is handed over: a rotation that nobody attends to cuts nobody off (record 31).
type PendingSecret struct {
	CredentialID string
	PartnerID    string
	Environment  string
	Version      int
	MadeAt       time.Time
	Until        time.Time // the last moment at which RevealSecret hands it over; RunSchedules ends the version afterwards
}

// pendingRecord is how it is kept. It is a document, not a transient row: that a secret was there to be fetched, and was fetched, is part
// of the record.
type pendingRecord struct {
	CredentialID string    `json:"credential"`
	PartnerID    string    `json:"partner"`
	Environment  string    `json:"environment"`
	Version      int       `json:"version"`
	MadeAt       time.Time `json:"made_at"`
	Until        time.Time `json:"until"`
	Overlap      int64     `json:"overlap_seconds"`
	Sealed       []byte    `json:"sealed"`
}

var pendingNoun = noun[pendingRecord]{kind: "pending_secret", row: func(p pendingRecord) partner.Document {
	return partner.Document{ID: p.CredentialID, PartnerID: p.PartnerID, Environment: p.Environment, CreatedAt: p.MadeAt}
}}

// identity is what the secret is sealed to: purpose, environment, credential, version (security rule 11).
func (p pendingRecord) identity() []byte {
	return secret.Row("pending secret", p.Environment, p.CredentialID, strconv.Itoa(p.Version))
}

func (p pendingRecord) show() PendingSecret {
	return PendingSecret{CredentialID: p.CredentialID, PartnerID: p.PartnerID, Environment: p.Environment, Version: p.Version,
		MadeAt: p.MadeAt, Until: p.Until}
}

func readPending(tx Tx, credentialID string) (p pendingRecord, waits bool, err error) {
	p, err = pendingNoun.get(tx, credentialID)
	if errors.Is(err, ErrNotFound) {
		return p, false, nil
	}
	return p, err == nil, err
}

// PendingSecrets lists the versions whose secrets wait to be handed over, the oldest first, of one partner, of all if partnerID is
// empty. Errors: the store's.
func (r *Registry) PendingSecrets(ctx context.Context, partnerID string) ([]PendingSecret, error) {
	return view(ctx, r.store, func(tx Tx) ([]PendingSecret, error) {
		list, err := pendingNoun.list(tx, partner.DocumentQuery{PartnerID: partnerID})
		out := make([]PendingSecret, 0, len(list))
		for _, p := range list {
			out = append(out, p.show())
		}
		return out, err
	})
}

// RevealSecret hands over, once, the secret that a schedule made; the change row says who got it. From then on the older versions end
// one overlap later, an absolute time (security rule 36), or earlier if they had an earlier end. version 0 stands for the one that
// waits. However many ask at once, one gets it. The caller wipes the secret. Errors: ErrActor, ErrNotFound where none waits, or it
// waits no more, ErrState (revoked, not approved, ended meanwhile), ErrNoRing, secret.ErrSealed, secret.ErrUnknownKey, the store's.
func (r *Registry) RevealSecret(ctx context.Context, actor Actor, credentialID string, version int) (out Issued, err error) {
	var plain secret.Value
	err = r.update(ctx, actor, "reveal secret", func(tx Tx) error {
		p, waits, err := readPending(tx, credentialID)
		if err == nil && (!waits || version != 0 && version != p.Version || r.now().After(p.Until)) {
			err = fmt.Errorf("credential %q has no secret that waits to be handed over: %w", credentialID, ErrNotFound)
		}
		if err != nil {
			return err
		}
		c, err := usableCredential(tx, credentialID)
		if err != nil {
			return err
		}
		if len(c.Versions) == 0 || c.Versions[0].Number != p.Version || !c.Versions[0].Live(r.now()) {
			return fmt.Errorf("version %d was ended, or there is a newer one: %w", p.Version, ErrState)
		}
		if plain, err = r.open(p.Environment, p.identity(), p.Sealed); err != nil {
			return err
		}
		end := r.now().Add(time.Duration(p.Overlap) * time.Second)
		endOlder(&c, end)
		out = issued(c, p.Version, plain)
		text := fmt.Sprintf("version %d of the schedule was handed over; the older ones end at %s", p.Version, end.Format(time.RFC3339))
		return firstOf(
			func() error { return tx.PutCredential(c) },
			func() error { return tx.DeleteDocument(pendingNoun.kind, c.ID) },
			func() error { return r.record(tx, actor, audit.CredentialRotated, c.ID, detail(c.Environment, text)) },
		)
	})
	if err != nil {
		plain.Zero()
		return Issued{}, err
	}
	return out, nil
}

// endOlder ends all versions but the newest at end, never later than they would have.
func endOlder(c *partner.Credential, end time.Time) {
	versions := append([]partner.Version(nil), c.Versions...)
	for i := 1; i < len(versions); i++ {
		if versions[i].NotAfter.IsZero() || versions[i].NotAfter.After(end) {
			versions[i].NotAfter = end
		}
	}
	c.Versions = versions
}

// eachPending visits the secrets that wait to be handed over, for Reseal and SealedWith.
func eachPending(tx Tx, visit func(row sealedRow, sealed []byte) error) error {
	list, err := pendingNoun.list(tx, partner.DocumentQuery{})
	for i := 0; err == nil && i < len(list); i++ {
		err = visit(sealedRow{environment: list[i].Environment, pending: list[i].CredentialID}, list[i].Sealed)
	}
	return err
}

// pendingValues is the secret of a credential that waits, to be sealed again. One that was handed over meanwhile is none.
func pendingValues(tx Tx, credentialID string) ([]sealedValue, error) {
	p, waits, err := readPending(tx, credentialID)
	if err != nil || !waits {
		return nil, err
	}
	return []sealedValue{{name: fmt.Sprintf("waiting secret of credential %s, version %d", p.CredentialID, p.Version), row: p.identity(),
		sealed: p.Sealed, put: func(sealed []byte) error {
			p.Sealed = sealed
			return pendingNoun.put(tx, p)
		}}}, nil
}
