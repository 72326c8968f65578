package scheme

import (
	"crypto/hmac"
	"fmt"
	"sync/atomic"
)

// rawKey is the secret itself: kept only where a request's key or message depends on it.
type rawKey struct {
	secret []byte
	parts  [][]byte
	last   atomic.Pointer[lastingKey]
}

// NewKeyParts is NewKey for a scheme whose secret has several parts: parts has one entry for each name of Secrets, as issued. It returns an error that wraps
// ErrSecret when one is missing or empty.
func (s *Scheme) NewKeyParts(secret []byte, parts map[string][]byte) (Key, error) {
	if len(secret) == 0 {
		return Key{}, fmt.Errorf("%w: it is empty", ErrSecret)
	}
	if !s.two || !s.extra.derived && !s.extra.secret && !s.alg.plain && len(s.secrets) == 0 {
		return s.NewKey(secret)
	}
	raw := &rawKey{secret: append([]byte(nil), secret...)}
	for _, name := range s.secrets {
		part := parts[name]
		if len(part) == 0 {
			return Key{}, fmt.Errorf("%w: the part %s is missing", ErrSecret, name)
		}
		raw.parts = append(raw.parts, append([]byte(nil), part...))
	}
	k := Key{alg: s.keyKind(), raw: raw}
	if s.extra.derived || s.alg.plain {
		return k, nil
	}
	c := s.acquire()
	defer s.release(c)
	c.secret, c.ext.key = secret, &k
	made, err := s.fixedKey(c)
	if err != nil {
		return Key{}, err
	}
	if made.alg = s.keyKind(); s.extra.secret {
		made.raw = raw
	}
	return made, nil
}

// Secrets names the parts that a secret has beside the first; usually there are none. The slice is the caller's.
func (s *Scheme) Secrets() []string { return append([]string(nil), s.secrets...) }

// computeRaw leaves the MAC of the request in c.sum where the key or the message depends on the secret itself.
func (s *Scheme) computeRaw(c *scratch, k *Key, r *Request, p *Presented) {
	if k.raw == nil {
		c.err = errState
		return
	}
	c.ext.key, c.secret = k, k.raw.secret
	switch {
	case s.alg.plain:
		c.inner.Reset()
		c.feed(c.inner, s.message, r, p)
		c.sum = c.inner.Sum(c.sum[:0])
	case s.extra.derived:
		s.computeDerived(c, r, p)
	default:
		s.keyedSum(c, &k.states, r, p)
	}
	c.sum = c.sum[:min(len(c.sum), s.macSize)]
}

// computeDerived makes the key of this request first.
func (s *Scheme) computeDerived(c *scratch, r *Request, p *Presented) {
	if s.lasting {
		s.computeLasting(c, r, p)
		return
	}
	raw := s.deriveKey(c, r, p)
	if c.fault != nil {
		return
	}
	h := hmac.New(s.alg.new, []byte(raw))
	c.feed(h, s.message, r, p)
	c.sum = h.Sum(c.sum[:0])
}

func (s *Scheme) deriveKey(c *scratch, r *Request, p *Presented) string {
	raw := c.value(s.key, r, p)
	if c.fault == nil && raw == "" {
		c.fail(&Fault{Kind: FaultMalformed, Detail: "the key is empty"})
	}
	return raw
}

// keyedHash appends hmac(key, data), or chain(key, a, b, …) which is hmac(hmac(key, a), b) and so on. The results are raw bytes.
func (c *scratch) keyedHash(n *node, r *Request, p *Presented) {
	key := []byte(c.value(n.many[0], r, p))
	for _, data := range n.many[1:] {
		h := hmac.New(n.alg.new, key)
		c.feed(h, data, r, p)
		key = h.Sum(nil)
	}
	c.buf = append(c.buf, key...)
}

// rawKind marks a key that holds the secret itself. Its states may be empty, and empty states would be a key that everybody knows: it fits no scheme of fixed keys.
const rawKind = 0x80

// keyKind is what a key's alg must be for this scheme (security rule 4: the credential fixes the algorithm).
func (s *Scheme) keyKind() uint8 {
	if s.extra.derived || s.extra.secret || s.alg.plain {
		return s.alg.id | rawKind
	}
	return s.alg.id
}
