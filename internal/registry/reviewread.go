package registry

import (
	"context"
	"fmt"
	"slices"

	"countersign.dev/internal/partner"
)

// ReviewFile reads the review of a partner for an environment with all that belongs to it, as of one moment. Errors: ErrArgument,
// ErrNotFound where nobody has asked for it, the store's.
func (r *Registry) ReviewFile(ctx context.Context, partnerID, environment string) (ReviewFile, error) {
	if err := checkEnvironment(environment); err != nil {
		return ReviewFile{}, fmt.Errorf("read review: %w", err)
	}
	return view(ctx, r.store, func(tx Tx) (ReviewFile, error) { return r.reviewFile(tx, home{partnerID, environment}) })
}

// reviewFile builds the whole file.
func (r *Registry) reviewFile(tx Tx, at home) (ReviewFile, error) {
	file, err := r.assemble(tx, at)
	if err != nil {
		return ReviewFile{}, err
	}
	earlier, err := earlierEvidence(tx, at, file.Round)
	if err != nil {
		return ReviewFile{}, err
	}
	file.Evidence = append(earlier, file.Evidence...)
	file.Comments, err = commentNoun.list(tx, newest(at, 2*MaxComments))
	slices.Reverse(file.Comments)
	return file, err
}

// newest asks for the last documents of a review.
func newest(at home, limit int) partner.DocumentQuery {
	return partner.DocumentQuery{PartnerID: at.partner, Environment: at.environment, Newest: true, Limit: limit}
}

// assemble builds a file of the present round, without comments.
func (r *Registry) assemble(tx Tx, at home) (ReviewFile, error) {
	review, found, err := tx.Review(at.partner, at.environment)
	if err == nil && !found {
		err = fmt.Errorf("no review of %s for %s was asked for: %w", at.partner, at.environment, ErrNotFound)
	}
	if err != nil {
		return ReviewFile{}, err
	}
	record, err := readFile(tx, at)
	if err != nil {
		return ReviewFile{}, err
	}
	evidence, err := roundEvidence(tx, at, record.Round)
	if err != nil {
		return ReviewFile{}, err
	}
	policy := r.policy(at.environment)
	seen, err := look(tx, at, policy)
	if err != nil {
		return ReviewFile{}, err
	}
	file := ReviewFile{Review: review, Round: record.Round, StartedBy: record.StartedBy, StartedAt: record.StartedAt, After: policy.After,
		Evidence: evidence, Facts: seen.facts, Approval: record.Approval}
	for _, item := range policy.Items {
		file.add(itemOf(item, record, evidence, seen))
	}
	file.Digest, err = fileDigest(file, seen)
	return file, err
}

// add adds an item, which may be one that is missing.
func (f *ReviewFile) add(item ReviewItem) {
	f.Items = append(f.Items, item)
	if item.Required && !item.Done {
		f.Missing = append(f.Missing, item.ID)
	}
}

// itemOf is one item as it stands.
func itemOf(item partner.ChecklistItem, record fileRecord, evidence []Evidence, seen sightings) ReviewItem {
	out := ReviewItem{ChecklistItem: item}
	if item.Evidence.System() {
		s := seen.of(item.Evidence)
		out.Done, out.Fact = s.done, s.fact
		return out
	}
	out.Evidence = counting(evidence, item)
	i := slices.IndexFunc(record.Checks, func(c itemCheck) bool { return c.Item == item.ID })
	if i < 0 {
		return out
	}
	c := record.Checks[i]
	out.By, out.At, out.Note = c.By, c.At, c.Note
	out.Outdated = c.Title != item.Title || c.Kind != item.Evidence || !slices.Equal(c.Evidence, out.Evidence)
	out.Done = !out.Outdated
	return out
}

// counting is the ids of the evidence of a round that counts for an item: of the item's kind, superseded by nothing.
func counting(evidence []Evidence, item partner.ChecklistItem) []string {
	var ids []string
	for _, e := range evidence {
		fits := item.Evidence == partner.EvidenceManual || e.Kind == item.Evidence
		if e.Item == item.ID && e.SupersededBy == "" && fits {
			ids = append(ids, e.ID)
		}
	}
	slices.Sort(ids)
	return ids
}
