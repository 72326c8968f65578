package scheme

// compile2 builds what language 2 adds beside message, key and signature: variables, checks, the chosen window.
func (s *Scheme) compile2(d *Definition) error {
	for i := range d.Vars {
		if d.Vars[i].Value.Kind == 0 {
			continue
		}
		b := s.builder(d, inVars)
		b.vars = d.Vars[:i] // a variable may use those above it
		b.branch = 1        // whether a header is needed depends on where the variable is used
		list, err := b.build(nil, d.Vars[i].Value, 0)
		if err == nil {
			err = limit("vars", list)
		}
		if err != nil {
			if bad, ok := err.(*CompileError); ok {
				bad.Item = d.Vars[i].Name
			}
			return err
		}
		if len(list) == 0 {
			list = []node{{op: opLiteral, lit: []byte{}}}
		}
		s.vars[i].value = list
		if s.vars[i].weight = s.weigh(list); s.vars[i].weight > maxWeight {
			return &CompileError{Field: "vars", Item: d.Vars[i].Name, Message: "variables use each other too often", Hint: "at most 512 parts once they are put in"}
		}
	}
	if err := s.compileChecks(d); err != nil {
		return err
	}
	if d.Time == nil || d.Time.Chosen.Kind == 0 {
		return nil
	}
	b := s.builder(d, inTime)
	b.maybe = true
	var err error
	if s.chosen, err = b.build(nil, d.Time.Chosen, 0); err != nil {
		return err
	}
	if s.reads(s.chosen, func(n *node) bool { return n.touchesBody() }) {
		return &CompileError{Field: "time", Message: "a chosen window must not stand in the body"}
	}
	return nil
}

// maxWeight bounds an expression once its variables are put in, because each of the compiler's questions walks all of it.
const maxWeight = 512

func (s *Scheme) weigh(parts []node) int {
	n := len(parts)
	for i := range parts {
		n += s.weigh(parts[i].args)
		if parts[i].op == opVar {
			n += s.vars[parts[i].index].weight
		}
	}
	return n
}

func (s *Scheme) compileChecks(d *Definition) error {
	if len(d.Checks) > maxChecks {
		return &CompileError{Field: "checks", Message: "too many checks", Hint: "at most 16"}
	}
	for i := range d.Checks {
		fail := func(err error) error {
			if bad, ok := err.(*CompileError); ok {
				bad.Item = number(i)
			}
			return err
		}
		b := s.builder(d, inChecks)
		left, err := b.build(nil, d.Checks[i].Left, 0)
		if err != nil {
			return fail(err)
		}
		right, err := b.build(nil, d.Checks[i].Right, 0)
		if err != nil {
			return fail(err)
		}
		for _, side := range [][]node{left, right} {
			if err := limit("checks", side); err != nil {
				return fail(err)
			}
		}
		s.checks = append(s.checks, check{left, right, &Fault{Kind: FaultMismatch, Detail: "check " + number(i+1) + " of the profile does not hold"}})
	}
	return nil
}

// builder makes a builder for one expression of this scheme.
func (s *Scheme) builder(d *Definition, in expression) *builder {
	return &builder{in: in, headers: &s.signed, digests: &s.digests, alias: s.alias, two: s.two, vars: d.Vars, secrets: s.secrets, alg: s.alg, extra: &s.extra}
}

// reads says whether any node of parts, variables looked into, answers yes.
func (s *Scheme) reads(parts []node, yes func(*node) bool) bool {
	for i := range parts {
		n := &parts[i]
		if yes(n) || s.reads(n.args, yes) {
			return true
		}
		if n.op == opVar && s.reads(s.vars[n.index].value, yes) {
			return true
		}
	}
	return false
}

// touchesBody says whether a node reads the body.
func (n *node) touchesBody() bool {
	switch {
	case n.op == opBody:
		return true
	case n.op != opCall:
		return false
	case n.fn.id == fnField:
		return n.source != 'q' && n.many == nil
	case n.fn.id == fnParams:
		return n.params.form || n.params.json || n.params.flat
	case n.fn.id == fnHeaders:
		return n.list.variable >= 0 // content-length may be listed
	}
	return false
}

// settleKey finds out whether the key depends on the request, and refuses what a key cannot be made of.
func (s *Scheme) settleKey() error {
	s.extra.derived = s.reads(s.key, func(n *node) bool {
		switch n.op {
		case opLiteral, opSecret, opSecretPart, opCall:
			return n.op == opCall && (n.fn.id == fnField || n.fn.id == fnParams || n.fn.id == fnHeaders || n.fn.id == fnDate)
		}
		return true
	})
	for i := range s.wire {
		if w := &s.wire[i]; w.in == InJSON && w.signs && s.signsItself(w.name) {
			return &CompileError{Field: "message", Message: "the body holds the signature, so that it cannot be signed as it stands", Hint: "name its members, or compact(body) or params('json', …), which leave it out"}
		}
	}
	if s.weigh(s.message)+s.weigh(s.key) > 2*maxWeight {
		return &CompileError{Field: "message", Message: "variables are used too often", Hint: "at most 1024 parts once they are put in"}
	}
	secretIn := func(n *node) bool { return n.op == opSecret || n.op == opSecretPart }
	if s.alg.plain {
		if !s.reads(s.message, secretIn) {
			return &CompileError{Field: "message", Message: "a plain hash must hold the secret", Hint: "secret + body, or an algorithm that begins with hmac-"}
		}
		if len(s.key) != 1 || s.key[0].op != opSecret {
			return &CompileError{Field: "key", Message: "a plain hash has no key", Hint: "the secret stands in the message"}
		}
	}
	for i := range s.vars {
		if s.reads(s.vars[i].value, secretIn) {
			return &CompileError{Field: "vars", Item: s.vars[i].name, Message: "a variable must not hold the secret"}
		}
	}
	return nil
}

// settleStreaming says whether the body can be passed on without holding it.
func (s *Scheme) settleStreaming() {
	s.streams = bodyStreams(s.message)
	if !s.two {
		return
	}
	body := (*node).touchesBody
	other := func(n *node) bool { return n.op != opBody && n.touchesBody() || n.op == opVar }
	if s.bodyWire || len(s.checks) > 0 || s.reads(s.message, other) || s.reads(s.key, body) {
		s.streams = false
	}
	for i := range s.vars {
		if s.vars[i].wire && s.reads(s.vars[i].value, body) {
			s.streams = false
		}
	}
}
