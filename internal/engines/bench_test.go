package engines_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/engines"
	"countersign.dev/internal/partner"
)

// BenchmarkCopy moves a register with 10,000 partners, each with a credential and a change of its own, into PostgreSQL, and verifies it
// there.
func BenchmarkCopy(b *testing.B) {
	from, err := engines.OpenStore(b.Context(), engines.StoreConfig{Place: engines.Place{File: b.TempDir() + "/r/countersign.db"}, Create: true})
	if err != nil {
		b.Fatal(err)
	}
	defer from.Close()
	const partners = 10_000
	err = from.Update(b.Context(), func(tx *engines.Tx) error {
		for i := range partners {
			id := fmt.Sprintf("ptn_%06d", i)
			if err := tx.PutPartner(partner.Partner{ID: id, Name: id, CreatedAt: time.Unix(1e9, 0)}); err != nil {
				return err
			}
			err := tx.PutCredential(partner.Credential{ID: fmt.Sprintf("crd_%06d", i), PartnerID: id, Environment: "sandbox", Kind: partner.SigningKey,
				KeyID: fmt.Sprintf("%032x", i), CreatedAt: time.Unix(1e9, 0), Versions: []partner.Version{{Number: 1, Sealed: []byte(strings.Repeat("s", 100))}}})
			if err != nil {
				return err
			}
			if err := tx.Record(audit.Change{At: time.Unix(1e9, 0), Actor: "operator:a", Action: audit.PartnerCreated, Subject: id}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		place := database(b)
		to, err := engines.OpenStore(b.Context(), engines.StoreConfig{Place: place, Create: true})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := engines.Copy(b.Context(), to, from); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := to.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/partners, "µs/partner")
}
