package access

import (
	"countersign.dev/scheme"
)

// Credential is a credential as a decision found it in the snapshot. Immutable. It belongs to the decision, or to whoever asked.
type Credential struct {
	Partner *Partner

	ID    string // row identity: for records and identity headers
	Login string // App only

	row  *row            // where it stands; nil: nowhere, as with one that no snapshot has made
	more *credentialMore // nil: nothing
}

// row is a credential as it stands in the snapshot. With a million of them, every line of memory that a decision touches costs as
// much as a good part of the signature, and every pointer is one that the garbage collector follows. So what a decision reads stands
// in the first 113 of 192 bytes, which are two lines, and the only pointer is that of the few keys that have one (layout_test.go).
type row struct {
	id        keyID
	tag       [16]byte // names environment and row in access tokens and replay keys, whatever their length
	serial    uint32   // App: the generation. SigningKey: the number of the newest version; 0: there is none
	owner     uint32   // position of the partner in its index, and one; 0: it has none
	text      uint32   // where its ID stands in its index, and right behind it the login
	idSize    uint8
	loginSize uint8
	flags     uint8
	key       scheme.Key // of the newest version; SigningKey only
}

// What the flags of a row say, so that most decisions need not look further.
const (
	revoked = 1 << iota // for good
	special             // there is a credentialMore
)

func (r *row) revoked() bool { return r.flags&revoked != 0 }

// special reports whether there is more to know of c than most credentials have.
func (c *Credential) special() bool { return c.more != nil }

// beyond is what c has more than others; never nil.
func (c *Credential) beyond() *credentialMore {
	if c.more == nil {
		return &ordinary
	}
	return c.more
}

// credentialMore is what few credentials have.
type credentialMore struct {
	notBefore, notAfter int64     // of the newest version, microseconds, inclusive; 0: no bound
	older               []version // SigningKey only; newest first
	limits              []*limit  // of the register
	clientKeys          []string
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
