package registry_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// fill writes n credentials, half apps and half signing keys, for n/10 partners, as their use cases would.
func fill(b *testing.B, store registry.Store, ring *secret.Ring, n int) {
	b.Helper()
	now := time.Now()
	err := store.Update(ctx, func(tx registry.Tx) error {
		for i := range n {
			owner := fmt.Sprintf("ptn_%026d", i/10)
			if i%10 == 0 {
				if err := tx.PutPartner(partner.Partner{ID: owner, Name: owner, CreatedAt: now}); err != nil {
					return err
				}
				if err := tx.PutReview(partner.Review{PartnerID: owner, Environment: "sandbox", State: partner.ReviewApproved,
					RequestedBy: "operator:alice", ApprovedBy: "operator:bob", ChangedAt: now}); err != nil {
					return err
				}
			}
			if err := fillOne(tx, ring, owner, i, now); err != nil {
				return err
			}
		}
		return tx.Record(audit.Change{At: now, Actor: "system:bench", Action: audit.CredentialIssued, Subject: "crd_all"})
	})
	if err != nil {
		b.Fatal(err)
	}
}

func fillOne(tx registry.Tx, ring *secret.Ring, owner string, i int, now time.Time) error {
	keyID, err := secret.KeyID(rand.Reader)
	if err != nil {
		return err
	}
	c := partner.Credential{ID: fmt.Sprintf("crd_%026d", i), PartnerID: owner, Environment: "sandbox", KeyID: keyID, CreatedAt: now}
	v := partner.Version{Number: 1}
	if i%2 == 0 {
		c.Kind, c.Login = partner.App, fmt.Sprintf("%013d", i)
		v.Hash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	} else {
		c.Kind = partner.SigningKey
		v.Sealed, err = ring.Seal(secret.Row("api secret", "sandbox", c.ID, "1"), make([]byte, 43))
	}
	c.Versions = []partner.Version{v}
	if err != nil {
		return err
	}
	return tx.PutCredential(c)
}

func benchWorld(b *testing.B, n int) *registry.Registry {
	b.Helper()
	folder := b.TempDir()
	r, db, err := openReal(folder)
	if err != nil {
		b.Fatal(err)
	}
	keys := secret.KeyFile{Path: folder + "/keys"}
	ring, err := secret.OpenRing(ctx, keys, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	fill(b, registry.Adapt(db), ring, n)
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	if r, db, err = openReal(folder); err != nil {
		b.Fatal(err)
	}
	b.Logf("opening with its check of the whole file: %v", time.Since(start))
	b.Cleanup(func() { _ = db.Close() })
	return r
}

// BenchmarkRoster is the whole reading of 100,000 credentials, secrets unsealed.
func BenchmarkRoster(b *testing.B) {
	r := benchWorld(b, 100_000)
	for b.Loop() {
		roster, err := r.Roster(ctx)
		if err != nil || len(roster.Credentials) != 100_000 {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenCredential is what one question about a signature reads, beside 100,000 credentials.
func BenchmarkOpenCredential(b *testing.B) {
	r := benchWorld(b, 100_000)
	for b.Loop() {
		if _, err := r.OpenCredential(ctx, "sandbox", fmt.Sprintf("crd_%026d", 77_777)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRevision is what every node asks several times a second.
func BenchmarkRevision(b *testing.B) {
	r := benchWorld(b, 1000)
	for b.Loop() {
		if _, err := r.Revision(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
