package tables

import (
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

func scanSealingKey(row scanner) (k partner.SealingKey, err error) {
	var created, retired int64
	err = row.Scan(&k.Environment, &k.ID, &k.Sealed, &created, &retired)
	k.CreatedAt, k.RetiredAt = moment(created), moment(retired)
	return k, err
}

const sealingColumns = "SELECT environment, id, sealed, created_at, retired_at FROM sealing_key"

// SealingKeys lists the sealing keys of one environment, or all, by environment and id.
func (t *Tx) SealingKeys(environment string) ([]partner.SealingKey, error) {
	if environment == "" {
		return list(t, "list sealing keys", scanSealingKey, sealingColumns+" ORDER BY environment, id")
	}
	return list(t, "list sealing keys", scanSealingKey, sealingColumns+" WHERE environment = ? ORDER BY id", environment)
}

// PutSealingKey adds a sealing key or sets when it was retired; the key itself stays as it is.
func (t *Tx) PutSealingKey(k partner.SealingKey) error {
	t.touchSealingKey(k.Environment, k.ID)
	return t.exec("write sealing key", `INSERT INTO sealing_key (environment, id, sealed, created_at, retired_at)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT (environment, id) DO UPDATE SET retired_at = excluded.retired_at`,
		k.Environment, int64(k.ID), k.Sealed, stamp(k.CreatedAt), stamp(k.RetiredAt))
}

// DeleteSealingKey removes a sealing key; one that is not there is no error.
func (t *Tx) DeleteSealingKey(environment string, id uint32) error {
	t.touchSealingKey(environment, id)
	return t.exec("remove sealing key", "DELETE FROM sealing_key WHERE environment = ? AND id = ?", environment, int64(id))
}

// PutSealedKey replaces the sealed form of a sealing key that is there; nothing else of it changes.
func (t *Tx) PutSealedKey(environment string, id uint32, sealed []byte) error {
	t.touchSealingKey(environment, id)
	return t.exec("write sealed key", "UPDATE sealing_key SET sealed = ? WHERE environment = ? AND id = ?", sealed, environment, int64(id))
}

func (t *Tx) touchSealingKey(environment string, id uint32) {
	t.touch(audit.SealingKeyRow(environment, id), digested(func() (partner.SealingKey, bool, error) {
		return one(t, "read sealing key", scanSealingKey, sealingColumns+" WHERE environment = ? AND id = ?", environment, int64(id))
	}, audit.TouchSealingKey))
}
