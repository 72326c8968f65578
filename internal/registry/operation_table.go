package registry

import (
	"errors"
	"fmt"
)

// parseOperation reads an operation strictly, and finds what executes it. It is the one table from names to functions. What it
// returns has not been located yet. Errors: ErrArgument.
func parseOperation(op Operation) (command, error) {
	if err := op.checkScope(); err != nil {
		return command{}, err
	}
	for _, table := range []func(Operation) (command, error){partnerOperation, reviewOperation, credentialOperation, otherOperation} {
		if c, err := table(op); !errors.Is(err, errOtherTable) {
			return c, err
		}
	}
	return command{}, fmt.Errorf("%w: %q is no operation", ErrArgument, clip(string(op.Name), 60))
}

// errOtherTable says that an operation is not in this part of the table.
var errOtherTable = errors.New("not in this table")

func partnerOperation(op Operation) (command, error) {
	switch op.Name {
	case OpPartnerCreate:
		return bind(op, (*Registry).doPartnerCreate)
	case OpPartnerClose:
		return bind(op, (*Registry).doPartnerClose)
	case OpPartnerUnlock:
		return bind(op, (*Registry).doPartnerUnlock)
	case OpNetworkAllow:
		return bind(op, (*Registry).doNetworkAllow)
	case OpNetworkRemove:
		return bind(op, (*Registry).doNetworkRemove)
	case OpLimitSet:
		return bind(op, (*Registry).doLimitSet)
	case OpLimitRemove:
		return bind(op, (*Registry).doLimitRemove)
	case OpEndpointAdd:
		return bind(op, (*Registry).doEndpointAdd)
	case OpEndpointVerify:
		return bind(op, (*Registry).doEndpointVerify)
	case OpEndpointDisable:
		return bind(op, (*Registry).doEndpointDisable)
	case OpEndpointRemove:
		return bind(op, (*Registry).doEndpointRemove)
	case OpEndpointRotate:
		return bind(op, (*Registry).doEndpointRotate)
	case OpMemberInvite:
		return bind(op, (*Registry).doMemberInvite)
	case OpMemberReinvite:
		return bind(op, (*Registry).doMemberReinvite)
	case OpMemberDisable:
		return bind(op, (*Registry).doMemberDisable)
	case OpMemberEnable:
		return bind(op, (*Registry).doMemberEnable)
	}
	return command{}, errOtherTable
}

func reviewOperation(op Operation) (command, error) {
	switch op.Name {
	case OpReviewRequest:
		return bind(op, (*Registry).doReviewRequest)
	case OpReviewStart:
		return bind(op, (*Registry).doReviewStart)
	case OpReviewCheck:
		return bind(op, (*Registry).doReviewCheck)
	case OpReviewApprove:
		return bind(op, (*Registry).doReviewApprove)
	case OpReviewSuspend:
		return bind(op, (*Registry).doReviewSuspend)
	case OpReviewResume:
		return bind(op, (*Registry).doReviewResume)
	case OpReviewWithdraw:
		return bind(op, (*Registry).doReviewWithdraw)
	case OpReviewClose:
		return bind(op, (*Registry).doReviewClose)
	case OpEvidenceAdd:
		return bind(op, (*Registry).doEvidenceAdd)
	case OpCommentAdd:
		return bind(op, (*Registry).doCommentAdd)
	}
	return command{}, errOtherTable
}

func credentialOperation(op Operation) (command, error) {
	switch op.Name {
	case OpCredentialIssue:
		return bind(op, (*Registry).doCredentialIssue)
	case OpCredentialRotate:
		return bind(op, (*Registry).doCredentialRotate)
	case OpCredentialRevoke:
		return bind(op, (*Registry).doCredentialRevoke)
	case OpCredentialUnlock:
		return bind(op, (*Registry).doCredentialUnlock)
	case OpCredentialBind:
		return bind(op, (*Registry).doCredentialBind)
	case OpCredentialSchedule:
		return bind(op, (*Registry).doCredentialSchedule)
	case OpCredentialRetire:
		return bind(op, (*Registry).doCredentialRetire)
	case OpTokensRevoke:
		return bind(op, (*Registry).doTokensRevoke)
	}
	return command{}, errOtherTable
}

func otherOperation(op Operation) (command, error) {
	switch op.Name {
	case OpSealingKeyRotate:
		return bind(op, (*Registry).doSealingKeyRotate)
	case OpSealingKeyDrop:
		return bind(op, (*Registry).doSealingKeyDrop)
	case OpRegisterApply:
		return bind(op, (*Registry).doRegisterApply)
	case OpAccountInvite:
		return bind(op, (*Registry).doAccountInvite)
	case OpAccountChange:
		return bind(op, (*Registry).doAccountChange)
	case OpAccountDisable:
		return bind(op, (*Registry).doAccountDisable)
	case OpAccountEnable:
		return bind(op, (*Registry).doAccountEnable)
	case OpServiceCreate:
		return bind(op, (*Registry).doServiceCreate)
	case OpServiceRevoke:
		return bind(op, (*Registry).doServiceRevoke)
	case OpBreakGlassMake:
		return bind(op, (*Registry).doBreakGlassMake)
	case OpBreakGlassEnd:
		return bind(op, (*Registry).doBreakGlassEnd)
	case OpSettingsApprovals:
		return bind(op, (*Registry).doSettingsApprovals)
	}
	return command{}, errOtherTable
}

// checkScope holds an operation to the partner and the environment that its kind has, so that none is counted, shown or approved
// under a name that it does not concern.
func (o Operation) checkScope() error {
	ofPartner, ofEnvironment := o.Name.scope()
	switch {
	case ofPartner != (o.PartnerID != "") || len(o.PartnerID) > 200:
		return fmt.Errorf("%w: %s %s", ErrArgument, clip(string(o.Name), 60), need(ofPartner, "partner"))
	case ofEnvironment != (o.Environment != ""):
		return fmt.Errorf("%w: %s %s", ErrArgument, clip(string(o.Name), 60), need(ofEnvironment, "environment"))
	case ofEnvironment:
		return checkEnvironment(o.Environment)
	}
	return nil
}

func need(it bool, what string) string {
	if it {
		return "names its " + what
	}
	return "names no " + what
}

// scope says whether an operation concerns one partner, and one environment.
func (n OperationName) scope() (ofPartner, ofEnvironment bool) {
	switch n {
	case OpPartnerClose, OpPartnerUnlock, OpMemberInvite, OpMemberReinvite, OpMemberDisable, OpMemberEnable:
		return true, false
	case OpSealingKeyRotate, OpSealingKeyDrop:
		return false, true
	case OpPartnerCreate, OpRegisterApply, OpAccountInvite, OpAccountChange, OpAccountDisable, OpAccountEnable, OpServiceCreate,
		OpServiceRevoke, OpBreakGlassMake, OpBreakGlassEnd, OpSettingsApprovals:
		return false, false
	}
	return true, true
}
