package scheme

import (
	"slices"
	"strings"
)

// split2 is split for language 2: variables, and groups such as {b64:{key_id}:{sig}}.
func (s *Scheme) split2(template string, depth int) ([]capture, *CompileError) {
	bad := func(message, hint string) ([]capture, *CompileError) {
		return nil, &CompileError{Field: "wire", Message: message, Hint: hint}
	}
	if template == "" || len(template) > 1024 || !wireText.all(template) || depth == 0 && (isBlank(template[0]) || isBlank(template[len(template)-1])) {
		return bad("a template is 1 to 1024 visible characters without white space at its ends", "")
	}
	var out []capture
	for rest := template; rest != ""; {
		open := strings.IndexAny(rest, "{}")
		if open < 0 {
			return append(out, capture{lit: rest}), nil
		}
		if open > 0 {
			out = append(out, capture{lit: rest[:open]})
		}
		end := closing(rest, open)
		if rest[open] == '}' || end < 0 {
			return bad("a brace has no partner", "captures are written {key_id}, {ts}, {nonce}, {sig}, {variable}, {b64:…}")
		}
		c, err := s.piece(rest[open+1:end], depth)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
		rest = rest[end+1:]
	}
	return out, nil
}

// closing is the place of the brace that closes the one at open; -1 when there is none.
func closing(text string, open int) int {
	level := 0
	for i := open; i < len(text); i++ {
		switch text[i] {
		case '{':
			level++
		case '}':
			if level--; level == 0 {
				return i
			}
		}
	}
	return -1
}

// piece is what stands between two braces.
func (s *Scheme) piece(name string, depth int) (capture, *CompileError) {
	if o := captureOp(name); o != 0 {
		return capture{op: o}, nil
	}
	for i := range s.vars {
		if s.vars[i].name == name {
			return capture{op: opVar, index: i}, nil
		}
	}
	if kind, inner, isGroup := strings.Cut(name, ":"); isGroup {
		if !slices.Contains(groupKinds, kind) || depth > 0 {
			return capture{}, &CompileError{Field: "wire", Message: "unknown group " + quoted("{"+kind+":…}"), Hint: listed(groupKinds) + "; not inside one another"}
		}
		pieces, err := s.split2(inner, depth+1)
		return capture{op: opGroup, kind: kind, inner: pieces}, err
	}
	names := slices.Clone(captureNames)
	for i := range s.vars {
		names = append(names, s.vars[i].name)
	}
	hint := Nearest(name, names)
	if hint == "" {
		hint = "declare it: vars: {" + name + ": {max: 64}}"
	}
	return capture{}, &CompileError{Field: "wire", Message: `unknown capture ` + quoted("{"+name+"}"), Hint: hint}
}

// each calls f for every capture of a template, groups and list items looked into.
func each(pieces []capture, f func(*capture)) {
	for i := range pieces {
		if pieces[i].op == opGroup {
			each(pieces[i].inner, f)
		} else if pieces[i].op != 0 {
			f(&pieces[i])
		}
	}
}

// addPlaced adds one value on the wire for language 2.
func (s *Scheme) addPlaced(d *Definition, in Place, h WireHeader, seen map[op]bool) *CompileError {
	w := newWireHeader(h.Name, h.Template)
	if w.in = in; in != InHeader {
		w.key = h.Name
		if h.Name == "" || len(h.Name) > 256 || !wireText.all(h.Name) {
			return &CompileError{Message: "a parameter's name is 1 to 256 visible characters"}
		}
	} else if err := headerName(&w); err != nil {
		return err
	}
	for i := range s.wire {
		if s.wire[i].in == in && s.wire[i].key == w.key {
			return &CompileError{Message: "it is listed twice"}
		}
	}
	var err *CompileError
	if w.pieces, err = s.split2(h.Template, 0); err != nil {
		return err
	}
	if err := s.notePieces(&w, h, seen); err != nil {
		return err
	}
	s.bodyWire = s.bodyWire || in == InForm || in == InJSON
	s.placing = s.placing || in != InHeader
	s.ownQuery = s.ownQuery || w.signs && in == InQuery
	s.ownForm = s.ownForm || w.signs && in == InForm
	if d.Several != nil && d.Several.Separator != "" && w.signs && in == InHeader {
		if err := s.makeList(&w, d.Several); err != nil {
			return err
		}
	}
	s.wire = append(s.wire, w)
	return nil
}

// notePieces records what a template captures. The key id and the signature have one place (security rule 7); other values that come twice must agree.
func (s *Scheme) notePieces(w *wireHeader, h WireHeader, seen map[op]bool) *CompileError {
	var err *CompileError
	literal := true
	w.optional = true
	each(w.pieces, func(c *capture) {
		literal = false
		if c.op == opMAC {
			w.signs = true
		}
		if c.op == opVar {
			s.vars[c.index].wire = true
			w.optional = w.optional && (s.vars[c.index].fallback != nil || s.vars[c.index].computed)
			return
		}
		w.optional = false
		if seen[c.op] && (c.op == opMAC || c.op == opKeyID) {
			err = &CompileError{Message: "{" + captureName(c.op) + "} is on the wire twice", Hint: "a value has one place"}
		}
		seen[c.op] = true
		if c.op == opTime && s.timeWhere == "" {
			s.timeWhere = h.Name
		}
	})
	w.optional = w.optional && !literal
	return err
}

func headerName(w *wireHeader) *CompileError {
	if len(w.name) > 128 || w.name == "" || !nameSet.all(w.name) {
		return &CompileError{Field: "wire", Message: "a header name is 1 to 128 letters, digits, hyphens and underscores"}
	}
	if w.key == "Host" || w.key == "Content-Length" || w.key == "Transfer-Encoding" || w.key == "Connection" {
		return &CompileError{Field: "wire", Message: "this header belongs to HTTP itself"}
	}
	return nil
}

// makeList turns a template into a list of items.
func (s *Scheme) makeList(w *wireHeader, rule *SeveralRule) *CompileError {
	bad := func(message, hint string) *CompileError {
		return &CompileError{Field: "several", Message: message, Hint: hint}
	}
	sep := rule.Separator
	if sep == "" || len(sep) > 4 || !wireText.all(sep) || strings.ContainsAny(sep, "{}") {
		return bad("the separator is 1 to 4 visible characters", "several: {sep: ','}")
	}
	template, ok := strings.CutPrefix(w.template(), rule.After)
	if !ok {
		return bad("the template does not begin with "+quoted(rule.After), "")
	}
	list := &listRule{separator: sep, glue: sep, after: rule.After}
	for i, text := range strings.Split(template, sep) {
		trimmed := strings.Trim(text, " \t")
		if i == 1 && len(text) > len(trimmed) {
			list.glue = sep + " "
		}
		pieces, err := s.split2(trimmed, 0)
		if err != nil {
			return err
		}
		item := listItem{pieces: pieces, optional: true}
		if pieces[0].op == 0 {
			item.prefix = pieces[0].lit
		}
		captures := 0
		each(pieces, func(c *capture) {
			captures++
			item.signs = item.signs || c.op == opMAC
			item.optional = item.optional && c.op == opVar && (s.vars[c.index].fallback != nil || s.vars[c.index].computed)
		})
		item.optional = item.optional && captures > 0
		list.positional = list.positional || item.prefix == ""
		for _, other := range list.items {
			if item.prefix == "" || other.prefix == "" {
				continue
			}
			if strings.HasPrefix(item.prefix, other.prefix) || strings.HasPrefix(other.prefix, item.prefix) {
				return bad("the items of the list cannot be told apart by their beginnings", "v1={sig}")
			}
		}
		if list.items = append(list.items, item); len(list.items) > maxItems {
			return bad("too many items", "at most 64")
		}
	}
	if list.positional && !list.items[len(list.items)-1].signs {
		return bad("in a list without names the last item is {sig}", "{ts},{sig}")
	}
	w.list = list
	return nil
}

// template is the template's text again.
func (w *wireHeader) template() string {
	text, _ := strings.CutPrefix(w.malformed.Detail, "must have the form ")
	return text
}

// writeList is the header's value: every item but optional ones that would say nothing.
func (w *wireHeader) writeList(p *Presented, signature []byte) string {
	var room [512]byte
	out := append(room[:0], w.list.after...)
	first := true
	for i := range w.list.items {
		item := &w.list.items[i]
		if item.optional && silent(item.pieces, p) {
			continue
		}
		if !first {
			out = append(out, w.list.glue...)
		}
		out, first = appendPieces(out, item.pieces, p, signature), false
	}
	return string(out)
}

// silent says whether every variable of an optional item or header is at its default.
func silent(pieces []capture, p *Presented) bool {
	all := true
	each(pieces, func(c *capture) {
		if c.op != opVar {
			all = false
			return
		}
		v := &p.owner.vars[c.index]
		all = all && (v.computed && p.vars[c.index] == "" || v.fallback != nil && p.vars[c.index] == *v.fallback)
	})
	return all
}

// bound2 bounds every capture of a value on the wire, groups and items included.
func (s *Scheme) bound2(w *wireHeader) *CompileError {
	lists := [][]capture{w.pieces}
	if w.list != nil {
		lists = nil
		for i := range w.list.items {
			lists = append(lists, w.list.items[i].pieces)
		}
	}
	for len(lists) > 0 {
		pieces := lists[0]
		lists = lists[1:]
		for i := range pieces {
			if pieces[i].op == opGroup {
				lists = append(lists, pieces[i].inner)
			}
			if err := s.boundIn(w, pieces, i); err != nil {
				return err
			}
			if c := &pieces[i]; w.list != nil && c.op != 0 && i == len(pieces)-1 && c.set.has(w.list.separator[0]) {
				if err := c.without(w, w.list.separator[0]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// without takes the byte that ends a capture out of its alphabet, where it may be missing from it.
func (c *capture) without(w *wireHeader, stop byte) *CompileError {
	if c.op == opKeyID || c.op == opNonce || c.op == opVar {
		c.set = c.set.minus(setOf(string(stop)))
		return nil
	}
	return &CompileError{Field: "wire", Item: w.name, Message: "the text after {" + captureName(c.op) + "} can occur inside it", Hint: "put another separator there"}
}
