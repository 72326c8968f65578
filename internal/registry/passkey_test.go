package registry_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

func TestAPasskeySignsInOnlyAsItIsKept(t *testing.T) {
	w := newWorld(t)
	in := w.first()
	key := in.Account.Passkeys[0]
	next := []byte(`{"counter":5}`)
	done, err := w.SignInPasskey(ctx, in.Account.ID, key.ID, key.Credential, next, "192.0.2.1", registry.SessionTerms{})
	w.must(err)
	row := w.last(registry.Actor{Kind: registry.Operator, Name: "root@example.com"}, audit.AccountSignedIn, in.Account.ID)
	if !strings.Contains(row.Detail, `"laptop"`) || !strings.Contains(row.Detail, "192.0.2.1") || !strings.Contains(row.Detail, done.Session.ID) {
		t.Errorf("the record says %q", row.Detail)
	}
	a, err := w.Account(ctx, "root@example.com")
	w.must(err)
	if string(a.Passkeys[0].Credential) != string(next) || a.Passkeys[0].UsedAt.IsZero() || a.SignedInAt.IsZero() {
		t.Errorf("%+v", a)
	}
	try := func(id, keyID string, before string) func() error {
		return func() error {
			_, err := w.SignInPasskey(ctx, id, keyID, []byte(before), next, "", registry.SessionTerms{})
			return err
		}
	}
	w.refuse(registry.ErrSignIn, try(a.ID, key.ID, `{"counter":0}`)) // verified against a counter that is no longer the last one
	w.refuse(registry.ErrSignIn, try(a.ID, "another", string(next)))
	w.refuse(registry.ErrNotFound, try("opr_none", key.ID, string(next)))
	w.proved()
}

func TestTheLastPasskeyStaysUnlessThereAreCodes(t *testing.T) {
	w := newWorld(t)
	in := w.first()
	id := in.Account.ID
	_, err := w.AddPasskey(ctx, id, passkey("k2"))
	w.must(err)
	w.last(registry.Actor{Kind: registry.Operator, Name: "root@example.com"}, audit.AccountKeyAdded, id)
	w.refuse(registry.ErrState, func() error { _, err := w.AddPasskey(ctx, id, passkey("k2")); return err })
	_, err = w.RemovePasskey(ctx, id, "k1")
	w.must(err)
	for _, code := range in.Recovery {
		_, err := w.UseRecovery(ctx, "root@example.com", code, "")
		w.must(err)
	}
	w.refuse(registry.ErrState, func() error { _, err := w.RemovePasskey(ctx, id, "k2"); return err })
	w.refuse(registry.ErrNotFound, func() error { _, err := w.RemovePasskey(ctx, id, "k1"); return err })
	codes, err := w.RenewRecovery(ctx, id)
	w.must(err)
	if len(codes) != operator.RecoveryCodes {
		t.Error(codes)
	}
	_, err = w.RemovePasskey(ctx, id, "k2")
	w.must(err)
	w.proved()
}

func TestARecoveryCodeCountsOnceAndRegistersAPasskeyOnly(t *testing.T) {
	w := newWorld(t)
	in := w.first()
	other := w.person("bob@example.com", operator.Viewer)
	wrong := func(login, code string) func() error {
		return func() error { _, err := w.UseRecovery(ctx, login, code, ""); return err }
	}
	for _, row := range [][2]string{{"root@example.com", ""}, {"root@example.com", "aaaa-aaaa-aaaa-aaaa"}, {"root@example.com", other.Recovery[0]},
		{"nobody@example.com", in.Recovery[0]}, {"", in.Recovery[0]}, {"root@example.com", strings.Repeat("a", 1000)}} {
		w.refuse(operator.ErrNotSignedIn, wrong(row[0], row[1]))
	}
	spelt := strings.ToUpper(strings.ReplaceAll(in.Recovery[0], "-", " "))
	back, err := w.UseRecovery(ctx, " Root@example.com", spelt, "192.0.2.5")
	w.must(err)
	w.last(registry.Actor{Kind: registry.Operator, Name: "root@example.com"}, audit.AccountRecovered, in.Account.ID)
	w.refuse(operator.ErrNotSignedIn, wrong("root@example.com", in.Recovery[0]))
	token := string(back.Token.Bytes())
	w.gone("a recovery session at the API", operator.SessionToken, token)
	if _, s, err := w.SignedIn(ctx, token); err != nil || s.Kind != registry.RecoverySession {
		t.Errorf("%+v, %v", s, err)
	}
	_, err = w.AddPasskey(ctx, in.Account.ID, passkey("k2"))
	w.must(err)
	if _, _, err := w.SignedIn(ctx, token); !errors.Is(err, operator.ErrNotSignedIn) {
		t.Errorf("the recovery session goes on: %v", err)
	}
	if _, err := w.acts(in); err != nil {
		t.Errorf("the other session ended: %v", err)
	}
	late, err := w.UseRecovery(ctx, "root@example.com", in.Recovery[1], "")
	w.must(err)
	w.clock.pass(registry.RecoveryLife + time.Microsecond)
	if _, _, err := w.SignedIn(ctx, string(late.Token.Bytes())); !errors.Is(err, operator.ErrNotSignedIn) {
		t.Errorf("after its time: %v", err)
	}
}
