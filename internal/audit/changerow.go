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
	b := make([]byte, 0, 512)
	b = appendText(append(b, rowLabel...), row)
	for _, f := range fields {
		b = binary.BigEndian.AppendUint64(b, uint64(len(f)))
		b = append(b, f...)
	}
	return sha256.Sum256(b)
}

// canon gathers the fields of one row in their canonical form.
type canon struct{ fields [][]byte }

func (c *canon) text(texts ...string) {
	for _, s := range texts {
		c.fields = append(c.fields, []byte(s))
	}
}

func (c *canon) number(n uint64) {
	c.fields = append(c.fields, binary.BigEndian.AppendUint64(nil, n))
}

// moments are microseconds since 1970 (partner.Resolution), 0 for none, as a store keeps them.
func (c *canon) moments(times ...time.Time) {
	for _, t := range times {
		c.number(micros(t))
	}
}

func (c *canon) flag(yes bool) {
	if yes {
		c.number(1)
		return
	}
	c.number(0)
}

func (c *canon) touch(row string) Touch { return Touch{Row: row, Digest: RowDigest(row, c.fields...)} }

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
	var c canon
	c.text(p.ID, p.Name)
	c.flag(p.Closed)
	c.moments(p.CreatedAt)
	return c.touch(PartnerRow(p.ID))
}

// TouchReview digests every field of r.
func TouchReview(r partner.Review) Touch {
	var c canon
	c.text(r.PartnerID, r.Environment, string(r.State), r.RequestedBy, r.ApprovedBy, r.Reason)
	c.moments(r.ChangedAt)
	return c.touch(ReviewRow(r.PartnerID, r.Environment))
}

// TouchCredential digests every field of k but Failures, which changes without a change row, and every field of its versions
// as a store keeps them: the sealed bytes and the hash, never a secret. The order of the versions counts: newest first.
func TouchCredential(k partner.Credential) Touch {
	var c canon
	c.text(k.ID, k.PartnerID, k.Environment, string(k.Kind), k.KeyID, k.Login)
	c.number(uint64(k.Generation))
	c.moments(k.LockedAt, k.RevokedAt, k.CreatedAt)
	c.number(uint64(len(k.ClientKeys)))
	c.text(k.ClientKeys...)
	c.number(uint64(len(k.Versions)))
	for _, v := range k.Versions {
		c.number(uint64(v.Number))
		c.fields = append(c.fields, v.Sealed)
		c.text(v.Hash)
		c.moments(v.NotBefore, v.NotAfter)
		c.flag(v.ByPartner)
	}
	return c.touch(CredentialRow(k.ID))
}

// TouchNetwork digests every field of n.
func TouchNetwork(n partner.NetworkRule) Touch {
	var c canon
	prefix := ""
	if n.Prefix.IsValid() {
		prefix = n.Prefix.String()
	}
	c.text(n.ID, n.PartnerID, n.Environment, n.API, prefix, n.Country, n.Note)
	c.moments(n.CreatedAt)
	return c.touch(NetworkRow(n.ID))
}

// TouchLimit digests every field of l.
func TouchLimit(l partner.Limit) Touch {
	var c canon
	c.text(l.ID, l.PartnerID, l.Environment, l.CredentialID, l.API)
	c.number(uint64(l.Rate))
	c.number(uint64(l.Per))
	c.number(uint64(l.Burst))
	c.number(uint64(l.Daily))
	c.moments(l.CreatedAt)
	return c.touch(LimitRow(l.ID))
}

// TouchSealingKey digests every field of k as a store keeps it: the sealed bytes, never the key.
func TouchSealingKey(k partner.SealingKey) Touch {
	var c canon
	c.text(k.Environment)
	c.number(uint64(k.ID))
	c.fields = append(c.fields, k.Sealed)
	c.moments(k.CreatedAt, k.RetiredAt)
	return c.touch(SealingKeyRow(k.Environment, k.ID))
}

// TouchDocument digests every field of d.
func TouchDocument(d partner.Document) Touch {
	var c canon
	c.text(d.Kind, d.ID, d.PartnerID, d.Environment, d.State, d.Alias)
	c.moments(d.CreatedAt)
	c.fields = append(c.fields, d.Body)
	return c.touch(DocumentRow(d.Kind, d.ID))
}
