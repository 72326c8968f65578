package operator_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/operator"
)

var update = flag.Bool("update", false, "write the golden table")

// TestRolesAndPermissions compares the policy with the table that somebody has looked at.
func TestRolesAndPermissions(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-20s", "permission")
	for _, role := range operator.Roles() {
		fmt.Fprintf(&b, "%-10s", role)
	}
	b.WriteString("every environment\n")
	for _, p := range operator.Permissions() {
		fmt.Fprintf(&b, "%-20s", p)
		for _, role := range operator.Roles() {
			mark := "-"
			if slices.Contains(role.Permissions(), p) {
				mark = "yes"
			}
			fmt.Fprintf(&b, "%-10s", mark)
		}
		fmt.Fprintf(&b, "%v\n", p.Wide())
	}
	golden := filepath.Join("testdata", "policy.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("the table of roles and permissions differs (-golden +policy):\n%s", diff)
	}
}

// TestNoRoleMakesAndApproves: what one role asks for, another role approves.
func TestNoRoleMakesAndApproves(t *testing.T) {
	for _, role := range operator.Roles() {
		writes, approves := false, false
		for _, p := range role.Permissions() {
			approves = approves || p.Approves()
			widens := strings.HasSuffix(string(p), ".write") || p == operator.RegisterApply
			writes = writes || widens
		}
		if writes && approves {
			t.Errorf("%s can both ask for a change and approve one", role)
		}
	}
}

func TestEveryPermissionIsSomebodysAndExplained(t *testing.T) {
	for _, p := range operator.Permissions() {
		if len(p.Roles()) == 0 || p.Means() == "" || !p.Known() {
			t.Errorf("%s: roles %v, means %q", p, p.Roles(), p.Means())
		}
	}
	if p := operator.Permission("partners.delete"); p.Known() || p.Means() != "" || p.Roles() != nil {
		t.Error("a permission that is not in the list is known")
	}
	if operator.Role("root").Known() || operator.Role("root").Permissions() != nil {
		t.Error("a role that is not in the list is known")
	}
}

func TestRule11APrincipalActsInItsEnvironmentsOnly(t *testing.T) {
	everywhere := operator.Principal{Kind: operator.KindAccount, Permissions: operator.Permissions()}
	sandbox := everywhere
	sandbox.Environments = []string{"sandbox"}
	nowhere := everywhere
	nowhere.Environments = []string{}
	service := everywhere
	service.Kind = operator.KindService
	for _, row := range []struct {
		who        string
		principal  operator.Principal
		permission operator.Permission
		where      string
		may        bool
	}{
		{"nobody", operator.Principal{}, operator.PartnersRead, "", false},
		{"everywhere", everywhere, operator.NetworksWrite, "production", true},
		{"everywhere", everywhere, operator.SettingsWrite, "", true},
		{"everywhere", everywhere, "partners.delete", "", false},
		{"sandbox", sandbox, operator.NetworksWrite, "sandbox", true},
		{"sandbox", sandbox, operator.NetworksWrite, "production", false},
		{"sandbox", sandbox, operator.PartnersRead, "", true},
		{"sandbox", sandbox, operator.AccountsWrite, "", false},
		{"sandbox", sandbox, operator.ChangesRead, "sandbox", false},
		{"nowhere", nowhere, operator.NetworksWrite, "sandbox", false},
		{"nowhere", nowhere, operator.SettingsWrite, "", false},
		{"service", service, operator.ProposalsApprove, "production", false},
		{"service", service, operator.ReviewsApprove, "production", false},
		{"service", service, operator.NetworksWrite, "production", true},
	} {
		if got := row.principal.May(row.permission, row.where); got != row.may {
			t.Errorf("%s, %s in %q: %v", row.who, row.permission, row.where, got)
		}
	}
	if sandbox.MayEverywhere(operator.PartnersWrite) || !everywhere.MayEverywhere(operator.PartnersWrite) {
		t.Error("closing a partner is for those who may everywhere")
	}
}
