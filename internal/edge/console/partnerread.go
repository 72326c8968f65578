package console

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func (v *visit) readWaiting(ctx context.Context, data *partnerPage) {
	for _, state := range []api.ProposalState{api.ProposalStateOpen, api.ProposalStateApproved} {
		a, err := v.api.ProposalList(ctx, api.ProposalListParams{Partner: data.Partner.ID, State: state, Limit: 20})
		if err != nil {
			data.WaitingFault = "What waits cannot be told: " + reasonOf(err)
			return
		}
		for _, p := range a.Value.Items {
			data.Waiting = append(data.Waiting, partnerWait{p, page.Path(base+"/proposals", p.ID), strings.NewReplacer(".", " ", "_",
				" ").Replace(p.Operation),
				actorWords(p.RequestedBy), len(p.Approvals)})
		}
	}
}

func (v *visit) readReviews(ctx context.Context, data *partnerPage) {
	for _, e := range data.environments {
		data.Reviews = append(data.Reviews, v.card(ctx, data.Partner, e))
	}
	if len(data.environments) == 0 {
		data.ReviewFault = "No environment is configured here, or none that you may see."
	}
}

func (v *visit) readCredentials(ctx context.Context, data *partnerPage) {
	a, err := v.api.PartnerCredentials(ctx, data.Partner.ID, api.PartnerCredentialsParams{Limit: partnerMost})
	if err != nil {
		data.CredentialFault = "The credentials cannot be shown now: " + reasonOf(err)
		return
	}
	data.credentials = a.Value.Items
	if a.Value.Next != "" {
		data.MoreCredentials = "There are more credentials than are shown here. Search for one by its key id or login."
	}
}

func (v *visit) readUsage(ctx context.Context, data *partnerPage) {
	a, err := v.api.PartnerUsage(ctx, data.Partner.ID, api.PartnerUsageParams{})
	if err != nil {
		data.UsageFault = "How this partner calls cannot be told: " + reasonOf(err)
		return
	}
	data.Usage, data.UsageGaps = a.Value.Environments, a.Value.Faults
}

func (v *visit) readNetworks(ctx context.Context, data *partnerPage) {
	a, err := v.api.PartnerNetworks(ctx, data.Partner.ID, api.PartnerNetworksParams{})
	if err != nil {
		data.NetworkFault = "The network rules cannot be shown now: " + reasonOf(err)
	}
	data.Rules = a.Value.Items
}

func (v *visit) readLimits(ctx context.Context, data *partnerPage) {
	a, err := v.api.PartnerLimits(ctx, data.Partner.ID, api.PartnerLimitsParams{})
	if err != nil {
		data.LimitFault = "The limits cannot be shown now: " + reasonOf(err)
	}
	data.Limits = limitRows(data.Partner.ID, a.Value.Items[:min(len(a.Value.Items), networkMost)])
	data.MoreLimits = len(a.Value.Items) - len(data.Limits)
}

func (v *visit) readEndpoints(ctx context.Context, data *partnerPage) {
	a, err := v.api.PartnerEndpoints(ctx, data.Partner.ID, api.PartnerEndpointsParams{})
	if err != nil {
		data.EndpointFault = "The endpoints cannot be shown now: " + reasonOf(err)
	}
	data.Endpoints = endpointRows(data.Partner.ID, a.Value.Items[:min(len(a.Value.Items), networkMost)])
	data.MoreEndpoints = len(a.Value.Items) - len(data.Endpoints)
}

func (v *visit) readMembers(ctx context.Context, data *partnerPage) {
	a, err := v.api.MemberList(ctx, data.Partner.ID)
	if err != nil {
		data.MemberFault = "The members cannot be shown now: " + reasonOf(err)
	}
	data.Members = memberRows(data.Partner.ID, a.Value.Items)
}

func (v *visit) readRefusals(ctx context.Context, data *partnerPage) {
	data.AllRefusals = page.Link(base+"/decisions", "partner", data.Partner.ID, "decision", "refuse")
	a, err := v.api.DecisionList(ctx, api.DecisionListParams{Partner: data.Partner.ID, Decision: "refuse", Limit: partnerRefusals})
	if err != nil {
		data.RefusalFault = "The latest refusals cannot be shown: " + reasonOf(err)
		return
	}
	for _, found := range a.Value.Items {
		var one partnerRefusal
		if err := json.Unmarshal(found.Line, &one); err != nil {
			data.RefusalFault = "A line of the record cannot be read; countersign audit verify says where."
			continue
		}
		one.Path = decisionPath(one.RequestID)
		data.Refusals = append(data.Refusals, one)
	}
	if len(a.Value.Unread) > 0 {
		data.RefusalFault = "A part of the record could not be read: there may be more refusals than these."
	}
}

func (v *visit) readChanges(ctx context.Context, data *partnerPage) {
	data.AllChanges = page.Link(base+"/changes", "partner", data.Partner.ID)
	if !v.may("changes.read", "") {
		data.ChangeFault = "The timeline is the record of changes, which you may not read: the permission changes.read is missing. Auditors and admins have it."
		return
	}
	a, err := v.api.ChangeList(ctx, api.ChangeListParams{Partner: data.Partner.ID, Limit: partnerChanges})
	if err != nil {
		data.ChangeFault = "The timeline cannot be shown: " + reasonOf(err)
		return
	}
	for _, c := range a.Value.Items {
		data.Changes = append(data.Changes, partnerChange{c, strings.NewReplacer(".", " ", "_", " ").Replace(c.Action), actorWords(c.Actor),
			page.Path(base+"/changes", strconv.FormatInt(c.Seq, 10))})
	}
}
