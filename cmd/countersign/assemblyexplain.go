package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/explain"
	captures "countersign.dev/internal/explain/capture"
	"countersign.dev/internal/partner"
)

// apiCaptures are the captures of one API of one generation.
type apiCaptures struct {
	all         *captureStores
	store       *captures.Store
	environment string
	source      profilePrint
	window      time.Duration
	hosts       []string
}

var _ gateway.Captures = (*apiCaptures)(nil)

// Keep implements gateway.Captures.
func (p *apiCaptures) Keep(c *gateway.Captured) {
	select {
	case p.all.queue <- queuedCapture{p, c}:
	default:
		p.all.dropped.Add(1)
	}
}

// run seals what waits, so many in a second, and lets go of what is over, until ctx ends.
func (k *captureStores) run(ctx context.Context) {
	sweep := time.NewTicker(captureSweep)
	defer sweep.Stop()
	var pace secondly
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			k.sweep(ctx)
		case q := <-k.queue:
			if pace.allows(time.Now()) {
				k.keep(ctx, q)
			} else {
				k.dropped.Add(1)
			}
		}
	}
}

// secondly lets capturesASecond through in a second. The zero value is ready.
type secondly struct {
	since time.Time
	used  int
}

func (s *secondly) allows(now time.Time) bool {
	if now.Sub(s.since) >= time.Second {
		s.since, s.used = now, 0
	}
	s.used++
	return s.used <= capturesASecond
}

// keep puts one request into its store, if it has an owner.
func (k *captureStores) keep(ctx context.Context, q queuedCapture) {
	o := captures.Owner{Environment: q.from.environment, Credential: q.Credential}
	if o.Credential == "" {
		if o.Credential = q.from.signer(ctx, q.KeyID); o.Credential == "" {
			return // nobody's: nobody could ask for it
		}
	}
	switch err := q.from.store.Keep(o, &q.Request); {
	case err == nil:
		k.kept.Add(1)
		if q.Credential == "" {
			k.mu.Lock()
			k.owners.note(q.ID, o.Credential)
			k.mu.Unlock()
		}
	case errors.Is(err, captures.ErrFull):
		k.dropped.Add(1)
	case k.failed.Add(1) == 1:
		k.a.log.Error("a refused request could not be kept; countersign_captures_failed_total counts from here", "environment", o.Environment, "cause", err.Error())
	}
}

// signer is the credential of this environment that has a key id; empty: none has, or it is revoked.
func (p *apiCaptures) signer(ctx context.Context, keyID string) string {
	c, err := p.all.a.register.FindCredential(ctx, keyID)
	if err != nil || c.KeyID != keyID || c.Environment != p.environment || c.Kind != partner.SigningKey || !c.RevokedAt.IsZero() {
		return ""
	}
	return c.ID
}

// sweep lets go of captures that are over, also where nobody comes by, and takes up new keys.
func (k *captureStores) sweep(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for environment, ring := range k.rings {
		if err := ring.Reload(ctx); err != nil {
			k.a.log.Warn("the keys of captures cannot be read again", "environment", environment, "cause", err.Error())
		}
	}
	for key, store := range k.stores {
		if _, err := captures.Open(store.cfg); err != nil { // its opening removes what is over; the store in use copes with that
			k.a.log.Warn("captures cannot be looked through", "environment", key.environment, "api", key.api, "cause", err.Error())
		}
	}
}

// Explain implements gateway.Captures. One search runs at a time; the secrets are read for a request that is there, and no other.
func (p *apiCaptures) Explain(ctx context.Context, credential, requestID string) (*explain.Report, error) {
	if err := p.all.turn.Enter(ctx, askPatience); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, captures.ErrTooOften
	}
	defer p.all.turn.Leave()
	owner := captures.Owner{Environment: p.environment, Credential: credential}
	q := explain.Question{Profile: p.source.profile, Alternative: p.source.alternative, Window: p.window, Hosts: p.hosts}
	switch _, err := p.store.Explain(owner, requestID, q); { // without a secret it is only looked for
	case err == nil:
		return nil, errors.New("explained without a secret")
	case !errors.Is(err, explain.ErrInput):
		return nil, err
	}
	c, err := p.all.a.register.OpenCredential(ctx, p.environment, credential)
	if err != nil {
		return nil, fmt.Errorf("read the secrets: %w", err)
	}
	defer partner.WipeSecrets([]partner.Credential{c})
	q.Secrets = secretsOf(&c, p.all.a.now())
	return p.store.Explain(owner, requestID, q)
}

// secretsOf are the secrets of a credential, those first that count now.
func secretsOf(c *partner.Credential, now time.Time) (live []explain.Secret) {
	var rest []explain.Secret
	for _, v := range c.Versions {
		one := explain.Secret{Label: fmt.Sprintf("the secret, version %d", v.Number), Text: v.Secret.Bytes()}
		if v.Live(now) {
			live = append(live, one)
		} else {
			rest = append(rest, one)
		}
	}
	return append(live, rest...)
}
