package scheme

// shape2 is shape for the nodes of language 2.
func (s *Scheme) shape2(n *node) shape {
	switch n.op {
	case opVar:
		if v := &s.vars[n.index]; len(v.value) == 0 {
			low := v.min
			if v.fallback != nil {
				low = min(low, len(*v.fallback))
			}
			return between(low, v.max, v.set)
		}
		return s.chainOf(s.vars[n.index].value)
	case opHostname:
		return between(1, 255, hostSet)
	case opPort:
		return between(0, 255, hostSet)
	case opSecret, opSecretPart:
		return fixed(1, anyByte) // the same in every request of one key
	}
	return s.callShape(n)
}

func (s *Scheme) callShape(n *node) shape {
	switch n.fn.id {
	case fnOr, fnWhen:
		return s.branchShape(n)
	case fnEq, fnIn, fnNot:
		return between(0, 1, setOf("1"))
	case fnParams:
		return s.paramsShape(n.params)
	case fnHeaders:
		any := headerSet.union(s.chainOf(n.list.kv).any).union(s.chainOf(n.list.sep).any).union(s.chainOf(n.list.tail).any)
		if n.list.enc.on {
			any = n.list.enc.alphabet().union(s.chainOf(n.list.kv).any).union(s.chainOf(n.list.sep).any).union(s.chainOf(n.list.tail).any)
		}
		return between(0, -1, any)
	case fnHMAC, fnChain:
		return fixed(n.alg.size, anyByte)
	case fnDate:
		f, ok := patternFormat(n.text)
		if ok {
			return f.shape
		}
		out := appendPattern(nil, n.text, zeroTime)
		return fixed(len(out), looseTarget.union(setOf(" ")))
	case fnLen:
		return between(1, 9, digitSet)
	case fnDecimal:
		return between(0, -1, digitSet.union(setOf(".-")))
	}
	if n.many == nil {
		return between(0, -1, anyByte)
	}
	return s.textShape(n, s.chainOf(n.many[0]))
}

// textShape is the shape of a function of one text.
func (s *Scheme) textShape(n *node, in shape) shape {
	switch n.fn.id {
	case fnSlice:
		low := max(0, min(in.min, n.to)-n.from)
		high := n.to - n.from
		if in.max >= 0 {
			high = max(0, min(in.max, n.to)-n.from)
		}
		return between(low, high, in.any)
	case fnHead, fnTail:
		high := n.to
		if in.max >= 0 {
			high = min(high, in.max)
		}
		return between(min(in.min, n.to), high, in.any)
	case fnStripWS:
		return between(0, in.max, in.any.minus(setOf(" \t\r\n\v\f")))
	case fnTrim, fnSqueeze, fnRemove, fnBefore, fnAfter, fnTrimSuffix, fnStripPrefix:
		return between(0, in.max, in.any)
	case fnNormalize:
		return shape{min: 1, max: -1, any: in.any.union(setOf("/")), first: setOf("/")}
	}
	return between(0, -1, anyByte)
}

func (s *Scheme) branchShape(n *node) shape {
	lists := n.many
	var out shape
	if n.fn.id == fnWhen {
		if lists = n.many[1:]; len(lists) == 1 {
			one := s.chainOf(lists[0])
			one.min, one.ends = 0, false
			return one
		}
	}
	for i, list := range lists {
		one := s.chainOf(list)
		if n.fn.id == fnOr && i < len(lists)-1 && one.min == 0 {
			one.min = min(1, max(one.max, 1))
		}
		if i == 0 {
			out = one
			out.ends = false
			continue
		}
		out.min = min(out.min, one.min)
		if out.max < 0 || one.max < 0 {
			out.max = -1
		} else {
			out.max = max(out.max, one.max)
		}
		out.any, out.first = out.any.union(one.any), out.first.union(one.first)
	}
	return out
}

func (s *Scheme) paramsShape(r *paramRule) shape {
	any := r.enc.alphabet()
	for _, list := range [][]node{r.kv, r.sep, r.tail, r.join} {
		any = any.union(s.chainOf(list).any)
	}
	return between(0, -1, any)
}

func (s *Scheme) pctShape(n *node) shape {
	in := s.chainOf(n.args)
	if !in.any.minus(n.enc.plain).meets(anyByte) {
		return in
	}
	high := -1
	if in.max >= 0 {
		high = 3 * in.max
	}
	return between(in.min, high, n.enc.alphabet())
}
