package operator_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/operator"
)

var moment = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func TestAccountsAreValidated(t *testing.T) {
	good := func() operator.Account {
		return operator.Account{ID: "opr_x", Login: "alice@example.com", Name: "Alice", Roles: []operator.Role{operator.Operator},
			Origin: operator.ByPasskey, CreatedAt: moment}
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*operator.Account){
		"no login":                 func(a *operator.Account) { a.Login = "" },
		"a login like a user's":    func(a *operator.Account) { a.Login = "alice" },
		"a login with capitals":    func(a *operator.Account) { a.Login = "Alice@example.com" },
		"a login with two @":       func(a *operator.Account) { a.Login = "a@b@c" },
		"a login with a space":     func(a *operator.Account) { a.Login = "a b@c" },
		"a login beyond ASCII":     func(a *operator.Account) { a.Login = "аlice@example.com" },
		"a long login":             func(a *operator.Account) { a.Login = strings.Repeat("a", 200) + "@b" },
		"a name of two lines":      func(a *operator.Account) { a.Name = "a\nb" },
		"no role":                  func(a *operator.Account) { a.Roles = nil },
		"an unknown role":          func(a *operator.Account) { a.Roles = []operator.Role{"root"} },
		"a role twice":             func(a *operator.Account) { a.Roles = []operator.Role{operator.Viewer, operator.Viewer} },
		"no environment":           func(a *operator.Account) { a.Environments = []string{} },
		"an environment twice":     func(a *operator.Account) { a.Environments = []string{"a", "a"} },
		"an environment of spaces": func(a *operator.Account) { a.Environments = []string{" "} },
		"an identity of nobody":    func(a *operator.Account) { a.Origin = operator.ByOIDC },
		"too many passkeys":        func(a *operator.Account) { a.Passkeys = make([]operator.Passkey, operator.MaxPasskeys+1) },
		"too many codes":           func(a *operator.Account) { a.Recovery = make([]string, operator.RecoveryCodes+1) },
	} {
		a := good()
		if change(&a); !errors.Is(a.Validate(), operator.ErrInvalid) {
			t.Errorf("%s: %v", name, a.Validate())
		}
	}
}

// A member has nothing by which anybody acts on the register.
func TestMembersAreValidated(t *testing.T) {
	good := func() operator.Account {
		return operator.Account{ID: "mbr_x", PartnerID: "ptn_x", Login: "eve@acme.example", Name: "Eve", Origin: operator.ByPasskey, CreatedAt: moment}
	}
	if err := good().Validate(); err != nil || !good().Member() {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*operator.Account){
		"of no partner":            func(a *operator.Account) { a.PartnerID = "" },
		"without a login":          func(a *operator.Account) { a.Login, a.Origin = "", "" },
		"a login like a user's":    func(a *operator.Account) { a.Login = "eve" },
		"with a role":              func(a *operator.Account) { a.Roles = []operator.Role{operator.Viewer} },
		"confined to environments": func(a *operator.Account) { a.Environments = []string{"sandbox"} },
		"of a provider":            func(a *operator.Account) { a.Origin, a.Issuer, a.Subject = operator.ByOIDC, "i", "s" },
		"with a subject":           func(a *operator.Account) { a.Subject = "s" },
		"invited by very many":     func(a *operator.Account) { a.InvitedBy = make([]string, operator.MaxInviters+1) },
		"too many passkeys":        func(a *operator.Account) { a.Passkeys = make([]operator.Passkey, operator.MaxPasskeys+1) },
	} {
		a := good()
		if change(&a); !errors.Is(a.Validate(), operator.ErrInvalid) {
			t.Errorf("%s: %v", name, a.Validate())
		}
	}
	p := operator.Principal{Kind: operator.KindMember, ID: "mbr_x", Name: "eve@acme.example", PartnerID: "ptn_x"}
	for _, permission := range operator.Permissions() {
		if p.May(permission, "") || p.May(permission, "sandbox") || p.MayEverywhere(permission) || p.Person() || p.BreakGlass() {
			t.Errorf("a member may %s", permission)
		}
	}
}

func TestStatesOfAnAccount(t *testing.T) {
	a := operator.Account{Roles: []operator.Role{operator.Admin}}
	if a.State() != operator.Invited || a.Is(operator.Admin) {
		t.Error("an invited account counts")
	}
	if a.Origin = operator.ByPasskey; a.State() != operator.Active || !a.Is(operator.Admin) || a.Is(operator.Viewer) {
		t.Error("an active account does not count")
	}
	if a.DisabledAt = moment; a.State() != operator.Disabled || a.Is(operator.Admin) {
		t.Error("a disabled account counts")
	}
}

func TestRule36AServiceAccountEnds(t *testing.T) {
	good := func() operator.ServiceAccount {
		return operator.ServiceAccount{Name: "deployer", Permissions: []operator.Permission{operator.NetworksWrite}, CreatedAt: moment,
			NotAfter: moment.Add(time.Hour)}
	}
	s := good()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if !s.Live(s.NotAfter) || s.Live(s.NotAfter.Add(time.Microsecond)) {
		t.Error("the last moment is not the last moment")
	}
	if s.RevokedAt = moment; s.Live(moment) {
		t.Error("a revoked one lives")
	}
	for name, change := range map[string]func(*operator.ServiceAccount){
		"no end":               func(s *operator.ServiceAccount) { s.NotAfter = time.Time{} },
		"an end that has been": func(s *operator.ServiceAccount) { s.NotAfter = moment },
		"an end too far":       func(s *operator.ServiceAccount) { s.NotAfter = moment.Add(operator.MaxServiceLifetime + 1) },
		"no power":             func(s *operator.ServiceAccount) { s.Permissions = nil },
		"an unknown power":     func(s *operator.ServiceAccount) { s.Permissions = []operator.Permission{"all"} },
		"it approves":          func(s *operator.ServiceAccount) { s.Permissions = []operator.Permission{operator.ProposalsApprove} },
		"it approves reviews":  func(s *operator.ServiceAccount) { s.Permissions = []operator.Permission{operator.ReviewsApprove} },
		"a name of a path":     func(s *operator.ServiceAccount) { s.Name = "../a" },
		"no name":              func(s *operator.ServiceAccount) { s.Name = "" },
	} {
		s := good()
		if change(&s); !errors.Is(s.Validate(), operator.ErrInvalid) {
			t.Errorf("%s: %v", name, s.Validate())
		}
	}
}

func TestAServiceAccountOfTheApproversApprovesNothing(t *testing.T) {
	s := operator.ServiceAccount{Roles: []operator.Role{operator.Approver}}
	if slices.ContainsFunc(s.Allowed(), operator.Permission.Approves) || !slices.Contains(s.Allowed(), operator.PartnersSuspend) {
		t.Error(s.Allowed())
	}
}

func TestStatesOfABreakGlassCode(t *testing.T) {
	b := operator.BreakGlassCode{NotAfter: moment}
	want := func(state operator.BreakGlassState, at time.Time) {
		t.Helper()
		if got := b.State(at); got != state {
			t.Errorf("%s, expected %s", got, state)
		}
	}
	want(operator.BreakGlassReady, moment)
	want(operator.BreakGlassExpired, moment.Add(1))
	b.OpenedAt, b.EndsAt = moment, moment.Add(time.Hour)
	want(operator.BreakGlassOpen, moment.Add(time.Hour))
	want(operator.BreakGlassEnded, moment.Add(time.Hour+1))
	b.EndedAt = moment
	want(operator.BreakGlassEnded, moment)
}
