package scheme

import (
	"maps"
	"strings"
)

// Apply returns the request with the fields that Sign returned: headers replaced, parameters of the query and of a form body set in place or appended, members
// of a JSON body set. The request given is not changed. It returns a *Fault of kind FaultUnsignable where a body is not what the field needs.
func Apply(r *Request, fields []Field) (Request, error) {
	out := *r
	cloned := false
	var query, form []Field
	for _, f := range fields {
		switch f.In {
		case InHeader:
			if !cloned {
				out.Header = make(map[string][]string, len(r.Header)+len(fields))
				maps.Copy(out.Header, r.Header)
				cloned = true
			}
			out.Header[canonical(f.Name)] = []string{f.Value}
		case InQuery:
			query = append(query, f)
		case InForm:
			form = append(form, f)
		case InJSON:
			var err error
			if out.Body, err = setMember(out.Body, f.Name, f.Value); err != nil {
				return Request{}, err
			}
		}
	}
	if query != nil {
		path, text := cut(out.Target)
		text, err := setParams(text, query)
		if err != nil {
			return Request{}, err
		}
		out.Target = path + "?" + text
	}
	if form != nil {
		text, err := setParams(string(out.Body), form)
		if err != nil {
			return Request{}, err
		}
		out.Body = []byte(text)
	}
	return out, nil
}

// setParams sets parameters: in place where they are there with another value, at the end where they are not.
func setParams(text string, fields []Field) (string, error) {
	var items, keys, values []string
	if text != "" {
		items = strings.Split(text, "&")
	}
	for _, item := range items {
		p, ok := parseParam(item, true)
		if !ok {
			return "", unsignable("", "the parameters have a percent sign without two hexadecimal digits")
		}
		keys, values = append(keys, p.key), append(values, p.value)
	}
	enc := escaping{on: true, plain: unreserved}
	for _, f := range fields {
		item := string(appendEncoded(&enc, append(appendEncoded(&enc, nil, f.Name), '='), f.Value))
		found := -1
		for i, key := range keys {
			if key != f.Name {
				continue
			}
			if found >= 0 {
				return "", unsignable(f.Name, "is given more than once")
			}
			if found = i; values[i] != f.Value {
				items[i], values[i] = item, f.Value
			}
		}
		if found < 0 {
			items, keys, values = append(items, item), append(keys, f.Name), append(values, f.Value)
		}
	}
	return strings.Join(items, "&"), nil
}

// setMember sets a text in a JSON body, or a number where one is there and it is digits: in place where it is there, as the last member of the outermost object where it is not.
func setMember(body []byte, path, value string) ([]byte, error) {
	v, f := parseJSON(body)
	if f != nil || v.kind != '{' {
		return nil, unsignable("body", "is not a JSON object")
	}
	text := appendJSONText(nil, value)
	if old := v.find(path); old != nil {
		if (old.kind == '"' || old.kind == '0') && old.value() == value {
			return body, nil
		}
		if old.kind == '0' && digitSet.all(value) && value != "" && (value[0] != '0' || len(value) == 1) {
			text = []byte(value) // a number stays a number
		}
		at := offset(body, old.raw)
		return append(append(append([]byte(nil), body[:at]...), text...), body[at+len(old.raw):]...), nil
	}
	if strings.Contains(path, ".") {
		return nil, unsignable(path, "is not in the body; put a placeholder there")
	}
	end := offset(body, v.raw) + len(v.raw) - 1
	out := append([]byte(nil), body[:end]...)
	if len(v.items) > 0 {
		out = append(out, ',')
	}
	out = append(append(appendJSONText(out, path), ':'), text...)
	return append(out, body[end:]...), nil
}

// offset is where part begins in whole, of which it is a slice.
func offset(whole, part []byte) int { return cap(whole) - cap(part) }

// present2 is Present for language 2: the claims in the forms of the wire, and the request as it will be but for the signature.
func (s *Scheme) present2(c *scratch, r *Request, p *Presented) error {
	p.vars = make([]string, len(s.vars))
	for i := range s.vars {
		if v := &s.vars[i]; v.wire && len(v.value) == 0 {
			p.vars[i] = r.Vars[v.name]
			if p.vars[i] == "" && v.pattern != nil {
				p.vars[i], _ = v.match(s.sourceOf(v, r))
			}
			if p.vars[i] == "" && v.fallback != nil {
				p.vars[i] = *v.fallback
			}
		}
	}
	if f := s.gather(r, p); f != nil {
		return unsignable(f.Where, f.Detail)
	}
	for i := range s.wire {
		if err := s.claimAll(&s.wire[i], p); err != nil {
			return err
		}
	}
	p.owner, p.hasBody = s, true
	return s.build(c, r, p)
}

// claimAll checks every value that a signer puts in one place.
func (s *Scheme) claimAll(w *wireHeader, p *Presented) error {
	if w.list == nil {
		return s.claimPieces(w.pieces, p)
	}
	for i := range w.list.items {
		if err := s.claimPieces(w.list.items[i].pieces, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scheme) claimPieces(pieces []capture, p *Presented) error {
	for i := range pieces {
		var err error
		switch c := &pieces[i]; c.op {
		case 0, opMAC:
		case opGroup:
			err = s.claimPieces(c.inner, p)
		default:
			err = s.claim2(c, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Scheme) claim2(c *capture, p *Presented) error {
	if c.op != opVar {
		return s.claim(c, p)
	}
	v := &s.vars[c.index]
	if len(v.value) > 0 || v.fallback != nil && p.vars[c.index] == *v.fallback {
		return nil
	}
	if !s.take(c, p.vars[c.index], p) {
		return unsignable("v."+v.name, "is missing or cannot be written: "+c.fault.Detail)
	}
	return nil
}
