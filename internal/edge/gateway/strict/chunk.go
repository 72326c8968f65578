package strict

// maxSizeDigits bounds a chunk size to what fits 64 bits.
const maxSizeDigits = 16

// body scans one step of the body: known length or chunks (RFC 9112 §7.1).
func (s *scanner) body(p []byte) (int, Fault) {
	switch s.st {
	case stBody:
		n := s.skip(p)
		s.done = s.remain == 0
		return n, None
	case stData:
		n := s.skip(p)
		if s.remain == 0 {
			s.st = stDataCR
		}
		return n, None
	case stSize:
		return s.chunkSize(p)
	case stSizeLF:
		return s.sizeEnd(p[0])
	case stDataCR:
		return s.expect(p[0], '\r', stDataLF)
	case stDataLF:
		s.digits, s.remain = 0, 0
		return s.expect(p[0], '\n', stSize)
	default:
		return s.trailers(p)
	}
}

// skip passes over data without looking at it.
func (s *scanner) skip(p []byte) int {
	n := len(p)
	if uint64(n) > s.remain {
		n = int(s.remain)
	}
	s.remain -= uint64(n)
	return n
}

func (s *scanner) expect(c, want byte, then state) (int, Fault) {
	if c != want {
		return 0, BadChunk
	}
	s.st = then
	return 1, None
}

func (s *scanner) chunkSize(p []byte) (int, Fault) {
	for i, c := range p {
		switch {
		case class[c]&isHex != 0:
			if s.digits++; s.digits > maxSizeDigits {
				return i, BadChunk
			}
			s.remain = s.remain<<4 | unhex(c)
		case c == '\r' && s.digits > 0:
			s.st = stSizeLF
			return i + 1, None
		case c == ';' && s.digits > 0:
			return i, ChunkExtension
		default:
			return i, BadChunk
		}
	}
	return len(p), None
}

// sizeEnd chooses what follows a chunk size: data, or after a size of zero the
// trailer section. A size that an int64 cannot hold is no size.
func (s *scanner) sizeEnd(c byte) (int, Fault) {
	switch {
	case s.remain>>63 != 0:
		return 0, BadChunk
	case s.remain == 0:
		return s.expect(c, '\n', stTrailer)
	}
	return s.expect(c, '\n', stData)
}

// trailers scans the trailer section within its cap. Trailer lines obey the
// rules of header lines, without any repair: RFC 9110 §6.5.
func (s *scanner) trailers(p []byte) (int, Fault) {
	q := p[:min(len(p), maxTrailer-s.extra)]
	n := 0
	for n < len(q) && !s.done {
		m, f := s.trailerStep(q[n:])
		n += m
		if f != None {
			return n, f
		}
	}
	s.extra += n
	if !s.done && len(q) < len(p) {
		return n, BadTrailer
	}
	return n, None
}

func (s *scanner) trailerStep(p []byte) (int, Fault) {
	switch s.st {
	case stTrailer:
		return s.trailerStart(p[0])
	case stTrailerName:
		return s.trailerName(p)
	case stTrailerData:
		return s.trailerData(p)
	}
	if p[0] != '\n' {
		return 0, BadTrailer
	}
	if s.st == stFinalLF {
		s.done = true
	} else {
		s.st = stTrailer
	}
	return 1, None
}

func (s *scanner) trailerStart(c byte) (int, Fault) {
	if c == '\r' {
		s.st = stFinalLF
		return 1, None
	}
	if s.trailed >= s.lim.lines {
		return 0, BadTrailer
	}
	s.trailed++
	s.marks.HasTrailers = true
	s.nameLen = 0
	s.st = stTrailerName
	return 0, None
}

func (s *scanner) trailerName(p []byte) (int, Fault) {
	for i, c := range p {
		if class[c]&isToken != 0 {
			s.nameLen++
			continue
		}
		if c != ':' || s.nameLen == 0 {
			return i, BadTrailer
		}
		s.st = stTrailerData
		return i + 1, None
	}
	return len(p), None
}

func (s *scanner) trailerData(p []byte) (int, Fault) {
	for i, c := range p {
		if class[c]&isValue != 0 {
			continue
		}
		if c != '\r' {
			return i, BadTrailer
		}
		s.st = stTrailerLF
		return i + 1, None
	}
	return len(p), None
}
