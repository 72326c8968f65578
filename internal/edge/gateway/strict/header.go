package strict

// lineStart is at the first byte of a header line.
func (s *scanner) lineStart(p []byte, i int) (int, Fault) {
	switch c := p[i]; c {
	case '\r':
		s.st = stHeadLF
		return i + 1, None
	case '\n':
		s.mark(BareLF)
		return i + 1, s.finishHead()
	case ' ', '\t':
		return s.fold(i)
	}
	s.nameLen = 0
	s.st = stName
	return i, s.countLine()
}

// fold is a line that continues the one before it. Where that one matters to
// framing there is nothing to mark: two parsers could read two values.
func (s *scanner) fold(i int) (int, Fault) {
	switch {
	case s.marks.HeaderLines == 0:
		return i, HeaderSpace
	case s.field != fieldOther:
		return i, FoldedHeader
	}
	s.mark(FoldedHeader)
	s.st = stValue
	return i, s.countLine()
}

func (s *scanner) countLine() Fault {
	if s.marks.HeaderLines >= s.lim.lines {
		return TooManyHeaders
	}
	s.marks.HeaderLines++
	return None
}

func (s *scanner) headerName(p []byte, i int) (int, Fault) {
	n := s.nameLen
	for ; i < len(p); i++ {
		c := p[i]
		if class[c]&isToken == 0 {
			break
		}
		if n < maxNameKept {
			s.name[n] = c
		}
		n++
	}
	s.nameLen = n
	if i == len(p) {
		return i, None
	}
	switch c := p[i]; {
	case c == ':' && n > 0:
		s.field = s.fieldNow()
		s.valLen, s.valLong = 0, false
		s.st = stLead
		return i + 1, None
	case n > 0 && (c == ' ' || c == '\t'):
		return i, HeaderSpace
	}
	return i, BadHeaderName
}

func (s *scanner) lead(p []byte, i int) int {
	for i < len(p) && (p[i] == ' ' || p[i] == '\t') {
		i++
	}
	if i < len(p) {
		s.st = stValue
	}
	return i
}

func (s *scanner) headerValue(p []byte, i int) (int, Fault) {
	from := i
	for i < len(p) && class[p[i]]&isValue != 0 {
		i++
	}
	if s.field != fieldOther {
		s.keep(p[from:i])
	}
	if i == len(p) {
		return i, None
	}
	switch p[i] {
	case '\r':
		s.st = stValueLF
	case '\n':
		s.mark(BareLF)
		s.st = stLine
	default:
		return i, BadHeaderValue
	}
	// The field is judged before its LF is let through, which changes nothing
	// for the peer and lets one place do it.
	return i + 1, s.endField()
}

// lineFeed takes the LF after a CR.
func (s *scanner) lineFeed(p []byte, i int) (int, Fault) {
	if p[i] != '\n' {
		return i, BareCR
	}
	if s.st == stHeadLF {
		return i + 1, s.finishHead()
	}
	s.st = stLine
	return i + 1, None
}

// finishHead judges what only the whole head shows, and chooses how the body
// is delimited (RFC 9112 §6.3).
func (s *scanner) finishHead() Fault {
	m := &s.marks
	encoded := s.has(fieldEncoding)
	switch {
	case !s.has(fieldHost):
		return MissingHost
	case encoded && m.HTTP10:
		s.mark(EncodingHTTP10)
	case encoded && s.has(fieldLength):
		s.mark(LengthAndEncoding)
	}
	m.Chunked = encoded && !m.HTTP10
	s.headDone = true
	switch {
	case m.MustClose:
		s.st = stShut
	case m.Chunked:
		s.st, s.digits, s.remain = stSize, 0, 0
	case m.ContentLength > 0:
		s.st, s.remain = stBody, uint64(m.ContentLength)
	default:
		s.done = true
	}
	return None
}
