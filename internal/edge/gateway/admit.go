package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/problem"
)

// admit asks Config.Admit, after all checks and before anything that lasts. It returns Allowed, or the reason that it has
// written to the decision.
func (c *call) admit(ctx context.Context) access.Reason {
	if c.g.cfg.Admit == nil {
		return access.Allowed
	}
	c.remember()
	err := c.g.cfg.Admit(ctx, &c.record)
	if err == nil {
		return access.Allowed
	}
	d := &c.decision
	d.Reason, d.Where, d.Detail, d.Cause = access.Unavailable, "", "", fmt.Errorf("record the admission: %w", err)
	if ctx.Err() != nil {
		d.Reason = access.ClientGone
	}
	return d.Reason
}

// admitExchange is admit for the token endpoint, where the caller proves itself late: then its limits come first.
func (c *call) admitExchange(ctx context.Context) access.Reason {
	if c.decision.Proved && !c.g.cfg.Decider.Limit(&c.request, &c.decision) {
		return c.decision.Reason
	}
	return c.admit(ctx)
}

// clientKey is the digest of the client key that the connection has proved, if the certificate was verified in the handshake
// and is still in force: a connection can outlive it (security rules 29 and 36). Which authorities count is the listener's.
func (c *call) clientKey() string {
	if c.r.TLS == nil {
		return ""
	}
	for _, chain := range c.r.TLS.VerifiedChains {
		if len(chain) > 0 && inForce(chain, c.start) {
			sum := sha256.Sum256(chain[0].RawSubjectPublicKeyInfo)
			return hex.EncodeToString(sum[:])
		}
	}
	return ""
}

func inForce(chain []*x509.Certificate, now time.Time) bool {
	return !slices.ContainsFunc(chain, func(x *x509.Certificate) bool { return now.Before(x.NotBefore) || now.After(x.NotAfter) })
}

// tellLimits sets the fields that tell the caller of its limits, in place of those that an upstream may have set. Where
// there is nothing to tell it changes nothing.
func (c *call) tellLimits(header setter) {
	policy := c.policy.of(&c.decision)
	if policy == "" {
		return
	}
	header.Set(problem.HeaderRateLimitPolicy, policy)
	if left := problem.RateLimit(&c.decision); left != "" {
		header.Set(problem.HeaderRateLimit, left)
	} else {
		header.Del(problem.HeaderRateLimit)
	}
}

// policy is the text of the limits that were told last. Most requests are told of the same ones, and comparing is cheaper than writing.
type policy struct {
	told []access.Policy
	text string
}

func (p *policy) of(d *access.Decision) string {
	i, same := 0, true
	for told := range d.Policies() {
		same = same && i < len(p.told) && p.told[i] == told
		i++
	}
	if !same || i != len(p.told) {
		p.told, p.text = slices.AppendSeq(p.told[:0], d.Policies()), problem.RateLimitPolicy(d)
	}
	return p.text
}
