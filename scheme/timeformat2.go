package scheme

import (
	"strconv"
	"strings"
	"time"
)

// timeFormats2 are those that language 2 adds; a text with a percent sign is a pattern.
var timeFormats2 = []string{"unix_open", "unix_us", "unix_ns", "unix_fraction", "rfc3339_ms", "compact", "rfc2822"}

// zoned is the form of RFC 5322 §3.3 with a numeric zone.
const zoned = "Mon, 02 Jan 2006 15:04:05 -0700"

func timeFormatOf2(name string) (timeFormat, bool) {
	switch name {
	case "unix_open":
		return timeFormat{between(1, 11, digitSet), "1 to 11 digits, seconds since 1970, no zero in front", parseOpen,
			func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }}, true
	case "unix_us":
		return wholeUnix(16, "microseconds", time.Microsecond, time.Time.UnixMicro), true
	case "unix_ns":
		return wholeUnix(19, "nanoseconds", time.Nanosecond, time.Time.UnixNano), true
	case "unix_fraction":
		return timeFormat{between(10, 20, digitSet.union(setOf("."))), "seconds since 1970, 10 digits, a point and 1 to 9 more if any", parseFraction,
			func(t time.Time) string {
				return strconv.FormatInt(t.Unix(), 10) + "." + string(appendPattern(nil, "%f", t))
			}}, true
	case "rfc3339_ms":
		return timeFormat{shapeRFC3339(), "a date such as 2006-01-02T15:04:05.000Z", parseRFC3339,
			func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }}, true
	case "compact":
		return patternFormat("%Y%m%dT%H%M%SZ")
	case "rfc2822":
		return timeFormat{between(29, 31, dateSet), "a date such as " + zoned, parseZoned,
			func(t time.Time) string { return t.UTC().Format(zoned) }}, true
	}
	if strings.Contains(name, "%") {
		return patternFormat(name)
	}
	return timeFormatOf(name)
}

func wholeUnix(width int, unit string, size time.Duration, count func(time.Time) int64) timeFormat {
	parse := func(text string) (int64, int64, bool) {
		n, err := strconv.ParseInt(text, 10, 64)
		per := int64(time.Second / size)
		return n / per, n % per * int64(size), err == nil
	}
	return timeFormat{fixed(width, digitSet), "exactly " + number(width) + " digits, " + unit + " since 1970", parse,
		func(t time.Time) string { return strconv.FormatInt(count(t), 10) }}
}

func parseOpen(text string) (int64, int64, bool) { return digits(text), 0, text[0] != '0' }

func parseFraction(text string) (int64, int64, bool) {
	whole, fraction, has := strings.Cut(text, ".")
	if len(whole) != 10 || has && (fraction == "" || len(fraction) > 9) || strings.Contains(fraction, ".") {
		return 0, 0, false
	}
	return digits(whole), digits(fraction + "000000000"[len(fraction):]), true
}

// parseZoned reads http_date as well: both are spellings of one standard.
func parseZoned(text string) (int64, int64, bool) {
	t, err := time.Parse(zoned, text)
	if err != nil {
		return parseHTTPDate(text)
	}
	return t.Unix(), 0, true
}

// chosenWindow reads the window that the sender chose. It is capped; what is no whole number is refused.
func (s *Scheme) chosenWindow(c *scratch, r *Request, p *Presented) *Fault {
	text := c.value(s.chosen, r, p)
	if c.fault != nil {
		return c.fault
	}
	if text == "" {
		return nil
	}
	if len(text) > 9 || !digitSet.all(text) {
		return &Fault{FaultMalformed, s.timeWhere, "comes with a window that is not a whole number"}
	}
	p.chosen, p.hasChosen = min(time.Duration(digits(text))*s.chosenUnit, s.chosenMost), true
	return nil
}

// expired judges a time that is an expiry.
func (s *Scheme) expired(p *Presented, now time.Time, window time.Duration) *Fault {
	left := time.Unix(p.Unix, p.nano).Sub(now)
	if left < 0 {
		return s.distance(FaultStale, now.Unix()-p.Unix, 0, " s past; at most ")
	}
	if left > window {
		return s.distance(FaultFuture, p.Unix-now.Unix(), window, " s ahead; at most ")
	}
	return nil
}

// chosenFresh judges a time beside a window that the sender chose: it may be older by that much, and ahead by the profile's own window.
func (s *Scheme) chosenFresh(p *Presented, now time.Time, window time.Duration) *Fault {
	age := now.Sub(time.Unix(p.Unix, p.nano))
	if age > p.chosen {
		return s.distance(FaultStale, now.Unix()-p.Unix, p.chosen, " s in the past; at most ")
	}
	if age < -window {
		return s.distance(FaultFuture, p.Unix-now.Unix(), window, " s in the future; at most ")
	}
	return nil
}

// shiftZone lets a pattern be written in another zone than UTC.
func (s *Scheme) shiftZone(rule *TimeRule) error {
	if rule.Zone == "" {
		return nil
	}
	at, err := time.Parse("-07:00", rule.Zone)
	if err != nil || !strings.Contains(rule.Format, "%") || strings.Contains(rule.Format, "%s") {
		return &CompileError{Field: "time", Message: "zone belongs to a pattern and is written +08:00"}
	}
	_, seconds := at.Zone()
	offset := time.Duration(seconds) * time.Second
	parse, format := s.time.parse, s.time.format
	s.time.parse = func(text string) (int64, int64, bool) {
		sec, nano, ok := parse(text)
		return sec - int64(seconds), nano, ok
	}
	s.time.format = func(t time.Time) string { return format(t.Add(offset)) }
	return nil
}
