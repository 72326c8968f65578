package tables

import (
	"errors"
	"math"
	"strings"

	"countersign.dev/internal/partner"
)

// maxPiece is of how many rows a piece may be.
const maxPiece = 4096

// What the columns of both tables are, see credentialColumns and versionColumns.
const (
	credentialWidth = 12
	versionWidth    = 7
)

// Credentials lists the credentials of one partner, or all, by row identity, each with its versions, newest first.
func (t *Tx) Credentials(partnerID string) (all []partner.Credential, err error) {
	if partnerID != "" {
		return t.credentialsIn(credentialColumns+" WHERE partner_id = ? ORDER BY id",
			versionColumns+" WHERE credential_id IN (SELECT id FROM credential WHERE partner_id = ?) ORDER BY credential_id, number DESC", 0, partnerID)
	}
	n, _, err := one(t, "count credentials", func(row scanner) (n int, err error) { return n, row.Scan(&n) }, "SELECT count(*) FROM credential")
	if err != nil || n == 0 {
		return nil, errors.Join(err, t.EachCredential(1, func([]partner.Credential) error { return nil })) // also of none, a version may be left
	}
	all = make([]partner.Credential, 0, n)
	err = t.EachCredential(maxPiece, func(piece []partner.Credential) error {
		all = append(all, piece...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// EachCredential yields all credentials by row identity, each with its versions, newest first, in pieces of at most size, which is 1
// to 4096 and else cut to that. What is yielded is whoever's it is yielded to; texts and sealed bytes of one piece may share memory. No
// statement is open meanwhile, and no row read ahead, so that yield may use t, and may let others go first. An error of yield ends the
// reading and is returned as it is.
func (t *Tx) EachCredential(size int, yield func([]partner.Credential) error) error {
	read, after := min(max(size, 1), maxPiece), ""
	for first, more := true, true; more; first = false {
		query, args := credentialColumns+" ORDER BY id LIMIT ?", []any{read}
		if !first {
			query, args = credentialColumns+" WHERE id > ? ORDER BY id LIMIT ?", []any{after, read}
		}
		piece, err := t.someCredentials(query, read, args...)
		if err != nil {
			return err
		}
		if more = len(piece) == read; !ascending(piece, after) {
			return t.failed("list credentials", errors.New("the rows are out of order"))
		}
		query, args = versionsOf(piece, after, first, more)
		if err := t.joinVersions(piece, query, args...); err != nil {
			return err
		}
		if len(piece) == 0 {
			return nil
		}
		after = piece[len(piece)-1].ID
		if err := yield(piece); err != nil {
			return err
		}
	}
	return nil
}

// versionsOf asks for the versions of a piece: after the credential before it, up to its last one; of the last piece all that there are,
// so that one without its credential is found.
func versionsOf(piece []partner.Credential, after string, first, more bool) (query string, args []any) {
	var c clauses
	if !first {
		c.match("credential_id > ?", after)
	}
	if more {
		c.match("credential_id <= ?", piece[len(piece)-1].ID)
	}
	return c.query(versionColumns, "credential_id, number DESC", 0)
}

func ascending(piece []partner.Credential, after string) bool {
	for i := range piece {
		if piece[i].ID <= after && (i > 0 || after != "") {
			return false
		}
		after = piece[i].ID
	}
	return true
}

// credentialsIn reads the credentials of a query with their versions. size: how many there will be about.
func (t *Tx) credentialsIn(credentials, versions string, size int, args ...any) ([]partner.Credential, error) {
	all, err := t.someCredentials(credentials, size, args...)
	if err == nil {
		err = t.joinVersions(all, versions, args...)
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (t *Tx) someCredentials(query string, size int, args ...any) ([]partner.Credential, error) {
	var all []partner.Credential
	if size > 0 {
		all = make([]partner.Credential, 0, size)
	}
	err := t.bulk("list credentials", func(row *fed) error {
		all = append(all, partner.Credential{})
		return readCredential(row, &all[len(all)-1])
	}, credentialWidth, query, args...)
	return all, err
}

// readCredential is scanCredential without a piece of memory for each row.
func readCredential(row *fed, c *partner.Credential) error {
	c.ID, c.PartnerID, c.Environment = row.text(), row.text(), row.text()
	c.Kind, c.KeyID, c.Login = partner.Kind(row.text()), row.text(), row.text()
	c.Generation, c.Failures = uint32(row.within(0, math.MaxUint32)), int(row.within(math.MinInt32, math.MaxInt32))
	c.LockedAt, c.RevokedAt, c.CreatedAt = moment(row.number()), moment(row.number()), moment(row.number())
	if keys := row.text(); keys != "" {
		c.ClientKeys = strings.Split(keys, ",")
	}
	return row.wrong()
}

// joinVersions gives every version of a query to its credential. Both are in the order of row identities.
func (t *Tx) joinVersions(all []partner.Credential, query string, args ...any) error {
	versions, owners := make([]partner.Version, 0, len(all)), make([]string, 0, len(all))
	err := t.bulk("list versions", func(row *fed) error {
		owners = append(owners, row.text())
		versions = append(versions, partner.Version{})
		return readVersion(row, &versions[len(versions)-1])
	}, versionWidth, query, args...)
	if err != nil {
		return err
	}
	next := 0
	for i := range all {
		first := next
		for next < len(versions) && owners[next] == all[i].ID {
			next++
		}
		if next > first {
			all[i].Versions = versions[first:next:next]
		}
	}
	if next != len(versions) {
		return t.failed("list versions", errors.New("a version without its credential"))
	}
	return nil
}

// readVersion reads what follows the credential of a version.
func readVersion(row *fed, v *partner.Version) error {
	v.Number, v.Sealed, v.Hash = int(row.within(math.MinInt32, math.MaxInt32)), row.bytes(), row.text()
	v.NotBefore, v.NotAfter = moment(row.number()), moment(row.number())
	v.ByPartner = row.within(0, 1) == 1
	return row.wrong()
}
