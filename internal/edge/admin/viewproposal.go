package admin

import (
	"encoding/json"

	"countersign.dev/api"
	"countersign.dev/internal/registry"
)

// viewProposal shows a proposal without the report of its what-if.
func viewProposal(p registry.Proposal, etag string) api.Proposal {
	v := api.Proposal{ID: p.ID, State: api.ProposalState(p.State), Operation: string(p.Operation.Name), PartnerID: p.Operation.PartnerID,
		PartnerName: p.Names[p.Operation.PartnerID], Names: p.Names, Environment: p.Operation.Environment, Params: p.Operation.Params, Reason: p.Reason, Digest: p.DigestText(), RequestedBy: p.RequestedBy,
		Editors: p.Editors, Edits: p.Edits, Needed: p.Needed, Approvals: list(p.Approvals, viewApproval), Comments: list(p.Comments, viewRemark),
		CreatedAt: p.CreatedAt.UTC(), ExpiresAt: p.ExpiresAt.UTC(), EndedAt: p.EndedAt.UTC(), EndedBy: p.EndedBy, EndReason: p.EndReason,
		Revision: int64(p.Revision), Approvers: p.Approvers, Warning: p.Warning, YieldsSecret: p.Operation.Name.YieldsSecret(), Etag: etag}
	if len(v.Params) == 0 {
		v.Params = json.RawMessage("{}")
	}
	for _, b := range p.Base {
		v.Base = append(v.Base, api.RowState{Row: b.Row, Etag: b.ETag})
	}
	if n := p.WhatIf; n != nil {
		v.WhatIf = api.ProposalReport{At: n.At.UTC(), By: n.By, For: n.For, Sha256: n.SHA256, Bytes: n.Bytes, Stale: n.Stale}
	}
	if f := p.Failure; f != nil {
		v.Failure = api.Failure{At: f.At.UTC(), By: f.By, Why: f.Why}
	}
	return v
}

func viewApproval(a registry.ProposalApproval) api.ProposalApproval {
	return api.ProposalApproval{By: a.By, At: a.At.UTC(), Digest: a.Digest, Comment: a.Comment}
}

func viewRemark(c registry.ProposalComment) api.ProposalRemark {
	return api.ProposalRemark{By: c.By, At: c.At.UTC(), Text: c.Text}
}

// proposal shows one with its ETag; false: it has answered.
func (c *call) proposal(p registry.Proposal) (api.Proposal, bool) {
	etag, ok := c.tag(p.Row())
	return viewProposal(p, etag), ok
}
