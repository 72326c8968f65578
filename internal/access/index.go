package access

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"countersign.dev/internal/partner"
	"countersign.dev/scheme"
)

// keyID is a key id as its 16 bytes: map keys of a fixed size are found without following a pointer.
type keyID [16]byte

// parseKeyID takes the one form in which key ids are issued, 32 lower-case hex digits; anything else is unknown without a
// look-up.
func parseKeyID(s string) (id keyID, ok bool) {
	if len(s) != 2*len(id) {
		return id, false
	}
	var seen byte
	for i := range id {
		high, low := lowerHex[s[2*i]], lowerHex[s[2*i+1]]
		seen |= high | low
		id[i] = high<<4 | low
	}
	return id, seen < 16
}

// lowerHex is the value of each lower-case hex digit, 255 for every other byte. Never written after its construction.
var lowerHex = func() (table [256]byte) {
	for c := range table {
		table[c] = 255
	}
	for i, c := range []byte("0123456789abcdef") {
		table[c] = byte(i)
	}
	return table
}()

// maxVersion bounds the numbers of versions.
const maxVersion = 1<<16 - 1

// Credential is a credential as the snapshot knows it. Immutable. With a million of them, every line of memory that a
// decision touches costs as much as a good part of the signature, so what it reads stands in the first 129 bytes of 256: the
// last byte is that of a SHA-256 key's states, and one more than two lines hold.
type Credential struct {
	id                  keyID
	tag                 [16]byte // names environment and row in access tokens and replay keys, whatever their length
	Partner             *Partner
	notBefore, notAfter int64 // of the newest version, microseconds, inclusive; 0: no bound
	generation          uint32
	number              uint16 // of the newest version; 0: there is none
	flags               uint8
	key                 scheme.Key // of the newest version; SigningKey only

	ID    string // row identity: for records and identity headers
	Login string // App only
	more  *credentialMore
	_     [8]byte
}

// What the flags of a credential say, so that most decisions need not look further.
const (
	revoked = 1 << iota // for good
	special             // more is set
)

func (c *Credential) revoked() bool { return c.flags&revoked != 0 }

// credentialMore is what few credentials have.
type credentialMore struct {
	older      []version // SigningKey only; newest first
	limits     []*limit  // of the register
	clientKeys []string
}

// extend makes room for what c has more than others.
func (c *Credential) extend() *credentialMore {
	if c.flags&special == 0 {
		c.flags |= special
		c.more = new(credentialMore)
	}
	return c.more
}

// beyond is what c has more than others; never nil.
func (c *Credential) beyond() *credentialMore {
	if c.flags&special == 0 {
		return &ordinary
	}
	return c.more
}

// ordinary is what most credentials have: nothing more. Never written.
var ordinary credentialMore

// version is one older secret of a signing credential, prepared for one scheme.
type version struct {
	notBefore, notAfter int64
	replaced            int64 // since when a newer one is there, in seconds; where that is not known, a moment before it was
	number              uint16
	key                 scheme.Key
}

func live(notBefore, notAfter, now int64) bool {
	return (notBefore == 0 || now >= notBefore) && (notAfter == 0 || now <= notAfter)
}

// over reports whether a version has ended.
func over(notAfter, now int64) bool { return notAfter != 0 && now > notAfter }

// index finds the credentials of one kind in one environment, with their secrets prepared for one scheme. It is an open
// table of positions: key ids are random bits, issued by us, so that their first bytes serve as their hash, and a look-up
// reads one slot and then the credential itself.
type index struct {
	slots []uint32 // position in list and one; 0: free; a power of two, at most half full
	list  []Credential
	newer *index // those that stand before what list has of them; nil: none. See patch.go
}

func (x *index) reserve(count int) {
	size := 2
	for size < 2*count {
		size *= 2
	}
	x.slots, x.list = make([]uint32, size), make([]Credential, 0, count)
}

// slot is where id stands, or where it would be put.
func (x *index) slot(id keyID) *uint32 {
	mask := uint64(len(x.slots) - 1)
	for i := binary.LittleEndian.Uint64(id[:]) & mask; ; i = (i + 1) & mask {
		if n := x.slots[i]; n == 0 || x.list[n-1].id == id {
			return &x.slots[i]
		}
	}
}

func (x *index) find(id keyID) *Credential {
	if x.newer != nil {
		if c := x.newer.find(id); c != nil {
			return c
		}
	}
	if n := *x.slot(id); n != 0 {
		return &x.list[n-1]
	}
	return nil
}

// put adds a credential whose id is not there yet, within what was reserved.
func (x *index) put(c Credential) {
	slot := x.slot(c.id)
	x.list = append(x.list, c)
	*slot = uint32(len(x.list))
}

func (x *index) fill(roster *partner.Roster, environment string, kind partner.Kind, partners map[string]*Partner, limits *ownLimits, s *scheme.Scheme) error {
	count := 0
	for i := range roster.Credentials {
		if c := &roster.Credentials[i]; c.Environment == environment && c.Kind == kind {
			count++
		}
	}
	x.reserve(count)
	for i := range roster.Credentials {
		c := &roster.Credentials[i]
		if c.Environment != environment || c.Kind != kind {
			continue
		}
		if err := x.add(c, partners[c.PartnerID], limits.credentials[c.ID], s); err != nil {
			return fmt.Errorf("credential %s: %w", c.ID, err)
		}
	}
	return nil
}

func (x *index) add(c *partner.Credential, p *Partner, limits []*limit, s *scheme.Scheme) error {
	id, ok := parseKeyID(c.KeyID)
	if !ok {
		return errors.New("its key id has not the form of one")
	}
	if x.find(id) != nil {
		return errors.New("its key id is another credential's too")
	}
	if p == nil {
		return errors.New("its partner is not in the roster")
	}
	entry := Credential{id: id, ID: c.ID, Partner: p, Login: c.Login, generation: c.Generation, tag: tagOf(c.Environment, c.ID)}
	if !c.RevokedAt.IsZero() {
		entry.flags |= revoked
	}
	if limits != nil || len(c.ClientKeys) > 0 {
		more := entry.extend()
		more.limits, more.clientKeys = limits, slices.Clone(c.ClientKeys)
	}
	if s != nil {
		if err := entry.prepare(c, s); err != nil {
			return err
		}
	}
	x.put(entry)
	return nil
}

// prepare makes the secrets of a signing key ready for one scheme.
func (c *Credential) prepare(from *partner.Credential, s *scheme.Scheme) error {
	for i, v := range from.Versions {
		key, err := s.NewKey(v.Secret.Bytes())
		if err != nil {
			return fmt.Errorf("version %d: %w", v.Number, err)
		}
		if v.Number < 1 || v.Number > maxVersion {
			return fmt.Errorf("version %d: a version has a number from 1 to %d", v.Number, maxVersion)
		}
		made := version{key: key, notBefore: bound(v.NotBefore), notAfter: bound(v.NotAfter), number: uint16(v.Number)}
		if i == 0 {
			c.notBefore, c.notAfter, c.number, c.key = made.notBefore, made.notAfter, made.number, made.key
		} else {
			made.replaced = replaced(from, i)
			more := c.extend()
			more.older = append(more.older, made)
		}
	}
	return nil
}

// replaced is since when a version has a newer one, in seconds: from when that one counted. Where the register does not say, as
// of versions that count from their making, it is the making of the credential, which was before.
func replaced(c *partner.Credential, i int) int64 {
	if newer := c.Versions[i-1].NotBefore; !newer.IsZero() {
		return newer.Unix()
	}
	if c.CreatedAt.IsZero() {
		return 1
	}
	return c.CreatedAt.Unix()
}
