package partner_test

import (
	"slices"
	"testing"

	"countersign.dev/internal/partner"
)

var reviewStates = []partner.ReviewState{"", partner.ReviewRequested, partner.ReviewStarted, partner.ReviewApproved,
	partner.ReviewSuspended, partner.ReviewClosed}

// TestStages is the whole table: the review for sandbox down, the one for production across, in the order of reviewStates.
func TestStages(t *testing.T) {
	const (
		no = partner.StageNone
		ap = partner.StageApplied
		ir = partner.StageInReview
		sb = partner.StageSandbox
		pr = partner.StageProductionReview
		pd = partner.StageProduction
		su = partner.StageSuspended
		cl = partner.StageClosed
	)
	table := [][]partner.Stage{
		//          -   asked started approved suspended closed   ... for production
		/* -         */ {no, ap, ir, pd, su, cl},
		/* requested */ {ap, ap, ir, pd, su, ap},
		/* in review */ {ir, ir, ir, pd, su, ir},
		/* approved  */ {sb, pr, pr, pd, su, sb},
		/* suspended */ {su, su, su, pd, su, su},
		/* closed    */ {cl, ap, ir, pd, su, cl},
	}
	ordered := map[string]partner.ReviewPolicy{"production": {After: "sandbox"}}
	for i, sandbox := range reviewStates {
		for j, production := range reviewStates {
			p := partner.Partner{ID: "ptn_a", Name: "Acme"}
			reviews := []partner.Review{{PartnerID: "ptn_b", Environment: "production", State: partner.ReviewApproved},
				{PartnerID: "ptn_a", Environment: "sandbox", State: sandbox}, {PartnerID: "ptn_a", Environment: "production", State: production}}
			for _, policies := range []map[string]partner.ReviewPolicy{nil, ordered} {
				if got := partner.StageOf(p, reviews, policies); got != table[i][j] {
					t.Errorf("sandbox %q, production %q, policies %v: %s, expected %s", sandbox, production, policies, got, table[i][j])
				}
				slices.Reverse(reviews)
			}
			p.Closed = true
			if got := partner.StageOf(p, reviews, ordered); got != cl {
				t.Errorf("closed partner: %s", got)
			}
		}
	}
	if got := partner.StageOf(partner.Partner{ID: "ptn_a"}, nil, nil); got != no {
		t.Errorf("without reviews: %s", got)
	}
}

// What a stage is called by does not hang on the names of the environments where the configuration says which comes after which.
func TestLastEnvironments(t *testing.T) {
	chain := map[string]partner.ReviewPolicy{"pilot": {After: "test"}, "live": {After: "pilot"}, "production": {}}
	odd := map[string]partner.ReviewPolicy{"audit": {After: "production"}}
	for _, c := range []struct {
		name     string
		policies map[string]partner.ReviewPolicy
		last     bool
	}{
		{"production", nil, true}, {"sandbox", nil, false}, {"live", chain, true}, {"pilot", chain, false}, {"test", chain, false},
		{"production", chain, true}, {"production", odd, false}, {"audit", odd, true}, {"", nil, false},
	} {
		if got := partner.LastEnvironment(c.name, c.policies); got != c.last {
			t.Errorf("%q with %v: %v", c.name, c.policies, got)
		}
	}
}

func TestEveryStageIsListed(t *testing.T) {
	for i, s := range partner.Stages() {
		if s == "" || slices.Contains(partner.Stages()[:i], s) {
			t.Errorf("stage %d is %q", i, s)
		}
	}
}
