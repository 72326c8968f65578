package tables

import (
	"strings"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

const credentialColumns = `SELECT id, partner_id, environment, kind, key_id, coalesce(login, ''), generation, failures,
	locked_at, revoked_at, created_at, client_keys FROM credential`

func scanCredential(row scanner) (c partner.Credential, err error) {
	var locked, revoked, created int64
	var keys string
	err = row.Scan(&c.ID, &c.PartnerID, &c.Environment, &c.Kind, &c.KeyID, &c.Login, &c.Generation, &c.Failures,
		&locked, &revoked, &created, &keys)
	if keys != "" {
		c.ClientKeys = strings.Split(keys, ",")
	}
	c.LockedAt, c.RevokedAt, c.CreatedAt = moment(locked), moment(revoked), moment(created)
	return c, err
}

// owned is a version with the credential that it belongs to.
type owned struct {
	credential string
	partner.Version
}

const versionColumns = `SELECT credential_id, number, sealed, coalesce(hash, ''), not_before, not_after, by_partner FROM version`

func scanVersion(row scanner) (v owned, err error) {
	var before, after int64
	err = row.Scan(&v.credential, &v.Number, &v.Sealed, &v.Hash, &before, &after, &v.ByPartner)
	v.NotBefore, v.NotAfter = moment(before), moment(after)
	return v, err
}

// Credential finds a credential with its versions by its row identity.
func (t *Tx) Credential(id string) (partner.Credential, bool, error) {
	return t.credential(credentialColumns+" WHERE id = ?", id)
}

// CredentialByName finds a credential by what travels on the wire: its key id or its login.
func (t *Tx) CredentialByName(wire string) (partner.Credential, bool, error) {
	return t.credential(credentialColumns+" WHERE key_id = ? OR login = ?", wire, wire)
}

func (t *Tx) credential(query string, args ...any) (partner.Credential, bool, error) {
	c, found, err := one(t, "read credential", scanCredential, query, args...)
	if err != nil || !found {
		return c, false, err
	}
	versions, err := list(t, "read versions", scanVersion, versionColumns+" WHERE credential_id = ? ORDER BY number DESC", c.ID)
	for _, v := range versions {
		c.Versions = append(c.Versions, v.Version)
	}
	return c, err == nil, err
}

// PutCredential adds a credential or replaces what may change in one, and does the same with its versions. The secret of a
// version that exists stays as it is, and so does a version that is not in c.
func (t *Tx) PutCredential(c partner.Credential) error {
	t.touchCredential(c.ID)
	err := t.exec("write credential", `INSERT INTO credential
		(id, partner_id, environment, kind, key_id, login, generation, failures, locked_at, revoked_at, created_at, client_keys)
		VALUES (?, ?, ?, ?, ?, nullif(?, ''), ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET generation = excluded.generation, failures = excluded.failures,
		locked_at = excluded.locked_at, revoked_at = excluded.revoked_at, client_keys = excluded.client_keys`,
		c.ID, c.PartnerID, c.Environment, string(c.Kind), c.KeyID, c.Login, int64(c.Generation), c.Failures,
		stamp(c.LockedAt), stamp(c.RevokedAt), stamp(c.CreatedAt), strings.Join(c.ClientKeys, ","))
	if err != nil {
		return err
	}
	for _, v := range c.Versions {
		if err := t.putVersion(c.ID, v); err != nil {
			return err
		}
	}
	return nil
}

// touchCredential touches a credential with all its versions.
func (t *Tx) touchCredential(id string) {
	t.touch(audit.CredentialRow(id), digested(func() (partner.Credential, bool, error) { return t.Credential(id) }, audit.TouchCredential))
}

// PutSealed replaces the sealed secret of a version that is there and has one; nothing else of it changes.
func (t *Tx) PutSealed(credentialID string, number int, sealed []byte) error {
	t.touchCredential(credentialID)
	return t.exec("write sealed secret", "UPDATE version SET sealed = ? WHERE credential_id = ? AND number = ? AND sealed IS NOT NULL",
		sealed, credentialID, number)
}

func (t *Tx) putVersion(credentialID string, v partner.Version) error {
	var sealed any
	if len(v.Sealed) > 0 {
		sealed = v.Sealed
	}
	return t.exec("write version", `INSERT INTO version
		(credential_id, number, sealed, hash, not_before, not_after, by_partner) VALUES (?, ?, ?, nullif(?, ''), ?, ?, ?)
		ON CONFLICT (credential_id, number) DO UPDATE SET not_before = excluded.not_before, not_after = excluded.not_after`,
		credentialID, v.Number, sealed, v.Hash, stamp(v.NotBefore), stamp(v.NotAfter), flag(v.ByPartner))
}

// PutFailures sets the count of failures of a credential. It is the one change that needs no change row.
func (t *Tx) PutFailures(credentialID string, failures int) error {
	return t.run("write failures", "UPDATE credential SET failures = ? WHERE id = ?", failures, credentialID)
}
