package operator

import "slices"

// Permission is one thing that a principal may be allowed to do. The list is closed.
type Permission string

// The permissions. What each stands for is told by Means.
const (
	PartnersRead      Permission = "partners.read"
	PartnersWrite     Permission = "partners.write"
	ReviewsWrite      Permission = "reviews.write"
	ReviewsApprove    Permission = "reviews.approve"
	PartnersSuspend   Permission = "partners.suspend"
	CredentialsWrite  Permission = "credentials.write"
	CredentialsRevoke Permission = "credentials.revoke"
	NetworksWrite     Permission = "networks.write"
	LimitsWrite       Permission = "limits.write"
	EndpointsWrite    Permission = "endpoints.write"
	MembersWrite      Permission = "members.write"
	ProposalsApprove  Permission = "proposals.approve"
	WhatIfRun         Permission = "whatif.run"
	DecisionsRead     Permission = "decisions.read"
	ChangesRead       Permission = "changes.read"
	RecordsExport     Permission = "records.export"
	AccountsRead      Permission = "accounts.read"
	AccountsWrite     Permission = "accounts.write"
	SettingsWrite     Permission = "settings.write"
	KeysWrite         Permission = "keys.write"
	RegisterApply     Permission = "register.apply"
	NodesRead         Permission = "nodes.read"
)

// rule is one row of the policy.
type rule struct {
	permission Permission
	roles      []Role
	wide       bool // reaches into every environment: nobody who is confined to some has it, wherever they are
	means      string
}

// policy is the whole of who may do what; docs/reference/roles.md is made of it. Nobody has a permission by any other way.
var policy = []rule{
	{PartnersRead, []Role{Viewer, Operator, Approver, Auditor, Admin}, false,
		"see partners, reviews, credentials without secrets, networks, limits, endpoints, proposals"},
	{PartnersWrite, []Role{Operator}, false, "add and close partners, unlock them"},
	{ReviewsWrite, []Role{Operator}, false, "ask for a review, work on its checklist, add evidence and comments, withdraw"},
	{ReviewsApprove, []Role{Approver}, false, "approve a review that somebody else asked for"},
	{PartnersSuspend, []Role{Operator, Approver}, false, "suspend a partner in an environment, ask for its return"},
	{CredentialsWrite, []Role{Operator}, false, "issue, rotate, bind, schedule and retire credentials"},
	{CredentialsRevoke, []Role{Operator, Approver}, false, "revoke credentials and access tokens"},
	{NetworksWrite, []Role{Operator}, false, "add and remove network rules"},
	{LimitsWrite, []Role{Operator}, false, "set and remove limits"},
	{EndpointsWrite, []Role{Operator}, false, "register, verify, disable and remove webhook endpoints"},
	{MembersWrite, []Role{Operator}, false, "invite people of partners to the portal, disable and enable them"},
	{ProposalsApprove, []Role{Approver}, false, "approve or reject what somebody else proposed"},
	{WhatIfRun, []Role{Operator, Approver}, false, "replay a proposed change against the recorded decisions"},
	{DecisionsRead, []Role{Viewer, Operator, Approver, Auditor, Admin}, false, "search decisions, see why a request was refused"},
	{ChangesRead, []Role{Auditor, Admin}, true, "search the record of changes"},
	{RecordsExport, []Role{Auditor}, true, "export both records and the checkpoints"},
	{AccountsRead, []Role{Admin}, true, "see accounts, service accounts, sessions and break-glass codes"},
	{AccountsWrite, []Role{Admin}, true, "change accounts, service accounts and break-glass codes, end sessions"},
	{SettingsWrite, []Role{Admin}, true, "change what needs how many approvals"},
	{KeysWrite, []Role{Admin}, false, "rotate and drop sealing keys"},
	{RegisterApply, []Role{Operator}, true, "apply a declarative file"},
	{NodesRead, []Role{Viewer, Operator, Approver, Auditor, Admin}, false, "see what the nodes serve"},
}

// Permissions returns the closed list in its documented order; a fresh slice each time.
func Permissions() []Permission {
	list := make([]Permission, 0, len(policy))
	for _, row := range policy {
		list = append(list, row.permission)
	}
	return list
}

// Known reports whether p is one of Permissions.
func (p Permission) Known() bool { _, ok := p.rule(); return ok }

// Means says in words what p allows; empty for what is not known.
func (p Permission) Means() string { row, _ := p.rule(); return row.means }

// Roles are the roles that have p.
func (p Permission) Roles() []Role { row, _ := p.rule(); return slices.Clone(row.roles) }

// Wide reports whether p reaches into every environment by its nature, so that nobody who is confined to some of them has it.
func (p Permission) Wide() bool { row, _ := p.rule(); return row.wide }

// Approves reports whether p is the second person's: only accounts of people have it.
func (p Permission) Approves() bool { return p == ReviewsApprove || p == ProposalsApprove }

func (p Permission) rule() (rule, bool) {
	i := slices.IndexFunc(policy, func(row rule) bool { return row.permission == p })
	if i < 0 {
		return rule{}, false
	}
	return policy[i], true
}
