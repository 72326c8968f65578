package registry_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

func deployer(w *world) registry.ServiceCreate {
	return registry.ServiceCreate{Name: "deployer", Permissions: []operator.Permission{operator.NetworksWrite}, Environments: []string{"sandbox"},
		NotAfter: w.clock.now().Add(24 * time.Hour)}
}

// readAll is all bytes of a database and its journal.
func readAll(t *testing.T, path string) string {
	t.Helper()
	var b strings.Builder
	for _, suffix := range []string{"", "-wal", "-journal"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		b.Write(content)
	}
	if b.Len() == 0 {
		t.Fatal("nothing was read")
	}
	return b.String()
}

func TestAServiceAccountActsUntilItsEndOrRevocation(t *testing.T) {
	w := newWorld(t)
	s, token, err := w.CreateService(ctx, alice, deployer(w))
	w.must(err)
	w.last(alice, audit.ServiceCreated, s.ID)
	p, err := w.Principal(ctx, operator.ServiceToken, string(token.Bytes()))
	w.must(err)
	want := operator.Principal{Kind: operator.KindService, ID: s.ID, Name: "deployer", Roles: s.Roles,
		Permissions: []operator.Permission{operator.NetworksWrite}, Environments: []string{"sandbox"}, ExpiresAt: s.NotAfter}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	if p.May(operator.NetworksWrite, "production") || !p.May(operator.NetworksWrite, "sandbox") || registry.ActorOf(p).String() != "service:deployer" {
		t.Error("its scope is another one")
	}
	w.clock.pass(24 * time.Hour)
	if _, err := w.Principal(ctx, operator.ServiceToken, string(token.Bytes())); err != nil {
		t.Errorf("in its last moment: %v", err)
	}
	w.clock.pass(time.Microsecond)
	w.gone("after its end", operator.ServiceToken, string(token.Bytes()))
	in := deployer(w)
	in.Name = "second"
	second, token, err := w.CreateService(ctx, alice, in)
	w.must(err)
	_, err = w.RevokeService(ctx, bob, "second", "leaked")
	w.must(err)
	w.last(bob, audit.ServiceRevoked, second.ID)
	w.gone("revoked", operator.ServiceToken, string(token.Bytes()))
	w.refuse(registry.ErrState, func() error { _, err := w.RevokeService(ctx, bob, second.ID, ""); return err })
	w.refuse(registry.ErrState, func() error { _, _, err := w.CreateService(ctx, alice, in); return err })
	w.proved()
}

func TestServiceAccountsAreRefused(t *testing.T) {
	w := newWorld(t)
	for what, change := range map[string]func(*registry.ServiceCreate){
		"it approves":    func(in *registry.ServiceCreate) { in.Permissions = []operator.Permission{operator.ProposalsApprove} },
		"no end":         func(in *registry.ServiceCreate) { in.NotAfter = time.Time{} },
		"too long":       func(in *registry.ServiceCreate) { in.NotAfter = w.clock.now().Add(400 * 24 * time.Hour) },
		"no environment": func(in *registry.ServiceCreate) { in.Environments = []string{} },
		"no name":        func(in *registry.ServiceCreate) { in.Name = "" },
	} {
		in := deployer(w)
		change(&in)
		t.Log(what)
		w.refuse(registry.ErrArgument, func() error { _, _, err := w.CreateService(ctx, alice, in); return err })
	}
	w.refuse(registry.ErrActor, func() error { _, _, err := w.CreateService(ctx, registry.Actor{}, deployer(w)); return err })
	w.gone("a token of nobody", operator.ServiceToken, "csat_"+strings.Repeat("A", 49))
}

func TestTheLastUseOfAServiceAccountIsKeptByTheHour(t *testing.T) {
	w := newWorld(t)
	s, token, err := w.CreateService(ctx, alice, deployer(w))
	w.must(err)
	before, _ := w.Revision(ctx)
	used := func() time.Time {
		_, err := w.Principal(ctx, operator.ServiceToken, string(token.Bytes()))
		w.must(err)
		s, err = w.ServiceAccount(ctx, "deployer")
		w.must(err)
		return s.UsedAt
	}
	first := used()
	w.clock.pass(59 * time.Minute)
	if again := used(); !again.Equal(first) || first.IsZero() {
		t.Errorf("noted twice in an hour: %s, %s", first, again)
	}
	w.clock.pass(2 * time.Minute)
	if again := used(); !again.After(first) {
		t.Errorf("not noted after an hour: %s", again)
	}
	if after, _ := w.Revision(ctx); after != before {
		t.Error("the last use is in the record")
	}
}
