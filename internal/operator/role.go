// Package operator holds the nouns of those who run a register: accounts of people, service accounts, break-glass codes, the
// permissions that they have, and the principal in whose name one request acts. Members, people of partners who use the portal, are
// accounts without any of that. It does no I/O and knows no store, no protocol
// and no other package of this module.
//
// It refuses: a role or a permission that is not in the closed lists, a service account without an end or with the power to
// approve, a token whose form or checksum is not exact.
//
// The attacks it answers: a role that grows quietly (the table of roles and permissions is one literal here, and a test prints
// it), a service account that approves what a service account asked for, a principal of one environment that acts in another
// (security rule 11).
package operator

import (
	"errors"
	"slices"
)

// Role is a named set of permissions that an account can have. A person may have several; four eyes hold for each person all
// the same. The zero value is no role.
type Role string

// The roles. None of them can both ask for a change and approve one.
const (
	Viewer   Role = "viewer"   // reads partners, nodes and decisions
	Operator Role = "operator" // asks for changes of partners and what they may do; asks what-if
	Approver Role = "approver" // approves reviews and proposals; asks what-if
	Auditor  Role = "auditor"  // reads and exports both records
	Admin    Role = "admin"    // accounts, settings, keys, and the record of changes
)

// ErrInvalid is wrapped by every error of a Validate or Parse of this package.
var ErrInvalid = errors.New("invalid")

// Roles returns the closed list in its documented order; a fresh slice each time.
func Roles() []Role { return []Role{Viewer, Operator, Approver, Auditor, Admin} }

// Known reports whether r is one of Roles.
func (r Role) Known() bool { return slices.Contains(Roles(), r) }

// Permissions is what r allows, in the order of Permissions; of an unknown role nothing.
func (r Role) Permissions() []Permission {
	var list []Permission
	for _, row := range policy {
		if slices.Contains(row.roles, r) {
			list = append(list, row.permission)
		}
	}
	return list
}

// PermissionsOf is what several roles allow together, in the order of Permissions, each once.
func PermissionsOf(roles []Role) []Permission {
	var list []Permission
	for _, row := range policy {
		if slices.ContainsFunc(row.roles, func(r Role) bool { return slices.Contains(roles, r) }) {
			list = append(list, row.permission)
		}
	}
	return list
}
