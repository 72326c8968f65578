package operator

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Origin is how an account proves who it is.
type Origin string

// The origins. An account that was invited has none until its link is used.
const (
	ByPasskey Origin = "passkey"
	ByOIDC    Origin = "oidc"
	ByDemo    Origin = "demo" // of dev alone: signed in by the link that dev prints, without a proof
)

// Bounds of accounts.
const (
	MaxPasskeys     = 10
	MaxEnvironments = 50
	RecoveryCodes   = 10 // codes of one set
	MaxInviters     = 20 // who made links of one member
)

// State says whether an account can be used.
type State string

// The states of an account.
const (
	Invited  State = "invited"  // its link was not used yet
	Active   State = "active"   //
	Disabled State = "disabled" // nobody acts in its name until an admin enables it
)

// Account is a person who runs the register; or, where it names a partner, a member: a person of that partner, who uses the portal
// and has neither roles nor environments. The two are kept apart as kinds of their own, and their logins have nothing to do with
// each other.
type Account struct {
	ID           string    `json:"id"`                     // "opr_" or "mbr_" and 26 characters; also the WebAuthn user handle: never changes
	Login        string    `json:"login,omitempty"`        // as CheckLogin says; unique, never changes; empty: the first admin's until the link is used
	Name         string    `json:"name,omitempty"`         // for people; may be empty
	Roles        []Role    `json:"roles,omitempty"`        // in the order of Roles
	Environments []string  `json:"environments"`           // the only ones that it may act in; null: all
	Origin       Origin    `json:"origin,omitempty"`       // empty: invited
	Issuer       string    `json:"issuer,omitempty"`       // ByOIDC: with Subject the identity, for good
	Subject      string    `json:"subject,omitempty"`      //
	OwnRoles     bool      `json:"own_roles,omitempty"`    // the register says the roles, not the provider's groups; always true for ByPasskey
	Passkeys     []Passkey `json:"passkeys,omitempty"`     // in the order in which they came
	Recovery     []string  `json:"recovery,omitempty"`     // hashes of the recovery codes that are left, lower-case hex of SHA-256
	DisabledAt   time.Time `json:"disabled_at,omitzero"`   // zero: not disabled
	SignedInAt   time.Time `json:"signed_in_at,omitzero"`  // zero: never
	CreatedAt    time.Time `json:"created_at"`             //
	InvitedUntil time.Time `json:"invited_until,omitzero"` // the end of the newest link; zero: none was made, or it was used
	PartnerID    string    `json:"partner,omitempty"`      // of a member: whose person it is, for good; empty: an account of an operator
	InvitedBy    []string  `json:"invited_by,omitempty"`   // of a member: the actors who made its links, each once, at most MaxInviters
}

// Passkey is one WebAuthn credential of an account.
type Passkey struct {
	ID         string          `json:"id"`         // base64url of the credential id, without padding
	Name       string          `json:"name"`       // for people: "laptop"
	Credential json.RawMessage `json:"credential"` // the whole credential record as the WebAuthn library writes it, flags and counter included
	AddedAt    time.Time       `json:"added_at"`
	UsedAt     time.Time       `json:"used_at,omitzero"` // zero: never
}

// State is whether a can be used.
func (a Account) State() State {
	switch {
	case !a.DisabledAt.IsZero():
		return Disabled
	case a.Origin == "":
		return Invited
	}
	return Active
}

// Is reports whether a is active and has a role.
func (a Account) Is(role Role) bool {
	for _, r := range a.Roles {
		if r == role {
			return a.State() == Active
		}
	}
	return false
}

// Validate reports what is wrong with a, or nil.
func (a Account) Validate() error {
	switch {
	case a.Login == "" && a.Origin != "":
		return fmt.Errorf("%w: an account that can be used has a login", ErrInvalid)
	case len(a.Passkeys) > MaxPasskeys:
		return fmt.Errorf("%w: an account has at most %d passkeys; remove one first", ErrInvalid, MaxPasskeys)
	case len(a.Recovery) > RecoveryCodes:
		return fmt.Errorf("%w: an account has at most %d recovery codes", ErrInvalid, RecoveryCodes)
	case a.Origin == ByOIDC && (a.Issuer == "" || a.Subject == "" || len(a.Issuer)+len(a.Subject) > 450):
		return fmt.Errorf("%w: an identity of a provider has an issuer and a subject of together at most 450 bytes", ErrInvalid)
	}
	if a.Login != "" {
		if err := CheckLogin(a.Login); err != nil {
			return err
		}
	}
	if err := CheckName(a.Name); err != nil {
		return err
	}
	if a.Member() {
		return a.validateMember()
	}
	if err := CheckRoles(a.Roles); err != nil {
		return err
	}
	return CheckEnvironments(a.Environments)
}

// Member reports whether a is a person of a partner.
func (a Account) Member() bool { return a.PartnerID != "" }

// validateMember holds a member to what members are: nobody with a role, and nobody of a provider of operators' identities.
func (a Account) validateMember() error {
	switch {
	case a.Login == "":
		return fmt.Errorf("%w: a member has a login", ErrInvalid)
	case len(a.Roles) > 0 || a.Environments != nil:
		return fmt.Errorf("%w: a member has no roles and no environments", ErrInvalid)
	case a.Origin == ByOIDC || a.Issuer != "" || a.Subject != "":
		return fmt.Errorf("%w: a member signs in with passkeys", ErrInvalid)
	case len(a.InvitedBy) > MaxInviters:
		return fmt.Errorf("%w: the links of one member were made by at most %d people and programs; disable it, and invite the person "+
			"under another login", ErrInvalid, MaxInviters)
	}
	return nil
}

// CheckLogin refuses what is not a login: like an email address, in lower case, 3 to 200 bytes of visible ASCII with one @
// that has something on both sides. The @ keeps logins apart from the names of the operating system's users, which the local
// command line acts as.
func CheckLogin(login string) error {
	name, host, ok := strings.Cut(login, "@")
	visible := func(r rune) bool {
		return r <= ' ' || r > '~' || r >= 'A' && r <= 'Z' || strings.ContainsRune(`"'\<>,;:()[]`, r)
	}
	if !ok || name == "" || host == "" || strings.Contains(host, "@") || len(login) > 200 || strings.ContainsFunc(login, visible) {
		return fmt.Errorf("%w: a login looks like alice@example.com: lower-case ASCII, one @, at most 200 bytes", ErrInvalid)
	}
	return nil
}

// FoldLogin is a login as it is kept and compared: ASCII letters in lower case. No other letter becomes one of them, as the Kelvin
// sign would: it is somebody else's mailbox. It checks nothing.
func FoldLogin(login string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, login)
}

// CheckName refuses a name that could not stand in one line of a listing; the empty one is allowed.
func CheckName(name string) error {
	if len(name) > 100 || !oneLine(name) || strings.TrimSpace(name) != name {
		return fmt.Errorf("%w: a name is one line of at most 100 bytes", ErrInvalid)
	}
	return nil
}

// CheckRoles refuses no role, unknown ones and one that comes twice.
func CheckRoles(roles []Role) error {
	seen := map[Role]bool{}
	for _, r := range roles {
		if !r.Known() || seen[r] {
			return fmt.Errorf("%w: roles are of %v, each once", ErrInvalid, Roles())
		}
		seen[r] = true
	}
	if len(roles) == 0 {
		return fmt.Errorf("%w: there is at least one role of %v", ErrInvalid, Roles())
	}
	return nil
}

// CheckEnvironments refuses names of environments that nothing could have, and one that comes twice. nil: all; empty: refused,
// since it would be a principal that sees nothing.
func CheckEnvironments(environments []string) error {
	seen := map[string]bool{}
	for _, name := range environments {
		bad := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' }
		if name == "" || len(name) > 63 || strings.ContainsFunc(name, bad) || seen[name] {
			return fmt.Errorf("%w: %q is no name of an environment, or comes twice", ErrInvalid, name)
		}
		seen[name] = true
	}
	if environments != nil && len(environments) == 0 || len(environments) > MaxEnvironments {
		return fmt.Errorf("%w: environments are left out for all of them, or 1 to %d are named", ErrInvalid, MaxEnvironments)
	}
	return nil
}

func oneLine(text string) bool {
	bad := func(r rune) bool {
		return unicode.Is(unicode.C, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
	}
	return utf8.ValidString(text) && !strings.ContainsFunc(text, bad)
}
