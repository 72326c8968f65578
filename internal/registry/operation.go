package registry

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"countersign.dev/internal/audit"
)

// Errors of operations and proposals, beside those of the use cases.
var (
	// ErrStale says that what was looked at is not what is there any more: read it again, then decide.
	ErrStale = errors.New("it has changed since it was read")
	// ErrIdempotency says that an idempotency key was used for another operation before.
	ErrIdempotency = errors.New("this idempotency key was used for another operation")
)

// OperationName names one change that can be asked for as data. The list is closed.
type OperationName string

// The operations. Each has a struct of parameters of the same name, "network.allow": NetworkAllow.
const (
	OpPartnerCreate      OperationName = "partner.create"
	OpPartnerClose       OperationName = "partner.close"
	OpPartnerUnlock      OperationName = "partner.unlock"
	OpReviewRequest      OperationName = "review.request"
	OpReviewStart        OperationName = "review.start"
	OpReviewCheck        OperationName = "review.check"
	OpReviewApprove      OperationName = "review.approve"
	OpReviewSuspend      OperationName = "review.suspend"
	OpReviewResume       OperationName = "review.resume"
	OpReviewWithdraw     OperationName = "review.withdraw"
	OpReviewClose        OperationName = "review.close"
	OpEvidenceAdd        OperationName = "evidence.add"
	OpCommentAdd         OperationName = "comment.add"
	OpCredentialIssue    OperationName = "credential.issue"
	OpCredentialRotate   OperationName = "credential.rotate"
	OpCredentialRevoke   OperationName = "credential.revoke"
	OpCredentialUnlock   OperationName = "credential.unlock"
	OpCredentialBind     OperationName = "credential.bind"
	OpCredentialSchedule OperationName = "credential.schedule"
	OpCredentialRetire   OperationName = "credential.retire"
	OpTokensRevoke       OperationName = "tokens.revoke"
	OpNetworkAllow       OperationName = "network.allow"
	OpNetworkRemove      OperationName = "network.remove"
	OpLimitSet           OperationName = "limit.set"
	OpLimitRemove        OperationName = "limit.remove"
	OpEndpointAdd        OperationName = "endpoint.add"
	OpEndpointVerify     OperationName = "endpoint.verify"
	OpEndpointDisable    OperationName = "endpoint.disable"
	OpEndpointRemove     OperationName = "endpoint.remove"
	OpEndpointRotate     OperationName = "endpoint.rotate"
	OpMemberInvite       OperationName = "member.invite"
	OpMemberReinvite     OperationName = "member.reinvite"
	OpMemberDisable      OperationName = "member.disable"
	OpMemberEnable       OperationName = "member.enable"
	OpSealingKeyRotate   OperationName = "sealing_key.rotate"
	OpSealingKeyDrop     OperationName = "sealing_key.drop"
	OpRegisterApply      OperationName = "register.apply"
	OpAccountInvite      OperationName = "account.invite"
	OpAccountChange      OperationName = "account.change"
	OpAccountDisable     OperationName = "account.disable"
	OpAccountEnable      OperationName = "account.enable"
	OpServiceCreate      OperationName = "service.create"
	OpServiceRevoke      OperationName = "service.revoke"
	OpBreakGlassMake     OperationName = "break_glass.make"
	OpBreakGlassEnd      OperationName = "break_glass.end"
	OpSettingsApprovals  OperationName = "settings.approvals"
)

// OperationNames returns the closed list in its documented order; a fresh slice each time.
func OperationNames() []OperationName {
	return []OperationName{
		OpPartnerCreate, OpPartnerClose, OpPartnerUnlock, OpReviewRequest, OpReviewStart, OpReviewCheck, OpReviewApprove,
		OpReviewSuspend, OpReviewResume, OpReviewWithdraw, OpReviewClose, OpEvidenceAdd, OpCommentAdd, OpCredentialIssue,
		OpCredentialRotate, OpCredentialRevoke, OpCredentialUnlock, OpCredentialBind, OpCredentialSchedule, OpCredentialRetire,
		OpTokensRevoke, OpNetworkAllow, OpNetworkRemove, OpLimitSet, OpLimitRemove, OpEndpointAdd, OpEndpointVerify,
		OpEndpointDisable, OpEndpointRemove, OpEndpointRotate, OpMemberInvite, OpMemberReinvite, OpMemberDisable, OpMemberEnable,
		OpSealingKeyRotate, OpSealingKeyDrop, OpRegisterApply,
		OpAccountInvite, OpAccountChange, OpAccountDisable, OpAccountEnable, OpServiceCreate, OpServiceRevoke,
		OpBreakGlassMake, OpBreakGlassEnd, OpSettingsApprovals,
	}
}

// Operation is one change that somebody asks for, as data: it can wait, be shown, and be approved by its digest. Whom it
// concerns is said twice where Params name a row: Do refuses an operation whose partner or environment is not that row's, so
// that a permission that was checked for one environment never changes another one. Locate fills both in.
type Operation struct {
	Name        OperationName   `json:"name"`
	PartnerID   string          `json:"partner,omitempty"`     // empty: it concerns no one partner
	Environment string          `json:"environment,omitempty"` // empty: it concerns no one environment
	Params      json.RawMessage `json:"params"`                // the JSON of the name's struct; empty: {}
}

// NewOperation makes an operation of the parameters of its name. Errors: those of encoding params as JSON.
func NewOperation(name OperationName, partnerID, environment string, params any) (Operation, error) {
	raw, err := encodeJSON(params)
	if err != nil {
		return Operation{}, fmt.Errorf("make operation %s: %w", name, err)
	}
	return Operation{Name: name, PartnerID: partnerID, Environment: environment, Params: raw}, nil
}

const operationLabel = "countersign operation 1\n"

// Digest is SHA-256 over a label and each field with its length before it. Two operations that change anything differently have
// different ones; Locate gives the one form of Params that is digested wherever it counts.
func (o Operation) Digest() [32]byte {
	return digestOf(operationLabel, []byte(o.Name), []byte(o.PartnerID), []byte(o.Environment), o.Params)
}

// digestOf hashes fields, each with its length before it, so that no two lists share an input.
func digestOf(label string, fields ...[]byte) [32]byte {
	b := append(make([]byte, 0, 512), label...)
	for _, f := range fields {
		b = binary.BigEndian.AppendUint64(b, uint64(len(f)))
		b = append(b, f...)
	}
	return sha256.Sum256(b)
}

// MaxIdempotencyKey is how long an idempotency key may be.
const MaxIdempotencyKey = 200

// MaxIfMatch is how many rows one Intent can be conditional on.
const MaxIfMatch = 32

// Intent is how somebody asks for an operation. The zero value asks for it once, without a reason, whatever is there now.
// Permissions are the caller's to check, before.
type Intent struct {
	Reason         string        // one line of at most 500 bytes, for people; goes into the record
	IdempotencyKey string        // 1 to MaxIdempotencyKey visible ASCII characters; empty: none
	IfMatch        []audit.Touch // rows and the digests that they must have (ETag); a zero digest: the row must not be there
	Bypass         bool          // a break-glass session acts without a second person; ErrActor for any other kind of actor
}

func (in Intent) check(actor Actor) error {
	if err := checkLine("a reason", in.Reason, maxReason); err != nil {
		return err
	}
	if len(in.IdempotencyKey) > MaxIdempotencyKey ||
		strings.ContainsFunc(in.IdempotencyKey, func(c rune) bool { return c < '!' || c > '~' }) {
		return fmt.Errorf("%w: an idempotency key has at most %d visible ASCII characters", ErrArgument, MaxIdempotencyKey)
	}
	if len(in.IfMatch) > MaxIfMatch {
		return fmt.Errorf("%w: a change is conditional on at most %d rows", ErrArgument, MaxIfMatch)
	}
	if in.Bypass && actor.Kind != BreakGlass {
		return fmt.Errorf("%w: only a break-glass session acts without a second person", ErrActor)
	}
	return nil
}
