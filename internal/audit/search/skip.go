package search

import (
	"encoding/json"
	"time"
)

// skip passes over a value that no field of Line takes: a text, a number, true, false, null, or a list of these. Objects
// and lists within lists are refused.
func (s *scanner) skip() bool {
	if len(s.rest) == 0 {
		return false
	}
	if s.rest[0] != '[' {
		return s.skipOne()
	}
	s.rest = s.rest[1:]
	for first := true; !s.take(']'); first = false {
		if !first && !s.take(',') || !s.skipOne() {
			return false
		}
	}
	return true
}

func (s *scanner) skipOne() bool {
	if len(s.rest) > 0 && s.rest[0] == '"' {
		_, ok := s.text()
		return ok
	}
	n := 0
	for n < len(s.rest) && n < 32 && s.rest[n] != ',' && s.rest[n] != '}' && s.rest[n] != ']' {
		n++
	}
	word := s.rest[:n]
	s.rest = s.rest[n:]
	return n > 0 && word[0] != '{' && word[0] != '[' && word[0] > ' ' && word[n-1] > ' ' && json.Valid(word)
}

// skipObject passes over a flat object.
func (s *scanner) skipObject() bool {
	if !s.take('{') {
		return false
	}
	for first := true; !s.take('}'); first = false {
		if !first && !s.take(',') {
			return false
		}
		if _, ok := s.text(); !ok || !s.take(':') || !s.skipOne() {
			return false
		}
	}
	return true
}

// instant reads the time as it is written, fast; other forms of RFC 3339 slowly. The zero time is its refusal.
func instant(text []byte) time.Time {
	const form = "2006-01-02T15:04:05.000000Z"
	if len(text) == len(form) && text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':' && text[16] == ':' && text[19] == '.' && text[26] == 'Z' {
		year, month, day := digits(text[0:4]), digits(text[5:7]), digits(text[8:10])
		hour, minute, second := digits(text[11:13]), digits(text[14:16]), digits(text[17:19])
		micro := digits(text[20:26])
		if year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60 && micro >= 0 {
			t := time.Date(year, time.Month(month), day, hour, minute, second, micro*1000, time.UTC)
			if t.Day() == day { // the 31st of June is no day
				return t
			}
		}
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// digits reads decimal digits; -1 where there is anything else.
func digits(text []byte) int {
	v := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return -1
		}
		v = v*10 + int(c-'0')
	}
	return v
}
