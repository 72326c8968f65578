package registry_test

import (
	"strings"
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/registry"
)

// FuzzAMemberReachesNothing: whatever a member of one partner sends, the rows of another one stay as they are. RULE, KEY and PARTNER
// in it stand for ids of the other one.
func FuzzAMemberReachesNothing(f *testing.F) {
	f.Add("network.remove", "", `{"id":"RULE"}`, "PARTNER")
	f.Add("network.remove", "sandbox", `{"id":"RULE"}`, "")
	f.Add("credential.retire", "", `{"credential":"KEY","version":1}`, "")
	f.Add("credential.revoke", "sandbox", `{"credential":"KEY"}`, "")
	f.Add("credential.rotate", "sandbox", `{"credential":"KEY"}`, "")
	f.Add("network.allow", "sandbox", `{"prefix":"0.0.0.0/0"}`, "PARTNER")
	f.Add("review.request", "\x00", `{`, "PARTNER")
	f.Fuzz(func(t *testing.T, name, environment, params, partnerID string) {
		w := newWorld(t)
		a, b := w.admitted(), w.admitted()
		key, err := w.IssueSigningKey(ctx, alice, a.ID, "sandbox")
		w.must(err)
		rule, err := w.Allow(ctx, alice, country(a.ID, "US"))
		w.must(err)
		who := w.member(b.ID, "mallory@bolt.example")
		rows := []string{audit.PartnerRow(a.ID), audit.CredentialRow(key.Credential.ID), audit.NetworkRow(rule.ID), audit.ReviewRow(a.ID, "sandbox")}
		before, err := w.ETags(ctx, rows...)
		w.must(err)
		ids := strings.NewReplacer("RULE", rule.ID, "KEY", key.Credential.ID, "PARTNER", a.ID)
		op := registry.Operation{Name: registry.OperationName(name), PartnerID: ids.Replace(partnerID), Environment: environment,
			Params: []byte(ids.Replace(params))}
		done, err := w.DoAsMember(ctx, who, op, registry.Intent{})
		if err == nil && done.Credential != nil && done.Credential.PartnerID != b.ID {
			t.Errorf("%+v", done)
		}
		after, err := w.ETags(ctx, rows...)
		w.must(err)
		for i := range rows {
			if before[i] != after[i] {
				t.Errorf("%s has changed", rows[i])
			}
		}
		all, err := w.Proposals(ctx, registry.ProposalQuery{PartnerID: a.ID})
		if err != nil || len(all.Items) != 0 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}
