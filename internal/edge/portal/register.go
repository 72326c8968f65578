package portal

import (
	"context"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/traffic"
)

// Register is what the portal reads and asks of the register: each method takes the partner, or the member, of the session, and
// knows nothing of others. *registry.Registry is one.
type Register interface {
	MemberView(ctx context.Context, partnerID string) (registry.MemberView, error)
	MemberEvidence(ctx context.Context, partnerID, id string) (registry.Evidence, []byte, error)
	DoAsMember(ctx context.Context, p operator.Principal, op registry.Operation, in registry.Intent) (registry.MemberDone, error)
	ApplyAsMember(ctx context.Context, p operator.Principal, id string) (registry.MemberDone, error)
	WithdrawAsMember(ctx context.Context, p operator.Principal, id, reason string) (registry.MemberProposal, error)
	RefusedMember(ctx context.Context, p operator.Principal, what, why string)
	RevealAsMember(ctx context.Context, p operator.Principal, credentialID string, version int) (registry.Issued, error)
}

// Usage tells how a partner called; *traffic.Sums is one.
type Usage interface {
	Usage(partnerID string, credentials []string, span traffic.Span, sees traffic.Sees) (traffic.Usage, error)
}

var _ Register = (*registry.Registry)(nil)
var _ Usage = (*traffic.Sums)(nil)
