package scheme

import (
	"errors"
	"fmt"
	"io"
)

// ErrNotStreaming is returned by SignReader and VerifyReader for a scheme that needs the whole body in memory: see Streams.
var ErrNotStreaming = errors.New("scheme needs the whole body")

// Present fills p with what a signer claims, in the forms of the wire, so that Canonical can show what would be signed. It returns a *Fault of
// kind FaultUnsignable when a claim is missing or has the wrong form, and the faults of Parse for a request that no verifier would take.
func (s *Scheme) Present(r *Request, c Claims, p *Presented) error {
	*p = Presented{}
	if s.time != nil {
		if c.Time.IsZero() && c.TimeText == "" {
			return unsignable("ts", "needs a time")
		}
		if p.TimeText = c.TimeText; c.TimeText == "" && s.expiry {
			p.TimeText = s.time.format(c.Time.Add(s.window))
		} else if c.TimeText == "" {
			p.TimeText = s.time.format(c.Time)
		}
	}
	if s.hasKeyID {
		p.KeyID = c.KeyID
	}
	if s.hasNonce {
		p.Nonce = c.Nonce
	}
	if s.two {
		return s.present2(r, p)
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

// claim checks one captured value of a signer as a verifier would.
func (s *Scheme) claim(c *capture, p *Presented) error {
	text := ""
	switch c.op {
	case opKeyID:
		text = p.KeyID
	case opNonce:
		text = p.Nonce
	case opTime:
		text = p.TimeText
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
	return s.sign(k, r, nil, c)
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
		return s.sign(k, &plain, nil, c)
	}
	return s.sign(k, r, body, c)
}

func (s *Scheme) sign(k *Key, r *Request, body io.Reader, claims Claims) ([]Field, error) {
	var p Presented
	signature, err := s.signature1(k, r, body, claims, &p)
	if err != nil {
		return nil, err
	}
	fields := make([]Field, 0, len(s.wire))
	for i := range s.wire {
		if w := &s.wire[i]; !w.further && !(w.optional && silent(w.pieces, &p)) {
			fields = append(fields, Field{w.name, w.write(&p, signature), w.in})
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
	var p Presented
	return s.signature1(k, r, nil, c, &p)
}

func (s *Scheme) signature1(k *Key, r *Request, body io.Reader, claims Claims, p *Presented) (string, error) {
	if k.alg != s.keyKind() {
		return "", unsignable("", "the key is not one of this scheme")
	}
	if err := s.Present(r, claims, p); err != nil {
		return "", err
	}
	if p.work != nil {
		r = p.work
	}
	c := s.acquire()
	defer s.release(c)
	c.body = body
	if s.two {
		s.confirm(c, r, p)
	}
	s.compute(c, k, r, p)
	if c.err != nil {
		return "", fmt.Errorf("read body: %w", c.err)
	}
	if c.fault != nil {
		return "", c.fault
	}
	c.mac, c.buf = c.sum, c.buf[:0]
	for i := range s.signature {
		c.emit(&s.signature[i])
	}
	return string(c.buf), nil
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
