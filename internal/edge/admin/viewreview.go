package admin

import (
	"encoding/hex"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func viewReview(r partner.Review) api.Review {
	return api.Review{PartnerID: r.PartnerID, Environment: r.Environment, State: api.ReviewState(r.State), RequestedBy: r.RequestedBy,
		ApprovedBy: r.ApprovedBy, ChangedAt: r.ChangedAt.UTC(), Reason: r.Reason}
}

func viewReviewFile(f registry.ReviewFile, etag string) api.ReviewFile {
	v := api.ReviewFile{Review: viewReview(f.Review), Round: f.Round, StartedBy: f.StartedBy, StartedAt: f.StartedAt.UTC(), After: f.After,
		Items: list(f.Items, viewReviewItem), Evidence: list(f.Evidence, viewEvidence), Comments: list(f.Comments, viewReviewComment),
		Facts: list(f.Facts, viewFacts), Missing: list(f.Missing, same), Digest: hex.EncodeToString(f.Digest[:]), Etag: etag}
	if a := f.Approval; a != nil {
		v.Approval = api.ReviewApproval{By: a.By, At: a.At.UTC(), Digest: a.Digest, Bound: a.Bound, Open: a.Open, Facts: a.Facts, Reason: a.Reason}
	}
	return v
}

func viewReviewItem(i registry.ReviewItem) api.ReviewItem {
	return api.ReviewItem{ID: i.ID, Title: i.Title, Evidence: string(i.ChecklistItem.Evidence), Required: i.Required, Done: i.Done, By: i.By,
		At: i.At.UTC(), Note: i.Note, Outdated: i.Outdated, EvidenceIds: i.Evidence, Fact: i.Fact}
}

func viewEvidence(e registry.Evidence) api.Evidence {
	return api.Evidence{ID: e.ID, PartnerID: e.PartnerID, Environment: e.Environment, Round: e.Round, Item: e.Item, Kind: string(e.Kind),
		Name: e.Name, Note: e.Note, MediaType: e.MediaType, Size: e.Size, URL: e.URL, Sha256: e.SHA256, AddedBy: e.AddedBy,
		AddedAt: e.AddedAt.UTC(), Supersedes: e.Supersedes, SupersededBy: e.SupersededBy}
}

func viewReviewComment(c registry.Comment) api.ReviewComment {
	return api.ReviewComment{ID: c.ID, Round: c.Round, By: c.By, At: c.At.UTC(), Text: c.Text, Shared: c.Shared}
}

func viewFacts(f registry.SystemFacts) api.SystemFacts {
	v := api.SystemFacts{Environment: f.Environment, Since: f.Since.UTC(), At: f.At.UTC(), Calls: int64(f.Calls), TLSCalls: int64(f.TLSCalls),
		FirstCall: f.FirstCall.UTC(), LastCall: f.LastCall.UTC(), Others: int64(f.Others)}
	for _, a := range f.Addresses {
		v.Addresses = append(v.Addresses, api.AddressSeen{Address: a.Address.String(), Count: int64(a.Count), First: a.First.UTC(), Last: a.Last.UTC()})
	}
	for _, r := range f.Refusals {
		v.Refusals = append(v.Refusals, api.ReasonCount{Reason: r.Reason, Count: int64(r.Count)})
	}
	return v
}
