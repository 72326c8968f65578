package scheme

// level says how much two requests may differ and still share a canonical input. The higher, the worse.
type level uint8

const (
	apart    level = iota // they differ in nothing that the message names
	spelling              // they differ in spelling: order, percent-encoding, letter case of a host or method, JSON white space
	shared                // they differ in substance
)

// trouble is the worst that was found, and where.
type trouble struct {
	level       level
	left, right *node
	field, item string // where: the message, a check, a variable
}

func (t *trouble) note(l level, left, right *node) {
	if l > t.level {
		*t = trouble{level: l, left: left, right: right, field: "message"}
	}
}

// judgeSeparation2 is judgeSeparation for language 2: it knows a milder kind of ambiguity, and reads a message from both ends.
func (s *Scheme) judgeSeparation2(d *Definition) error {
	mild := s.demands(d)
	strict := mild
	strict.targetSet = strictTarget
	guarded := strict
	guarded.guardBody = true
	forms := []form{mild, strict, guarded}
	if d.RawTarget {
		forms = forms[:1]
	}
	accepted := apart
	if d.Spelling {
		accepted = spelling
	} else if d.Ambiguous {
		accepted = shared
	}
	var best trouble
	for i, f := range forms {
		s.form = f
		found := s.worst(s.message)
		s.worstBeside(&found)
		if i == 0 && found.level < accepted {
			hint := "remove the line"
			if found.level == spelling {
				hint = "ambiguous: spelling"
			}
			return &CompileError{Field: "ambiguous", Message: "the message is less ambiguous than that", Hint: hint}
		}
		if found.level <= accepted {
			return nil
		}
		if i == 0 || found.level <= best.level {
			best = found
		}
	}
	return s.complain(best)
}

func (s *Scheme) complain(t trouble) error {
	message := "two requests can share these bytes: the end of " + s.describe(t.left) + " cannot be told from " + s.describe(t.right)
	hint := "put a separator there, hash the body, or say ambiguous: accept"
	if t.right == nil {
		message = "two requests can share these bytes: different values give one result of " + s.describe(t.left)
		hint = "or say ambiguous: accept"
	}
	if t.level == spelling {
		message = "two spellings of a request share these bytes: " + s.describe(t.left) + " leaves order or encoding out"
		hint = "say ambiguous: spelling"
	}
	return &CompileError{Field: t.field, Item: t.item, Pos: t.left.pos, Message: message, Hint: hint}
}

// demands is what the parts of the request that are read at all demand of it.
func (s *Scheme) demands(d *Definition) form {
	uses := func(ops ...op) bool {
		return s.readsAnywhere(func(n *node) bool {
			for _, o := range ops {
				if n.op == o {
					return true
				}
			}
			return false
		})
	}
	queried := s.readsAnywhere(func(n *node) bool {
		return n.op == opCall && (n.fn.id == fnField && n.source == 'q' && n.many == nil || n.fn.id == fnParams && n.params.query)
	})
	f := form{
		method: uses(opMethod), target: queried || uses(opTarget, opPath, opQuery), host: uses(opHost, opHostname, opPort), scheme: uses(opScheme),
		targetSet: looseTarget, noEmptyQuery: !s.reads(s.message, func(n *node) bool { return n.op == opTarget }) && s.reads(s.message, func(n *node) bool { return n.op == opQuery }),
	}
	for i := range s.vars {
		f.target = f.target || s.vars[i].from == "path" || s.vars[i].from == "target" || s.vars[i].from == "query"
		f.host = f.host || s.vars[i].from == "host" || s.vars[i].from == "hostname"
	}
	f.caseless = (d.Spelling || d.Ambiguous) && f.method && !s.bare(s.message)
	if d.RawTarget {
		f.targetSet = setRange(0x20, 0xff).minus(setOf("\x7f"))
	}
	return f
}

// readsAnywhere asks every node of the message, the key and the checks.
func (s *Scheme) readsAnywhere(yes func(*node) bool) bool {
	for i := range s.checks {
		if s.reads(s.checks[i].left, yes) || s.reads(s.checks[i].right, yes) {
			return true
		}
	}
	return s.reads(s.message, yes) || s.reads(s.key, yes) || s.reads(s.chosen, yes)
}

// bare says whether the method stands anywhere but directly in upper or lower.
func (s *Scheme) bare(parts []node) bool {
	for i := range parts {
		n := &parts[i]
		if n.op == opMethod {
			return true
		}
		if n.op == opCall && (n.fn.id == fnUpper || n.fn.id == fnLower) && len(n.args) == 1 && n.args[0].op == opMethod {
			continue
		}
		if s.bare(n.args) || n.op == opVar && s.bare(s.vars[n.index].value) {
			return true
		}
	}
	return false
}

// worst finds the worst trouble in a list of nodes.
func (s *Scheme) worst(parts []node) trouble {
	shown := map[[2]int]bool{}
	s.show(parts, shown)
	var t trouble
	s.inspect(parts, shown, &t)
	return t
}

// show notes every value that can be read off the message as it is.
func (s *Scheme) show(parts []node, shown map[[2]int]bool) {
	for i := range parts {
		n := &parts[i]
		switch {
		case n.op == opVar && len(s.vars[n.index].value) > 0:
			s.show(s.vars[n.index].value, shown)
		case n.op != opCall:
			shown[[2]int{int(n.op), n.index}] = true
			if n.op == opTarget {
				shown[[2]int{int(opPath), 0}], shown[[2]int{int(opQuery), 0}] = true, true
			}
		case n.fn.id == fnParams || n.fn.id == fnHeaders:
			if s.callCovers(n, "time") {
				shown[[2]int{int(opTime), 0}] = true
			}
			s.showPlaced(n, shown)
		case s.keeps(n):
			s.show(n.args, shown)
		}
	}
}

// showPlaced notes the captured values that stand where a list takes everything in.
func (s *Scheme) showPlaced(n *node, shown map[[2]int]bool) {
	for i := range s.wire {
		w := &s.wire[i]
		taken := n.fn.id == fnHeaders && w.in == InHeader && !w.signs && s.listsHeader(n.list, w.name) ||
			n.fn.id == fnParams && !w.signs && len(n.params.only) == 0 && !named(n.params.skip, w.name) && (w.in == InQuery && n.params.query || w.in == InForm && n.params.form)
		if taken {
			each(w.pieces, func(c *capture) { shown[[2]int{int(c.op), c.index}] = true })
		}
	}
}

// keeps says whether a function's result shows its arguments.
func (s *Scheme) keeps(n *node) bool {
	if !n.fn.two {
		return n.fn.keepsApart(s.chainOf(n.args))
	}
	return false
}

// harmless says whether everything under a node can be read off elsewhere.
func (s *Scheme) harmless(n *node, shown map[[2]int]bool) bool {
	for i := range n.args {
		a := &n.args[i]
		switch {
		case a.op == opLiteral || a.op == opSecret || a.op == opSecretPart:
		case a.op == opCall && (a.fn.id == fnField || a.fn.id == fnParams || a.fn.id == fnHeaders):
			return false
		case a.op == opCall:
			if !s.harmless(a, shown) {
				return false
			}
		case a.op == opVar && len(s.vars[a.index].value) > 0:
			if !s.harmless(&node{args: s.vars[a.index].value}, shown) {
				return false
			}
		case !shown[[2]int{int(a.op), a.index}]:
			return false
		}
	}
	return true
}

// inspect looks at every node, and at the borders between neighbours.
func (s *Scheme) inspect(parts []node, shown map[[2]int]bool, t *trouble) {
	for i := range parts {
		n := &parts[i]
		if n.op == opVar {
			s.inspect(s.vars[n.index].value, shown, t)
		}
		if n.op == opCall {
			s.inspectCall(n, shown, t)
		}
	}
	if left, right := s.touching2(parts); left != nil {
		t.note(shared, left, right)
	}
}

func (s *Scheme) inspectCall(n *node, shown map[[2]int]bool, t *trouble) {
	switch n.fn.id {
	case fnParams:
		t.note(s.paramsLevel(n.params), n, nil)
		for i := range n.params.added {
			s.inspect(n.params.added[i].value, shown, t)
		}
		return
	case fnHeaders:
		t.note(s.headersLevel(n.list), n, nil)
		return
	case fnOr, fnWhen:
		s.inspectBranches(n, shown, t)
		return
	case fnField:
		return
	}
	if l := s.lossOf(n); l > apart && !s.harmless(n, shown) {
		t.note(l, n, nil)
	}
	if n.many == nil {
		s.inspect(n.args, shown, t)
		return
	}
	for _, list := range n.many {
		s.inspect(list, shown, t)
	}
}

// lossOf says what a function loses of its argument.
func (s *Scheme) lossOf(n *node) level {
	switch n.fn.id {
	case fnUpper, fnLower:
		if n.fn.keepsApart(s.chainOf(n.args)) || count(n.args, opHost)+count(n.args, opHostname) == len(n.args) {
			return apart
		}
		if count(n.args, opMethod) == len(n.args) {
			return spelling
		}
		return shared
	case fnPct:
		if n.enc.plain.has('%') || n.enc.plus && n.enc.plain.has('+') {
			return shared
		}
		return apart
	case fnTrimPrefix, fnHMAC, fnChain:
		return apart
	case fnTrim, fnSqueeze, fnCompact, fnUnpct, fnNormalize:
		return spelling
	}
	if n.fn.two || !n.fn.injective {
		return shared
	}
	return apart
}

// paramsLevel says what a list of parameters loses. Its order and encoding are lost by nature, unless the text is taken as sent.
func (s *Scheme) paramsLevel(r *paramRule) level {
	sources := 0
	for _, used := range []bool{r.query, r.form, r.json || r.flat, len(r.added) > 0} {
		if used {
			sources++
		}
	}
	alphabet := r.enc.alphabet()
	kv, sep := s.chainOf(r.kv), s.chainOf(r.sep)
	framed := kv.min > 0 && sep.min > 0 && !kv.first.meets(alphabet) && !sep.first.meets(alphabet) && kv.first != sep.first
	plain := r.keyCase == "keep" && r.valueCase == "keep" && r.strip+r.mask == "" && !r.trim && !r.dropEmpty && (r.multi == "keep" || r.multi == "refuse")
	if !framed || !plain || sources > 1 || r.show != "pairs" || r.json || r.flat || r.formMaybe || len(r.skip)+len(r.only) > 0 || count(r.sep, opSecret)+count(r.kv, opSecret) > 0 {
		return shared
	}
	return spelling
}

// headersLevel says what a list of headers loses.
func (s *Scheme) headersLevel(r *headerRule) level {
	values := headerSet
	if r.enc.on {
		values = r.enc.alphabet()
	}
	kv, sep := s.chainOf(r.kv), s.chainOf(r.sep)
	framed := sep.min > 0 && !sep.first.meets(values) && (r.show != "pairs" || kv.min > 0 && !kv.first.meets(tokenSet))
	fixedList := r.variable < 0 && r.absent == "refuse"
	for _, n := range r.names {
		fixedList = fixedList && n[len(n)-1] != '*'
	}
	switch {
	case !framed, r.show == "values" && !fixedList:
		return shared
	case r.squeeze || r.join != "" || r.absent == "empty":
		return spelling
	}
	return apart
}

// inspectBranches looks into or and when: the branches must be told apart by their shapes, and each must be sound in itself.
func (s *Scheme) inspectBranches(n *node, shown map[[2]int]bool, t *trouble) {
	lists := n.many
	if n.fn.id == fnWhen {
		lists = n.many[1:]
	}
	var shapes []shape
	for i, list := range lists {
		own := s.chainOf(list)
		if n.fn.id == fnOr && i < len(lists)-1 && own.min == 0 {
			own.min = 1 // an empty one is passed over
		}
		shapes = append(shapes, own)
		s.inspect(list, shown, t)
	}
	if n.fn.id == fnWhen && len(lists) == 1 {
		shapes = append(shapes, fixed(0, byteSet{}))
	}
	known := n.fn.id == fnWhen && s.harmless(&node{args: n.many[0]}, shown)
	for i := range shapes {
		for j := range i {
			if !known && !disjoint(shapes[i], shapes[j]) {
				t.note(shared, n, nil)
			}
		}
	}
}

// disjoint says whether no value has both shapes.
func disjoint(a, b shape) bool {
	if a.max >= 0 && a.max < b.min || b.max >= 0 && b.max < a.min {
		return true
	}
	return a.min > 0 && b.min > 0 && !a.first.meets(b.first)
}

// touching2 is touching from both ends: a part of variable length at the end begins where the literal before it ends, if that literal's last byte cannot occur in it.
// One variable part may be left in the middle.
func (s *Scheme) touching2(parts []node) (left, right *node) {
	if left, right = s.touching(parts); left == nil {
		return nil, nil
	}
	low, high := 0, len(parts)
	for low < high && &parts[low] != left {
		low++
	}
	for high > low+1 {
		v := s.shape(&parts[high-1])
		if v.isFixed() {
			high--
			continue
		}
		before := &parts[high-2]
		if before.op != opLiteral || v.any.has(before.lit[len(before.lit)-1]) {
			break
		}
		high--
	}
	variable := 0
	for i := low; i < high; i++ {
		if !s.shape(&parts[i]).isFixed() {
			variable++
		}
	}
	if variable <= 1 {
		return nil, nil
	}
	return left, right
}
