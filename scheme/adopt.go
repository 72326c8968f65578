package scheme

// Adopt fills what is empty in c from values that the request already carries in the places of the wire, such as a Date header that an application has set
// itself, and returns the variables found there by name. What does not have its form is left alone: signing will say so.
func (s *Scheme) Adopt(r *Request, c *Claims) map[string]string {
	found := map[string]string{}
	var body bodyText
	for i := range s.wire {
		w := &s.wire[i]
		p := Presented{vars: make([]string, len(s.vars))}
		if (w.in == InForm || w.in == InJSON) && len(r.Body) == 0 {
			continue
		}
		text, n, f := s.wireText(w, r, &body)
		if f != nil || n != 1 {
			continue
		}
		if w.list != nil {
			f = s.readList(w, text, &p)
		} else {
			f = s.match(w, w.pieces, text, &p)
		}
		if f == nil {
			s.adopted(&p, c, found)
		}
	}
	return found
}

func (s *Scheme) adopted(p *Presented, c *Claims, found map[string]string) {
	if c.KeyID == "" {
		c.KeyID = p.KeyID
	}
	if c.Nonce == "" {
		c.Nonce = p.Nonce
	}
	if c.TimeText == "" && c.Time.IsZero() {
		c.TimeText = p.TimeText
	}
	for i, text := range p.vars {
		if text != "" && len(s.vars[i].value) == 0 {
			found[s.vars[i].name] = text
		}
	}
}
