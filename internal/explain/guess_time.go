package explain

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	hour = 3600
	day  = 24 * hour
)

// timeChange signs another text as the time than the one that was sent.
func timeChange(name, what string, deep bool, to string) *change {
	const cure = "take the time once, sign that text, and send the same text"
	return &change{step: Step{"time", name, what, cure}, deep: deep, apply: func(a *attempt) bool {
		before := a.p.TimeText
		a.p.TimeText = to
		a.replaceTime(before, to)
		return before != to
	}}
}

// replaceTime changes the time where it is read as a header or a parameter too.
func (a *attempt) replaceTime(before, to string) {
	for name, values := range a.r.Header {
		if len(values) == 1 && values[0] == before {
			a.setHeader(name, to)
			break
		}
	}
	for _, w := range a.v.def.WireQuery {
		if w.Template == "{ts}" {
			a.r.Target = strings.Replace(a.r.Target, w.Name+"="+before, w.Name+"="+to, 1)
		}
	}
}

// moment is the time as sent; ok is false where the scheme has none.
func moment(a *attempt) (time.Time, bool) {
	text := a.p.TimeText
	if text == "" {
		return time.Time{}, false
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		switch {
		case len(text) >= 18:
			return time.Unix(0, n).UTC(), true
		case len(text) >= 15:
			return time.UnixMicro(n).UTC(), true
		case len(text) >= 12:
			return time.UnixMilli(n).UTC(), true
		}
	}
	if a.p.Unix == 0 {
		return time.Time{}, false
	}
	return time.Unix(a.p.Unix, 0).UTC(), true
}

// layoutsOfTime are the ways in which a time is usually written.
var layoutsOfTime = []struct{ name, layout, what string }{
	{"rfc3339", time.RFC3339, "an RFC 3339 date"},
	{"rfc3339-ms", "2006-01-02T15:04:05.000Z", "an RFC 3339 date with milliseconds"},
	{"iso-offset", "2006-01-02T15:04:05+00:00", "an ISO 8601 date with +00:00"},
	{"iso-plain", "2006-01-02T15:04:05", "an ISO 8601 date without a zone"},
	{"iso-space", "2006-01-02 15:04:05", "a date and a time with a space between them"},
	{"http-date", "Mon, 02 Jan 2006 15:04:05 GMT", "an HTTP date"},
	{"compact", "20060102T150405Z", "a compact ISO 8601 date"},
	{"digits", "20060102150405", "a date as 14 digits"},
}

// timesNear are other spellings of the time and small or usual offsets.
func timesNear(_ *search, a *attempt) []*change {
	at, ok := moment(a)
	if !ok {
		return nil
	}
	var out []*change
	spelt := func(name, what, to string) {
		if to != a.p.TimeText {
			out = append(out, timeChange(name, what+" was signed, not the text that was sent", true, to))
		}
	}
	seconds := strconv.FormatInt(at.Unix(), 10)
	spelt("seconds", "the time in seconds", seconds)
	spelt("milliseconds", "the time in milliseconds", strconv.FormatInt(at.UnixMilli(), 10))
	spelt("microseconds", "the time in microseconds", strconv.FormatInt(at.UnixMicro(), 10))
	spelt("float", "the time as a number with a fraction", seconds+".0")
	spelt("negative", "the time with a sign", "+"+seconds)
	for _, l := range layoutsOfTime {
		spelt(l.name, "the time as "+l.what, at.Format(l.layout))
	}
	spelt("none", "an empty time", "")
	spelt("zero", "the time 0", "0")
	for _, n := range []int{1, -1, 2, -2, 3, -3} {
		out = append(out, offset(a, n, true)...)
	}
	for quarter := 1; quarter <= 14*4; quarter++ {
		out = append(out, offset(a, quarter*900, quarter%4 == 0 && quarter <= 12)...)
		out = append(out, offset(a, -quarter*900, quarter%4 == 0 && quarter <= 12)...)
	}
	return out
}

// offset is the time n seconds later, in the form in which it was sent.
func offset(a *attempt, n int, deep bool) []*change {
	to, ok := shifted(a, n)
	if !ok {
		return nil
	}
	name, what := "offset", fmt.Sprintf("the time that was signed is %s than the one that was sent", distance(n))
	if n%900 == 0 {
		name = "local-time"
		what += ": local time, where UTC was sent, or the other way round"
	}
	return []*change{timeChange(name, what, deep, to)}
}

func distance(n int) string {
	word := "later"
	if n < 0 {
		n, word = -n, "earlier"
	}
	return fmt.Sprintf("%d s %s", n, word)
}

// shifted is the text of the time n seconds later; ok is false for a form that is not known here.
func shifted(a *attempt, n int) (string, bool) {
	text := a.p.TimeText
	if v, err := strconv.ParseInt(text, 10, 64); err == nil && v > 0 {
		unit := int64(1)
		for digits := len(text); digits > 11; digits -= 3 {
			unit *= 1000
		}
		return strconv.FormatInt(v+int64(n)*unit, 10), true
	}
	for _, l := range layoutsOfTime {
		if at, err := time.Parse(l.layout, text); err == nil && at.Format(l.layout) == text {
			return at.Add(time.Duration(n) * time.Second).Format(l.layout), true
		}
	}
	return "", false
}

// times tries every second between two distances, before and after; the second part of a day is the last resort. It keeps near
// where one signature is dear.
func (x *search) times(base *attempt, from, to int) {
	if !x.signsTime(base) {
		return
	}
	if len(base.r.Body) > 16<<10 {
		to = min(to, 120)
	}
	for n := from; n <= to && len(x.found) == 0 && !x.spent(); n++ {
		for _, signed := range []int{n, -n} {
			if text, ok := shifted(base, signed); ok {
				x.time(base, text, "offset", fmt.Sprintf("the time that was signed is %s than the one that was sent", distance(signed)))
			}
		}
	}
	if text := base.p.TimeText; from < hour && len(text) == 13 {
		x.millis(base, text)
	}
}

// millis tries every millisecond of three seconds, before and after.
func (x *search) millis(base *attempt, text string) {
	v, err := strconv.ParseInt(text, 10, 64)
	for n := int64(1); err == nil && n <= 3000 && len(x.found) == 0 && !x.spent(); n++ {
		for _, ms := range []int64{n, -n} {
			x.time(base, strconv.FormatInt(v+ms, 10), "offset-ms", fmt.Sprintf("the time that was signed is another one than that which was sent, by %d ms", ms))
		}
	}
}

func (x *search) time(base *attempt, text, name, what string) {
	if a, ok := base.with(timeChange(name, what, false, text)); ok {
		x.try(&a)
	}
}

// signsTime says whether another time would give other bytes.
func (x *search) signsTime(a *attempt) bool {
	other := a.p
	other.TimeText += "0"
	for _, w := range a.v.def.WireQuery {
		if w.Template == "{ts}" {
			return true
		}
	}
	before, ok := a.v.guess.Input(&a.r, &a.p)
	after, also := a.v.guess.Input(&a.r, &other)
	return ok && (!also || string(before) != string(after))
}
