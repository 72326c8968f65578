package tables

import (
	"fmt"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

const documentColumns = "SELECT kind, id, coalesce(partner_id, ''), environment, state, coalesce(alias, ''), created_at, body FROM document"

func scanDocument(row scanner) (d partner.Document, err error) {
	var created int64
	err = row.Scan(&d.Kind, &d.ID, &d.PartnerID, &d.Environment, &d.State, &d.Alias, &created, &d.Body)
	d.CreatedAt = moment(created)
	return d, err
}

// Document finds a document by its kind and id.
func (t *Tx) Document(kind, id string) (partner.Document, bool, error) {
	return one(t, "read "+kind, scanDocument, documentColumns+" WHERE kind = ? AND id = ?", kind, id)
}

// DocumentByAlias finds a document by its kind and other name.
func (t *Tx) DocumentByAlias(kind, alias string) (partner.Document, bool, error) {
	if alias == "" {
		return partner.Document{}, false, nil
	}
	return one(t, "read "+kind, scanDocument, documentColumns+" WHERE kind = ? AND alias = ?", kind, alias)
}

// Documents lists documents of one kind, or all of every kind, by creation and id.
func (t *Tx) Documents(q partner.DocumentQuery) ([]partner.Document, error) {
	var c clauses
	c.equal("kind", q.Kind)
	c.equal("partner_id", q.PartnerID)
	c.equal("environment", q.Environment)
	c.equal("state", q.State)
	order, beyond := "created_at, id", ">"
	if q.Newest {
		order, beyond = "created_at DESC, id DESC", "<"
	}
	if q.AfterID != "" {
		c.match("(created_at, id) "+beyond+" (?, ?)", stamp(q.AfterAt), q.AfterID)
	}
	query, args := c.query(documentColumns, order, q.Limit)
	return list(t, "list documents", scanDocument, query, args...)
}

// PutDocument adds or replaces a document; the time of its making stays.
func (t *Tx) PutDocument(d partner.Document) error {
	if err := d.Validate(); err != nil {
		return t.failed("write document", err)
	}
	t.touchDocument(d.Kind, d.ID)
	return t.exec("write "+d.Kind, `INSERT INTO document (kind, id, partner_id, environment, state, alias, created_at, body)
		VALUES (?, ?, nullif(?, ''), ?, ?, nullif(?, ''), ?, ?)
		ON CONFLICT (kind, id) DO UPDATE SET partner_id = excluded.partner_id, environment = excluded.environment,
		state = excluded.state, alias = excluded.alias, body = excluded.body`,
		d.Kind, d.ID, d.PartnerID, d.Environment, d.State, d.Alias, stamp(d.CreatedAt), d.Body)
}

// DeleteDocument removes a document; one that is not there is no error.
func (t *Tx) DeleteDocument(kind, id string) error {
	t.touchDocument(kind, id)
	return t.exec(fmt.Sprintf("remove %s", kind), "DELETE FROM document WHERE kind = ? AND id = ?", kind, id)
}

func (t *Tx) touchDocument(kind, id string) {
	t.touch(audit.DocumentRow(kind, id), digested(func() (partner.Document, bool, error) { return t.Document(kind, id) }, audit.TouchDocument))
}
