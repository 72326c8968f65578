package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/registry"
)

// TestFilesThatRowsNameAreVerified: the digest of a file is in the chain, the file is not. Whoever takes a report of a review away, or
// puts another one in its place, is found out.
func TestFilesThatRowsNameAreVerified(t *testing.T) {
	for name, c := range map[string]struct {
		done  string // in SQL, with the server away
		wrong []string
	}{
		"nothing":      {"SELECT 1", nil},
		"taken away":   {"DELETE FROM blob WHERE CAST(content AS TEXT) LIKE '%PDF%'", []string{"is gone"}},
		"another one":  {"UPDATE blob SET content = x'00' WHERE CAST(content AS TEXT) LIKE '%PDF%'", []string{"is not the one that was kept"}},
		"all of them":  {"DELETE FROM blob", []string{"is gone", "is gone"}},
		"a report":     {"UPDATE blob SET content = CAST('{}' AS BLOB) WHERE CAST(content AS TEXT) LIKE '%cut_off%'", []string{"is not the one that was kept"}},
		"nobody's own": {"INSERT INTO blob (digest, content) VALUES (zeroblob(32), x'01')", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p, asked := w.opened(ann)
			w.must(w.RequestReview(ctx, alice, p.ID, "sandbox", "contract"))
			w.attach(p.ID, "sandbox", registry.EvidenceAdd{Name: "report", Content: []byte("%PDF-1.7 no findings")})
			_, err := w.AttachWhatIf(ctx, ann, asked.ID, asked.Digest(), []byte(`{"cut_off":3}`))
			w.must(err)
			w.raw(c.done)
			report, err := w.VerifyChanges(ctx, nil)
			w.must(err)
			if report.OK() != (len(c.wrong) == 0) || len(report.Faults) != len(c.wrong) {
				t.Fatalf("%+v", report.Faults)
			}
			for i, f := range report.Faults {
				if f.Kind != audit.FaultFile || !strings.HasPrefix(f.Row, "document/") || !strings.Contains(f.Text, c.wrong[i]) {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

// TestAVerificationThatIsCutShortProvesNothing: an end of the caller's patience is no report.
func TestAVerificationThatIsCutShortProvesNothing(t *testing.T) {
	w, id := atProduction(t)
	w.attach(id, "production", registry.EvidenceAdd{Name: "report", Content: []byte("%PDF-1.7")})
	over, end := context.WithCancel(ctx)
	end()
	if _, err := w.VerifyChanges(over, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
