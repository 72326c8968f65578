package scheme

// param is one parameter, decoded, with the text that it came from.
type param struct {
	key, value       string
	rawKey, rawValue string
	equals           bool // there was a "="
	own              bool // it carries the signature
}

// params takes a query or a form apart. Nothing but an empty text between two "&" is passed over.
func parseParams(text string, plus bool) ([]param, bool) {
	var out []param
	for text != "" {
		item := text
		text = ""
		for i := 0; i < len(item); i++ {
			if item[i] == '&' {
				item, text = item[:i], item[i+1:]
				break
			}
		}
		if item == "" {
			continue
		}
		if len(out) == maxParams {
			return nil, false
		}
		p, ok := parseParam(item, plus)
		if !ok {
			return nil, false
		}
		out = append(out, p)
	}
	return out, true
}

func parseParam(item string, plus bool) (param, bool) {
	p := param{rawKey: item}
	for i := 0; i < len(item); i++ {
		if item[i] == '=' {
			p.rawKey, p.rawValue, p.equals = item[:i], item[i+1:], true
			break
		}
	}
	var keyOK, valueOK bool
	p.key, keyOK = unescaped(p.rawKey, plus)
	p.value, valueOK = unescaped(p.rawValue, plus)
	return p, keyOK && valueOK
}

// unescaped is text percent-decoded; text that needs none is itself, without a copy.
func unescaped(text string, plus bool) (string, bool) {
	for i := 0; i < len(text); i++ {
		if text[i] == '%' || plus && text[i] == '+' {
			out, ok := appendUnpct(make([]byte, 0, len(text)), text, plus)
			return string(out), ok
		}
	}
	return text, true
}

// queryParams are the parameters of the query, those that carry the signature marked.
func (c *scratch) queryParams(r *Request) []param {
	set := &c.ext.query
	if !set.read {
		_, query := cut(r.Target)
		set.list, set.read = c.ext.scheme.readParams(query, InQuery), true
		if set.list == nil && query != "" {
			c.fail(faultEscape)
		}
	}
	return set.list
}

// formParams are the fields of the body.
func (c *scratch) formParams(r *Request) []param {
	set := &c.ext.form
	if !set.read {
		set.list, set.read = c.ext.scheme.readParams(string(r.Body), InForm), true
		if set.list == nil && len(r.Body) > 0 || !isForm(r, true) {
			c.fail(faultForm)
		}
	}
	return set.list
}

// readParams takes text apart and marks what carries the signature; nil for text that is empty or malformed.
func (s *Scheme) readParams(text string, in Place) []param {
	list, ok := parseParams(text, true)
	if !ok {
		return nil
	}
	if list == nil && text != "" {
		list = []param{}
	}
	for i := range list {
		list[i].own = s.carriesSignature(in, list[i].key)
	}
	return list
}

// carriesSignature says whether the wire has {sig} in the parameter.
func (s *Scheme) carriesSignature(in Place, name string) bool {
	for i := range s.wire {
		if w := &s.wire[i]; w.in == in && w.name == name && w.signs {
			return true
		}
	}
	return false
}

// isForm says whether the body is a form by its Content-Type; absent is the answer where there is none.
func isForm(r *Request, absent bool) bool {
	values := r.Header["Content-Type"]
	if len(values) == 0 {
		return absent
	}
	const form = "application/x-www-form-urlencoded"
	v := values[0]
	if len(values) > 1 || len(v) < len(form) {
		return false
	}
	for i := range len(form) {
		if lowerByte(v[i]) != form[i] {
			return false
		}
	}
	return len(v) == len(form) || v[len(form)] == ';' || v[len(form)] == ' '
}

// jsonBody is the body as JSON; nil when it is none.
func (c *scratch) jsonBody(r *Request) *jsonValue {
	if !c.ext.read {
		var f *Fault
		if c.ext.json, f = parseJSON(r.Body); f != nil {
			c.fail(f)
		}
		c.ext.read = true
	}
	return c.ext.json
}

// fieldValue appends a query parameter, a form field or a JSON member. One that comes twice is refused (security rule 20).
func (c *scratch) fieldValue(n *node, r *Request, p *Presented) {
	switch {
	case n.many != nil:
		c.memberOf(n, r, p)
	case n.source == 'j':
		if len(r.Body) == 0 && n.optional {
			return
		}
		c.member(n, c.jsonBody(r))
	case n.source == 'f':
		c.single(n, c.formParams(r))
	default:
		c.single(n, c.queryParams(r))
	}
}

// memberOf reads a member of JSON, or a field of a query, that is itself a value.
func (c *scratch) memberOf(n *node, r *Request, p *Presented) {
	text := c.value(n.many[0], r, p)
	v, f := parseJSON([]byte(text))
	if f != nil {
		c.fail(faultCompact)
		return
	}
	c.member(n, v)
}

func (c *scratch) member(n *node, v *jsonValue) {
	if c.fault != nil || v == nil {
		return
	}
	found := v.find(n.text)
	if found == nil {
		if !n.optional {
			c.fail(&Fault{FaultMissing, "j." + n.text, "is missing"})
		}
		return
	}
	c.buf = append(c.buf, found.value()...)
}

func (c *scratch) single(n *node, list []param) {
	if c.fault != nil {
		return
	}
	value, count := "", 0
	for i := range list {
		if list[i].key == n.text {
			value = list[i].value
			count++
		}
	}
	where := string(n.source) + "." + n.text
	switch {
	case count > 1:
		c.fail(&Fault{FaultDuplicate, where, "is given more than once"})
	case count == 0 && !n.optional:
		c.fail(&Fault{FaultMissing, where, "is missing"})
	}
	c.buf = append(c.buf, value...)
}
