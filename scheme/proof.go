package scheme

import "slices"

// judge proves what can be proven of the message: what it covers (security rule 2) and that no two requests share its bytes (rule 3).
func (s *Scheme) judge(d *Definition) error {
	if err := s.judgeCoverage(d); err != nil {
		return err
	}
	if err := s.judgeSeparation(d); err != nil {
		return err
	}
	s.warn(d)
	return nil
}

// coverable is what a profile must sign or list as uncovered. The key id is covered by selecting the secret.
var coverable = []string{"method", "path", "query", "body", "time"}

func (s *Scheme) judgeCoverage(d *Definition) error {
	target := count(s.message, opTarget) > 0
	var covered map[string]bool
	if s.two {
		covered = s.coverage2()
	} else {
		covered = s.coverage1(target)
	}
	fail := func(word, message, hint string) error {
		return &CompileError{Field: "uncovered", Item: word, Message: message, Hint: hint}
	}
	for i, word := range d.Uncovered {
		isCovered, known := covered[word]
		if !known {
			return fail(word, `unknown part `+quoted(word), "method, path, query, body or time")
		}
		if slices.Contains(d.Uncovered[:i], word) {
			return fail(word, `"`+word+`" is listed twice`, "")
		}
		if isCovered {
			return fail(word, `"`+word+`" is signed, so it cannot be listed as uncovered`, "")
		}
	}
	for _, word := range coverable {
		if covered[word] || slices.Contains(d.Uncovered, word) {
			continue
		}
		if s.webhook && (word == "method" || word == "path" || word == "query") {
			continue
		}
		return &CompileError{Field: "message", Message: "the " + word + " is not signed", Hint: "sign it, or admit it: uncovered: [" + word + "]"}
	}
	s.uncovered = slices.Clone(d.Uncovered)
	return s.judgeCaptures()
}

// coverage1 is what a scheme of language 1 signs.
func (s *Scheme) coverage1(target bool) map[string]bool {
	return map[string]bool{
		"method": count(s.message, opMethod) > 0,
		"path":   target || count(s.message, opPath) > 0,
		"query":  target || count(s.message, opQuery) > 0,
		"body":   count(s.message, opBody) > 0,
		"time":   s.time != nil && count(s.message, opTime) > 0,
	}
}

// judgeCaptures holds the captured values against the message: what is signed must be on the wire, and a nonce on the wire must be signed.
func (s *Scheme) judgeCaptures() error {
	fail := func(message, hint string) error { return &CompileError{Field: "message", Message: message, Hint: hint} }
	for _, c := range []struct {
		op     op
		onWire bool
	}{{opTime, s.time != nil}, {opNonce, s.hasNonce}, {opKeyID, s.hasKeyID}} {
		if name := captureName(c.op); s.readsAnywhere(func(n *node) bool { return n.op == c.op }) && !c.onWire {
			return fail(name+" is signed but no header carries it", "put {"+name+"} on the wire")
		}
	}
	if s.two {
		return s.judgeCaptures2()
	}
	if s.hasNonce && count(s.message, opNonce) == 0 {
		return fail("the nonce is not signed", "a nonce that can be replaced protects nothing")
	}
	if len(s.message) == count(s.message, opLiteral) {
		return fail("the message holds nothing of the request", "")
	}
	return nil
}

// judgeSeparation looks for the mildest demands on target and body under which the message is unambiguous: none, then the strict target characters of
// RFC 3986, then a first byte of the body that no target can hold.
func (s *Scheme) judgeSeparation(d *Definition) error {
	if s.two {
		return s.judgeSeparation2(d)
	}
	f := form{
		method: count(s.message, opMethod) > 0,
		target: count(s.message, opTarget)+count(s.message, opPath)+count(s.message, opQuery) > 0,
		host:   count(s.message, opHost) > 0,
		scheme: count(s.message, opScheme) > 0,

		targetSet:    looseTarget,
		noEmptyQuery: count(s.message, opTarget) == 0 && count(s.message, opQuery) > 0,
	}
	mild := f
	strict := f
	strict.targetSet = strictTarget
	guarded := strict
	guarded.guardBody = true
	var left, right *node
	for _, f := range []form{mild, strict, guarded} {
		s.form = f
		if left, right = s.collision(s.message); left == nil {
			if d.Ambiguous {
				return &CompileError{Field: "ambiguous", Message: "the message is not ambiguous", Hint: "remove the line"}
			}
			return nil
		}
	}
	s.form = mild
	if d.Ambiguous {
		return nil
	}
	message := "two requests can share these bytes: the end of " + s.describe(left) + " cannot be told from " + s.describe(right)
	if right == nil {
		message = "two requests can share these bytes: different values give one result of " + s.describe(left)
	}
	return &CompileError{Field: "message", Pos: left.pos, Message: message, Hint: "put a separator there, hash the body, or say ambiguous: accept"}
}

// collision finds two neighbours that cannot be told apart, or one node that maps two values to one (right is nil then). It looks into functions too.
func (s *Scheme) collision(parts []node) (left, right *node) {
	for i := range parts {
		n := &parts[i]
		if n.op != opCall {
			continue
		}
		lossless := n.fn.keepsApart(s.chainOf(n.args)) || (n.fn.id == fnLower || n.fn.id == fnUpper) && count(n.args, opHost) == len(n.args)
		if !lossless {
			return n, nil
		}
		if left, right = s.collision(n.args); left != nil {
			return left, right
		}
	}
	return s.touching(parts)
}

// touching finds two neighbours of a flat list whose border cannot be found again. Parts that show their own end, and those of a fixed length behind, are cut off first. A part of
// variable length ends where the fixed text behind it begins, if that cannot occur in it; or else where a byte comes that neither it nor that text can hold.
func (s *Scheme) touching(parts []node) (left, right *node) {
	low, high := 0, len(parts)
	for low < high && s.shape(&parts[low]).isClosed() {
		low++
	}
	for high > low && s.shape(&parts[high-1]).isFixed() {
		high--
	}
	for i := low; i < high-1; {
		v := s.shape(&parts[i])
		if v.isClosed() {
			i++
			continue
		}
		next, run := i+1, v.any
		for ; s.shape(&parts[next]).isFixed(); next++ {
			run = run.union(s.shape(&parts[next]).any)
		}
		if sep := s.chainOf(parts[i+1 : next]); sep.min > 0 && !sep.first.meets(v.any) {
			i = next
			continue
		}
		if s.chainOf(parts[next:high]).first.meets(run) {
			return &parts[i], &parts[i+1]
		}
		i = next
	}
	return nil, nil
}

// chainOf is the shape of parts, one after another.
func (s *Scheme) chainOf(parts []node) shape {
	var out shape
	for i := range parts {
		out = out.chain(s.shape(&parts[i]))
	}
	return out
}

// shape is what is known of a node under the demands in s.form.
func (s *Scheme) shape(n *node) shape {
	switch n.op {
	case opLiteral:
		out := fixed(len(n.lit), setOf(string(n.lit)))
		out.first = setOf(string(n.lit[:1]))
		return out
	case opMethod:
		return between(1, 32, upperSet)
	case opTarget:
		return shape{min: 1, max: -1, any: s.form.targetSet, first: setOf("/")}
	case opPath:
		return shape{min: 1, max: -1, any: s.form.targetSet.minus(setOf("?")), first: setOf("/")}
	case opQuery:
		return between(0, -1, s.form.targetSet)
	case opBody:
		out := between(0, -1, anyByte)
		if s.form.guardBody {
			out.first = anyByte.minus(strictTarget)
		}
		return out
	case opScheme:
		return between(4, 5, lowerSet)
	case opHost:
		return between(1, 255, hostSet)
	case opTime:
		return s.timeShape
	case opNonce:
		return between(s.nonce.Min, s.nonce.Max, s.nonceSet)
	case opKeyID:
		return between(1, 128, keyIDSet)
	case opHeader:
		return between(1, maxHeader, headerSet)
	case opCall:
		if n.fn.two {
			return s.shape2(n)
		}
		if n.fn.id == fnPct && n.enc.on {
			return s.pctShape(n)
		}
		if n.fn.id == fnTrimPrefix && s.two {
			return between(0, s.chainOf(n.args).max, s.chainOf(n.args).any)
		}
		return n.fn.shapeOf(s.chainOf(n.args), n.pad)
	}
	return s.shape2(n)
}
