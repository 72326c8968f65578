package scheme

import "strings"

// words names a node in messages.
var words = [...]string{opLiteral: "a literal", opMethod: "method", opTarget: "target", opPath: "path", opQuery: "query", opBody: "body",
	opScheme: "scheme", opHost: "host", opTime: "ts", opNonce: "nonce", opKeyID: "key_id"}

func (s *Scheme) describe(n *node) string {
	if n == nil {
		return "nothing"
	}
	if n.op == opHeader {
		return "the header " + s.signed[n.index].name
	}
	if int(n.op) < len(words) && words[n.op] != "" {
		return words[n.op]
	}
	if n.op == opVar {
		return "the variable " + s.vars[n.index].name
	}
	if n.op == opSecret || n.op == opSecretPart {
		return "the secret"
	}
	if n.name != "" {
		return n.name
	}
	if n.op == opCall && n.fn.id == fnField {
		return string(n.source) + "." + n.text
	}
	return "a function's result"
}

// warn writes down what is allowed and yet worth knowing.
func (s *Scheme) warn(d *Definition) {
	add := func(text string) { s.warnings = append(s.warnings, text) }
	if s.two {
		s.warn2(d, add)
		return
	}
	for _, word := range s.uncovered {
		add("not signed: " + word)
	}
	if s.time == nil {
		add("no time is checked: a captured request stays valid for ever unless a replay guard keeps it for ever")
	} else if count(s.message, opTime) == 0 {
		add("the time is checked but not signed: whoever holds a captured request can date it anew")
	}
	if d.Ambiguous {
		add("two different requests can share one canonical input")
	}
	if s.alg.id == 1 {
		add("HMAC-SHA1: unbroken as an HMAC, but refused by some audits")
	}
	if countDigest(s.message, fnMD5)+countDigest(s.message, fnSHA1) > 0 {
		add("a part is signed only as an MD5 or SHA-1 digest: whoever chooses it can prepare two of them with one signature")
	}
	if s.hasNonce && s.nonce.Min < 16 {
		add("nonces shorter than 16 characters are accepted: honest ones may collide")
	}
}

func countDigest(parts []node, id funcID) (n int) {
	for i := range parts {
		if parts[i].op == opCall && parts[i].fn.id == id {
			n++
		}
		n += countDigest(parts[i].args, id)
	}
	return n
}

// warn2 is warn for language 2.
func (s *Scheme) warn2(d *Definition, add func(string)) {
	if s.webhook {
		add("a webhook: method and target are not signed")
	}
	for _, word := range s.uncovered {
		add("not signed: " + word)
	}
	for _, name := range s.unsignedParams() {
		add("not signed: parameter " + name)
	}
	covered := s.coverage2()
	for i := range s.vars {
		if v := &s.vars[i]; v.wire && !s.varSigned(i, covered) {
			add("not signed: variable " + v.name)
		}
	}
	if s.time == nil {
		add("no time is checked: a captured request stays valid for ever unless a replay guard keeps it for ever")
	} else if contains(s.uncovered, "time") {
		add("the time is checked but not signed: whoever holds a captured request can date it anew")
	}
	switch {
	case d.Ambiguous:
		add("two different requests can share one canonical input")
	case d.Spelling:
		add("the spelling of a request is not signed: order of parameters, percent-encoding, letter case or white space")
	}
	if s.form.caseless {
		add("methods are accepted in any letter case")
	}
	s.warnAlgorithm(add)
	if s.hasNonce && s.nonce.Min < 16 {
		add("nonces shorter than 16 characters are accepted: honest ones may collide")
	}
	if s.macSize < 16 {
		add("only " + number(s.macSize) + " bytes of the MAC count")
	}
	for i := range s.vars {
		if s.vars[i].list != "" && len(s.vars[i].must) == 0 {
			add("the sender chooses which headers are signed, and may choose none: v." + s.vars[i].name + " has no must")
		}
	}
	for i := range s.wire {
		if w := &s.wire[i]; w.in == InHeader && strings.Contains(w.name, "_") {
			add("the header " + w.name + " has an underscore in its name: many servers drop or refuse such headers, and this gateway does")
		}
	}
	if s.bodyWire {
		add("something that a verifier needs stands in the body, which must be read before it can be refused")
	}
}

func (s *Scheme) warnAlgorithm(add func(string)) {
	switch {
	case s.alg.plain:
		add("a keyed plain hash, no HMAC: where the secret stands in front, whoever knows one signature can extend the message")
	case s.alg.id == 1 || s.alg.id == 5:
		add("HMAC over " + s.alg.name[5:] + ": unbroken as an HMAC, but refused by some audits")
	}
	weak := func(n *node) bool {
		return n.op == opCall && (n.fn.id == fnMD5 || n.fn.id == fnSHA1)
	}
	checked := false
	for i := range s.checks {
		checked = checked || s.reads(s.checks[i].left, weak) || s.reads(s.checks[i].right, weak)
	}
	for i := range s.vars {
		checked = checked || s.vars[i].wire && s.reads(s.vars[i].value, weak)
	}
	if checked || s.reads(s.message, weak) || s.alg.plain && (s.alg.size == 16 || s.alg.size == 20) {
		add("a part is signed only as an MD5 or SHA-1 digest: whoever chooses it can prepare two of them with one signature")
	}
}

// unsignedParams lists what params leaves out by skip.
func (s *Scheme) unsignedParams() (out []string) {
	s.reads(s.message, func(n *node) bool {
		if n.op == opCall && n.fn.id == fnParams {
			for _, name := range n.params.skip {
				if !contains(out, name) {
					out = append(out, name)
				}
			}
		}
		return false
	})
	return out
}
