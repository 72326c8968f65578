package operator

import (
	"errors"
	"slices"
	"time"
)

// ErrNotSignedIn says that a request carries nothing that proves a principal: no session and no token, or one that is unknown,
// has ended, or belongs to an account that is disabled. Which of them is never told outside.
var ErrNotSignedIn = errors.New("not signed in")

// Kind says what sort of principal acts.
type Kind string

// The kinds of principal. A person's sign-in and a terminal that the person let in are both KindAccount.
const (
	KindAccount    Kind = "operator"
	KindService    Kind = "service"
	KindBreakGlass Kind = "break_glass"

	// KindMember is a person of a partner, who signs in at the portal. A member has no permissions: what a member may do is
	// registry.DoAsMember's to say, and the operators' plane knows nobody of this kind.
	KindMember Kind = "member"
)

// Principal is in whose name one request acts, as it stands at that request: roles and scope are read anew each time. The zero
// value may do nothing. It is a value: whoever has one does not change its slices.
type Principal struct {
	Kind         Kind
	ID           string       // row identity of the account, the service account or the break-glass code
	Name         string       // what the record calls it: the account's login, the service account's or the code's name
	Roles        []Role       // empty for break-glass, and for a service account that has permissions alone
	Permissions  []Permission // all that it may do; in the order of Permissions
	Environments []string     // the only environments it may act in or see; nil: all; empty and not nil: none
	ExpiresAt    time.Time    // when the session or token ends at the latest; never zero
	SessionID    string       // "ses_..." of a session; empty for a service account
	PartnerID    string       // of a member: the only partner that the member acts for; empty for everybody else
}

// BreakGlass reports whether p acts without a second person: registry.Intent.Bypass.
func (p Principal) BreakGlass() bool { return p.Kind == KindBreakGlass }

// Person reports whether p is an account of a person: nobody else approves.
func (p Principal) Person() bool { return p.Kind == KindAccount }

// May reports whether p may do what permission allows, in an environment. An empty environment stands for what is of none:
// a partner's name, the list of nodes. A wide permission (Permission.Wide) is had by principals of all environments alone; so
// is, by MayEverywhere, what concerns one partner but reaches into all its environments.
func (p Principal) May(permission Permission, environment string) bool {
	if !slices.Contains(p.Permissions, permission) || permission.Approves() && p.Kind == KindService {
		return false
	}
	if permission.Wide() && p.Confined() {
		return false
	}
	return environment == "" || p.Sees(environment)
}

// MayEverywhere is May for an act whose effect is not confined to one environment, as closing a partner is.
func (p Principal) MayEverywhere(permission Permission) bool {
	return !p.Confined() && p.May(permission, "")
}

// Confined reports whether p is bound to some environments.
func (p Principal) Confined() bool { return p.Environments != nil }

// Sees reports whether p may know of an environment: of another one's rows it is told that they are not there.
func (p Principal) Sees(environment string) bool {
	return p.Environments == nil || slices.Contains(p.Environments, environment)
}
