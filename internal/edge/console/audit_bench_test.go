package console_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// fillPartners writes this many partners, each with a review and a credential in two environments, and a change row for every one.
func (w *world) fillPartners(number int) {
	w.Helper()
	now := w.clock.now()
	for begin := 0; begin < number; begin += 1000 {
		w.must(w.store.Update(ctx, func(tx registry.Tx) error {
			for i := begin; i < min(begin+1000, number); i++ {
				if err := fillPartner(tx, i, now); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

func fillPartner(tx registry.Tx, i int, now time.Time) error {
	id := fmt.Sprintf("ptn_%026d", i)
	if err := tx.PutPartner(partner.Partner{ID: id, Name: fmt.Sprint("Partner ", i), CreatedAt: now}); err != nil {
		return err
	}
	for n, environment := range []string{"sandbox", "production"} {
		state := partner.ReviewApproved
		if i%500 == 0 && n == 1 {
			state = partner.ReviewRequested
		}
		review := partner.Review{PartnerID: id, Environment: environment, State: state, RequestedBy: "operator:alice", ChangedAt: now}
		if state == partner.ReviewApproved {
			review.ApprovedBy = "operator:bob"
		}
		if err := tx.PutReview(review); err != nil {
			return err
		}
		c := partner.Credential{ID: fmt.Sprintf("crd_%026d", 2*i+n), PartnerID: id, Environment: environment, Kind: partner.App, KeyID: fmt.Sprintf("%032x", 2*i+n),
			Login: fmt.Sprintf("%013d", 2*i+n), CreatedAt: now, Versions: []partner.Version{{Number: 1,
				Hash: "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}}
		if i%700 == 0 {
			c.Versions[0].NotAfter = now.Add(10 * 24 * time.Hour)
		}
		if err := tx.PutCredential(c); err != nil {
			return err
		}
	}
	return tx.Record(audit.Change{At: now, Actor: "system:bench", Action: audit.PartnerCreated, Subject: id})
}

// BenchmarkAuditPages: the pages of the audit explorer and the overview with 10,000 partners, 20,000 credentials and 10,000 changes in
// the register. What 10 million decisions cost is measured where they are counted and searched (internal/traffic,
// internal/audit/search).
func BenchmarkAuditPages(b *testing.B) {
	v := newVouched(b)
	v.fillPartners(10_000)
	v.record.add(make([]audit.Decision, 100)...)
	v.records.Round(ctx)
	for _, path := range []string{"/console/", "/console/audit", "/console/changes", "/console/changes?kind=partner&partner=ptn_00000000000000000000000777",
		"/console/changes/5000", "/console/decisions"} {
		b.Run(path, func(b *testing.B) {
			r := v.request("auditor", "GET", path, nil)
			for b.Loop() {
				answer := &discarded{header: http.Header{}}
				v.console.ServeHTTP(answer, r.Clone(ctx))
				if answer.status != http.StatusOK && answer.status != 0 {
					b.Fatalf("%s: %d", path, answer.status)
				}
			}
		})
	}
}

// discarded is an answer that nobody reads.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }
