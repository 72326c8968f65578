package scheme

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
)

// Labels keep the two kinds of replay material apart from each other and from everything else that is hashed.
const (
	labelMAC   = "countersign/replay/mac\x00"
	labelNonce = "countersign/replay/nonce\x00"
)

// Parse captures what the headers say and checks its form: each header that the profile lists is there exactly once (security rules 5 and 20) and has
// exactly the declared form (rule 6), and method and target hold only what the message allows. It never looks at Body, allocates nothing when it
// succeeds, and overwrites p. After a fault p must not be used.
func (s *Scheme) Parse(r *Request, p *Presented) *Fault {
	if s.two {
		return s.parse2(r, p)
	}
	*p = Presented{}
	for i := range s.wire {
		if f := s.read(&s.wire[i], r, p); f != nil {
			return f
		}
	}
	for i := range s.signed {
		if _, f := s.signed[i].value(r); f != nil {
			return f
		}
	}
	if f := s.form.check(r); f != nil {
		return f
	}
	p.owner = s
	return nil
}

// Verify checks the signature in p, which must come from Parse of this scheme for this very request, after its body has arrived. It refuses with
// FaultAmbiguousBody, FaultMismatch, or a form fault of a signed header. The comparison is hmac.Equal over decoded bytes (rule 4); a zero Key, a key of
// another algorithm and a Presented that Parse did not accept are a mismatch. On success, and if digest is not nil, it holds what a replay guard keys on: SHA-256
// over a label and the nonce, or the computed MAC where there is none, so that it does not depend on how the signature was spelt (design decision 7).
// It checks no time: call Fresh. It allocates nothing for schemes of plain parts.
func (s *Scheme) Verify(k *Key, r *Request, p *Presented, digest *[32]byte) *Fault {
	if s.two && !p.hasBody {
		if f := s.ParseBody(r, p); f != nil {
			return f
		}
	}
	if p.owner != s || p.size != s.macSize || k.alg != s.keyKind() {
		return faultForged
	}
	if len(r.Body) > 0 {
		if f := s.form.checkBody(r.Body[0]); f != nil {
			return f
		}
	}
	c := s.acquire()
	defer s.release(c)
	if s.two {
		s.confirm(c, r, p)
	}
	s.compute(c, k, r, p)
	if c.fault != nil {
		return c.fault
	}
	return s.compare(c, p, digest)
}

// VerifyReader is Verify with the body read from a reader, to its end, in bounded memory; Request.Body is ignored. The error says that the body could not
// be read or that the scheme does not stream (ErrNotStreaming): then nothing is known and the request must be refused.
func (s *Scheme) VerifyReader(k *Key, r *Request, body io.Reader, p *Presented, digest *[32]byte) (*Fault, error) {
	if !s.streams {
		return nil, ErrNotStreaming
	}
	if p.owner != s || p.size != s.macSize || k.alg != s.keyKind() {
		return faultForged, nil
	}
	c := s.acquire()
	defer s.release(c)
	c.body = body
	if s.two {
		s.confirm(c, r, p)
	}
	s.compute(c, k, r, p)
	if c.err != nil {
		return nil, fmt.Errorf("read body: %w", c.err)
	}
	if c.fault != nil {
		return c.fault, nil
	}
	return s.compare(c, p, digest), nil
}

// compute leaves the MAC of the request in c.sum.
func (s *Scheme) compute(c *scratch, k *Key, r *Request, p *Presented) {
	if s.two && (k.raw != nil || s.alg.plain || s.extra.derived) {
		s.computeRaw(c, k, r, p)
		return
	}
	s.keyedSum(c, &k.states, r, p)
	c.sum = c.sum[:s.macSize]
}

// keyedSum leaves the whole HMAC in c.sum.
func (s *Scheme) keyedSum(c *scratch, states *[2 * maxMAC]byte, r *Request, p *Presented) {
	n := s.alg.state
	c.load(states[:n])
	c.feed(c.inner, s.message, r, p)
	c.sum = c.inner.Sum(c.sum[:0])
	c.load(states[n : 2*n])
	c.inner.Write(c.sum)
	c.sum = c.inner.Sum(c.sum[:0])
}

func (s *Scheme) compare(c *scratch, p *Presented, digest *[32]byte) *Fault {
	if c.err != nil || !hmac.Equal(c.sum, p.mac[:p.size]) && !(len(p.more) > 0 && s.matches(c, p)) {
		return faultForged
	}
	if digest != nil {
		if s.hasNonce { // c.buf is free: everything has been fed
			c.buf = append(append(c.buf[:0], labelNonce...), p.Nonce...)
		} else {
			c.buf = append(append(c.buf[:0], labelMAC...), c.sum...)
		}
		*digest = sha256.Sum256(c.buf)
	}
	return nil
}
