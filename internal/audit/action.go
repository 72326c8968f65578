package audit

import "slices"

// Action says what was done. The list is closed.
type Action string

// The actions of partners and what they may do. Each comment says what the subject is.
const (
	PartnerCreated    Action = "partner.created"      // partner
	PartnerClosed     Action = "partner.closed"       // partner
	ReviewRequested   Action = "review.requested"     // partner; the environment is in the detail, as below
	ReviewStarted     Action = "review.started"       // partner; an operator works on it from now on
	ReviewChecked     Action = "review.checked"       // partner; an item of the checklist was set or unset
	ReviewApproved    Action = "review.approved"      // partner
	ReviewSuspended   Action = "review.suspended"     // partner
	ReviewResumed     Action = "review.resumed"       // partner
	ReviewWithdrawn   Action = "review.withdrawn"     // partner
	ReviewClosed      Action = "review.closed"        // partner
	EvidenceAdded     Action = "evidence.added"       // partner; a file, a link, or what the system collected
	CommentAdded      Action = "comment.added"        // partner, or proposal
	CredentialIssued  Action = "credential.issued"    // credential
	CredentialRotated Action = "credential.rotated"   // credential; by an operator, or by the system on its schedule
	CredentialRevoked Action = "credential.revoked"   // credential
	CredentialLocked  Action = "credential.locked"    // credential; by the system
	CredentialOpened  Action = "credential.unlocked"  // credential
	CredentialBound   Action = "credential.bound"     // credential; to TLS client keys, or to none any more
	RotationScheduled Action = "rotation.scheduled"   // credential; or unscheduled: the detail says which
	VersionRetired    Action = "version.retired"      // credential; a silent version was ended
	SecretChanged     Action = "secret.changed"       // credential; by the partner, over the wire
	TokensRevoked     Action = "tokens.revoked"       // credential
	NetworkAllowed    Action = "network.allowed"      // network rule
	NetworkRemoved    Action = "network.removed"      // network rule
	LimitSet          Action = "limit.set"            // limit; new, or in the place of an older one
	LimitRemoved      Action = "limit.removed"        // limit
	EndpointAdded     Action = "endpoint.added"       // webhook endpoint
	EndpointVerified  Action = "endpoint.verified"    // webhook endpoint; its handshake succeeded
	EndpointFailed    Action = "endpoint.failed"      // webhook endpoint; its handshake did not
	EndpointDisabled  Action = "endpoint.disabled"    // webhook endpoint
	EndpointRemoved   Action = "endpoint.removed"     // webhook endpoint
	EndpointRotated   Action = "endpoint.key_rotated" // webhook endpoint; it has a new signing key
)

// The actions of operators, and of what they ask for. Each comment says what the subject is.
const (
	ProposalMade      Action = "proposal.made"           // proposal
	ProposalEdited    Action = "proposal.edited"         // proposal; what was approved before is void
	ProposalApproved  Action = "proposal.approved"       // proposal
	ProposalRejected  Action = "proposal.rejected"       // proposal
	ProposalWithdrawn Action = "proposal.withdrawn"      // proposal
	ProposalApplied   Action = "proposal.applied"        // proposal; the change itself has its own row in the same transaction
	ProposalExpired   Action = "proposal.expired"        // proposal; by the system
	SettingsChanged   Action = "settings.changed"        // the name of the settings
	AccountInvited    Action = "account.invited"         // account; new, or a new one-time link
	AccountChanged    Action = "account.changed"         // account; its roles or its name
	AccountDisabled   Action = "account.disabled"        // account
	AccountEnabled    Action = "account.enabled"         // account
	AccountSignedIn   Action = "account.signed_in"       // account
	AccountSignedOut  Action = "account.signed_out"      // account
	AccountKeyAdded   Action = "account.passkey_added"   // account
	AccountKeyRemoved Action = "account.passkey_removed" // account
	AccountRecovered  Action = "account.recovery_used"   // account; a recovery code was used up
	MemberInvited     Action = "member.invited"          // member, a person of a partner; new, or a new one-time link
	MemberChanged     Action = "member.changed"          // member; its recovery codes, by itself
	MemberDisabled    Action = "member.disabled"         // member
	MemberEnabled     Action = "member.enabled"          // member
	MemberSignedIn    Action = "member.signed_in"        // member
	MemberSignedOut   Action = "member.signed_out"       // member
	MemberKeyAdded    Action = "member.passkey_added"    // member
	MemberKeyRemoved  Action = "member.passkey_removed"  // member
	MemberRecovered   Action = "member.recovery_used"    // member; a recovery code was used up
	ServiceCreated    Action = "service.created"         // service account
	ServiceRevoked    Action = "service.revoked"         // service account
	BreakGlassMade    Action = "break_glass.made"        // break-glass code
	BreakGlassOpened  Action = "break_glass.opened"      // break-glass code; loud: somebody acts without a second person
	BreakGlassEnded   Action = "break_glass.ended"       // break-glass code
	AttemptRefused    Action = "attempt.refused"         // the operation that somebody was not let do
	RecordExported    Action = "record.exported"         // the record: "changes" or "decisions"
)

// The actions of keys and of the register itself. Each comment says what the subject is.
const (
	SealingKeyMade    Action = "sealing_key.made"    // environment
	SealingKeyRotated Action = "sealing_key.rotated" // environment
	SealingKeyDropped Action = "sealing_key.dropped" // environment; every key but a new one, with all tokens that they sealed
	SecretsResealed   Action = "secrets.resealed"    // environment; sealed values with a newer key of the key ring
	KeyAdded          Action = "key.added"           // "register", or the environment with a ring of its own; a key to the key ring
	KeyRetired        Action = "key.retired"         // as above; a key is dropped from the key ring
	RegisterRestored  Action = "register.restored"   // "register"; a backup was put in its place
	RegisterChained   Action = "register.chained"    // "register"; by the system, when a register of version 1 got its chain
)

// Actions returns the closed list in its documented order; a fresh slice each time.
func Actions() []Action {
	return []Action{
		PartnerCreated, PartnerClosed, ReviewRequested, ReviewStarted, ReviewChecked, ReviewApproved, ReviewSuspended,
		ReviewResumed, ReviewWithdrawn, ReviewClosed, EvidenceAdded, CommentAdded, CredentialIssued, CredentialRotated,
		CredentialRevoked, CredentialLocked, CredentialOpened, CredentialBound, RotationScheduled, VersionRetired,
		SecretChanged, TokensRevoked, NetworkAllowed, NetworkRemoved, LimitSet, LimitRemoved, EndpointAdded, EndpointVerified,
		EndpointFailed, EndpointDisabled, EndpointRemoved, EndpointRotated,
		ProposalMade, ProposalEdited, ProposalApproved, ProposalRejected, ProposalWithdrawn, ProposalApplied, ProposalExpired,
		SettingsChanged, AccountInvited, AccountChanged, AccountDisabled, AccountEnabled, AccountSignedIn, AccountSignedOut,
		AccountKeyAdded, AccountKeyRemoved, AccountRecovered, MemberInvited, MemberChanged, MemberDisabled, MemberEnabled,
		MemberSignedIn, MemberSignedOut, MemberKeyAdded, MemberKeyRemoved, MemberRecovered, ServiceCreated, ServiceRevoked, BreakGlassMade, BreakGlassOpened,
		BreakGlassEnded, AttemptRefused, RecordExported,
		SealingKeyMade, SealingKeyRotated, SealingKeyDropped, SecretsResealed, KeyAdded, KeyRetired, RegisterRestored,
		RegisterChained,
	}
}

// Known reports whether a is one of Actions.
func (a Action) Known() bool { return slices.Contains(Actions(), a) }
