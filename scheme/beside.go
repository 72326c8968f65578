package scheme

import "strings"

// worstBeside looks at what is signed outside of the message: in a value that a check, or a variable on the wire, holds against something signed. Where a part of the
// request is covered by nothing else, what that expression loses of it is lost.
func (s *Scheme) worstBeside(t *trouble) {
	shown := map[[2]int]bool{}
	s.show(s.message, shown)
	look := func(field, item string, parts []node) {
		if !s.coversMore(parts) {
			return
		}
		var own trouble
		if s.inspect(parts, shown, &own); own.level > t.level {
			*t = own
			t.field, t.item = field, item
		}
	}
	for i := range s.checks {
		look("checks", number(i), s.checks[i].left)
		look("checks", number(i), s.checks[i].right)
	}
	for i := range s.vars {
		if v := &s.vars[i]; v.wire {
			look("vars", v.name, v.value)
		}
	}
}

// coversMore says whether parts hold something of the request that neither the message nor the key does.
func (s *Scheme) coversMore(parts []node) bool {
	for _, word := range coverable {
		if word != "time" && !contains(s.uncovered, word) && s.covers(parts, word) && !s.covers(s.message, word) && !s.covers(s.key, word) {
			return true
		}
	}
	return false
}

// signsItself says whether the message holds the JSON body with the signature in it, which stands in the member of that path. compact(body) leaves a member of the
// outermost object out.
func (s *Scheme) signsItself(path string) bool {
	whole, compact := 0, 0
	s.reads(s.message, func(n *node) bool {
		if n.op == opBody {
			whole++
		}
		if n.isCompactBody() {
			compact++
		}
		return false
	})
	return whole > 0 && (whole > compact || strings.Contains(path, "."))
}

func (n *node) isCompactBody() bool {
	return n.op == opCall && n.fn.id == fnCompact && len(n.many) > 0 && len(n.many[0]) == 1 && n.many[0][0].op == opBody
}
