package remote

import (
	"context"
	"slices"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// Credentials lists the credentials of one partner, or of all, by row identity.
func (c *Client) Credentials(ctx context.Context, partnerID string) ([]partner.Credential, error) {
	list, err := every(ctx, func(ctx context.Context, after string) (list []partner.Credential, next string, err error) {
		page, err := Value(c.API.CredentialList(ctx, api.CredentialListParams{After: after, Limit: pageSize, Partner: partnerID}))
		for _, one := range page.Items {
			list = append(list, c.credential(one))
		}
		return list, page.Next, err
	})
	slices.SortFunc(list, func(a, b partner.Credential) int { return strings.Compare(a.ID, b.ID) })
	return list, err
}

func (c *Client) credential(a api.Credential) partner.Credential {
	c.saw(a.ID, a.Etag)
	found := partner.Credential{ID: a.ID, PartnerID: a.PartnerID, Environment: a.Environment, Kind: partner.Kind(a.Kind), KeyID: oneLine(a.KeyID),
		Login: oneLine(a.Login), Generation: uint32(a.Generation), Failures: a.Failures, LockedAt: a.LockedAt, RevokedAt: a.RevokedAt,
		CreatedAt: a.CreatedAt, ClientKeys: a.ClientKeys}
	for _, v := range a.Versions {
		found.Versions = append(found.Versions, partner.Version{Number: v.Number, NotBefore: v.NotBefore, NotAfter: v.NotAfter, ByPartner: v.ByPartner})
	}
	return found
}

// IssueApp issues an app; the server sees to a sealing key for its environment.
func (c *Client) IssueApp(ctx context.Context, _ registry.Actor, partnerID, environment string) (registry.Issued, error) {
	return c.issue(ctx, partnerID, environment, api.CredentialKind(partner.App))
}

// IssueSigningKey issues a signing key.
func (c *Client) IssueSigningKey(ctx context.Context, _ registry.Actor, partnerID, environment string) (registry.Issued, error) {
	return c.issue(ctx, partnerID, environment, api.CredentialKind(partner.SigningKey))
}

func (c *Client) issue(ctx context.Context, partnerID, environment string, kind api.CredentialKind) (registry.Issued, error) {
	body := api.CredentialIssue{Environment: environment, Kind: kind, Reason: c.because()}
	made, err := Value(c.API.CredentialIssue(ctx, partnerID, api.CredentialIssueParams{}, body))
	return c.Issued(made), err
}

// Rotate gives a credential a new secret.
func (c *Client) Rotate(ctx context.Context, _ registry.Actor, credentialID string, overlapUntil time.Time) (registry.Issued, error) {
	body := api.CredentialRotate{OverlapUntil: overlapUntil, Reason: c.because()}
	made, err := Value(c.API.CredentialRotate(ctx, credentialID, api.CredentialRotateParams{}, body))
	return c.Issued(made), err
}

// Issued is an answer that shows a secret.
func (c *Client) Issued(made api.CredentialIssued) registry.Issued {
	return registry.Issued{Credential: c.credential(made.Credential), Login: oneLine(made.Login), KeyID: oneLine(made.KeyID), Version: made.Version,
		Secret: secret.NewValue([]byte(oneLine(made.Secret)))}
}

// RevokeCredential ends a credential for good.
func (c *Client) RevokeCredential(ctx context.Context, _ registry.Actor, credentialID, reason string) error {
	_, err := Value(c.API.CredentialRevoke(ctx, credentialID, api.CredentialRevokeParams{}, api.Act{Reason: reason}))
	return err
}

// RevokeTokens ends every access token that an app has.
func (c *Client) RevokeTokens(ctx context.Context, _ registry.Actor, credentialID string) error {
	_, err := Value(c.API.TokensRevoke(ctx, credentialID, api.TokensRevokeParams{}, api.Act{}))
	return err
}

// BindClientKeys binds a credential to TLS client keys, as it was when it was read last.
func (c *Client) BindClientKeys(ctx context.Context, _ registry.Actor, credentialID string, keys []string) error {
	tag, err := c.MatchCredential(ctx, credentialID)
	if err != nil {
		return err
	}
	body := api.ClientKeys{ClientKeys: append([]string{}, keys...)}
	done, err := Value(c.API.CredentialBind(ctx, credentialID, api.CredentialBindParams{IfMatch: tag}, body))
	if err == nil {
		c.saw(credentialID, done.Credential.Etag)
	}
	return err
}

// MatchCredential is the ETag of a credential as it was read last.
func (c *Client) MatchCredential(ctx context.Context, id string) (string, error) {
	return c.Match(ctx, id, func(ctx context.Context) (string, error) {
		found, err := Value(c.API.CredentialGet(ctx, id))
		return found.Etag, err
	})
}

// EnsureSealingKey does nothing: the server makes one where it issues an app.
func (c *Client) EnsureSealingKey(context.Context, registry.Actor, string) error { return nil }

// RotateSealingKey makes a new sealing key for an environment.
func (c *Client) RotateSealingKey(ctx context.Context, _ registry.Actor, environment string) error {
	_, err := Value(c.API.SealingKeyRotate(ctx, environment, api.SealingKeyRotateParams{}, api.Act{}))
	return err
}

// DropSealingKeys deletes the sealing keys of an environment. How many there were, the server does not tell: -1.
func (c *Client) DropSealingKeys(ctx context.Context, _ registry.Actor, environment string) (int, error) {
	_, err := Value(c.API.SealingKeyDrop(ctx, environment, api.SealingKeyDropParams{}, api.Act{}))
	return -1, err
}

// RevealSecret takes the secret that a scheduled rotation made, once.
func (c *Client) RevealSecret(ctx context.Context, _ registry.Actor, credentialID string, version int) (registry.Issued, error) {
	made, err := Value(c.API.CredentialReveal(ctx, credentialID, api.CredentialRevealParams{}, api.CredentialReveal{Version: version}))
	return c.Issued(made), err
}
