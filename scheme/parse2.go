package scheme

import (
	"crypto/hmac"
	"time"
)

// parse2 is Parse for language 2: headers and query, then what is found in them, then the window that the sender chose.
func (s *Scheme) parse2(r *Request, p *Presented) *Fault {
	more := p.more[:0]
	*p = Presented{more: more, vars: make([]string, len(s.vars)), hasBody: !s.bodyWire}
	var apart bodyText
	for i := range s.wire {
		if w := &s.wire[i]; w.in == InHeader || w.in == InQuery {
			if f := s.read2(w, r, p, &apart); f != nil {
				return f
			}
		}
	}
	for i := range s.signed {
		if _, f := s.signed[i].value(r); f != nil && (s.signed[i].needed || f.Kind != FaultMissing) {
			return f
		}
	}
	if f := s.gather(r, p); f != nil {
		return f
	}
	if f := s.form.check(r); f != nil {
		return f
	}
	if f := s.choose(r, p); f != nil {
		return f
	}
	p.owner = s
	return nil
}

func (s *Scheme) choose(r *Request, p *Presented) *Fault {
	if s.chosen == nil {
		return nil
	}
	c := s.acquire()
	defer s.release(c)
	return s.chosenWindow(c, r, p)
}

// ParseBody captures what stands in the body, after it has arrived; where nothing does (see InBody) it does nothing. Verify calls it if nobody has, but a time in the
// body is checked only by a Fresh that comes after it.
func (s *Scheme) ParseBody(r *Request, p *Presented) *Fault {
	if p.owner != s {
		return faultForged
	}
	if p.hasBody {
		return nil
	}
	var body bodyText
	for i := range s.wire {
		if w := &s.wire[i]; w.in == InForm || w.in == InJSON {
			if f := s.read2(w, r, p, &body); f != nil {
				p.owner = nil
				return f
			}
		}
	}
	for i := range s.vars {
		if v := &s.vars[i]; v.wire && p.vars[i] == "" && v.fallback != nil {
			p.vars[i] = *v.fallback
		} else if v.wire && !v.computed && p.vars[i] != "" && !v.agrees(s, r, p.vars[i]) {
			p.owner = nil
			return v.fault
		}
	}
	if f := s.checkLists(p); f != nil {
		p.owner = nil
		return f
	}
	p.hasBody = true
	return nil
}

// confirm evaluates the checks, and compares what the wire says of computed variables with what they are.
func (s *Scheme) confirm(c *scratch, r *Request, p *Presented) {
	for i := range s.vars {
		v := &s.vars[i]
		if !v.wire || len(v.value) == 0 {
			continue
		}
		if said := p.vars[i]; said != c.variable(i, r, p) {
			c.fail(v.differs())
			return
		}
	}
	for i := range s.checks {
		left, right := c.value(s.checks[i].left, r, p), c.value(s.checks[i].right, r, p)
		if left != right {
			c.fail(s.checks[i].fault)
			return
		}
	}
}

func (v *variable) differs() *Fault {
	return &Fault{Kind: FaultMismatch, Where: "v." + v.name, Detail: "is not what the request says it should be"}
}

// VerifyAny is Verify with several secrets, such as those of a rotation: it returns the index of the one that matched. Nil entries match nothing. The work
// does not depend on which one matches, and each comparison is in constant time (security rule 4). On a fault the index is -1.
func (s *Scheme) VerifyAny(keys []*Key, r *Request, p *Presented, digest *[32]byte) (int, *Fault) {
	found := -1
	fault := faultForged
	for i, k := range keys {
		if k == nil {
			continue
		}
		var own [32]byte
		f := s.Verify(k, r, p, &own)
		if f != nil && f.Kind != FaultMismatch {
			return -1, f
		}
		if f != nil && found < 0 && len(keys) == 1 {
			fault = f
		}
		if f == nil && found < 0 {
			found = i
			if digest != nil {
				*digest = own
			}
		}
	}
	if found >= 0 {
		return found, nil
	}
	return -1, fault
}

// Check is the whole of a verification of a request whose body is there: Parse, ParseBody, Fresh and VerifyAny, in this order. A window of zero or less is the profile's own.
func (s *Scheme) Check(keys []*Key, r *Request, now time.Time, window time.Duration) (int, *Fault) {
	var p Presented
	if f := s.Parse(r, &p); f != nil {
		return -1, f
	}
	if f := s.ParseBody(r, &p); f != nil {
		return -1, f
	}
	if f := s.Fresh(&p, now, window); f != nil {
		return -1, f
	}
	return s.VerifyAny(keys, r, &p, nil)
}

// matches compares the computed MAC with every presented one; the time does not depend on which of them it equals.
func (s *Scheme) matches(c *scratch, p *Presented) bool {
	ok := hmac.Equal(c.sum, p.mac[:p.size])
	for more := p.more; len(more) >= p.size && p.size > 0; more = more[p.size:] {
		if hmac.Equal(c.sum, more[:p.size]) {
			ok = true
		}
	}
	return ok
}
