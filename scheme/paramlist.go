package scheme

import (
	"slices"
	"strings"
)

// pair is a parameter on its way into the message.
type pair struct{ key, value, text string }

// paramList appends the parameters as the rule says: collected, filtered, changed, encoded, sorted, joined, in this order.
func (c *scratch) paramList(rule *paramRule, r *Request, p *Presented) {
	pairs := c.collect(rule, r, p)
	if c.fault != nil {
		return
	}
	pairs = rule.filter(pairs)
	rule.change(pairs)
	kv, sep, tail := c.value(rule.kv, r, p), c.value(rule.sep, r, p), c.value(rule.tail, r, p)
	pairs, ok := rule.repeat(pairs, c.value(rule.join, r, p))
	if !ok {
		c.fail(&Fault{FaultDuplicate, "query", "has a parameter more than once"})
		return
	}
	size := 0
	for i := range pairs {
		pairs[i].text = rule.write(&pairs[i], kv)
		size += len(pairs[i].text) + len(sep)
	}
	if size > maxOutput+8*bodyLen(r) {
		c.fail(faultLarge)
		return
	}
	rule.order(pairs)
	for i := range pairs {
		if i > 0 {
			c.buf = append(c.buf, sep...)
		}
		c.buf = append(c.buf, pairs[i].text...)
	}
	if len(pairs) > 0 {
		c.buf = append(c.buf, tail...)
	}
}

// collect gathers the parameters of all sources, in the request's order. What carries the signature is left out.
func (c *scratch) collect(rule *paramRule, r *Request, p *Presented) []pair {
	var out []pair
	take := func(list []param) {
		for i := range list {
			switch {
			case list[i].own:
			case rule.enc.raw:
				out = append(out, pair{key: list[i].rawKey, value: list[i].rawValue, text: bareMark(list[i].equals)})
			default:
				key, value := list[i].key, list[i].value
				if !rule.plus {
					again, _ := parseParam(list[i].rawKey+"="+list[i].rawValue, false)
					key, value = again.key, again.value
				}
				out = append(out, pair{key: key, value: value, text: bareMark(list[i].equals)})
			}
		}
	}
	if rule.query {
		take(c.queryParams(r))
	}
	if rule.form && (!rule.formMaybe || isForm(r, false)) {
		take(c.formParams(r))
	}
	if (rule.json || rule.flat) && (len(r.Body) > 0) {
		out = c.collectJSON(rule, r, p, out)
	}
	for i := range rule.added {
		value := c.value(rule.added[i].value, r, p)
		if value != "" || !rule.added[i].dropEmpty {
			out = append(out, pair{key: rule.added[i].name, value: value})
		}
	}
	return out
}

// bareMark notes in pair.text, for a while, that a parameter had no "=".
func bareMark(equals bool) string {
	if equals {
		return ""
	}
	return "bare"
}

func (c *scratch) collectJSON(rule *paramRule, r *Request, p *Presented, out []pair) []pair {
	v := c.jsonBody(r)
	if v == nil {
		return out
	}
	if v = v.find(rule.at); v == nil {
		return out
	}
	if v.kind != '{' && rule.json {
		c.fail(faultJSON)
		return out
	}
	path := c.value(rule.path, r, p)
	for i := range v.items {
		name := ""
		if i < len(v.names) {
			name = v.names[i]
		} else {
			name = number(i)
		}
		if rule.at != "" || !c.ext.scheme.carriesSignature(InJSON, name) {
			out = c.flatten(rule, v.items[i], name, path, out)
		}
	}
	return out
}

// flatten appends the scalars of v with their paths; without flat, objects and arrays stand compact in one value.
func (c *scratch) flatten(rule *paramRule, v *jsonValue, key, path string, out []pair) []pair {
	switch {
	case v.kind == 't':
		return append(out, pair{key: key, value: rule.yes})
	case v.kind == 'f':
		return append(out, pair{key: key, value: rule.no})
	case v.kind == 'n':
		return append(out, pair{key: key, value: rule.null})
	case v.kind == '"' || v.kind == '0':
		return append(out, pair{key: key, value: v.value()})
	case !rule.flat:
		return append(out, pair{key: key, value: string(v.appendCompact(nil, false))})
	}
	for i := range v.items {
		name := ""
		if i < len(v.names) {
			name = v.names[i]
		} else {
			name = number(i)
		}
		if c.ext.steps += 1 + len(key)/64; c.ext.steps > maxSteps {
			c.fail(faultLarge)
			return out
		}
		out = c.flatten(rule, v.items[i], under(key, path, name, v.kind == '['), path, out)
	}
	return out
}

// under is the path of a member or item. With [] it is written name[member], with [] behind a separator only the numbers of items are: name[0].member.
func under(key, path, name string, item bool) string {
	dots, brackets := strings.CutSuffix(path, "[]")
	if brackets && (item || dots == "") {
		return key + "[" + name + "]"
	}
	return key + dots + name
}

func (rule *paramRule) filter(pairs []pair) []pair {
	return slices.DeleteFunc(pairs, func(p pair) bool {
		if rule.dropEmpty && p.value == "" || len(rule.only) > 0 && !named(rule.only, p.key) {
			return true
		}
		return named(rule.skip, p.key)
	})
}

// named says whether a list has a name, or a beginning of it with a star behind.
func named(list []string, key string) bool {
	for _, word := range list {
		if prefix, isPrefix := strings.CutSuffix(word, "*"); word == key || isPrefix && strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

func inCase(text, letters string) string {
	switch letters {
	case "lower":
		return strings.ToLower(text)
	case "upper":
		return strings.ToUpper(text)
	}
	return text
}

func (rule *paramRule) change(pairs []pair) {
	for i := range pairs {
		p := &pairs[i]
		if rule.strip != "" {
			p.key = string(appendWithout(nil, p.key, rule.strip))
		}
		p.key, p.value = inCase(p.key, rule.keyCase), inCase(p.value, rule.valueCase)
		if rule.trim {
			p.value = strings.TrimSpace(p.value)
		}
		if rule.mask != "" {
			p.value = strings.Map(func(c rune) rune {
				if strings.ContainsRune(rule.mask, c) {
					return '_'
				}
				return c
			}, p.value)
		}
	}
}

// repeat deals with names that come more than once; ok is false where that is refused.
func (rule *paramRule) repeat(pairs []pair, join string) (out []pair, ok bool) {
	if rule.multi == "keep" {
		return pairs, true
	}
	at := map[string]int{}
	for _, p := range pairs {
		key := p.key
		if rule.multi == "dedup" {
			key += "\x00" + p.value
		}
		i, seen := at[key]
		if !seen {
			at[key] = len(out)
			out = append(out, p)
			continue
		}
		switch rule.multi {
		case "refuse":
			return nil, false
		case "join":
			out[i].value += join + p.value
		case "last":
			out[i] = p
		}
	}
	return out, true
}

// write is the text of one parameter. It takes pair.text as the mark of a parameter without "=".
func (rule *paramRule) write(p *pair, kv string) string {
	p.key, p.value = encoded(&rule.enc, p.key), encoded(&rule.enc, p.value)
	switch {
	case rule.show == "values":
		return p.value
	case rule.show == "keys" || rule.bare && p.text == "bare":
		return p.key
	}
	return p.key + kv + p.value
}

// order sorts what has been written. Equal ones keep the request's order.
func (rule *paramRule) order(pairs []pair) {
	var by func(a, b pair) int
	switch rule.sort {
	case "key":
		by = func(a, b pair) int { return strings.Compare(a.key, b.key) }
	case "key_ci":
		by = func(a, b pair) int { return strings.Compare(strings.ToLower(a.key), strings.ToLower(b.key)) }
	case "pair":
		by = func(a, b pair) int {
			if n := strings.Compare(a.key, b.key); n != 0 {
				return n
			}
			return strings.Compare(a.value, b.value)
		}
	case "value":
		by = func(a, b pair) int { return strings.Compare(a.value, b.value) }
	case "joined":
		by = func(a, b pair) int { return strings.Compare(a.text, b.text) }
	case "joined_ci":
		by = func(a, b pair) int { return strings.Compare(strings.ToLower(a.text), strings.ToLower(b.text)) }
	case "natural":
		by = func(a, b pair) int { return naturally(a.text, b.text) }
	default:
		return
	}
	slices.SortStableFunc(pairs, by)
}

// naturally compares runs of digits as numbers.
func naturally(a, b string) int {
	for a != "" && b != "" {
		if digitSet.has(a[0]) && digitSet.has(b[0]) {
			x, y := leadingDigits(a), leadingDigits(b)
			m, n := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if d := len(m) - len(n); d != 0 {
				return d
			}
			if d := strings.Compare(m, n); d != 0 {
				return d
			}
			a, b = a[len(x):], b[len(y):]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func leadingDigits(s string) string {
	n := 0
	for n < len(s) && digitSet.has(s[n]) {
		n++
	}
	return s[:n]
}
