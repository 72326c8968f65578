package scheme

import (
	"strconv"
	"time"
)

// dateHelp lists what a pattern can hold.
const dateHelp = "%Y %y %m %d %H %M %S %f (milliseconds) %j %a %b %s (Unix seconds) %% and plain text"

// zeroTime is any time at all, to measure a pattern with.
var zeroTime = time.Unix(1136214245, 0).UTC()

// datePart is one piece of a pattern: a field, or text when field is 0.
type datePart struct {
	field byte
	text  string
	width int
}

// datePattern splits a pattern such as %Y%m%dT%H%M%SZ. Every field has a fixed width, so that a time has one spelling.
func datePattern(pattern string) ([]datePart, bool) {
	if pattern == "" || len(pattern) > 64 {
		return nil, false
	}
	var out []datePart
	fields := 0
	for i := 0; i < len(pattern); i++ {
		b := pattern[i]
		if b < ' ' || b > '~' {
			return nil, false
		}
		if b != '%' {
			out = append(out, datePart{text: string(b), width: 1})
			continue
		}
		if i++; i >= len(pattern) {
			return nil, false
		}
		if pattern[i] == '%' {
			out = append(out, datePart{text: "%", width: 1})
			continue
		}
		width := dateWidth(pattern[i])
		if width == 0 {
			return nil, false
		}
		fields++
		out = append(out, datePart{field: pattern[i], width: width})
	}
	return out, fields > 0
}

// dateWidth is the number of characters of a field; 0 for what is none.
func dateWidth(field byte) int {
	switch field {
	case 'Y':
		return 4
	case 'y', 'm', 'd', 'H', 'M', 'S':
		return 2
	case 'f', 'j', 'a', 'b':
		return 3
	case 's':
		return 10
	}
	return 0
}

// appendDate writes the checked time, in UTC, by a pattern that datePattern accepts.
func appendDate(dst []byte, pattern string, p *Presented) []byte {
	return appendPattern(dst, pattern, time.Unix(p.Unix, p.nano).UTC())
}

func appendPattern(dst []byte, pattern string, t time.Time) []byte {
	parts, _ := datePattern(pattern)
	return appendParts(dst, parts, t)
}

func appendParts(dst []byte, parts []datePart, t time.Time) []byte {
	pad := func(n, width int) {
		for unit := [...]int{1, 1, 10, 100, 1000}[width]; unit > 0; unit /= 10 {
			dst = append(dst, byte('0'+n/unit%10))
		}
	}
	for _, part := range parts {
		switch part.field {
		case 0:
			dst = append(dst, part.text...)
		case 'Y':
			pad(t.Year(), 4)
		case 'y':
			pad(t.Year()%100, 2)
		case 'm':
			pad(int(t.Month()), 2)
		case 'd':
			pad(t.Day(), 2)
		case 'H':
			pad(t.Hour(), 2)
		case 'M':
			pad(t.Minute(), 2)
		case 'S':
			pad(t.Second(), 2)
		case 'f':
			pad(t.Nanosecond()/1e6, 3)
		case 'j':
			pad(t.YearDay(), 3)
		case 'a':
			dst = append(dst, t.Weekday().String()[:3]...)
		case 'b':
			dst = append(dst, t.Month().String()[:3]...)
		case 's':
			dst = strconv.AppendInt(dst, t.Unix(), 10)
		}
	}
	return dst
}

// parseParts reads a UTC time that was written by a pattern. It writes the time again and compares, so that nothing but that one spelling passes.
func parseParts(parts []datePart, text string) (time.Time, bool) {
	year, month, day, hour, minute, second, milli := 1970, 1, 1, 0, 0, 0, 0
	unix := int64(-1)
	rest := text
	for _, part := range parts {
		if len(rest) < part.width {
			return time.Time{}, false
		}
		value := rest[:part.width]
		rest = rest[part.width:]
		if part.field == 0 || part.field == 'a' || part.field == 'j' {
			continue
		}
		if part.field == 'b' {
			month = monthOf(value)
			continue
		}
		if !digitSet.all(value) {
			return time.Time{}, false
		}
		n := digits(value)
		switch part.field {
		case 'Y':
			year = int(n)
		case 'y':
			year = 2000 + int(n)
		case 'm':
			month = int(n)
		case 'd':
			day = int(n)
		case 'H':
			hour = int(n)
		case 'M':
			minute = int(n)
		case 'S':
			second = int(n)
		case 'f':
			milli = int(n)
		case 's':
			unix = n
		}
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, milli*1e6, time.UTC)
	if unix >= 0 {
		t = time.Unix(unix, int64(milli)*1e6).UTC()
	}
	var again [96]byte
	return t, rest == "" && string(appendParts(again[:0], parts, t)) == text
}

func monthOf(name string) int {
	for m := time.January; m <= time.December; m++ {
		if m.String()[:3] == name {
			return int(m)
		}
	}
	return 0
}

// patternFormat is a time format given by a pattern.
func patternFormat(pattern string) (timeFormat, bool) {
	parts, ok := datePattern(pattern)
	if !ok {
		return timeFormat{}, false
	}
	n, set := 0, byteSet{}
	whole := map[byte]bool{}
	for _, part := range parts {
		n += part.width
		whole[part.field] = true
		switch {
		case part.field == 0:
			set = set.union(setOf(part.text))
		case part.field == 'a' || part.field == 'b':
			set = set.union(alnumSet.minus(digitSet))
		default:
			set = set.union(digitSet)
		}
	}
	if !whole['s'] && !(whole['d'] && (whole['m'] || whole['b']) && (whole['Y'] || whole['y'])) {
		return timeFormat{}, false
	}
	parse := func(text string) (int64, int64, bool) {
		t, ok := parseParts(parts, text)
		return t.Unix(), int64(t.Nanosecond()), ok
	}
	return timeFormat{fixed(n, set), "a UTC time such as " + string(appendPattern(nil, pattern, time.Unix(1136214245, 0).UTC())), parse,
		func(t time.Time) string { return string(appendParts(nil, parts, t.UTC())) }}, true
}
