package scheme

import (
	"slices"
	"strings"
)

// listed is a header on its way into the message.
type listedHeader struct{ name, value string }

// headerList appends the headers that a rule names: a fixed list, names that begin alike, or a list that the sender declares.
func (c *scratch) headerList(rule *headerRule, r *Request, p *Presented) {
	found := c.listed(rule, r, p)
	if c.fault != nil {
		return
	}
	if rule.sorted {
		slices.SortStableFunc(found, func(a, b listedHeader) int { return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) })
	}
	kv, sep, tail := c.value(rule.kv, r, p), c.value(rule.sep, r, p), c.value(rule.tail, r, p)
	for i, h := range found {
		if i > 0 {
			c.buf = append(c.buf, sep...)
		}
		if rule.show != "values" {
			c.buf = appendEncoded(&rule.enc, c.buf, h.name)
		}
		if rule.show == "pairs" {
			c.buf = append(c.buf, kv...)
		}
		if rule.show != "keys" {
			c.buf = appendEncoded(&rule.enc, c.buf, h.value)
		}
	}
	if len(found) > 0 {
		c.buf = append(c.buf, tail...)
	}
}

func (c *scratch) listed(rule *headerRule, r *Request, p *Presented) []listedHeader {
	names := rule.names
	if rule.variable >= 0 {
		v := &c.ext.scheme.vars[rule.variable]
		names = v.items(c.variable(rule.variable, r, p))
	}
	var out []listedHeader
	for _, name := range names {
		if prefix, isPrefix := strings.CutSuffix(name, "*"); isPrefix && rule.variable < 0 {
			out = c.prefixed(rule, r, prefix, out)
			continue
		}
		value, there := c.listedValue(rule, r, name)
		if !there && rule.absent == "skip" || c.fault != nil {
			continue
		}
		if !there && rule.absent == "refuse" {
			c.fail(&Fault{FaultMissing, canonical(name), "is missing"})
			return nil
		}
		out = append(out, listedHeader{rule.spell(name), value})
	}
	return out
}

func (rule *headerRule) spell(name string) string {
	if rule.keep {
		return name
	}
	return strings.ToLower(name)
}

// prefixed appends every header whose name begins with prefix, in any case, sorted by name.
func (c *scratch) prefixed(rule *headerRule, r *Request, prefix string, out []listedHeader) []listedHeader {
	var names []string
	for name := range r.Header {
		if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if len(out) == maxItems {
			c.fail(faultLarge)
			return nil
		}
		if c.ext.scheme.signsIn(name) {
			continue
		}
		value, _ := c.listedValue(rule, r, name)
		out = append(out, listedHeader{rule.spell(name), value})
	}
	return out
}

// signsIn says whether the signature itself stands in the header.
func (s *Scheme) signsIn(key string) bool {
	for i := range s.wire {
		if s.wire[i].in == InHeader && s.wire[i].key == key && s.wire[i].signs {
			return true
		}
	}
	return false
}

// listedValue is the value of a header, trimmed, and whether it is there. One that comes twice is refused unless the rule joins it (security rule 20).
func (c *scratch) listedValue(rule *headerRule, r *Request, name string) (string, bool) {
	key := canonical(name)
	if c.ext.scheme.signsIn(key) {
		c.fail(&Fault{FaultMalformed, key, "carries the signature and cannot be signed"})
		return "", false
	}
	values := r.Header[key]
	if len(values) == 0 {
		switch key {
		case "Host":
			return r.Host, r.Host != ""
		case "Content-Length":
			if len(r.Body) > 0 {
				return number(len(r.Body)), true
			}
		}
		return "", false
	}
	if len(values) > 1 && rule.join == "" {
		c.fail(&Fault{FaultDuplicate, key, "is given more than once"})
		return "", false
	}
	out := ""
	for i, v := range values {
		if len(v) > maxHeader || !headerSet.all(v) || len(values) > maxItems {
			c.fail(&Fault{FaultMalformed, key, "must be visible text of at most 8192 bytes"})
			return "", false
		}
		if i > 0 {
			out += rule.join
		}
		if rule.squeeze {
			out += string(appendSqueezed(nil, v))
		} else {
			out += strings.Trim(v, " \t")
		}
	}
	return out, true
}
