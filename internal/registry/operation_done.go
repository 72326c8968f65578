package registry

import (
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
)

// Done is what became of an operation. Proposal alone is set where it waits for somebody else; otherwise what the operation made
// or changed, as it is now. Fields that do not apply are zero.
type Done struct {
	Proposal *Proposal // nothing was changed but this: it waits, or was applied just now
	Repeated bool      // the idempotency key was used for this before: the same ids as then, never the secret again
	Revision uint64    // of the register with this change: a node that serves it, or a later one, obeys the change

	Partner    *partner.Partner
	Review     *ReviewFile
	Issued     *Issued             // a new credential or version; Issued.Secret is zero in a repetition
	Credential *partner.Credential // without secrets and hashes
	Unlocked   []string            // credentials that were locked, by row identity
	Network    *partner.NetworkRule
	Limit      *partner.Limit
	Endpoint   *partner.Endpoint
	Applied    *Diff
	Approvals  *Approvals

	Account    *operator.Account
	Member     *operator.Account
	Service    *operator.ServiceAccount
	BreakGlass *operator.BreakGlassCode

	Secret string // shown this once: a one-time link, a token, a signing key, a break-glass code; empty in a repetition
}
