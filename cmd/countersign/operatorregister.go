package main

import (
	"context"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// register is what the commands ask of a register: registry.Registry on this disk, remote.Client for that of a server. A change
// that a server does not make before another person has approved it is a *remote.Waiting.
type register interface {
	Partners(ctx context.Context) ([]partner.Partner, error)
	FindPartner(ctx context.Context, text string) (partner.Partner, error)
	Reviews(ctx context.Context, partnerID string) ([]partner.Review, error)
	Credentials(ctx context.Context, partnerID string) ([]partner.Credential, error)
	Networks(ctx context.Context, partnerID string) ([]partner.NetworkRule, error)
	Limits(ctx context.Context, partnerID string) ([]partner.Limit, error)
	Changes(ctx context.Context, after uint64, limit int) ([]audit.Change, error)
	Revision(ctx context.Context) (uint64, error)

	CreatePartner(ctx context.Context, actor registry.Actor, name string) (partner.Partner, error)
	ClosePartner(ctx context.Context, actor registry.Actor, partnerID, reason string) error
	Unlock(ctx context.Context, actor registry.Actor, partnerOrCredential string) ([]string, error)

	RequestReview(ctx context.Context, actor registry.Actor, partnerID, environment, reason string) error
	Approve(ctx context.Context, actor registry.Actor, partnerID, environment, reason string) error
	Suspend(ctx context.Context, actor registry.Actor, partnerID, environment, reason string) error
	Resume(ctx context.Context, actor registry.Actor, partnerID, environment, reason string) error
	WithdrawReview(ctx context.Context, actor registry.Actor, partnerID, environment, reason string) error
	CloseReview(ctx context.Context, actor registry.Actor, partnerID, environment, reason string) error

	IssueApp(ctx context.Context, actor registry.Actor, partnerID, environment string) (registry.Issued, error)
	IssueSigningKey(ctx context.Context, actor registry.Actor, partnerID, environment string) (registry.Issued, error)
	Rotate(ctx context.Context, actor registry.Actor, credentialID string, overlapUntil time.Time) (registry.Issued, error)
	RevealSecret(ctx context.Context, actor registry.Actor, credentialID string, version int) (registry.Issued, error)
	RevokeCredential(ctx context.Context, actor registry.Actor, credentialID, reason string) error
	RevokeTokens(ctx context.Context, actor registry.Actor, credentialID string) error
	BindClientKeys(ctx context.Context, actor registry.Actor, credentialID string, keys []string) error

	Allow(ctx context.Context, actor registry.Actor, rule partner.NetworkRule) (partner.NetworkRule, error)
	RemoveNetwork(ctx context.Context, actor registry.Actor, ruleID string) error
	SetLimit(ctx context.Context, actor registry.Actor, limit partner.Limit) (partner.Limit, error)
	RemoveLimit(ctx context.Context, actor registry.Actor, id string) error
	Apply(ctx context.Context, actor registry.Actor, desired registry.Desired, dryRun bool) (registry.Diff, error)

	EnsureSealingKey(ctx context.Context, actor registry.Actor, environment string) error
	RotateSealingKey(ctx context.Context, actor registry.Actor, environment string) error
	DropSealingKeys(ctx context.Context, actor registry.Actor, environment string) (int, error)
}
