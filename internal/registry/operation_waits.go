package registry

// waitRule says by what it is decided whether an operation waits for a second person.
type waitRule int

const (
	never         waitRule = iota // it narrows access, repeats what was approved, or is four-eyes by itself
	byEnvironment                 // by the settings of its environment
	byPartner                     // by the strictest environment in which its partner has a review: it reaches into all of them
	byDesired                     // by the strictest environment that a declarative file names
	byAccounts                    // by Approvals.Accounts
	bySettings                    // by Approvals.Settings
)

// waitRule is the table of what waits. What widens access waits, and what cannot be taken back. What narrows it never does: nobody
// should need a second person to shut a door. An unknown operation is never executed.
func (n OperationName) waitRule() waitRule {
	switch n {
	case OpReviewResume, OpReviewClose, OpCredentialIssue, OpCredentialRotate, OpCredentialBind, OpCredentialSchedule,
		OpNetworkAllow, OpNetworkRemove, OpLimitSet, OpLimitRemove, OpEndpointAdd, OpEndpointRotate, OpSealingKeyDrop:
		return byEnvironment
	case OpPartnerClose:
		return byPartner
	case OpRegisterApply:
		return byDesired
	case OpAccountInvite, OpAccountChange, OpAccountEnable, OpServiceCreate, OpBreakGlassMake:
		return byAccounts
	case OpSettingsApprovals:
		return bySettings
	}
	return never
}

// Waits reports whether an operation can be made to wait for approvals. One that cannot is done at once, whatever the settings.
func (n OperationName) Waits() bool { return n.waitRule() != never }

// Outlasts reports whether an operation makes or changes who may act on the register. A break-glass session ends, and so does its way
// in: it does none of these, whatever the settings. Nor does it let a member in, who could ask for things in its place.
func (n OperationName) Outlasts() bool {
	switch n {
	case OpMemberInvite, OpMemberReinvite, OpMemberEnable:
		return true
	}
	return n.waitRule() == byAccounts || n.waitRule() == bySettings
}

// YieldsSecret reports whether an operation makes a secret that is shown once. When such a one is approved, it waits for the
// person who asked to apply it, so that the approver never sees the secret.
func (n OperationName) YieldsSecret() bool {
	switch n {
	case OpCredentialIssue, OpCredentialRotate, OpEndpointAdd, OpEndpointRotate, OpAccountInvite, OpServiceCreate,
		OpBreakGlassMake, OpMemberInvite, OpMemberReinvite:
		return true
	}
	return false
}
