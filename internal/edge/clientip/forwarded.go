package clientip

import "strings"

// walkForwarded walks the header of RFC 7239. Each line is read whole before its
// elements are taken from the right: a comma may stand in a quoted string, so it
// cannot be split blindly. A line that does not follow the grammar ends the walk
// as unknown, even if its right end looks well: what a client wrote at the left
// must not be able to swallow what the proxy added.
func (d *Deriver) walkForwarded(lines []string, out *Derivation) {
	for i := len(lines) - 1; i >= 0; i-- {
		var hops [MaxHops]string
		n, ok := splitForwarded(lines[i], &hops)
		if !ok {
			out.Hops = append(out.Hops, Hop{Text: lines[i]})
			out.Why = whyUnreadable
			return
		}
		for n--; n >= 0; n-- {
			if d.step(hops[n], out) {
				return
			}
		}
	}
	out.found(out.Hops[len(out.Hops)-1].Address, whyAllTrusted)
}

// splitForwarded puts the "for" of each element of one line into hops. Not ok: a
// bad grammar, an element without "for", a doubled "for", more elements than
// hops has room for.
func splitForwarded(line string, hops *[MaxHops]string) (n int, ok bool) {
	s := scanner{rest: line}
	for {
		hop, ok := s.element()
		if !ok || n == len(hops) {
			return 0, false
		}
		hops[n] = hop
		n++
		s.space()
		if s.rest == "" {
			return n, true
		}
		if !s.skip(',') {
			return 0, false
		}
	}
}

// scanner reads one line of the header from left to right.
type scanner struct{ rest string }

// element reads forwarded-pair *( ";" forwarded-pair ) and returns the value of
// "for" (RFC 7239 §4). Parameter names compare without case.
func (s *scanner) element() (hop string, ok bool) {
	seen := false
	s.space()
	for {
		name := s.token()
		if name == "" || !s.skip('=') {
			return "", false
		}
		value, ok := s.value()
		if !ok {
			return "", false
		}
		if strings.EqualFold(name, "for") {
			if seen {
				return "", false
			}
			hop, seen = value, true
		}
		if !s.skip(';') {
			return hop, seen
		}
	}
}

// value reads a token or a quoted string. A backslash in the latter is refused:
// no address needs one.
func (s *scanner) value() (string, bool) {
	if !s.skip('"') {
		v := s.token()
		return v, v != ""
	}
	end := strings.IndexByte(s.rest, '"')
	if end < 0 || strings.IndexByte(s.rest[:end], '\\') >= 0 {
		return "", false
	}
	v := s.rest[:end]
	s.rest = s.rest[end+1:]
	return v, true
}

func (s *scanner) token() string {
	end := 0
	for end < len(s.rest) && isTokenByte(s.rest[end]) {
		end++
	}
	t := s.rest[:end]
	s.rest = s.rest[end:]
	return t
}

// isTokenByte is tchar of RFC 9110 §5.6.2, and the colon, which the grammar wants
// quoted but balancers write bare (for=192.0.2.1:443).
func isTokenByte(c byte) bool {
	switch {
	case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~:", c) >= 0
}

func (s *scanner) skip(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) space() { s.rest = strings.TrimLeft(s.rest, " \t") }
