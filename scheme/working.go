package scheme

import (
	"slices"
	"strings"
)

// build makes the working request: everything on the wire but what holds the signature. Where nothing that is evaluated can read what a signer adds, it is the request
// itself. It leaves nothing in c.
func (s *Scheme) build(c *scratch, r *Request, p *Presented) error {
	p.work = r
	if !s.apart {
		if err := s.placeAll(c, p); err != nil {
			return err
		}
	}
	for i := range s.signed {
		if _, f := s.signed[i].value(p.work); f != nil && (s.signed[i].needed || f.Kind != FaultMissing) {
			return f
		}
	}
	if f := s.form.check(p.work); f != nil {
		return f
	}
	if s.computing {
		for i := range s.wire {
			s.compute2(c, &s.wire[i], p)
		}
		fault := c.fault
		if c.again(); fault != nil {
			return fault
		}
	}
	if f := s.choose(p.work, p); f != nil {
		return f
	}
	return nil
}

// placeAll puts a signer's values on a copy of the request. Computed values come last, because they may read the others.
func (s *Scheme) placeAll(c *scratch, p *Presented) error {
	for _, computed := range []bool{false, true} {
		var fields []Field
		for i := range s.wire {
			w := &s.wire[i]
			if w.signs || w.further || s.computes(w) != computed {
				continue
			}
			if s.compute2(c, w, p); w.optional && silent(w.pieces, p) {
				continue
			}
			fields = append(fields, Field{w.name, w.write(p, nil), w.in})
		}
		fault := c.fault
		if c.again(); fault != nil {
			return fault
		}
		if len(fields) == 0 {
			continue
		}
		next, err := Apply(p.work, fields)
		if err != nil {
			return err
		}
		p.work = &next
	}
	return nil
}

// isolate finds out whether a signer's values can be read by what is evaluated, and whether any of them is computed.
func (s *Scheme) isolate() {
	s.apart = !s.placing
	for i := range s.wire {
		w := &s.wire[i]
		s.computing = s.computing || s.computes(w)
		s.apart = s.apart && w.key != "Content-Type" // it says whether a body is a form
		for j := range s.signed {
			s.apart = s.apart && s.signed[j].name != w.key
		}
	}
	s.apart = s.apart && !s.readsAnywhere(s.listsOwn)
	for i := range s.vars {
		s.apart = s.apart && !s.reads(s.vars[i].value, s.listsOwn)
	}
}

// listsOwn says whether a node is a list of headers that can name one that a signer writes, or could hold such a list between its items.
func (s *Scheme) listsOwn(n *node) bool {
	if n.params != nil {
		inside := slices.Concat(n.params.kv, n.params.sep, n.params.tail, n.params.join, n.params.path)
		for i := range n.params.added {
			inside = append(inside, n.params.added[i].value...)
		}
		return s.reads(inside, s.listsOwn)
	}
	if n.list == nil {
		return false
	}
	if n.list.variable >= 0 || s.reads(slices.Concat(n.list.kv, n.list.sep, n.list.tail), s.listsOwn) {
		return true
	}
	for _, name := range n.list.names {
		for i := range s.wire {
			if strings.HasSuffix(name, "*") || canonical(name) == s.wire[i].key {
				return true
			}
		}
	}
	return false
}

// computes says whether a place holds a computed variable.
func (s *Scheme) computes(w *wireHeader) bool {
	found := false
	each(w.pieces, func(c *capture) { found = found || c.op == opVar && len(s.vars[c.index].value) > 0 })
	return found
}

// compute2 fills in the computed variables of one place.
func (s *Scheme) compute2(c *scratch, w *wireHeader, p *Presented) {
	each(w.pieces, func(piece *capture) {
		if piece.op == opVar && len(s.vars[piece.index].value) > 0 {
			p.vars[piece.index] = c.variable(piece.index, p.work, p)
			if c.fault == nil && !s.vars[piece.index].fits(p.vars[piece.index]) && !(w.optional && p.vars[piece.index] == "") && w.list == nil {
				c.fail(s.vars[piece.index].fault)
			}
		}
	})
}
