package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"time"

	"countersign.dev/internal/partner"
)

// RowDigest is the digest of one row of the register: SHA-256 over a label and the name of the row and each of its fields,
// every one with its length before it, so that no two rows share an input. It is never all zero in practice, which stands
// for a row that is gone.
func RowDigest(row string, fields ...[]byte) [32]byte {
	c := make(canon, 0, rowSpace).begin(row)
	for _, f := range fields {
		c = c.bytes(f)
	}
	return sha256.Sum256(c)
}

// canon is one row in its canonical form, as RowDigest hashes it: its methods add to it. Whoever begins one gives it rowSpace, which
// most rows fit in and which costs no piece of memory.
type canon []byte

const rowSpace = 768

func (c canon) begin(row string) canon { return appendText(append(c, rowLabel...), row) }

func (c canon) text(texts ...string) canon {
	for _, s := range texts {
		c = appendText(c, s)
	}
	return c
}

func (c canon) bytes(field []byte) canon {
	return append(binary.BigEndian.AppendUint64(c, uint64(len(field))), field...)
}

func (c canon) number(n uint64) canon {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(c, 8), n)
}

// moments are microseconds since 1970 (partner.Resolution), 0 for none, as a store keeps them.
func (c canon) moments(times ...time.Time) canon {
	for _, t := range times {
		c = c.number(micros(t))
	}
	return c
}

func (c canon) flag(yes bool) canon {
	if yes {
		return c.number(1)
	}
	return c.number(0)
}

func (c canon) touch(row string) Touch { return Touch{Row: row, Digest: sha256.Sum256(c)} }

// PartnerRow names the row of a partner.
func PartnerRow(id string) string { return "partner/" + id }

// ReviewRow names the row of a review.
func ReviewRow(partnerID, environment string) string {
	return "review/" + partnerID + "/" + environment
}

// CredentialRow names the row of a credential, its versions and client keys included.
func CredentialRow(id string) string { return "credential/" + id }

// NetworkRow names the row of a network rule.
func NetworkRow(id string) string { return "network/" + id }

// LimitRow names the row of a limit.
func LimitRow(id string) string { return "limit/" + id }

// SealingKeyRow names the row of a sealing key.
func SealingKeyRow(environment string, id uint32) string {
	return "sealing_key/" + environment + "/" + strconv.FormatUint(uint64(id), 10)
}

// DocumentRow names the row of a document of the operators' plane.
func DocumentRow(kind, id string) string { return "document/" + kind + "/" + id }

// TouchPartner digests every field of p.
func TouchPartner(p partner.Partner) Touch {
	row := PartnerRow(p.ID)
	c := make(canon, 0, rowSpace).begin(row)
	c = c.text(p.ID, p.Name)
	c = c.flag(p.Closed)
	c = c.moments(p.CreatedAt)
	return c.touch(row)
}

// TouchReview digests every field of r.
func TouchReview(r partner.Review) Touch {
	row := ReviewRow(r.PartnerID, r.Environment)
	c := make(canon, 0, rowSpace).begin(row)
	c = c.text(r.PartnerID, r.Environment, string(r.State), r.RequestedBy, r.ApprovedBy, r.Reason)
	c = c.moments(r.ChangedAt)
	return c.touch(row)
}

// TouchCredential digests every field of k but Failures, which changes without a change row, and every field of its versions
// as a store keeps them: the sealed bytes and the hash, never a secret. The order of the versions counts: newest first.
func TouchCredential(k partner.Credential) Touch {
	row := CredentialRow(k.ID)
	c := make(canon, 0, rowSpace).begin(row)
	c = c.text(k.ID, k.PartnerID, k.Environment, string(k.Kind), k.KeyID, k.Login)
	c = c.number(uint64(k.Generation))
	c = c.moments(k.LockedAt, k.RevokedAt, k.CreatedAt)
	c = c.number(uint64(len(k.ClientKeys)))
	c = c.text(k.ClientKeys...)
	c = c.number(uint64(len(k.Versions)))
	for _, v := range k.Versions {
		c = c.number(uint64(v.Number))
		c = c.bytes(v.Sealed)
		c = c.text(v.Hash)
		c = c.moments(v.NotBefore, v.NotAfter)
		c = c.flag(v.ByPartner)
	}
	return c.touch(row)
}

// TouchNetwork digests every field of n.
func TouchNetwork(n partner.NetworkRule) Touch {
	row := NetworkRow(n.ID)
	c := make(canon, 0, rowSpace).begin(row)
	prefix := ""
	if n.Prefix.IsValid() {
		prefix = n.Prefix.String()
	}
	c = c.text(n.ID, n.PartnerID, n.Environment, n.API, prefix, n.Country, n.Note)
	c = c.moments(n.CreatedAt)
	return c.touch(row)
}

// TouchLimit digests every field of l.
func TouchLimit(l partner.Limit) Touch {
	row := LimitRow(l.ID)
	c := make(canon, 0, rowSpace).begin(row)
	c = c.text(l.ID, l.PartnerID, l.Environment, l.CredentialID, l.API)
	c = c.number(uint64(l.Rate))
	c = c.number(uint64(l.Per))
	c = c.number(uint64(l.Burst))
	c = c.number(uint64(l.Daily))
	c = c.moments(l.CreatedAt)
	return c.touch(row)
}

// TouchSealingKey digests every field of k as a store keeps it: the sealed bytes, never the key.
func TouchSealingKey(k partner.SealingKey) Touch {
	row := SealingKeyRow(k.Environment, k.ID)
	c := make(canon, 0, rowSpace).begin(row)
	c = c.text(k.Environment)
	c = c.number(uint64(k.ID))
	c = c.bytes(k.Sealed)
	c = c.moments(k.CreatedAt, k.RetiredAt)
	return c.touch(row)
}

// TouchDocument digests every field of d.
func TouchDocument(d partner.Document) Touch {
	row := DocumentRow(d.Kind, d.ID)
	c := make(canon, 0, rowSpace).begin(row)
	c = c.text(d.Kind, d.ID, d.PartnerID, d.Environment, d.State, d.Alias)
	c = c.moments(d.CreatedAt)
	c = c.bytes(d.Body)
	return c.touch(row)
}
