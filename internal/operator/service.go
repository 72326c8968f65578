package operator

import (
	"fmt"
	"strings"
	"time"
)

// MaxServiceLifetime is how long the token of a service account may count.
const MaxServiceLifetime = 366 * 24 * time.Hour

// MaxBreakGlass is how long one break-glass session lasts.
const MaxBreakGlass = time.Hour

// ServiceAccount is a program that drives the admin API with one token. It never approves.
type ServiceAccount struct {
	ID           string       `json:"id"`           // "svc_" and 26 characters
	Name         string       `json:"name"`         // what the record calls it; unique for good, also among revoked ones
	Roles        []Role       `json:"roles"`        // with Permissions: what it may do; not both empty
	Permissions  []Permission `json:"permissions"`  //
	Environments []string     `json:"environments"` // the only ones that it may act in; null: all
	NotAfter     time.Time    `json:"not_after"`    // the last moment that its token counts; required (security rule 36)
	TokenHash    string       `json:"token_hash"`   // lower-case hex of SHA-256 of the token
	CreatedAt    time.Time    `json:"created_at"`
	CreatedBy    string       `json:"created_by"`          // actor
	RevokedAt    time.Time    `json:"revoked_at,omitzero"` // zero: not revoked

	UsedAt time.Time `json:"-"` // about when the token was last used, to the hour; zero: never, or not known any more; in no record
}

// Live reports whether the token of s counts at now.
func (s ServiceAccount) Live(now time.Time) bool {
	return s.RevokedAt.IsZero() && !now.After(s.NotAfter)
}

// Allowed is all that s may do: of its roles and permissions together, but for what is of people alone.
func (s ServiceAccount) Allowed() []Permission {
	has := map[Permission]bool{}
	for _, p := range append(PermissionsOf(s.Roles), s.Permissions...) {
		has[p] = !p.Approves()
	}
	var list []Permission
	for _, p := range Permissions() {
		if has[p] {
			list = append(list, p)
		}
	}
	return list
}

// Validate reports what is wrong with s, or nil.
func (s ServiceAccount) Validate() error {
	if err := CheckHandle(s.Name); err != nil {
		return err
	}
	if len(s.Roles) > 0 {
		if err := CheckRoles(s.Roles); err != nil {
			return err
		}
	}
	for i, p := range s.Permissions {
		if !p.Known() || i >= len(policy) {
			return fmt.Errorf("%w: %q is no permission; they are %v", ErrInvalid, p, Permissions())
		}
		if p.Approves() {
			return fmt.Errorf("%w: %s is of people alone: a service account never approves", ErrInvalid, p)
		}
	}
	if len(s.Allowed()) == 0 {
		return fmt.Errorf("%w: a service account has a role or a permission that a service account can have", ErrInvalid)
	}
	if s.NotAfter.IsZero() || s.NotAfter.Sub(s.CreatedAt) > MaxServiceLifetime || !s.NotAfter.After(s.CreatedAt) {
		return fmt.Errorf("%w: the token of a service account ends at a time within %d days from now", ErrInvalid,
			MaxServiceLifetime/(24*time.Hour))
	}
	return CheckEnvironments(s.Environments)
}

// CheckHandle refuses what cannot be the name of a service account or of a break-glass code: 1 to 60 of a-z, 0-9, - and _,
// which begins with a letter or digit, and not as a row identity does: both are looked up by either.
func CheckHandle(name string) error {
	bad := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' }
	if name == "" || len(name) > 60 || strings.ContainsFunc(name, bad) || name[0] == '-' || name[0] == '_' {
		return fmt.Errorf("%w: a name like this has 1 to 60 of a-z, 0-9, - and _, and begins with a letter or digit", ErrInvalid)
	}
	for _, id := range []string{"svc_", "bgl_"} {
		if strings.HasPrefix(name, id) {
			return fmt.Errorf("%w: a name does not begin with %s, as an identity does", ErrInvalid, id)
		}
	}
	return nil
}

// BreakGlassCode lets whoever holds it act once, for a while, with every permission and without a second person. It is made in
// advance and kept in a safe place.
type BreakGlassCode struct {
	ID        string    `json:"id"`   // "bgl_" and 26 characters
	Name      string    `json:"name"` // what the record calls whoever uses it; unique for good
	CodeHash  string    `json:"code_hash"`
	MadeBy    string    `json:"made_by"` // actor
	CreatedAt time.Time `json:"created_at"`
	NotAfter  time.Time `json:"not_after,omitzero"` // the last moment that it can be used; zero: no end
	OpenedAt  time.Time `json:"opened_at,omitzero"` // zero: not used yet
	OpenedFor string    `json:"opened_for,omitempty"`
	EndsAt    time.Time `json:"ends_at,omitzero"`  // the end of the session, set when it is opened
	EndedAt   time.Time `json:"ended_at,omitzero"` // set when it was ended, or when its end was recorded
}

// BreakGlassState says what became of a code.
type BreakGlassState string

// The states of a break-glass code.
const (
	BreakGlassReady   BreakGlassState = "ready"
	BreakGlassOpen    BreakGlassState = "open" // somebody acts with it now
	BreakGlassEnded   BreakGlassState = "ended"
	BreakGlassExpired BreakGlassState = "expired" // was never used
)

// State is what has become of b at now.
func (b BreakGlassCode) State(now time.Time) BreakGlassState {
	switch {
	case !b.EndedAt.IsZero():
		return BreakGlassEnded
	case !b.OpenedAt.IsZero() && now.After(b.EndsAt):
		return BreakGlassEnded
	case !b.OpenedAt.IsZero():
		return BreakGlassOpen
	case !b.NotAfter.IsZero() && now.After(b.NotAfter):
		return BreakGlassExpired
	}
	return BreakGlassReady
}
