package tables

import (
	"crypto/sha256"
	"fmt"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
)

const transientColumns = "SELECT kind, id, owner, expires_at, body FROM transient"

func scanTransient(row scanner) (v partner.Transient, err error) {
	var expires int64
	err = row.Scan(&v.Kind, &v.ID, &v.Owner, &expires, &v.Body)
	v.ExpiresAt = moment(expires)
	return v, err
}

// Transient finds a transient row, also one that has ended.
func (t *Tx) Transient(kind, id string) (partner.Transient, bool, error) {
	return one(t, "read "+kind, scanTransient, transientColumns+" WHERE kind = ? AND id = ?", kind, id)
}

// PutTransient adds or replaces a transient row. It needs no change row.
func (t *Tx) PutTransient(v partner.Transient) error {
	if err := v.Validate(); err != nil {
		return t.failed("write transient", err)
	}
	if v.Body == nil {
		v.Body = []byte{}
	}
	return t.run("write "+v.Kind, `INSERT INTO transient (kind, id, owner, expires_at, body) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (kind, id) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at, body = excluded.body`,
		v.Kind, v.ID, v.Owner, stamp(v.ExpiresAt), v.Body)
}

// DeleteTransient removes one; one that is not there is no error.
func (t *Tx) DeleteTransient(kind, id string) error {
	return t.run("remove "+kind, "DELETE FROM transient WHERE kind = ? AND id = ?", kind, id)
}

// DeleteTransientsOf removes all of one kind and owner.
func (t *Tx) DeleteTransientsOf(kind, owner string) error {
	return t.run("remove "+kind, "DELETE FROM transient WHERE kind = ? AND owner = ?", kind, owner)
}

// DeleteTransientsBefore removes what ended before a moment, of every kind.
func (t *Tx) DeleteTransientsBefore(end time.Time) error {
	return t.run("remove what has ended", "DELETE FROM transient WHERE expires_at < ?", stamp(end))
}

// Blob reads the content that has this digest; what has another one is corrupt.
func (t *Tx) Blob(digest [32]byte) ([]byte, bool, error) {
	content, found, err := one(t, "read blob", func(row scanner) (b []byte, err error) {
		err = row.Scan(&b)
		return b, err
	}, "SELECT content FROM blob WHERE digest = ?", digest[:])
	if err == nil && found && sha256.Sum256(content) != digest {
		return nil, false, t.failed("read blob", fmt.Errorf("%w: the content of %x is another one", store.ErrCorrupt, digest))
	}
	return content, found, err
}

// PutBlob keeps content under its SHA-256; what is there already stays.
func (t *Tx) PutBlob(content []byte) ([32]byte, error) {
	if len(content) == 0 || len(content) > partner.MaxBlob {
		return [32]byte{}, t.failed("write blob", fmt.Errorf("%w: a blob has 1 to %d bytes", partner.ErrInvalid, partner.MaxBlob))
	}
	digest := sha256.Sum256(content)
	return digest, t.run("write blob", "INSERT INTO blob (digest, content) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING", digest[:], content)
}
