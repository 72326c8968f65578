package registry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// CredentialIssue is the parameters of "credential.issue".
type CredentialIssue struct {
	Kind partner.Kind `json:"kind"`
}

// CredentialRotate is the parameters of "credential.rotate".
type CredentialRotate struct {
	Credential   string    `json:"credential"`             // row identity
	OverlapUntil time.Time `json:"overlap_until,omitzero"` // an absolute end; zero: the older versions end at once
}

// CredentialRevoke is the parameters of "credential.revoke".
type CredentialRevoke struct {
	Credential string `json:"credential"` // row identity
}

// CredentialUnlock is the parameters of "credential.unlock".
type CredentialUnlock struct {
	Credential string `json:"credential"` // row identity
}

// CredentialBind is the parameters of "credential.bind".
type CredentialBind struct {
	Credential string   `json:"credential"`  // row identity
	ClientKeys []string `json:"client_keys"` // as partner.Credential.ClientKeys; empty: bound to none any more
}

// TokensRevoke is the parameters of "tokens.revoke".
type TokensRevoke struct {
	Credential string `json:"credential"` // row identity
}

// prepared is a secret that was made, and hashed, before the transaction that keeps it: a hash takes long, and nobody else could
// write meanwhile.
type prepared struct {
	credential partner.Credential // of credential.issue
	version    partner.Version
	plain      secret.Value
}

func (p *prepared) wipe() {
	if p != nil {
		p.plain.Zero()
	}
}

// prepares reports whether c needs prepare.
func (c command) prepares() bool {
	return c.op.Name == OpCredentialIssue || c.op.Name == OpCredentialRotate
}

// prepare makes the secret of c, whose partner and environment are located; for a trial, which keeps nothing, something that
// stands for it. nil where c needs none.
func (r *Registry) prepare(ctx context.Context, c command, trial bool) (p *prepared, err error) {
	p = &prepared{}
	number := 1
	switch params := c.params.(type) {
	case CredentialIssue:
		p.credential, err = r.issuable(ctx, c.op, params)
	case CredentialRotate:
		p.credential, err = r.usable(ctx, params.Credential)
		number = nextNumber(p.credential)
	default:
		return nil, nil
	}
	switch {
	case err != nil:
	case !trial:
		p.version, p.plain, err = r.newVersion(ctx, p.credential, number)
	case p.credential.Kind == partner.App:
		p.version = partner.Version{Number: number, Hash: "trial"}
	default:
		p.version = partner.Version{Number: number, Sealed: []byte("trial")}
	}
	return p, err
}

// issuable is a draft, where the partner may have a credential: whoever may not costs no hash.
func (r *Registry) issuable(ctx context.Context, op Operation, p CredentialIssue) (partner.Credential, error) {
	if err := p.check(); err != nil {
		return partner.Credential{}, err
	}
	if err := r.store.View(ctx, func(tx Tx) error { return admitted(tx, op.PartnerID, op.Environment) }); err != nil {
		return partner.Credential{}, err
	}
	return r.draft(op.PartnerID, op.Environment, p.Kind)
}

func (p CredentialIssue) check() error {
	if p.Kind != partner.App && p.Kind != partner.SigningKey {
		return fmt.Errorf("%w: a credential is of kind %s or %s", ErrArgument, partner.App, partner.SigningKey)
	}
	return nil
}

func (r *Registry) doCredentialIssue(ctx context.Context, j job, _ CredentialIssue) (Done, error) {
	c := j.prepared.credential
	c.Versions = []partner.Version{j.prepared.version}
	if err := r.keepIssued(j.tx, j.actor, c); err != nil {
		return Done{}, err
	}
	if c.Kind == partner.App { // without a sealing key its access tokens could not be made
		if err := r.EnsureSealingKey(ctx, j.actor, c.Environment); err != nil {
			return Done{}, err
		}
	}
	return issuedDone(issued(c, j.prepared.version.Number, j.prepared.plain)), nil
}

func (r *Registry) doCredentialRotate(_ context.Context, j job, p CredentialRotate) (Done, error) {
	if err := r.checkOverlap(p.OverlapUntil); err != nil {
		return Done{}, err
	}
	c, err := r.keepRotated(j.tx, j.actor, p.Credential, j.prepared.version, p.OverlapUntil)
	if err != nil {
		return Done{}, err
	}
	return issuedDone(issued(c, j.prepared.version.Number, j.prepared.plain)), nil
}

func issuedDone(i Issued) Done {
	c := i.Credential
	c.Versions = slices.Clone(c.Versions)
	return Done{Issued: &i, Credential: &c}
}

func (r *Registry) doCredentialRevoke(ctx context.Context, j job, p CredentialRevoke) (Done, error) {
	return credentialDone(j, p.Credential, r.RevokeCredential(ctx, j.actor, p.Credential, j.reason))
}

func (r *Registry) doCredentialUnlock(ctx context.Context, j job, p CredentialUnlock) (Done, error) {
	unlocked, err := r.Unlock(ctx, j.actor, p.Credential)
	done, err := credentialDone(j, p.Credential, err)
	done.Unlocked = unlocked
	return done, err
}

func (r *Registry) doCredentialBind(ctx context.Context, j job, p CredentialBind) (Done, error) {
	return credentialDone(j, p.Credential, r.BindClientKeys(ctx, j.actor, p.Credential, p.ClientKeys))
}

func (r *Registry) doTokensRevoke(ctx context.Context, j job, p TokensRevoke) (Done, error) {
	return credentialDone(j, p.Credential, r.RevokeTokens(ctx, j.actor, p.Credential))
}
