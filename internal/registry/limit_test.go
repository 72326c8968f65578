package registry_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func TestALimitIsSetReplacedAndRemoved(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	owner := app.Credential.PartnerID
	whole := partner.Limit{PartnerID: owner, Environment: "sandbox", Rate: 50, Per: time.Second, Burst: 100, Daily: 1000}
	first, err := w.SetLimit(ctx, alice, whole)
	w.must(err)
	if row := w.last(alice, audit.LimitSet, first.ID); row.Detail != "sandbox: 50 in 1s, at once 100, 1000 a day of "+owner {
		t.Error(row.Detail)
	}
	one := partner.Limit{PartnerID: owner, Environment: "sandbox", CredentialID: app.Credential.ID, API: "card", Daily: 5}
	second, err := w.SetLimit(ctx, alice, one)
	w.must(err)
	w.clock.pass(time.Hour)
	whole.Rate, whole.Daily = 60, 0
	again, err := w.SetLimit(ctx, bob, whole) // the same scope: in its place
	w.must(err)
	if again.ID != first.ID || !again.CreatedAt.Equal(first.CreatedAt) || again.Rate != 60 || again.Daily != 0 {
		t.Errorf("%+v", again)
	}
	w.last(bob, audit.LimitSet, first.ID)
	before, err := w.Revision(ctx)
	w.must(err)
	if same, err := w.SetLimit(ctx, alice, whole); err != nil || same != again {
		t.Errorf("%+v, %v", same, err)
	}
	if after, err := w.Revision(ctx); after != before || err != nil {
		t.Error("a limit that was there already is a change")
	}
	all, err := w.Limits(ctx, owner)
	w.must(err)
	want := []partner.Limit{again, second}
	slices.SortFunc(want, func(a, b partner.Limit) int { return strings.Compare(a.ID, b.ID) })
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	roster, err := w.Roster(ctx)
	w.must(err)
	if diff := cmp.Diff(want, roster.Limits); diff != "" {
		t.Error(diff)
	}
	w.must(w.RemoveLimit(ctx, alice, second.ID))
	if row := w.last(alice, audit.LimitRemoved, second.ID); row.Detail != "sandbox: 5 a day for card with "+app.Credential.ID+" of "+owner {
		t.Error(row.Detail)
	}
	w.refuse(registry.ErrNotFound, func() error { return w.RemoveLimit(ctx, alice, second.ID) })
}

func TestLimitsThatCannotBe(t *testing.T) {
	w := newWorld(t)
	app, other := w.app(), w.app()
	owner := app.Credential.PartnerID
	good := partner.Limit{PartnerID: owner, Environment: "sandbox", Daily: 5}
	revoked, err := w.IssueApp(ctx, alice, owner, "sandbox")
	w.must(err)
	w.must(w.RevokeCredential(ctx, alice, revoked.Credential.ID, ""))
	w.must(w.ClosePartner(ctx, alice, other.Credential.PartnerID, ""))
	for name, test := range map[string]struct {
		change func(*partner.Limit)
		want   error
	}{
		"with an id":              {func(l *partner.Limit) { l.ID = "lim_x" }, registry.ErrArgument},
		"with a time":             {func(l *partner.Limit) { l.CreatedAt = w.clock.now() }, registry.ErrArgument},
		"no environment":          {func(l *partner.Limit) { l.Environment = "" }, registry.ErrArgument},
		"an odd API":              {func(l *partner.Limit) { l.API = "a\nb" }, registry.ErrArgument},
		"nothing":                 {func(l *partner.Limit) { l.Daily = 0 }, partner.ErrInvalid},
		"a rate without a burst":  {func(l *partner.Limit) { l.Rate, l.Per = 1, time.Second }, partner.ErrInvalid},
		"no such partner":         {func(l *partner.Limit) { l.PartnerID = "ptn_none" }, registry.ErrNotFound},
		"a closed partner":        {func(l *partner.Limit) { l.PartnerID = other.Credential.PartnerID }, registry.ErrState},
		"no such credential":      {func(l *partner.Limit) { l.CredentialID = "crd_none" }, registry.ErrNotFound},
		"another's credential":    {func(l *partner.Limit) { l.CredentialID = other.Credential.ID }, registry.ErrState},
		"of another environment":  {func(l *partner.Limit) { l.CredentialID, l.Environment = app.Credential.ID, "production" }, registry.ErrState},
		"of a revoked credential": {func(l *partner.Limit) { l.CredentialID = revoked.Credential.ID }, registry.ErrState},
	} {
		l := good
		test.change(&l)
		w.refuse(test.want, func() error {
			got, err := w.SetLimit(ctx, alice, l)
			if got != (partner.Limit{}) {
				t.Errorf("%s: %+v", name, got)
			}
			return err
		})
	}
	w.refuse(registry.ErrActor, func() error { _, err := w.SetLimit(ctx, registry.Actor{}, good); return err })
	w.refuse(registry.ErrActor, func() error { return w.RemoveLimit(ctx, registry.Actor{Kind: registry.Partner, Name: "1"}, "lim_x") })
}

func TestACredentialIsBoundToClientKeys(t *testing.T) {
	w := newWorld(t)
	id := w.app().Credential.ID
	a, b := strings.Repeat("0a", 32), strings.Repeat("f9", 32)
	given := []string{b, a}
	w.must(w.BindClientKeys(ctx, alice, id, given))
	if given[0] != b {
		t.Error("the caller's list was sorted")
	}
	if got := w.credential(id).ClientKeys; !slices.Equal(got, []string{a, b}) {
		t.Error(got)
	}
	if row := w.last(alice, audit.CredentialBound, id); row.Detail != "sandbox: bound to "+a+", "+b {
		t.Error(row.Detail)
	}
	before, err := w.Revision(ctx)
	w.must(err)
	w.must(w.BindClientKeys(ctx, alice, id, []string{a, b}))
	if after, err := w.Revision(ctx); after != before || err != nil {
		t.Error("the same set again is a change")
	}
	for _, keys := range [][]string{{"0a"}, {strings.ToUpper(a)}, {a, a}, slices.Repeat([]string{a}, 5), {""}, {a + "\n"}} {
		w.refuse(partner.ErrInvalid, func() error { return w.BindClientKeys(ctx, alice, id, keys) })
	}
	w.refuse(registry.ErrNotFound, func() error { return w.BindClientKeys(ctx, alice, "crd_none", nil) })
	w.refuse(registry.ErrActor, func() error { return w.BindClientKeys(ctx, registry.Actor{}, id, nil) })
	// Rotation and revocation leave the binding as it is.
	_, err = w.Rotate(ctx, alice, id, time.Time{})
	w.must(err)
	roster, err := w.Roster(ctx)
	w.must(err)
	if got := roster.Credentials[0].ClientKeys; !slices.Equal(got, []string{a, b}) {
		t.Error(got)
	}
	w.must(w.BindClientKeys(ctx, bob, id, nil))
	if row := w.last(bob, audit.CredentialBound, id); row.Detail != "sandbox: bound to no client key" || len(w.credential(id).ClientKeys) != 0 {
		t.Error(row.Detail)
	}
	w.must(w.RevokeCredential(ctx, alice, id, ""))
	w.refuse(registry.ErrState, func() error { return w.BindClientKeys(ctx, alice, id, []string{a}) })
}

func TestFindCredential(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	for _, text := range []string{app.Credential.ID, app.KeyID, app.Login} {
		c, err := w.FindCredential(ctx, text)
		if err != nil || c.ID != app.Credential.ID || c.Versions[0].Hash != "" {
			t.Errorf("%s: %+v, %v", text, c, err)
		}
	}
	for _, text := range []string{"", "crd_none", app.Credential.PartnerID} {
		w.refuse(registry.ErrNotFound, func() error { _, err := w.FindCredential(ctx, text); return err })
	}
}
