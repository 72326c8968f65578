package scheme

import (
	"slices"
	"strings"
)

// variable is a compiled Var.
type variable struct {
	name     string
	set      byteSet
	min, max int
	wire     bool // it stands on the wire
	from     string
	header   int // of from h.name, in Scheme.signed
	pattern  []matcher
	computed bool // it has a value of its own
	value    []node
	weight   int // parts of value, those of other variables put in
	fallback *string
	list     string
	must     []string
	fault    *Fault
}

// matcher is one piece of a Match pattern: text, a run of anything (with or without slashes), or the variable.
type matcher struct {
	lit  string
	any  bool // a run; across slashes if deep
	deep bool
	self bool
}

func isVarName(s string) bool {
	if s == "" || len(s) > 32 || !lowerSet.has(s[0]) {
		return false
	}
	set := lowerSet.union(digitSet).union(setOf("_"))
	return set.all(s)
}

// declare checks the variables before the expressions that name them are built.
func (s *Scheme) declare(d *Definition) error {
	if len(d.Vars) > maxVars {
		return &CompileError{Field: "vars", Message: "too many variables", Hint: "at most 24"}
	}
	for i := range d.Vars {
		v, err := s.declareOne(d, &d.Vars[i])
		if err != nil {
			err.Field, err.Item = "vars", d.Vars[i].Name
			return err
		}
		s.vars = append(s.vars, *v)
	}
	for i, name := range d.Secrets {
		if !isVarName(name) || slices.Contains(d.Secrets[:i], name) || len(d.Secrets) > maxSecrets {
			return &CompileError{Field: "secrets", Message: "secrets lists at most 4 different names of a-z, 0-9 and underscore"}
		}
	}
	s.secrets = slices.Clone(d.Secrets)
	return nil
}

func (s *Scheme) declareOne(d *Definition, in *Var) (*variable, *CompileError) {
	bad := func(message, hint string) (*variable, *CompileError) {
		return nil, &CompileError{Message: message, Hint: hint}
	}
	if !isVarName(in.Name) || captureOp(in.Name) != 0 {
		return bad("a variable's name is 1 to 32 of a-z, 0-9 and underscore, and none of key_id, ts, nonce, sig", "")
	}
	for i := range s.vars {
		if s.vars[i].name == in.Name {
			return bad("the variable is declared twice", "")
		}
	}
	v := &variable{name: in.Name, set: unreserved, min: 1, max: 128, from: in.From, header: -1, fallback: in.Default, list: in.List, must: in.Must, computed: in.Value.Kind != 0}
	if in.List != "" {
		v.set, v.max = nameSet.union(setOf(in.List)), 1024
	}
	if v.computed { // what is computed is compared: it may be empty, and anything that the text behind it does not end
		v.set, v.min, v.max = setRange(0x21, 0x7e), 0, 1024
	}
	if in.Chars != "" {
		var ok bool
		if v.set, ok = charClass(in.Chars); !ok || v.set.minus(setRange(0x20, 0x7e)).meets(anyByte) {
			return bad("chars must list visible characters", "A-Za-z0-9_-")
		}
	}
	if in.Min != 0 {
		v.min = in.Min
	}
	if in.Max != 0 {
		v.max = in.Max
	}
	if v.min < 0 || v.max > maxValue || v.min > v.max {
		return bad("the lengths are out of bounds", "0 <= min <= max <= 4096")
	}
	if (in.From == "") != (in.Match == "") {
		return bad("from and match belong together", "from: path, match: '/v1/sessions/{"+in.Name+"}/**'")
	}
	if in.Value.Kind != 0 && (in.From != "" || in.Default != nil || in.List != "") {
		return bad("a computed variable has nothing but its value", "")
	}
	if in.Default != nil && in.Min == 0 {
		v.min = min(v.min, len(*in.Default)) // default: '' lets it be empty
	}
	if in.Default != nil && (len(*in.Default) > v.max || !v.set.all(*in.Default)) {
		return bad("the default does not fit chars and max", "")
	}
	if len(in.List) > 2 || len(in.Must) > 0 && in.List == "" {
		return bad("list is the separator of a list of header names", "list: ';', must: [host]")
	}
	v.fault = &Fault{FaultMalformed, "v." + in.Name, "must be " + number(v.min) + " to " + number(v.max) + " of the declared characters"}
	if in.Match != "" {
		return v, s.declareMatch(v, in)
	}
	return v, nil
}

func (s *Scheme) declareMatch(v *variable, in *Var) *CompileError {
	bad := func(message, hint string) *CompileError { return &CompileError{Message: message, Hint: hint} }
	switch {
	case in.From == "path" || in.From == "host" || in.From == "target" || in.From == "query" || in.From == "hostname":
	case strings.HasPrefix(in.From, "h.") && nameSet.all(in.From[2:]) && len(in.From) > 2 && len(in.From) < 128:
		h := newSignedHeader(canonical(in.From[2:]))
		v.header = len(s.signed)
		for i := range s.signed {
			if s.signed[i].name == h.name {
				v.header = i
			}
		}
		if v.header == len(s.signed) {
			h.needed = in.Default == nil
			s.signed = append(s.signed, h)
		}
	default:
		return bad("from is path, host, hostname, target, query or a header, h.name", "")
	}
	rest, own := in.Match, false
	for rest != "" {
		i := strings.IndexAny(rest, "*{")
		if i < 0 {
			v.pattern = append(v.pattern, matcher{lit: rest})
			break
		}
		if i > 0 {
			v.pattern = append(v.pattern, matcher{lit: rest[:i]})
			rest = rest[i:]
		}
		self := "{" + v.name + "}"
		switch {
		case strings.HasPrefix(rest, "**"):
			v.pattern, rest = append(v.pattern, matcher{any: true, deep: true}), rest[2:]
		case rest[0] == '*':
			v.pattern, rest = append(v.pattern, matcher{any: true}), rest[1:]
		case strings.HasPrefix(rest, self) && !own:
			v.pattern, rest, own = append(v.pattern, matcher{self: true}), rest[len(self):], true
		default:
			return bad("match holds its own variable once, in braces", self)
		}
	}
	for i := 1; i < len(v.pattern); i++ {
		if v.pattern[i].lit == "" && v.pattern[i-1].lit == "" && !v.pattern[i-1].self {
			return bad("two runs touch in match", "put text between them")
		}
	}
	if !own || len(v.pattern) > 16 {
		return bad("match holds its own variable once, in braces", "{"+v.name+"}")
	}
	return nil
}

// match finds the variable in text. There is no backtracking: a run ends at the first occurrence of the text behind it.
func (v *variable) match(text string) (string, bool) {
	found := ""
	for i := range v.pattern {
		m := &v.pattern[i]
		if m.lit != "" {
			if !strings.HasPrefix(text, m.lit) {
				return "", false
			}
			text = text[len(m.lit):]
			continue
		}
		run := len(text)
		if i+1 < len(v.pattern) && v.pattern[i+1].lit != "" {
			if run = strings.Index(text, v.pattern[i+1].lit); run < 0 {
				return "", false
			}
		} else if m.self {
			run = 0
			for run < len(text) && v.set.has(text[run]) {
				run++
			}
		}
		part := text[:run]
		if m.any && !m.deep && strings.Contains(part, "/") {
			return "", false
		}
		if m.self {
			found = part
		}
		text = text[run:]
	}
	return found, text == ""
}

// fits says whether a value has the declared form.
func (v *variable) fits(text string) bool {
	return len(text) >= v.min && len(text) <= v.max && v.set.all(text)
}

// items takes a list of header names apart.
func (v *variable) items(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, v.list)
}

// checkList refuses a list of header names that is malformed or lacks a mandatory one (the sender must not choose to sign nothing).
func (v *variable) checkList(text string) *Fault {
	items := v.items(text)
	if len(items) > maxHeaders {
		return &Fault{FaultMalformed, "v." + v.name, "lists too many headers"}
	}
	for i, name := range items {
		if name == "" || !nameSet.all(name) || slices.ContainsFunc(items[:i], func(o string) bool { return strings.EqualFold(o, name) }) {
			return &Fault{FaultMalformed, "v." + v.name, "must list different header names"}
		}
	}
	for _, must := range v.must {
		if !slices.ContainsFunc(items, func(o string) bool { return strings.EqualFold(o, must) }) {
			return &Fault{FaultMalformed, "v." + v.name, "must list " + must}
		}
	}
	return nil
}

// gather fills in the variables that the wire did not give: from the path or host, from the caller, or by default.
func (s *Scheme) gather(r *Request, p *Presented) *Fault {
	for i := range s.vars {
		v := &s.vars[i]
		if len(v.value) > 0 {
			continue
		}
		if v.wire && p.vars[i] != "" {
			if !v.agrees(s, r, p.vars[i]) {
				return v.fault
			}
			continue
		}
		if v.wire && v.fallback == nil {
			continue // absent from the body so far; read complains about headers and query
		}
		text, given := "", false
		switch {
		case v.pattern != nil:
			text, given = v.match(s.sourceOf(v, r))
		case v.wire:
		default:
			text, given = r.Vars[v.name], r.Vars[v.name] != ""
		}
		if !given && v.fallback != nil {
			p.vars[i] = *v.fallback
			continue
		}
		if !given || !v.fits(text) {
			return v.fault
		}
		p.vars[i] = text
	}
	return s.checkLists(p)
}

func (s *Scheme) checkLists(p *Presented) *Fault {
	for i := range s.vars {
		if s.vars[i].list != "" && (p.vars[i] != "" || !s.vars[i].wire) {
			if f := s.vars[i].checkList(p.vars[i]); f != nil {
				return f
			}
		}
	}
	return nil
}

// sourceOf is the text that a variable is found in.
func (s *Scheme) sourceOf(v *variable, r *Request) string {
	path, query := cut(r.Target)
	switch v.from {
	case "path":
		return path
	case "query":
		return query
	case "host":
		return r.Host
	case "hostname":
		name, _ := splitHost(r)
		return name
	case "target":
		return r.Target
	}
	value, f := s.signed[v.header].value(r)
	if f != nil {
		return ""
	}
	return value
}

// agrees says whether a value on the wire is the one that the caller demands, if it does, and the one found in the request, if it is to be found there.
func (v *variable) agrees(s *Scheme, r *Request, text string) bool {
	if want := r.Vars[v.name]; want != "" && want != text {
		return false
	}
	if v.pattern == nil {
		return true
	}
	found, ok := v.match(s.sourceOf(v, r))
	return ok && found == text
}
