package scheme

import "strings"

// capture is one value in a wire template.
type capture struct {
	op       op // opKeyID, opTime, opNonce or opMAC; 0 for literal text
	lit      string
	set      byteSet
	min, max int
	stop     byte // first byte of the literal that follows, when there is one
	stopped  bool
	exact    bool // another capture follows at once; this one has min bytes
	fault    *Fault

	// What follows is used by language 2 only.
	index int       // of opVar: in Scheme.vars
	kind  string    // of opGroup: its encoding
	inner []capture // of opGroup
}

// wireHeader is one header that carries credentials.
type wireHeader struct {
	name, key                     string // as the profile spells it, and canonical
	pieces                        []capture
	missing, duplicate, malformed *Fault

	// What follows is used by language 2 only.
	in       Place
	signs    bool // {sig} stands in it
	optional bool
	further  bool // another header for a further signature; never written
	list     *listRule
}

func newWireHeader(name, template string) wireHeader {
	return wireHeader{
		name: name, key: canonical(name),
		missing:   &Fault{FaultMissing, name, "is missing"},
		duplicate: &Fault{FaultDuplicate, name, "is given more than once"},
		malformed: &Fault{FaultMalformed, name, "must have the form " + template},
	}
}

// only is the captured value that is the whole header, or 0.
func (w *wireHeader) only() op {
	if len(w.pieces) == 1 {
		return w.pieces[0].op
	}
	return 0
}

// read captures this header's values into p, or says what is wrong with it.
func (s *Scheme) read(w *wireHeader, r *Request, p *Presented) *Fault {
	values := r.Header[w.key]
	if len(values) == 0 {
		return w.missing
	}
	if len(values) > 1 {
		return w.duplicate
	}
	return s.match(w, w.pieces, values[0], p)
}

// match captures the values of a template out of text.
func (s *Scheme) match(w *wireHeader, pieces []capture, rest string, p *Presented) *Fault {
	for i := range pieces {
		c := &pieces[i]
		if c.op == 0 {
			if !strings.HasPrefix(rest, c.lit) {
				return w.malformed
			}
			rest = rest[len(c.lit):]
			continue
		}
		text := rest
		if c.stopped {
			n := strings.IndexByte(rest, c.stop)
			if n < 0 {
				return w.malformed
			}
			text = rest[:n]
		} else if c.exact {
			if len(rest) < c.min {
				return w.malformed
			}
			text = rest[:c.min]
		}
		rest = rest[len(text):]
		if c.op == opGroup {
			inner, ok := decodeGroup(c.kind, text)
			if !ok {
				return w.malformed
			}
			if f := s.match(w, c.inner, inner, p); f != nil {
				return f
			}
			continue
		}
		if !s.take(c, text, p) {
			return c.fault
		}
	}
	if rest != "" {
		return w.malformed
	}
	return nil
}

// take checks the form of one captured value and keeps it.
func (s *Scheme) take(c *capture, text string, p *Presented) bool {
	if len(text) < c.min || len(text) > c.max {
		return false
	}
	if c.op == opMAC {
		if s.two {
			return s.keepMAC(p, text)
		}
		p.size = s.codec.decode(&p.mac, text)
		return p.size == s.alg.size
	}
	if !c.set.all(text) {
		return false
	}
	switch c.op {
	case opKeyID:
		if p.KeyID != "" && p.KeyID != text {
			return false
		}
		p.KeyID = text
	case opNonce:
		if p.Nonce != "" && p.Nonce != text {
			return false
		}
		p.Nonce = text
	case opVar:
		if p.vars[c.index] != "" && p.vars[c.index] != text {
			return false
		}
		p.vars[c.index] = text
	case opTime:
		if p.TimeText != "" && p.TimeText != text {
			return false
		}
		p.TimeText = text
		var ok bool
		p.Unix, p.nano, ok = s.time.parse(text)
		return ok
	}
	return true
}

// write is the header's value for p and a signature. A value that stands there alone is itself, without a copy.
func (w *wireHeader) write(p *Presented, signature []byte) string {
	if w.list != nil {
		return w.writeList(p, signature)
	}
	switch w.only() {
	case opKeyID:
		return p.KeyID
	case opNonce:
		return p.Nonce
	case opTime:
		return p.TimeText
	case opMAC:
		return string(signature)
	}
	var room [256]byte
	return string(appendPieces(room[:0], w.pieces, p, signature))
}

// appendPieces writes a template.
func appendPieces(b []byte, pieces []capture, p *Presented, signature []byte) []byte {
	for i := range pieces {
		switch pieces[i].op {
		case opKeyID:
			b = append(b, p.KeyID...)
		case opNonce:
			b = append(b, p.Nonce...)
		case opTime:
			b = append(b, p.TimeText...)
		case opMAC:
			b = append(b, signature...)
		case opVar:
			b = append(b, p.vars[pieces[i].index]...)
		case opGroup:
			b = append(b, encodeGroup(pieces[i].kind, string(appendPieces(nil, pieces[i].inner, p, signature)))...)
		default:
			b = append(b, pieces[i].lit...)
		}
	}
	return b
}
