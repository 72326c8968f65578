package strict

// versionWant is the part of the version that never changes.
const versionWant = "HTTP/1."

// start is before the request line: one empty line is dropped, RFC 9112 §2.2.
func (s *scanner) start(p []byte, i int) (int, Fault) {
	c := p[i]
	if s.st == stStartLF {
		if c != '\n' {
			return i, BareCR
		}
		s.emptyLine = true
		s.st = stStart
		s.dropped++
		return i + 1, None
	}
	switch {
	case c == '\n', c == '\r' && s.emptyLine:
		return i, EmptyLines
	case c == '\r':
		s.st = stStartLF
		s.dropped++
		return i + 1, None
	}
	s.st = stMethod
	return i, None
}

// requestLine scans the request line within its cap.
func (s *scanner) requestLine(p []byte, i int) (int, Fault) {
	end := min(len(p), i+s.lim.line-s.line)
	if end <= i {
		return i, RequestLineTooLong
	}
	var j int
	var f Fault
	switch s.st {
	case stMethod:
		j, f = s.method(p[:end], i)
	case stTargetTop:
		j, f = s.targetTop(p[:end], i)
	case stTarget:
		j, f = s.target(p[:end], i)
	case stPercent1, stPercent2:
		j, f = s.percent(p[:end], i)
	case stAuthority:
		j, f = s.authority(p[:end], i)
	default:
		j, f = s.version(p[:end], i)
	}
	s.line += j - i
	return j, f
}

func (s *scanner) method(p []byte, i int) (int, Fault) {
	for ; i < len(p); i++ {
		c := p[i]
		if class[c]&isToken == 0 {
			if c != ' ' || s.nameLen == 0 {
				return i, BadRequestLine
			}
			s.st = stTargetTop
			return i + 1, None
		}
		if s.nameLen < maxNameKept {
			s.name[s.nameLen] = c
		}
		s.nameLen++
	}
	return i, None
}

// methodIs compares with the method that was scanned; methods know case.
func (s *scanner) methodIs(m string) bool {
	return s.nameLen == len(m) && string(s.name[:s.nameLen]) == m
}

// targetTop decides the form of the target. Only origin-form is served; CONNECT
// is let through to be marked.
func (s *scanner) targetTop(p []byte, i int) (int, Fault) {
	connect := s.methodIs("CONNECT")
	if connect {
		s.mark(Connect)
	}
	switch c := p[i]; {
	case c == '/':
		s.st = stTarget
		return i + 1, None
	case c == ' ', c == '\r', c == '\n':
		return i, BadRequestLine
	case c == '*' && s.methodIs("PRI"):
		return i, HTTP2Preface
	case connect && class[c]&(isLetter|isDigit) != 0:
		s.st = stAuthority
		return i, None
	}
	return i, BadTarget
}

func (s *scanner) target(p []byte, i int) (int, Fault) {
	set := uint8(isPath)
	if s.inQuery {
		set = isQuery
	}
	for ; i < len(p); i++ {
		c := p[i]
		if class[c]&set != 0 {
			continue
		}
		switch {
		case c == ' ':
			s.st = stVersion
			return i + 1, None
		case c == '?':
			s.inQuery, set = true, isQuery
		case c == '%':
			s.st = stPercent1
			return i + 1, None
		case c >= 0x80:
			s.mark(NonASCIITarget)
		case c == '\r', c == '\n':
			return i, BadRequestLine
		default:
			return i, BadTarget
		}
	}
	return i, None
}

// percent checks an escape in the path, which net/http would answer itself.
// Escapes in the query are left to the gateway (security rule 13).
func (s *scanner) percent(p []byte, i int) (int, Fault) {
	if class[p[i]]&isHex == 0 {
		return i, BadEscape
	}
	if s.st++; s.st > stPercent2 {
		s.st = stTarget
	}
	return i + 1, None
}

// authority lets host and port of CONNECT pass where net/http can read them.
func (s *scanner) authority(p []byte, i int) (int, Fault) {
	for ; i < len(p); i++ {
		c := p[i]
		switch {
		case c == ' ':
			s.st = stVersion
			return i + 1, None
		case c == ':' && !s.port:
			s.port = true
		case s.port && class[c]&isDigit != 0:
		case !s.port && (class[c]&(isLetter|isDigit) != 0 || c == '-' || c == '.'):
		default:
			return i, BadTarget
		}
	}
	return i, None
}

func (s *scanner) version(p []byte, i int) (int, Fault) {
	for ; i < len(p); i++ {
		c := p[i]
		switch {
		case s.verAt < len(versionWant) && c == versionWant[s.verAt]:
			s.verAt++
		case s.verAt == len(versionWant) && (c == '0' || c == '1'):
			s.marks.HTTP10 = c == '0'
			s.st = stRequestCR
			return i + 1, None
		case (s.verAt == 5 || s.verAt == len(versionWant)) && class[c]&isDigit != 0:
			return i, BadVersion
		default:
			return i, BadRequestLine
		}
	}
	return i, None
}

// lineEnd takes CR, or LF alone with a mark; anything else is the given fault.
func (s *scanner) lineEnd(p []byte, i int, lf state, other Fault) (int, Fault) {
	switch p[i] {
	case '\r':
		s.st = lf
	case '\n':
		s.mark(BareLF)
		s.st = stLine
	default:
		return i, other
	}
	return i + 1, None
}
