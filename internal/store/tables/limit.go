package tables

import (
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

const limitColumns = `SELECT id, partner_id, environment, coalesce(credential_id, ''), api, rate, per, burst, daily, created_at
	FROM limit_rule`

func scanLimit(row scanner) (l partner.Limit, err error) {
	var per, created int64
	err = row.Scan(&l.ID, &l.PartnerID, &l.Environment, &l.CredentialID, &l.API, &l.Rate, &per, &l.Burst, &l.Daily, &created)
	l.Per, l.CreatedAt = time.Duration(per), moment(created)
	return l, err
}

// Limit finds a limit by its row identity.
func (t *Tx) Limit(id string) (partner.Limit, bool, error) {
	return one(t, "read limit", scanLimit, limitColumns+" WHERE id = ?", id)
}

// Limits lists the limits of one partner, or all, by row identity.
func (t *Tx) Limits(partnerID string) ([]partner.Limit, error) {
	if partnerID == "" {
		return list(t, "list limits", scanLimit, limitColumns+" ORDER BY id")
	}
	return list(t, "list limits", scanLimit, limitColumns+" WHERE partner_id = ? ORDER BY id", partnerID)
}

// PutLimit adds a limit, or replaces what one allows; its scope and the time of its making stay as they are.
func (t *Tx) PutLimit(l partner.Limit) error {
	t.touch(audit.LimitRow(l.ID), digested(func() (partner.Limit, bool, error) { return t.Limit(l.ID) }, audit.TouchLimit))
	return t.exec("write limit", `INSERT INTO limit_rule
		(id, partner_id, environment, credential_id, api, rate, per, burst, daily, created_at)
		VALUES (?, ?, ?, nullif(?, ''), ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET rate = excluded.rate, per = excluded.per, burst = excluded.burst, daily = excluded.daily`,
		l.ID, l.PartnerID, l.Environment, l.CredentialID, l.API, l.Rate, int64(l.Per), l.Burst, l.Daily, stamp(l.CreatedAt))
}

// DeleteLimit removes a limit; one that is not there is no error.
func (t *Tx) DeleteLimit(id string) error {
	t.touch(audit.LimitRow(id), digested(func() (partner.Limit, bool, error) { return t.Limit(id) }, audit.TouchLimit))
	return t.exec("remove limit", "DELETE FROM limit_rule WHERE id = ?", id)
}
