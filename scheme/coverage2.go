package scheme

import "strings"

// covers says whether a list of nodes signs a part of the request, whatever the request is: what stands only in one branch of a condition does not count.
func (s *Scheme) covers(parts []node, word string) bool {
	for i := range parts {
		if s.nodeCovers(&parts[i], word) {
			return true
		}
	}
	return false
}

func (s *Scheme) nodeCovers(n *node, word string) bool {
	switch n.op {
	case opMethod:
		return word == "method"
	case opTarget:
		return word == "path" || word == "query"
	case opPath:
		return word == "path"
	case opQuery:
		return word == "query"
	case opBody:
		return word == "body"
	case opTime:
		return word == "time"
	case opVar:
		return s.covers(s.vars[n.index].value, word)
	case opCall:
		return s.callCovers(n, word)
	}
	return false
}

func (s *Scheme) callCovers(n *node, word string) bool {
	switch n.fn.id {
	case fnParams:
		return s.paramsCover(n.params, word)
	case fnHeaders:
		return word == "time" && s.time != nil && s.listsHeader(n.list, s.timeWhere)
	case fnOr:
		rest := true
		for _, list := range n.many[1:] {
			rest = rest && s.covers(list, word)
		}
		return s.covers(n.many[0], word) && (rest || s.emptyWith(n.many[0], word))
	case fnWhen:
		return s.whenCovers(n, word)
	case fnField, fnSlice, fnHead, fnTail, fnBefore, fnAfter, fnLen, fnEq, fnIn, fnNot, fnDecimal:
		return false
	case fnDate:
		return false
	}
	return s.covers(n.args, word)
}

// whenCovers asks each branch once: asking twice would double the work at every level of nested conditions.
func (s *Scheme) whenCovers(n *node, word string) bool {
	then, otherwise := s.covers(n.many[1], word), len(n.many) == 3 && s.covers(n.many[2], word)
	if c := n.many[0]; otherwise && len(c) == 1 && c[0].op == opCall && c[0].fn.id == fnEq && s.emptyWith(c[0].many[0], word) {
		return true // where the condition holds the part is known
	}
	return then && (otherwise || s.emptyWith(n.many[0], word))
}

// paramsCover says what a list of parameters signs. Names left out by skip are told by a warning.
func (s *Scheme) paramsCover(r *paramRule, word string) bool {
	for i := range r.added {
		if s.covers(r.added[i].value, word) {
			return true
		}
	}
	whole := len(r.only) == 0 && r.show == "pairs" && r.at == "" && r.multi != "first" && r.multi != "last"
	switch word {
	case "query":
		return whole && r.query
	case "body":
		return whole && (r.form && !r.formMaybe || r.json || r.flat)
	case "time":
		return len(r.only) == 0 && r.show != "keys" && s.time != nil && s.timeIn(r)
	}
	return false
}

// timeIn says whether the checked time is one of the parameters.
func (s *Scheme) timeIn(r *paramRule) bool {
	for i := range s.wire {
		w := &s.wire[i]
		if w.name != s.timeWhere || named(r.skip, w.name) {
			continue
		}
		if w.in == InQuery && r.query || w.in == InForm && r.form || w.in == InJSON && (r.json || r.flat) {
			return true
		}
	}
	return false
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

// listsHeader says whether a rule takes the header in, whatever the sender declares.
func (s *Scheme) listsHeader(rule *headerRule, name string) bool {
	names := rule.names
	if rule.variable >= 0 {
		names = s.vars[rule.variable].must
	}
	for _, n := range names {
		prefix, isPrefix := strings.CutSuffix(n, "*")
		if strings.EqualFold(n, name) || isPrefix && len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// emptyWith says whether the value of a list is empty only when the part is.
func (s *Scheme) emptyWith(list []node, word string) bool {
	if len(list) != 1 {
		return false
	}
	switch n := &list[0]; {
	case n.op == opBody:
		return word == "body"
	case n.op == opQuery:
		return word == "query"
	case n.op == opPath:
		return word == "path"
	case n.op == opTarget:
		return word == "path" || word == "query"
	case n.op == opCall && n.fn.id == fnWhen:
		return s.emptyWith(n.many[0], word) && s.chainOf(n.many[1]).min > 0
	case n.op == opCall && n.fn.id == fnParams:
		r := n.params
		return !r.dropEmpty && len(r.skip)+len(r.only) == 0 && (word == "query" && r.query || word == "body" && (r.form && !r.formMaybe || r.json || r.flat))
	}
	return false
}

// coverage2 is what a scheme of language 2 signs: in the message, in the key, or in a value that a check holds against something signed.
func (s *Scheme) coverage2() map[string]bool {
	covered := map[string]bool{}
	for _, word := range coverable {
		covered[word] = s.covers(s.message, word) || s.covers(s.key, word)
	}
	if s.time == nil {
		covered["time"] = false
	} else if !s.skipped(s.timeWhere) && (s.timeStands(InQuery) && covered["query"] || (s.timeStands(InForm) || s.timeStands(InJSON)) && covered["body"]) {
		covered["time"] = true
	}
	for range 2 { // one check may rest on another
		for i := range s.checks {
			s.coverByCheck(covered, s.checks[i].left, s.checks[i].right)
			s.coverByCheck(covered, s.checks[i].right, s.checks[i].left)
		}
		for i := range s.vars {
			if v := &s.vars[i]; v.wire && len(v.value) > 0 && s.varSigned(i, covered) {
				s.coverByCheck(covered, v.value, nil)
			}
		}
	}
	return covered
}

// timeStands says whether the time is captured in such a place.
func (s *Scheme) timeStands(in Place) bool {
	for i := range s.wire {
		if s.wire[i].in == in && s.wire[i].name == s.timeWhere {
			return true
		}
	}
	return false
}

// skipped says whether any list of parameters leaves the name out: then standing in the query or the body proves nothing.
func (s *Scheme) skipped(name string) bool {
	return s.reads(s.message, func(n *node) bool { return n.op == opCall && n.fn.id == fnParams && named(n.params.skip, name) })
}

func (s *Scheme) coverByCheck(covered map[string]bool, of, against []node) {
	if !s.allSigned(against, covered) {
		return
	}
	for _, word := range coverable {
		if word != "time" && s.covers(of, word) {
			covered[word] = true
		}
	}
}

// allSigned says whether nothing in parts can be changed without changing the message.
func (s *Scheme) allSigned(parts []node, covered map[string]bool) bool {
	for i := range parts {
		n := &parts[i]
		ok := true
		switch n.op {
		case opLiteral, opSecret:
		case opHeader:
			ok = s.headerSigned(s.signed[n.index].name)
		case opVar:
			ok = s.varSigned(n.index, covered)
		case opTime:
			ok = covered["time"]
		case opCall:
			switch {
			case n.fn.id == fnField && n.many == nil && n.source == 'q', n.fn.id == fnParams && n.params.query:
				ok = covered["query"]
			case n.fn.id == fnField && n.many == nil, n.fn.id == fnParams:
				ok = covered["body"]
			case n.fn.id == fnHeaders:
				ok = false
			default:
				ok = s.allSigned(n.args, covered)
			}
		default:
			word := map[op]string{opMethod: "method", opPath: "path", opQuery: "query", opBody: "body"}[n.op]
			ok = covered[word] || n.op == opTarget && covered["path"] && covered["query"]
		}
		if !ok {
			return false
		}
	}
	return true
}

// headerSigned says whether the header's whole value is in the message.
func (s *Scheme) headerSigned(name string) bool {
	return s.reads(s.message, func(n *node) bool {
		return n.op == opHeader && s.signed[n.index].name == name || n.op == opCall && n.fn.id == fnHeaders && n.list.show != "keys" && s.listsHeader(n.list, name)
	})
}

// varSigned says whether a variable is in the message, in the key, or stands where all is signed.
func (s *Scheme) varSigned(i int, covered map[string]bool) bool {
	yes := func(n *node) bool { return n.op == opVar && n.index == i }
	if s.reads(s.message, yes) || s.reads(s.key, yes) {
		return true
	}
	for j := range s.wire {
		holds := false
		each(s.wire[j].pieces, func(c *capture) { holds = holds || c.op == opVar && c.index == i })
		if w := &s.wire[j]; holds && !w.signs {
			switch {
			case w.in == InHeader && s.headerSigned(w.key), w.in == InQuery && covered["query"] && !s.skipped(w.name), (w.in == InForm || w.in == InJSON) && covered["body"] && !s.skipped(w.name):
				return true
			}
		}
	}
	return false
}

// judgeCaptures2 is the rest of judgeCaptures for language 2: a nonce may be signed where it stands.
func (s *Scheme) judgeCaptures2() error {
	fail := func(message, hint string) error { return &CompileError{Field: "message", Message: message, Hint: hint} }
	if s.hasNonce && !s.captureSigned(opNonce) {
		return fail("the nonce is not signed", "a nonce that can be replaced protects nothing")
	}
	own := func(n *node) bool {
		return n.op != opLiteral && n.op != opSecret && n.op != opSecretPart && n.op != opCall
	}
	fetched := func(n *node) bool {
		return n.op == opCall && (n.fn.id == fnField || n.fn.id == fnParams || n.fn.id == fnHeaders)
	}
	if !s.reads(s.message, own) && !s.reads(s.key, own) && !s.reads(s.message, fetched) && !s.reads(s.key, fetched) {
		return fail("the message holds nothing of the request", "")
	}
	return nil
}

// captureSigned says whether a captured value is in the message or the key, or stands where all is signed.
func (s *Scheme) captureSigned(o op) bool {
	yes := func(n *node) bool { return n.op == o }
	if s.reads(s.message, yes) || s.reads(s.key, yes) {
		return true
	}
	covered := s.coverage2()
	for i := range s.wire {
		w := &s.wire[i]
		holds := false
		each(w.pieces, func(c *capture) { holds = holds || c.op == o })
		if !holds || w.signs {
			continue
		}
		field := byte('q')
		if w.in == InForm {
			field = 'f'
		} else if w.in == InJSON {
			field = 'j'
		}
		own := func(n *node) bool {
			return n.op == opCall && n.fn.id == fnField && n.source == field && n.text == w.name
		}
		all := covered["body"]
		if w.in == InQuery {
			all = covered["query"]
		}
		if w.in == InHeader && s.headerSigned(w.key) || w.in != InHeader && (all && !s.skipped(w.name) || s.reads(s.message, own)) {
			return true
		}
	}
	return false
}
