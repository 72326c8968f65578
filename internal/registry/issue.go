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

// Issued is a credential with the secret that was just made for it. It is the only time that the secret is shown; whoever
// has handed it over wipes it.
type Issued struct {
	Credential partner.Credential // without secrets and hashes
	Login      string             // App only: the partner id of the wire
	KeyID      string             // the app key or the API token
	Version    int                // the number of the version that Secret belongs to
	Secret     secret.Value       // the partner secret or the API secret
}

// IssueApp issues an app key with a partner id and a partner secret, where the partner's review is approved. Errors:
// ErrActor, ErrArgument, ErrNotFound, ErrState, secret.ErrBusy, secret.ErrRandom, the store's.
func (r *Registry) IssueApp(ctx context.Context, actor Actor, partnerID, environment string) (Issued, error) {
	return r.issue(ctx, actor, partnerID, environment, partner.App)
}

// IssueSigningKey issues an API token with an API secret, where the partner's review is approved. Errors as IssueApp.
func (r *Registry) IssueSigningKey(ctx context.Context, actor Actor, partnerID, environment string) (Issued, error) {
	return r.issue(ctx, actor, partnerID, environment, partner.SigningKey)
}

func (r *Registry) issue(ctx context.Context, actor Actor, partnerID, environment string, kind partner.Kind) (Issued, error) {
	const what = "issue credential"
	if err := errors.Join(actor.manages(), checkEnvironment(environment)); err != nil {
		return Issued{}, fmt.Errorf("%s: %w", what, err)
	}
	c, err := r.draft(partnerID, environment, kind)
	if err != nil {
		return Issued{}, fmt.Errorf("%s: %w", what, err)
	}
	// Asked before the hash as well as in the transaction: whoever may not have a credential costs no hash.
	if err := r.store.View(ctx, func(tx Tx) error { return admitted(tx, partnerID, environment) }); err != nil {
		return Issued{}, fmt.Errorf("%s: %w", what, err)
	}
	version, plain, err := r.newVersion(ctx, c, 1)
	if err != nil {
		return Issued{}, fmt.Errorf("%s: %w", what, err)
	}
	c.Versions = []partner.Version{version}
	if err = r.update(ctx, actor, what, func(tx Tx) error { return r.keepIssued(tx, actor, c) }); err != nil {
		plain.Zero()
		return Issued{}, err
	}
	return issued(c, version.Number, plain), nil
}

// keepIssued writes a credential that was drafted, with its first version, where the partner may have one.
func (r *Registry) keepIssued(tx Tx, actor Actor, c partner.Credential) error {
	if err := admitted(tx, c.PartnerID, c.Environment); err != nil {
		return err
	}
	if err := r.freeNames(tx, c); err != nil {
		return err
	}
	if err := tx.PutCredential(c); err != nil {
		return err
	}
	return r.record(tx, actor, audit.CredentialIssued, c.ID, detail(c.Environment, string(c.Kind)+" for "+c.PartnerID))
}

// draft makes a credential without a version.
func (r *Registry) draft(partnerID, environment string, kind partner.Kind) (partner.Credential, error) {
	c := partner.Credential{PartnerID: partnerID, Environment: environment, Kind: kind, CreatedAt: r.now().Truncate(time.Second)}
	var err error
	if c.ID, err = secret.RowID(r.random, "crd_"); err != nil {
		return c, err
	}
	if c.KeyID, err = secret.KeyID(r.random); err != nil {
		return c, err
	}
	if kind == partner.App {
		if c.Login, err = secret.Login(r.random); err != nil {
			return c, err
		}
	}
	return c, c.Validate()
}

// freeNames makes sure that neither the key id nor the login is another credential's in any environment. Two of 128 random
// bits do not meet; of 13 digits they may, and then the caller tries again.
func (r *Registry) freeNames(tx Tx, c partner.Credential) error {
	for _, name := range []string{c.KeyID, c.Login} {
		if name == "" {
			continue
		}
		_, taken, err := tx.CredentialByName(name)
		if err != nil {
			return err
		}
		if taken {
			return fmt.Errorf("the drawn name is taken, try again: %w", ErrState)
		}
	}
	return nil
}

// newVersion makes a secret and the version that keeps it: hashed for an app, sealed for a signing key.
func (r *Registry) newVersion(ctx context.Context, c partner.Credential, number int) (partner.Version, secret.Value, error) {
	v := partner.Version{Number: number}
	if c.Kind == partner.App {
		plain, err := secret.PartnerSecret(r.random)
		if err != nil {
			return v, plain, err
		}
		v.Hash, err = r.hasher.Hash(ctx, plain.Bytes())
		return v, plain, err
	}
	plain, err := secret.APISecret(r.random)
	if err != nil {
		return v, plain, err
	}
	ring, err := r.ring(c.Environment)
	if err == nil {
		v.Sealed, err = ring.Seal(versionRow(c, number), plain.Bytes())
	}
	return v, plain, err
}

// versionRow is the identity to which a signing secret is sealed: purpose, environment, credential, version (security
// rule 11).
func versionRow(c partner.Credential, number int) []byte {
	return secret.Row("api secret", c.Environment, c.ID, strconv.Itoa(number))
}

func issued(c partner.Credential, number int, plain secret.Value) Issued {
	return Issued{Credential: withoutSecrets(c), Login: c.Login, KeyID: c.KeyID, Version: number, Secret: plain}
}

// withoutSecrets drops what nobody outside this package and the snapshot needs to see.
func withoutSecrets(c partner.Credential) partner.Credential {
	versions := make([]partner.Version, len(c.Versions))
	for i, v := range c.Versions {
		v.Hash, v.Sealed, v.Secret = "", nil, secret.Value{}
		versions[i] = v
	}
	c.Versions = versions
	return c
}
