package registry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// TestThePartnerOfWhatIsGone: the rows of a rule, a limit or an endpoint that was removed are found by its partner, although no row of
// the register says any more whose it was: the detail of its removal ends with it. A reason can neither hide that nor claim it for
// somebody else.
func TestThePartnerOfWhatIsGone(t *testing.T) {
	for _, mallory := range []bool{false, true} {
		w := newWorld(t)
		w.free()
		p, other := w.admitted().ID, w.admitted().ID
		in := registry.Intent{Reason: "ticket 4711"}
		if mallory {
			in.Reason = "instead of that of " + other
		}
		do := func(name registry.OperationName, params any) registry.Done {
			t.Helper()
			return w.do(ann, w.op(name, p, "sandbox", params), in)
		}
		network := do(registry.OpNetworkAllow, from("192.0.2.0/24")).Network.ID
		limit := do(registry.OpLimitSet, registry.LimitSet{Daily: 5}).Limit.ID
		endpoint := do(registry.OpEndpointAdd, registry.EndpointAdd{URL: "https://example.com/hook"}).Endpoint.ID
		do(registry.OpNetworkRemove, registry.NetworkRemove{ID: network})
		do(registry.OpLimitRemove, registry.LimitRemove{ID: limit})
		do(registry.OpEndpointRemove, registry.EndpointRemove{ID: endpoint})

		byHand, err := w.Allow(ctx, alice, partner.NetworkRule{PartnerID: p, Environment: "sandbox", Country: "DE", Note: "of " + other})
		w.must(err)
		w.must(w.RemoveNetwork(ctx, alice, byHand.ID))
		_, err = w.Apply(ctx, alice, registry.Desired{Partners: []registry.DesiredPartner{{Name: "Bolt",
			Environments: []registry.DesiredEnvironment{{Name: "sandbox", Networks: []registry.DesiredNetwork{{Country: "US"}}}}}}}, false)
		w.must(err)
		bolt, err := w.FindPartner(ctx, "Bolt")
		w.must(err)
		rules, err := w.Networks(ctx, bolt.ID)
		w.must(err)
		_, err = w.Apply(ctx, alice, registry.Desired{Partners: []registry.DesiredPartner{{Name: "Bolt",
			Environments: []registry.DesiredEnvironment{{Name: "sandbox", Networks: []registry.DesiredNetwork{}}}}}}, false)
		w.must(err)

		for subject, of := range map[string]string{network: p, limit: p, endpoint: p, byHand.ID: p, rules[0].ID: bolt.ID} {
			for _, id := range []string{p, other, bolt.ID} {
				page, err := w.ChangePage(ctx, audit.ChangeQuery{Partner: id, Subject: subject}, "")
				w.must(err)
				if want := map[bool]int{true: 2}[id == of]; len(page.Items) != want {
					t.Errorf("%q: %d rows of %s are listed for %s, want %d", in.Reason, len(page.Items), subject, id, want)
				}
			}
		}
	}
}

// TestTheLongestReasonFitsBesideTheLongestDetail: neither crowds the other out, and nothing is refused for it.
func TestTheLongestReasonFitsBesideTheLongestDetail(t *testing.T) {
	w := newWorld(t)
	w.free()
	environment := strings.Repeat("e", 63)
	p, err := w.CreatePartner(ctx, alice, strings.Repeat("p", 200))
	w.must(err)
	why := strings.Repeat("ü", 250)
	in := registry.Intent{Reason: why}
	var many []string
	for i := range operator.MaxEnvironments {
		many = append(many, fmt.Sprintf("%060d", i))
	}
	w.do(cat, w.op(registry.OpServiceCreate, "", "", registry.ServiceCreate{Name: "deployer", Roles: []operator.Role{operator.Operator},
		Environments: many, NotAfter: w.clock.now().Add(time.Hour)}), in)
	rule := registry.NetworkAllow{API: strings.Repeat("a", 100), Country: "US"}
	network := w.do(ann, w.op(registry.OpNetworkAllow, p.ID, environment, rule), in).Network.ID
	w.do(ann, w.op(registry.OpNetworkRemove, p.ID, environment, registry.NetworkRemove{ID: network}), in)
	for _, row := range w.rows() {
		if row.Actor != alice.String() && !strings.Contains(row.Detail, why) {
			t.Errorf("%s: %q", row.Action, row.Detail)
		}
	}
	if rows := w.rows(); !strings.HasSuffix(rows[len(rows)-1].Detail, "US for "+rule.API+" of "+p.ID) {
		t.Errorf("%q", rows[len(rows)-1].Detail)
	}
}
