package scheme

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
	if int(n.op) < len(words) {
		return words[n.op]
	}
	return "a function's result"
}

// warn writes down what is allowed and yet worth knowing.
func (s *Scheme) warn(d *Definition) {
	add := func(text string) { s.warnings = append(s.warnings, text) }
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
