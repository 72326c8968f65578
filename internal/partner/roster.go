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
}

// Wipe overwrites every secret of the roster: the signing secrets and the sealing keys, in all copies of their Values. What
// is no secret stays readable. Whoever built a snapshot from the roster, or failed to, calls it afterwards; what was built
// must hold no Value of it. Calling it twice, on nil and on the zero Roster is harmless; it must not run beside a reader.
func (r *Roster) Wipe() {
	if r == nil {
		return
	}
	for _, c := range r.Credentials {
		for _, v := range c.Versions {
			v.Secret.Zero()
		}
	}
	for _, k := range r.SealingKeys {
		k.Key.Zero()
	}
}
