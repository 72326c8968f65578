package scheme

import "encoding/binary"

// maxLasting bounds what a kept key is known by, in bytes.
const maxLasting = 512

// lastingKey is the key that was derived for the last request. The schemes of cloud providers derive one of the day, the region and the service, with as many HMACs, and
// so it is the same for most requests of a day. It is known by the scheme (two schemes may share a secret) and by what it was derived from beside the secret, each part
// with its length in front (security rule 10).
type lastingKey struct {
	scheme *Scheme
	from   string
	states [2 * maxMAC]byte
}

// derivesLasting says whether the key is hmac or chain, begun with what depends on the secret alone, over values that are not the body.
func (s *Scheme) derivesLasting() bool {
	if !s.extra.derived || s.alg.plain || len(s.key) != 1 || s.key[0].op != opCall {
		return false
	}
	n := &s.key[0]
	if n.fn.id != fnHMAC && n.fn.id != fnChain || !onlySecret(n.many[0]) {
		return false
	}
	return !s.reads(s.key, (*node).touchesBody)
}

func onlySecret(parts []node) bool {
	for i := range parts {
		n := &parts[i]
		switch n.op {
		case opLiteral, opSecret, opSecretPart:
		case opCall:
			if n.fn.two || !onlySecret(n.args) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// computeLasting is computeDerived with the last key, if it is the one. Several goroutines may derive it at once; then one of theirs is kept.
func (s *Scheme) computeLasting(c *scratch, r *Request, p *Presented) {
	raw := c.ext.key.raw
	start := len(c.buf)
	for _, data := range s.key[0].many[1:] {
		at := len(c.buf)
		c.buf = append(c.buf, 0, 0, 0, 0, 0, 0, 0, 0)
		for i := range data {
			c.part(&data[i], r, p)
		}
		binary.BigEndian.PutUint64(c.buf[at:], uint64(len(c.buf)-at-8))
	}
	last := raw.last.Load()
	if c.fault == nil && (last == nil || last.scheme != s || last.from != string(c.buf[start:])) {
		from := string(c.buf[start:])
		if last = s.derive(c, from, r, p); last != nil && len(from) <= maxLasting {
			raw.last.Store(last)
		}
	}
	if c.buf = c.buf[:start]; c.fault == nil && c.err == nil {
		s.keyedSum(c, &last.states, r, p)
	}
}

func (s *Scheme) derive(c *scratch, from string, r *Request, p *Presented) *lastingKey {
	raw := s.deriveKey(c, r, p)
	if c.fault != nil {
		return nil
	}
	k, err := s.stateOf([]byte(raw))
	if err != nil {
		c.err = err
		return nil
	}
	return &lastingKey{s, from, k.states}
}
