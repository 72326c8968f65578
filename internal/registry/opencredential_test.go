package registry_test

import (
	"bytes"
	"errors"
	"testing"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// TestAnOpenedCredentialIsThatOfTheRoster: with the same versions and secrets, also while one waits to be handed over.
func TestAnOpenedCredentialIsThatOfTheRoster(t *testing.T) {
	for _, kind := range bothKinds {
		w, c := made(t, kind)
		id := c.Credential.ID
		same := func(versions int) {
			t.Helper()
			roster, err := w.Roster(ctx)
			w.must(err)
			defer roster.Wipe()
			one, err := w.OpenCredential(ctx, c.Credential.Environment, id)
			w.must(err)
			defer partner.WipeSecrets([]partner.Credential{one})
			want := roster.Credentials[0]
			if one.ID != id || one.Kind != kind || len(one.Versions) != versions || len(want.Versions) != versions {
				t.Fatalf("%s: %d versions, %d in the roster, expected %d", kind, len(one.Versions), len(want.Versions), versions)
			}
			for i, v := range one.Versions {
				if v.Number != want.Versions[i].Number || !bytes.Equal(v.Secret.Bytes(), want.Versions[i].Secret.Bytes()) || v.Secret.IsZero() != (kind != partner.SigningKey) {
					t.Errorf("%s: version %d is not that of the roster", kind, v.Number)
				}
			}
		}
		same(1)
		_, err := w.RevealSecret(ctx, alice, id, 0)
		w.must(err)
		same(2)
	}
}

// TestOpeningACredentialOpensNoOther: neither one of another environment, nor one whose row is damaged beside it.
func TestOpeningACredentialOpensNoOther(t *testing.T) {
	w := newWorld(t)
	good, bad := w.signingKey().Credential.ID, w.signingKey().Credential.ID
	w.raw("UPDATE version SET sealed = x'00' WHERE credential_id = '" + bad + "'")
	if c, err := w.OpenCredential(ctx, "sandbox", good); err != nil || c.Versions[0].Secret.IsZero() {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := w.OpenCredential(ctx, "sandbox", bad); !errors.Is(err, secret.ErrSealed) || c.ID != "" {
		t.Errorf("one that does not open: %+v, %v", c, err)
	}
	for environment, id := range map[string]string{"production": good, "sandbox": "crd_nobody"} {
		if c, err := w.OpenCredential(ctx, environment, id); !errors.Is(err, registry.ErrNotFound) || c.ID != "" {
			t.Errorf("%s in %s: %+v, %v", id, environment, c, err)
		}
	}
}
