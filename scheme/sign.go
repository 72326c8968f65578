package scheme

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrNotStreaming is returned by SignReader and VerifyReader for a scheme that needs the whole body in memory: see Streams.
var ErrNotStreaming = errors.New("scheme needs the whole body")

// Present fills p with what a signer claims, in the forms of the wire, so that Canonical can show what would be signed. It returns a *Fault of
// kind FaultUnsignable when a claim is missing or has the wrong form, and the faults of Parse for a request that no verifier would take.
func (s *Scheme) Present(r *Request, c Claims, p *Presented) error {
	*p = Presented{}
	if !s.two {
		return s.present(nil, r, &c, p)
	}
	own := s.acquire()
	defer s.release(own)
	return s.present(own, r, &c, p)
}

// present is Present with a zero p, and the working memory that language 2 needs. It leaves nothing in that.
func (s *Scheme) present(own *scratch, r *Request, c *Claims, p *Presented) error {
	if s.time != nil {
		if c.Time.IsZero() && c.TimeText == "" {
			return unsignable("ts", "needs a time")
		}
		if p.TimeText = c.TimeText; c.TimeText == "" {
			s.writeTime(c.Time, p)
		}
	}
	if s.hasKeyID {
		p.KeyID = c.KeyID
	}
	if s.hasNonce {
		p.Nonce = c.Nonce
	}
	if s.two {
		return s.present2(own, r, p)
	}
	for i := range s.wire {
		for j := range s.wire[i].pieces {
			if err := s.claim(&s.wire[i].pieces[j], p); err != nil {
				return err
			}
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

// writeTime writes the time of signing, or that of expiry. What is a number of digits by its making need not be read again.
func (s *Scheme) writeTime(t time.Time, p *Presented) {
	if s.expiry {
		t = t.Add(s.window)
	}
	p.TimeText = s.time.format(t)
	if s.timeUnit == 0 || t.Unix() < 0 {
		return
	}
	p.Unix, p.digits = t.Unix(), true
	if s.timeUnit == time.Millisecond {
		p.nano = int64(t.Nanosecond()) / int64(time.Millisecond) * int64(time.Millisecond)
	}
}

// claim checks one captured value of a signer as a verifier would.
func (s *Scheme) claim(c *capture, p *Presented) error {
	text := ""
	switch c.op {
	case opKeyID:
		text = p.KeyID
	case opNonce:
		text = p.Nonce
	case opTime:
		if text = p.TimeText; p.digits && len(text) >= c.min && len(text) <= c.max {
			return nil
		}
	default:
		return nil
	}
	if s.two && (len(text) < c.min || len(text) > c.max || !c.set.all(text)) || !s.take(c, text, p) {
		return unsignable(captureName(c.op), "cannot be written: "+c.fault.Where+" "+c.fault.Detail)
	}
	return nil
}

// Sign returns the headers to set on the request, in the profile's order. It returns a *Fault when the request cannot be signed: FaultUnsignable for missing
// claims, FaultMissing for an absent header that is signed, FaultMalformed or FaultAmbiguousBody for what every verifier would refuse.
func (s *Scheme) Sign(k *Key, r *Request, c Claims) ([]Field, error) {
	if len(r.Body) > 0 {
		if f := s.form.checkBody(r.Body[0]); f != nil {
			return nil, f
		}
	}
	return s.sign(k, r, nil, &c)
}

// SignReader is Sign with the body read from a reader, to its end, in bounded memory; Request.Body is ignored. A nil body is no body. It returns
// ErrNotStreaming for schemes that do not stream, and wraps what the reader returned.
func (s *Scheme) SignReader(k *Key, r *Request, body io.Reader, c Claims) ([]Field, error) {
	if !s.streams {
		return nil, ErrNotStreaming
	}
	if body == nil {
		plain := *r
		plain.Body = nil
		return s.sign(k, &plain, nil, &c)
	}
	return s.sign(k, r, body, &c)
}

func (s *Scheme) sign(k *Key, r *Request, body io.Reader, claims *Claims) ([]Field, error) {
	c := s.acquire()
	defer s.release(c)
	signature, err := s.signature1(c, k, r, body, claims)
	if err != nil {
		return nil, err
	}
	p := &c.claimed
	fields := make([]Field, 0, len(s.wire))
	for i := range s.wire {
		if w := &s.wire[i]; !w.further && !(w.optional && silent(w.pieces, p)) {
			fields = append(fields, Field{w.name, w.write(p, signature), w.in})
		}
	}
	return fields, nil
}

// Signature is the text that {sig} stands for, without the headers around it. Its errors are those of Sign.
func (s *Scheme) Signature(k *Key, r *Request, c Claims) (string, error) {
	if len(r.Body) > 0 {
		if f := s.form.checkBody(r.Body[0]); f != nil {
			return "", f
		}
	}
	own := s.acquire()
	defer s.release(own)
	signature, err := s.signature1(own, k, r, nil, &c)
	return string(signature), err
}

// signature1 leaves what is presented in c.claimed and returns the signature's text, which is part of c.
func (s *Scheme) signature1(c *scratch, k *Key, r *Request, body io.Reader, claims *Claims) ([]byte, error) {
	if k.alg != s.keyKind() {
		return nil, unsignable("", "the key is not one of this scheme")
	}
	p := &c.claimed
	c.signing = true
	if err := s.present(c, r, claims, p); err != nil {
		return nil, err
	}
	if p.work != nil {
		r = p.work
	}
	c.body = body
	if s.two {
		s.confirm(c, r, p)
	}
	s.compute(c, k, r, p)
	if c.err != nil {
		return nil, fmt.Errorf("read body: %w", c.err)
	}
	if c.fault != nil {
		return nil, c.fault
	}
	c.mac, c.buf = c.sum, c.buf[:0]
	if s.hexOnly {
		c.buf = hex.AppendEncode(c.buf, c.sum)
		return c.buf, nil
	}
	for i := range s.signature {
		c.emit(&s.signature[i])
	}
	return c.buf, nil
}

// Canonical returns the bytes that are signed for a request and the values that Parse or Present left in p. They may hold personal data: show them to the
// request's owner only, and log them nowhere outside a sandbox (security rule 4). A secret that is part of the message is shown as [secret].
// It returns a *Fault when p is of another scheme or a value has the wrong form.
func (s *Scheme) Canonical(r *Request, p *Presented) ([]byte, error) {
	return s.canonical(nil, r, p)
}

// CanonicalWith is Canonical with the secret where the message holds it: for the owner of the secret alone, to compare byte for byte.
func (s *Scheme) CanonicalWith(k *Key, r *Request, p *Presented) ([]byte, error) {
	return s.canonical(k, r, p)
}

func (s *Scheme) canonical(k *Key, r *Request, p *Presented) ([]byte, error) {
	if p.owner != s {
		return nil, unsignable("", "the values were not parsed by this scheme")
	}
	if len(r.Body) > 0 {
		if f := s.form.checkBody(r.Body[0]); f != nil {
			return nil, f
		}
	}
	if s.two && !p.hasBody {
		if f := s.ParseBody(r, p); f != nil {
			return nil, f
		}
	}
	if p.work != nil {
		r = p.work
	}
	c := s.acquire()
	defer s.release(c)
	if c.secret = []byte("[secret]"); k != nil && k.raw != nil {
		c.ext.key, c.secret = k, k.raw.secret
	}
	for i := range s.message {
		c.part(&s.message[i], r, p)
	}
	if c.fault != nil {
		return nil, c.fault
	}
	return append([]byte(nil), c.buf...), nil
}
