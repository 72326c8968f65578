package sqlite

import (
	"fmt"
	"net/netip"

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
		return list(t, "list network rules", scanNetwork, networkColumns+" ORDER BY id")
	}
	return list(t, "list network rules", scanNetwork, networkColumns+" WHERE partner_id = ? ORDER BY id", partnerID)
}

// PutNetwork adds a network rule. Rules are not altered: they are removed and added.
func (t *Tx) PutNetwork(n partner.NetworkRule) error {
	prefix := ""
	if n.Prefix.IsValid() {
		prefix = n.Prefix.String()
	}
	return t.exec("write network rule", `INSERT INTO network
		(id, partner_id, environment, api, prefix, country, note, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		n.ID, n.PartnerID, n.Environment, n.API, prefix, n.Country, n.Note, stamp(n.CreatedAt))
}

// DeleteNetwork removes a network rule; one that is not there is no error.
func (t *Tx) DeleteNetwork(id string) error {
	return t.exec("remove network rule", "DELETE FROM network WHERE id = ?", id)
}

func scanSealingKey(row scanner) (k partner.SealingKey, err error) {
	var created, retired int64
	err = row.Scan(&k.Environment, &k.ID, &k.Sealed, &created, &retired)
	k.CreatedAt, k.RetiredAt = moment(created), moment(retired)
	return k, err
}

// SealingKeys lists the sealing keys of one environment, or all, by environment and id.
func (t *Tx) SealingKeys(environment string) ([]partner.SealingKey, error) {
	return list(t, "list sealing keys", scanSealingKey, `SELECT environment, id, sealed, created_at, retired_at
		FROM sealing_key WHERE ?1 = '' OR environment = ?1 ORDER BY environment, id`, environment)
}

// PutSealingKey adds a sealing key or sets when it was retired; the key itself stays as it is.
func (t *Tx) PutSealingKey(k partner.SealingKey) error {
	return t.exec("write sealing key", `INSERT INTO sealing_key (environment, id, sealed, created_at, retired_at)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT (environment, id) DO UPDATE SET retired_at = excluded.retired_at`,
		k.Environment, int64(k.ID), k.Sealed, stamp(k.CreatedAt), stamp(k.RetiredAt))
}

// DeleteSealingKey removes a sealing key; one that is not there is no error.
func (t *Tx) DeleteSealingKey(environment string, id uint32) error {
	return t.exec("remove sealing key", "DELETE FROM sealing_key WHERE environment = ? AND id = ?", environment, int64(id))
}
