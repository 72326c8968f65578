package tables

import (
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

const partnerColumns = "SELECT id, name, closed, created_at FROM partner"

func scanPartner(row scanner) (p partner.Partner, err error) {
	var created int64
	err = row.Scan(&p.ID, &p.Name, &p.Closed, &created)
	p.CreatedAt = moment(created)
	return p, err
}

// Partner finds a partner by its row identity.
func (t *Tx) Partner(id string) (partner.Partner, bool, error) {
	return one(t, "read partner", scanPartner, partnerColumns+" WHERE id = ?", id)
}

// Partners lists all partners by row identity.
func (t *Tx) Partners() ([]partner.Partner, error) {
	return listAll(t, "list partners", scanPartner, 4, partnerColumns+" ORDER BY id")
}

// PartnersByName lists the partners with exactly this name.
func (t *Tx) PartnersByName(name string) ([]partner.Partner, error) {
	return list(t, "find partners", scanPartner, partnerColumns+" WHERE name = ? ORDER BY id", name)
}

// PutPartner adds or replaces a partner.
func (t *Tx) PutPartner(p partner.Partner) error {
	t.touch(audit.PartnerRow(p.ID), digested(func() (partner.Partner, bool, error) { return t.Partner(p.ID) }, audit.TouchPartner))
	return t.exec("write partner", `INSERT INTO partner (id, name, closed, created_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, closed = excluded.closed`,
		p.ID, p.Name, flag(p.Closed), stamp(p.CreatedAt))
}

const reviewColumns = `SELECT partner_id, environment, state, requested_by, approved_by, changed_at, reason FROM review`

func scanReview(row scanner) (r partner.Review, err error) {
	var changed int64
	err = row.Scan(&r.PartnerID, &r.Environment, &r.State, &r.RequestedBy, &r.ApprovedBy, &changed, &r.Reason)
	r.ChangedAt = moment(changed)
	return r, err
}

// Review finds the review of a partner for an environment.
func (t *Tx) Review(partnerID, environment string) (partner.Review, bool, error) {
	return one(t, "read review", scanReview, reviewColumns+" WHERE partner_id = ? AND environment = ?", partnerID, environment)
}

// Reviews lists the reviews of one partner, or all.
func (t *Tx) Reviews(partnerID string) ([]partner.Review, error) {
	if partnerID == "" {
		return listAll(t, "list reviews", scanReview, 7, reviewColumns+" ORDER BY partner_id, environment")
	}
	return list(t, "list reviews", scanReview, reviewColumns+" WHERE partner_id = ? ORDER BY environment", partnerID)
}

func (t *Tx) touchReview(partnerID, environment string) {
	t.touch(audit.ReviewRow(partnerID, environment), digested(func() (partner.Review, bool, error) {
		return t.Review(partnerID, environment)
	}, audit.TouchReview))
}

// DeleteReview removes a review, as if nobody had asked for it; one that is not there is no error.
func (t *Tx) DeleteReview(partnerID, environment string) error {
	t.touchReview(partnerID, environment)
	return t.exec("remove review", "DELETE FROM review WHERE partner_id = ? AND environment = ?", partnerID, environment)
}

// PutReview adds or replaces a review.
func (t *Tx) PutReview(r partner.Review) error {
	t.touchReview(r.PartnerID, r.Environment)
	return t.exec("write review", `INSERT INTO review
		(partner_id, environment, state, requested_by, approved_by, changed_at, reason) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (partner_id, environment) DO UPDATE SET state = excluded.state, requested_by = excluded.requested_by,
		approved_by = excluded.approved_by, changed_at = excluded.changed_at, reason = excluded.reason`,
		r.PartnerID, r.Environment, string(r.State), r.RequestedBy, r.ApprovedBy, stamp(r.ChangedAt), r.Reason)
}
