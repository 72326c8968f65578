package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"testing"

	"countersign.dev/internal/registry"
	"countersign.dev/internal/whatif"
)

// proposals is a register with proposals that wait.
type proposals struct {
	open     []registry.Proposal
	attached map[string]string // who attached, by proposal
}

func (p *proposals) Proposals(context.Context, registry.ProposalQuery) (page registry.Page[registry.Proposal], err error) {
	for _, one := range p.open {
		page.Items = append(page.Items, registry.Item[registry.Proposal]{Value: one})
	}
	return page, nil
}

func (p *proposals) AttachWhatIf(_ context.Context, actor registry.Actor, id string, digest [32]byte, _ []byte) (registry.Proposal, error) {
	for i := range p.open {
		if p.open[i].ID == id && p.open[i].Digest() == digest {
			p.open[i].WhatIf = &registry.WhatIfNote{}
			p.attached[id] = actor.String()
			return p.open[i], nil
		}
	}
	return registry.Proposal{}, registry.ErrStale
}

func waitingFor(t *testing.T, id, environment string, name registry.OperationName, params any) registry.Proposal {
	t.Helper()
	raw, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	return registry.Proposal{ID: id, State: registry.ProposalOpen,
		Operation: registry.Operation{Name: name, PartnerID: "ptn_" + id, Environment: environment, Params: raw}}
}

// TestAProposalIsReplayedWhereNobodyHadTheTime: each once, in the environments of this server, and not while somebody else may be
// doing it.
func TestAProposalIsReplayedWhereNobodyHadTheTime(t *testing.T) {
	rule := registry.NetworkAllow{Prefix: netip.MustParsePrefix("203.0.113.0/24")}
	seen := waitingFor(t, "seen", "production", registry.OpNetworkAllow, rule)
	seen.WhatIf = &registry.WhatIfNote{}
	p := &proposals{attached: map[string]string{}, open: []registry.Proposal{seen, waitingFor(t, "late", "production", registry.OpNetworkAllow, rule),
		waitingFor(t, "large", "production", registry.OpNetworkAllow, rule), waitingFor(t, "elsewhere", "sandbox", registry.OpNetworkAllow, rule),
		waitingFor(t, "key", "production", registry.OpCredentialIssue, registry.CredentialIssue{Kind: "app"})}}
	asked, told := map[string]int{}, 0
	r := &replays{register: p, environments: []string{"production"}, note: func(string, error) { told++ },
		ask: func(_ context.Context, q whatif.Proposed, _ whatif.Span) (whatif.Report, error) {
			if asked[q.PartnerID]++; q.PartnerID == "ptn_large" {
				return whatif.Report{}, errors.New("it took too long")
			}
			return whatif.Report{}, nil
		}}
	for n, want := range []int{0, 1, 0, 0, 0} {
		if changed, err := r.round(t.Context()); err != nil || changed != want {
			t.Errorf("round %d: %d, %v", n+1, changed, err)
		}
	}
	if len(p.attached) != 1 || p.attached["late"] != "system:serve" || asked["ptn_late"] != 1 || asked["ptn_large"] != 1 || len(asked) != 2 || told != 1 {
		t.Errorf("attached %v, asked %v, told %d", p.attached, asked, told)
	}
	p.open = p.open[:1]
	if _, err := r.round(t.Context()); err != nil || len(r.stages) != 1 {
		t.Errorf("what is open no more is remembered: %d, %v", len(r.stages), err)
	}
}
