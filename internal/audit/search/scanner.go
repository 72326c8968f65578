package search

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"time"
)

// scanner reads one flat object. It is a good deal faster than a general decoder, and stricter.
type scanner struct {
	rest     []byte
	seen     uint64 // bit per name
	decision []byte
	likely   int // in written: where the next name is looked for
}

func (s *scanner) object(l *Line) bool {
	if !s.take('{') {
		return false
	}
	for first := true; !s.take('}'); first = false {
		if !first && !s.take(',') {
			return false
		}
		n, ok := s.name()
		if !ok {
			return false
		}
		if n != nameUnknown && s.seen&(1<<n) != 0 {
			return false // two values are two meanings
		}
		s.seen |= 1 << n
		if !s.value(l, n) {
			return false
		}
	}
	return len(s.rest) == 0 && l.settle(s)
}

// name reads a name and the colon behind it.
func (s *scanner) name() (name, bool) {
	for i := s.likely; i < len(written); i++ {
		if w := &written[i]; len(s.rest) > len(w.text) && string(s.rest[:len(w.text)]) == w.text {
			s.rest, s.likely = s.rest[len(w.text):], i+1
			return w.name, true
		}
	}
	key, ok := s.text()
	if !ok || !s.take(':') {
		return nameUnknown, false
	}
	return names[string(key)], true
}

func (s *scanner) take(c byte) bool {
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// value reads the value of n into its place.
func (s *scanner) value(l *Line, n name) bool {
	if place := s.textOf(l, n); place != nil {
		text, ok := s.text()
		*place = text
		return ok
	}
	switch n {
	case nameTime:
		text, ok := s.text()
		l.Time = instant(text)
		return ok && !l.Time.IsZero()
	case nameProved:
		yes, ok := s.truth()
		l.Proved = yes
		return ok
	case nameRetired:
		return s.skipObject()
	case nameWarnings:
		return s.list(&l.Warnings)
	case nameTried:
		return s.list(&l.Tried)
	case nameUnknown, nameGap:
		return s.skip()
	}
	v, ok := s.number()
	return ok && l.setNumber(n, v)
}

// list keeps a value as it stands.
func (s *scanner) list(place *[]byte) bool {
	before := s.rest
	ok := s.skip()
	*place = before[:len(before)-len(s.rest)]
	return ok
}

// textOf is where the text n belongs, or nil.
func (s *scanner) textOf(l *Line, n name) *[]byte {
	switch n {
	case nameRequestID:
		return &l.RequestID
	case nameEnvironment:
		return &l.Environment
	case nameAPI:
		return &l.API
	case nameDecision:
		return &s.decision
	case nameReason:
		return &l.Reason
	case nameWhere:
		return &l.Where
	case nameMethod:
		return &l.Method
	case namePath:
		return &l.Path
	case nameQuery:
		return &l.Query
	case nameQueryDigest:
		return &l.QueryDigest
	case nameProtocol:
		return &l.Protocol
	}
	return textOfIdentity(l, n)
}

func textOfIdentity(l *Line, n name) *[]byte {
	switch n {
	case namePartner:
		return &l.Partner
	case nameCredential:
		return &l.Credential
	case nameAddress:
		return &l.Address
	case namePeer:
		return &l.Peer
	case nameCountry:
		return &l.Country
	case nameDerivation:
		return &l.Derivation
	case nameOther:
		return &l.Other
	case nameCause:
		return &l.Cause
	case nameShadow:
		return &l.Shadow
	case nameShadowProfile:
		return &l.ShadowProfile
	}
	return nil
}

func (l *Line) setNumber(n name, v int64) bool {
	if v < 0 && n != nameSkew && n != nameLead {
		return false
	}
	switch n {
	case nameStatus:
		l.Status = int(v)
	case nameVersion:
		l.Version = int(v)
	case nameSkew:
		l.Skew = time.Duration(v) * time.Second
		return l.Skew/time.Second == time.Duration(v)
	case nameLead:
		l.Timed, l.Lead = true, time.Duration(v)*time.Millisecond
		return l.Lead/time.Millisecond == time.Duration(v)
	case nameDuration:
		l.Duration = time.Duration(v) * time.Microsecond
		return l.Duration/time.Microsecond == time.Duration(v)
	case nameBytesIn:
		l.BytesIn = v
	case nameBytesOut:
		l.BytesOut = v
	case nameSeq:
		l.Seq = uint64(v)
	case nameLost:
		l.Lost = uint64(v)
	}
	return true
}

// text reads a JSON string. Plain ones are not copied.
func (s *scanner) text() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	end := plainEnd(s.rest)
	switch {
	case end == len(s.rest):
		return nil, false
	case s.rest[end] == '"':
		text := s.rest[:end]
		s.rest = s.rest[end+1:]
		return text, true
	case s.rest[end] == '\\':
		return s.escaped()
	}
	return nil, false // a control byte, which JSON does not have inside a text
}

// plainEnd is where a plain text ends, well or badly: at a quote, a backslash or a control byte, or with the bytes. It looks at
// eight bytes at a time. Each of the three tests sets the highest bit of a byte that it finds; what it may set wrongly stands
// behind one that is right, so that the first one counts.
func plainEnd(text []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(text); i += 8 {
		x := binary.LittleEndian.Uint64(text[i:])
		quote, slash := x^('"'*ones), x^('\\'*ones)
		found := ((quote-ones)&^quote | (slash-ones)&^slash | (x-' '*ones)&^x) & tops
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

// escaped reads a text with escapes; the opening quote has been taken.
func (s *scanner) escaped() ([]byte, bool) {
	for end := 0; end < len(s.rest); end++ {
		switch s.rest[end] {
		case '\\':
			end++
		case '"':
			var text string
			err := json.Unmarshal(append(append([]byte{'"'}, s.rest[:end]...), '"'), &text)
			s.rest = s.rest[end+1:]
			return []byte(text), err == nil
		}
	}
	return nil, false
}

// number reads a whole number; fractions and exponents have no field of ours.
func (s *scanner) number() (int64, bool) {
	negative := s.take('-')
	n, v := 0, int64(0)
	for n < len(s.rest) && s.rest[n] >= '0' && s.rest[n] <= '9' {
		v = v*10 + int64(s.rest[n]-'0')
		n++
	}
	if n == 0 || n > 18 || n > 1 && s.rest[0] == '0' {
		return 0, false // 18 digits never overflow
	}
	s.rest = s.rest[n:]
	if negative {
		v = -v
	}
	return v, true
}

func (s *scanner) truth() (yes, ok bool) {
	if rest, found := bytes.CutPrefix(s.rest, []byte("true")); found {
		s.rest = rest
		return true, true
	}
	rest, found := bytes.CutPrefix(s.rest, []byte("false"))
	s.rest = rest
	return false, found
}
