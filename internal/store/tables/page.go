package tables

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// clauses gathers the conditions of a query and their arguments.
type clauses struct {
	where []string
	args  []any
}

func (c *clauses) match(condition string, args ...any) {
	c.where, c.args = append(c.where, condition), append(c.args, args...)
}

// equal asks for a value, unless it is empty.
func (c *clauses) equal(column, value string) {
	if value != "" {
		c.match(column+" = ?", value)
	}
}

// query is the text with its conditions, its order and its limit; 0: no limit.
func (c *clauses) query(text, order string, limit int) (string, []any) {
	if len(c.where) > 0 {
		text += " WHERE " + strings.Join(c.where, " AND ")
	}
	text += " ORDER BY " + order
	if limit > 0 {
		return text + " LIMIT ?", append(c.args, limit)
	}
	return text, c.args
}

// PartnerPage lists partners by row identity, from q.After on.
func (t *Tx) PartnerPage(q partner.PartnerQuery) ([]partner.Partner, error) {
	query, args := PartnerPageQuery(q)
	return list(t, "list partners", scanPartner, query, args...)
}

// PartnerPageQuery is the text of PartnerPage with its arguments: for whoever asks an engine how it finds a page.
func PartnerPageQuery(q partner.PartnerQuery) (string, []any) {
	var c clauses
	if q.After != "" {
		c.match("id > ?", q.After)
	}
	if q.NameContains != "" {
		c.match(`lower(name) LIKE ? ESCAPE '\'`, "%"+escapeLike(fold(q.NameContains))+"%")
	}
	if q.State != "" {
		c.match("closed = ?", flag(q.State == partner.StateClosed))
	}
	if q.Environment != "" || q.Review != "" {
		var r clauses
		r.match("review.partner_id = partner.id")
		r.equal("environment", q.Environment)
		r.equal("state", string(q.Review))
		c.match("EXISTS (SELECT 1 FROM review WHERE "+strings.Join(r.where, " AND ")+")", r.args...)
	}
	return c.query(partnerColumns, "id", q.Limit)
}

// escapeLike makes every character of text stand for itself.
func escapeLike(text string) string {
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text)
}

// CredentialPage lists credentials by row identity, from q.After on, with their versions, newest first.
func (t *Tx) CredentialPage(q partner.CredentialQuery) ([]partner.Credential, error) {
	query, args := CredentialPageQuery(q)
	page, err := list(t, "list credentials", scanCredential, query, args...)
	if err != nil {
		return nil, err
	}
	for i := range page {
		versions, err := list(t, "list versions", scanVersion, versionColumns+" WHERE credential_id = ? ORDER BY number DESC", page[i].ID)
		if err != nil {
			return nil, err
		}
		for _, v := range versions {
			page[i].Versions = append(page[i].Versions, v.Version)
		}
	}
	return page, nil
}

// CredentialPageQuery is the text of CredentialPage with its arguments.
func CredentialPageQuery(q partner.CredentialQuery) (string, []any) {
	var c clauses
	if q.After != "" {
		c.match("id > ?", q.After)
	}
	c.equal("partner_id", q.PartnerID)
	c.equal("environment", q.Environment)
	c.equal("kind", string(q.Kind))
	const locked = "(locked_at <> 0 OR failures >= ?)"
	switch q.State {
	case partner.StateRevoked:
		c.match("revoked_at <> 0")
	case partner.StateLocked:
		c.match("revoked_at = 0 AND "+locked, partner.MaxFailures)
	case partner.StateActive:
		c.match("revoked_at = 0 AND NOT "+locked, partner.MaxFailures)
	}
	return c.query(credentialColumns, "id", q.Limit)
}

// rowsOf are the rows that a partner has now. It takes its id four times.
const rowsOf = `SELECT id FROM credential WHERE partner_id = ?
	UNION ALL SELECT id FROM document WHERE partner_id = ?
	UNION ALL SELECT id FROM network WHERE partner_id = ?
	UNION ALL SELECT id FROM limit_rule WHERE partner_id = ?`

// concerns finds what concerns a partner. The subject of a rule that is gone has no row to look it up by; the change that removed
// it says at the end of its detail whose it was. The subject of a refused attempt is the operation: what it was about stands at the
// end of its detail, "(partner=ptn_...)" or "(credential=crd_...)", where nobody else's text ever is.
func (c *clauses) concerns(id string) {
	const rowIDLength = 30
	ended := func(text string) string {
		c.args = append(c.args, text)
		return fmt.Sprintf("length(detail) >= %[1]d AND substr(detail, length(detail) - %[1]d + 1) = ?", utf8.RuneCountInString(text))
	}
	rows := func() string {
		c.args = append(c.args, id, id, id, id)
		return rowsOf
	}
	c.args = append(c.args, id)
	condition := "seq IN (SELECT seq FROM change WHERE subject IN (SELECT CAST(? AS TEXT) UNION ALL " + rows() +
		" UNION ALL SELECT subject FROM change WHERE action IN ('network.removed', 'limit.removed', 'endpoint.removed') AND " + ended(" of "+id) + ")" +
		" UNION ALL SELECT seq FROM change WHERE action = 'attempt.refused' AND (" + ended("(partner="+id+")") + " OR " + ended(" partner="+id+")") +
		fmt.Sprintf(" OR length(detail) > %[1]d AND substr(detail, length(detail) - %[1]d - 1, 1) = '='"+
			" AND substr(detail, length(detail) - %[1]d) IN (SELECT id || ')' FROM (%[2]s) AS own)))", rowIDLength, rows())
	c.match(condition)
}

// ChangePage lists changes by their number, from q.After on.
func (t *Tx) ChangePage(q audit.ChangeQuery) ([]audit.Change, error) {
	query, args := ChangePageQuery(q)
	return list(t, "list changes", scanChange, query, args...)
}

// ChangePageQuery is the text of ChangePage with its arguments.
func ChangePageQuery(q audit.ChangeQuery) (string, []any) {
	var c clauses
	order := "seq"
	switch {
	case q.Newest:
		order = "seq DESC"
		if q.After != 0 {
			c.match("seq < ?", int64(min(q.After, math.MaxInt64)))
		}
	case q.After != 0:
		c.match("seq > ?", int64(min(q.After, math.MaxInt64)))
	}
	c.equal("actor", q.Actor)
	c.equal("subject", q.Subject)
	if len(q.Actions) > 0 {
		actions := make([]any, len(q.Actions))
		for i, a := range q.Actions {
			actions[i] = string(a)
		}
		c.match("action IN (?"+strings.Repeat(", ?", len(actions)-1)+")", actions...)
	}
	if q.Kind != "" {
		c.match("substr(action, 1, ?) = ?", len(q.Kind)+1, q.Kind+".")
	}
	if q.Partner != "" {
		c.concerns(q.Partner)
	}
	if !q.From.IsZero() {
		c.match("at >= ?", stamp(q.From))
	}
	if !q.Until.IsZero() {
		c.match("at <= ?", stamp(q.Until))
	}
	return c.query(changeColumns, order, q.Limit)
}
