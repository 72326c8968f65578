package main

import (
	"context"
	"errors"
	"fmt"

	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/explain"
	captures "countersign.dev/internal/explain/capture"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/tester"
)

// ownExplainer explains signatures to members of a partner, with the secrets of that partner's credentials and of no other's.
type ownExplainer struct{ a *assembly }

// ExplainOwn implements portal.Explainer. Until it is known that the credential is the partner's own, in this environment and in
// force, nothing is done but to look its key id up: so that all other answers are one, and as fast (security rule 9).
func (o ownExplainer) ExplainOwn(ctx context.Context, partnerID, environment, keyID string, q explain.Question) (*explain.Report, error) {
	if partnerID == "" || keyID == "" || !o.explains(environment) {
		return nil, tester.ErrNoSecret
	}
	c, err := o.a.register.FindCredential(ctx, keyID)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return nil, tester.ErrNoSecret
	case err != nil:
		return nil, fmt.Errorf("find the credential: %w", err)
	case c.KeyID != keyID || c.PartnerID != partnerID || c.Environment != environment || c.Kind != partner.SigningKey || !c.RevokedAt.IsZero():
		return nil, tester.ErrNoSecret
	}
	if err := o.a.captures.turn.Enter(ctx, askPatience); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, tester.ErrBusy
	}
	defer o.a.captures.turn.Leave()
	open, err := o.a.register.OpenCredential(ctx, environment, c.ID)
	if err != nil {
		return nil, fmt.Errorf("read the secrets: %w", err)
	}
	defer partner.WipeSecrets([]partner.Credential{open})
	if q.Secrets = secretsOf(&open, o.a.now()); len(q.Secrets) == 0 {
		return nil, tester.ErrNoSecret
	}
	return explain.Run(&q)
}

// ExplainCaptured implements portal.Explainer. A capture can only be opened by whose it is: each credential of the partner is
// asked for it, and what is another partner's is not there.
func (o ownExplainer) ExplainCaptured(ctx context.Context, partnerID, environment, api, requestID string) (*explain.Report, error) {
	p, err := o.a.captures.capturesOf(environment, api)
	var none *admin.NoCapture
	switch {
	case errors.As(err, &none) || partnerID == "":
		return nil, tester.ErrNoCapture
	case err != nil:
		return nil, err
	}
	all, err := o.a.register.Credentials(ctx, partnerID)
	if err != nil {
		return nil, fmt.Errorf("list the partner's credentials: %w", err)
	}
	for _, c := range all {
		if c.PartnerID != partnerID || c.Environment != environment || c.Kind != partner.SigningKey || !c.RevokedAt.IsZero() {
			continue
		}
		report, err := p.Explain(ctx, c.ID, requestID)
		switch {
		case errors.Is(err, captures.ErrNone):
		case errors.Is(err, captures.ErrTooOften):
			return nil, tester.ErrTooOften
		default:
			return report, err
		}
	}
	return nil, tester.ErrNoCapture
}

// explains reports whether an environment of the configuration in force keeps requests to explain them: one that does not, does
// not explain what is pasted either.
func (o ownExplainer) explains(environment string) bool {
	g := o.a.current.Load()
	if g == nil {
		return false
	}
	for i := range g.blueprint.worlds {
		if w := &g.blueprint.worlds[i]; w.environment == environment {
			return w.captures != nil
		}
	}
	return false
}
