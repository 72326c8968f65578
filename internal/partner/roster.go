package partner

import "time"

// Roster is everything that admission needs to know, as one consistent reading of the store; or, with Since, everything of those
// partners of whom something has changed. Secrets are in clear here and nowhere else. Treat it as immutable, but for Wipe.
type Roster struct {
	Revision    uint64    // of the store's change counter; grows with every change
	ReadAt      time.Time // when it was read
	Since       uint64    // 0: it is the whole; else it has all sealing keys, and of the rest all that Touched have now
	Touched     []string  // partners of whom a row has changed since the revision Since; each once
	Partners    []Partner
	Reviews     []Review
	Credentials []Credential
	Networks    []NetworkRule
	Limits      []Limit
	SealingKeys []SealingKey // those that still open tokens

	// Rest is the register where it does not stand in the lists, which are then empty but for SealingKeys: so much that it is not held
	// in memory at once. Whoever builds from the roster takes it once; Wipe closes it. Nil: the lists have all.
	Rest Pieces
}

// Piece is some of a register. Any of its lists may be empty.
type Piece struct {
	Partners    []Partner
	Reviews     []Review
	Networks    []NetworkRule
	Limits      []Limit
	Credentials []Credential // with the secrets of signing keys in clear
}

// Rows is how many rows a piece has, a credential with its versions as one.
func (p *Piece) Rows() int {
	return len(p.Partners) + len(p.Reviews) + len(p.Networks) + len(p.Limits) + len(p.Credentials)
}

// Pieces are a register that is handed over piece by piece, as of the same moment as the roster that it belongs to: first all partners,
// then what they have, and last the credentials. For one goroutine.
type Pieces interface {
	// Next is the next piece, which is never empty; nil: there is no further one. What it returned before is wiped and no longer anybody's.
	// An error says that the reading has failed as a whole; it is repeated from then on.
	Next() (*Piece, error)
	// About is how many partners and credentials there will be in all, as far as that is known before; 0: it is not.
	About() (partners, credentials int)
	// Close wipes what Next returned last and ends the reading. Calling it twice is harmless.
	Close()
}

// Wipe overwrites every secret of the roster: the signing secrets and the sealing keys, in all copies of their Values. What
// is no secret stays readable. Whoever built a snapshot from the roster, or failed to, calls it afterwards; what was built
// must hold no Value of it. Calling it twice, on nil and on the zero Roster is harmless; it must not run beside a reader.
func (r *Roster) Wipe() {
	if r == nil {
		return
	}
	if r.Rest != nil {
		r.Rest.Close()
	}
	WipeSecrets(r.Credentials)
	for _, k := range r.SealingKeys {
		k.Key.Zero()
	}
}

// WipeSecrets overwrites the signing secrets of a list, in all copies of their Values.
func WipeSecrets(list []Credential) {
	for _, c := range list {
		for _, v := range c.Versions {
			v.Secret.Zero()
		}
	}
}
