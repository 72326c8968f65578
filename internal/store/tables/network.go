package tables

import (
	"fmt"
	"net/netip"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

const networkColumns = "SELECT id, partner_id, environment, api, prefix, country, note, created_at FROM network"

func scanNetwork(row scanner) (n partner.NetworkRule, err error) {
	var prefix string
	var created int64
	if err = row.Scan(&n.ID, &n.PartnerID, &n.Environment, &n.API, &prefix, &n.Country, &n.Note, &created); err != nil {
		return n, err
	}
	n.CreatedAt = moment(created)
	if prefix == "" {
		return n, nil
	}
	if n.Prefix, err = netip.ParsePrefix(prefix); err != nil {
		return n, fmt.Errorf("network rule %s: %w", n.ID, err)
	}
	return n, nil
}

// Network finds a network rule by its row identity.
func (t *Tx) Network(id string) (partner.NetworkRule, bool, error) {
	return one(t, "read network rule", scanNetwork, networkColumns+" WHERE id = ?", id)
}

// Networks lists the network rules of one partner, or all, by row identity.
func (t *Tx) Networks(partnerID string) ([]partner.NetworkRule, error) {
	if partnerID == "" {
		return listAll(t, "list network rules", scanNetwork, 8, networkColumns+" ORDER BY id")
	}
	return list(t, "list network rules", scanNetwork, networkColumns+" WHERE partner_id = ? ORDER BY id", partnerID)
}

// PutNetwork adds a network rule. Rules are not altered: they are removed and added.
func (t *Tx) PutNetwork(n partner.NetworkRule) error {
	prefix := ""
	if n.Prefix.IsValid() {
		prefix = n.Prefix.String()
	}
	t.touchNetwork(n.ID)
	return t.exec("write network rule", `INSERT INTO network
		(id, partner_id, environment, api, prefix, country, note, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		n.ID, n.PartnerID, n.Environment, n.API, prefix, n.Country, n.Note, stamp(n.CreatedAt))
}

// DeleteNetwork removes a network rule; one that is not there is no error.
func (t *Tx) DeleteNetwork(id string) error {
	t.touchNetwork(id)
	return t.exec("remove network rule", "DELETE FROM network WHERE id = ?", id)
}

func (t *Tx) touchNetwork(id string) {
	t.touch(audit.NetworkRow(id), digested(func() (partner.NetworkRule, bool, error) { return t.Network(id) }, audit.TouchNetwork))
}
