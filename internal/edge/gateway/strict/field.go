package strict

// field is a header field whose value this package reads.
type field uint8

const (
	fieldOther field = iota
	fieldHost
	fieldLength
	fieldEncoding
	fieldExpect
	fieldTrailer
	fieldUpgrade
	fieldSettings
)

// fieldNow finds the field by the name that was scanned.
func (s *scanner) fieldNow() field {
	var name string
	var f field
	switch s.nameLen {
	case 4:
		name, f = "host", fieldHost
	case 6:
		name, f = "expect", fieldExpect
	case 7:
		name, f = "trailer", fieldTrailer
		if lower(s.name[0]) == 'u' {
			name, f = "upgrade", fieldUpgrade
		}
	case 14:
		name, f = "content-length", fieldLength
		if lower(s.name[0]) == 'h' {
			name, f = "http2-settings", fieldSettings
		}
	case 17:
		name, f = "transfer-encoding", fieldEncoding
	default:
		return fieldOther
	}
	if !equalFold(s.name[:s.nameLen], name) {
		return fieldOther
	}
	return f
}

// equalFold compares with a lower-case ASCII word.
func equalFold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if lower(c) != word[i] {
			return false
		}
	}
	return true
}

func (s *scanner) has(f field) bool { return s.seen&(1<<f) != 0 }

// keep holds the value of a field that is read. Trailer is a list that may be
// long: its elements are judged one by one.
func (s *scanner) keep(p []byte) {
	if s.field != fieldTrailer {
		n := copy(s.val[s.valLen:], p)
		s.valLen += n
		s.valLong = s.valLong || n < len(p)
		return
	}
	for _, c := range p {
		if c == ',' {
			s.judgeTrailer()
			s.valLen, s.valLong = 0, false
			continue
		}
		if (c == ' ' || c == '\t') && s.valLen == 0 {
			continue
		}
		s.valLong = s.valLong || s.valLen == maxValueKept
		if !s.valLong {
			s.val[s.valLen] = c
			s.valLen++
		}
	}
}

// value is what was kept, without white space at its end; ok is false when it
// did not fit.
func (s *scanner) value() (v []byte, ok bool) {
	return trimEnd(s.val[:s.valLen]), !s.valLong
}

func trimEnd(v []byte) []byte {
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	return v
}

// endField judges the field whose line has ended.
func (s *scanner) endField() Fault {
	f := s.field
	if f == fieldOther {
		return None
	}
	again := s.has(f)
	s.seen |= 1 << f
	v, ok := s.value()
	switch f {
	case fieldHost:
		return judgeHost(v, ok, again)
	case fieldLength:
		return s.judgeLength(v, ok, again)
	case fieldEncoding:
		return judgeEncoding(v, ok, again)
	case fieldExpect:
		if again || !ok || !equalFold(v, "100-continue") {
			return BadExpectation
		}
	case fieldTrailer:
		s.judgeTrailer()
		if s.framing {
			return ForbiddenTrailer
		}
	case fieldUpgrade:
		s.marks.Upgrade = true
		if !ok || hasH2C(v) {
			s.mark(H2CUpgrade)
		}
	case fieldSettings:
		s.mark(H2CUpgrade)
	}
	return None
}

func judgeHost(v []byte, ok, again bool) Fault {
	switch {
	case again:
		return DoubleHost
	case len(v) == 0:
		return MissingHost
	case !ok:
		return BadHost
	}
	for _, c := range v {
		if class[c]&isHost == 0 {
			return BadHost
		}
	}
	return None
}

// judgeLength takes 1 to 18 digits: less than an int64 can hold, and more than
// any body.
func (s *scanner) judgeLength(v []byte, ok, again bool) Fault {
	if again {
		return DoubleLength
	}
	if !ok || len(v) == 0 {
		return BadLength
	}
	var n int64
	for _, c := range v {
		if c == ',' {
			return DoubleLength
		}
		if class[c]&isDigit == 0 {
			return BadLength
		}
		n = n*10 + int64(c-'0')
	}
	if len(v) > 18 {
		return BadLength
	}
	s.marks.ContentLength = n
	return None
}

func judgeEncoding(v []byte, ok, again bool) Fault {
	switch {
	case again:
		return DoubleEncoding
	case !ok || string(v) != "chunked":
		return BadEncoding
	}
	return None
}

// judgeTrailer notes an element of Trailer that is a framing field, which
// net/http would refuse itself.
func (s *scanner) judgeTrailer() {
	v, ok := s.value()
	if !ok {
		return
	}
	if equalFold(v, "transfer-encoding") || equalFold(v, "content-length") || equalFold(v, "trailer") {
		s.framing = true
	}
}

// hasH2C looks for h2c among the protocols of Upgrade, RFC 9110 §7.8.
func hasH2C(v []byte) bool {
	for i := 0; i+3 <= len(v); i++ {
		if equalFold(v[i:i+3], "h2c") {
			return true
		}
	}
	return false
}
