package scheme

import (
	"math"
	"strconv"
	"time"
)

// timeFormat reads and writes one way of spelling a time. Reading is strict: one moment has one spelling, but for the zone of rfc3339.
type timeFormat struct {
	shape  shape
	help   string
	parse  func(text string) (sec, nano int64, ok bool)
	format func(t time.Time) string
}

var timeFormats = []string{"unix", "unix_ms", "http_date", "rfc3339"}

// httpDate is the fixed form of RFC 9110 §5.6.7.
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

func timeFormatOf(name string) (timeFormat, bool) {
	switch name {
	case "unix":
		return timeFormat{fixed(10, digitSet), "exactly 10 digits, seconds since 1970", parseUnix,
			func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }}, true
	case "unix_ms":
		return timeFormat{fixed(13, digitSet), "exactly 13 digits, milliseconds since 1970", parseMillis,
			func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }}, true
	case "http_date":
		return timeFormat{fixed(29, dateSet), "a date such as " + httpDate, parseHTTPDate,
			func(t time.Time) string { return t.UTC().Format(httpDate) }}, true
	case "rfc3339":
		return timeFormat{shapeRFC3339(), "a date such as 2006-01-02T15:04:05Z", parseRFC3339,
			func(t time.Time) string { return t.UTC().Format(time.RFC3339) }}, true
	}
	return timeFormat{}, false
}

// shapeRFC3339 is closed: a time ends with its first Z, or five characters behind its first sign that stands after the T.
func shapeRFC3339() shape {
	out := between(20, 35, dateSet.minus(setOf(" ,")))
	out.ends = true
	return out
}

// digits reads text that is already known to be all digits, at most 18 of them.
func digits(text string) (n int64) {
	for i := 0; i < len(text); i++ {
		n = n*10 + int64(text[i]-'0')
	}
	return n
}

func parseUnix(text string) (int64, int64, bool) { return digits(text), 0, true }

func parseMillis(text string) (int64, int64, bool) {
	ms := digits(text)
	return ms / 1000, ms % 1000 * int64(time.Millisecond), true
}

func parseHTTPDate(text string) (int64, int64, bool) {
	t, err := time.Parse(httpDate, text)
	if err != nil || t.Format(httpDate) != text {
		return 0, 0, false
	}
	return t.Unix(), 0, true
}

func parseRFC3339(text string) (int64, int64, bool) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, 0, false
	}
	return t.Unix(), int64(t.Nanosecond()), true
}

// Fresh refuses a time that lies further than window from now, in either direction; exactly window is still fresh. A window of zero or less is the
// profile's own. A scheme without a time is always fresh: Warnings says so when it is loaded. Call it again when a slow body has arrived (rule 26).
func (s *Scheme) Fresh(p *Presented, now time.Time, window time.Duration) *Fault {
	if s.time == nil {
		return nil
	}
	if window <= 0 {
		window = s.window
	}
	if s.two {
		if p.TimeText == "" {
			return &Fault{FaultMalformed, s.timeWhere, "stands in the body, which has not been read"}
		}
		if p.hasChosen {
			return s.chosenFresh(p, now, window)
		}
		if s.expiry {
			return s.expired(p, now, window)
		}
	}
	age := now.Sub(time.Unix(p.Unix, p.nano))
	if age > window {
		return s.distance(FaultStale, now.Unix()-p.Unix, window, " s in the past; at most ")
	}
	if age < -window {
		return s.distance(FaultFuture, p.Unix-now.Unix(), window, " s in the future; at most ")
	}
	return nil
}

// Expires is the last whole second since 1970 at which Fresh can still accept p, rounded up: how long a replay guard must remember the request (security rule
// 8). A window of zero or less is the profile's own. Without a time it is the greatest int64: such a request never becomes stale.
func (s *Scheme) Expires(p *Presented, window time.Duration) int64 {
	if s.time == nil {
		return math.MaxInt64
	}
	if window <= 0 {
		window = s.window
	}
	if p.hasChosen {
		window = max(window, p.chosen)
	} else if s.expiry {
		window = 0
	}
	last := time.Unix(p.Unix, p.nano).Add(window)
	if last.Nanosecond() > 0 {
		return last.Unix() + 1
	}
	return last.Unix()
}

// distance words the refusal. Parts of a second count as a whole one, so that the text never contradicts itself.
func (s *Scheme) distance(kind FaultKind, seconds int64, window time.Duration, side string) *Fault {
	bound := int64(window / time.Second)
	seconds = max(seconds, bound+1)
	detail := "is " + strconv.FormatInt(seconds, 10) + side + strconv.FormatInt(bound, 10) + " s is accepted"
	return &Fault{Kind: kind, Where: s.timeWhere, Detail: detail}
}
