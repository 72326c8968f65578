package page

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// funcs are the functions of every template.
func (k *Kit) funcs() template.FuncMap {
	return template.FuncMap{
		"asset": k.Asset, "path": Path, "link": Link, "base": func() string { return k.cfg.Base },
		"when": When, "day": Day, "ago": func(t any) template.HTML { return Ago(k.cfg.Now(), t) },
		"span": Span, "count": Count, "bytes": Bytes, "share": Share, "short": Short, "cut": Cut, "breaks": Breaks, "plural": Plural,
		"field": makeField, "empty": makeEmpty, "confirm": makeConfirm, "secret": makeSecret,
		"badge": Badge, "list": func(all ...string) []string { return all }, "join": join,
		"tabs":  func(label string, items []Item) Tabs { return Tabs{label, items} },
		"pager": func(first, next string) Pager { return Pager{first, next} },
	}
}

// instant takes a time.Time or a *time.Time; nil and the zero time are "never".
func instant(v any) time.Time {
	switch t := v.(type) {
	case time.Time:
		return t.UTC()
	case *time.Time:
		if t != nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

const never = template.HTML(`<span class="none">never</span>`)

// stamp writes the element. Both texts come from a clock's format and hold nothing to escape.
func stamp(t time.Time, text string) template.HTML {
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `" title="` + t.Format("2006-01-02 15:04:05") + ` UTC">` + text + `</time>`)
}

// When is an instant to the second in UTC, as a <time>; the zero time, or a nil pointer, is "never".
func When(v any) template.HTML {
	t := instant(v)
	if t.IsZero() {
		return never
	}
	return stamp(t, t.Format("2006-01-02 15:04:05")+` UTC`)
}

// Day is the date of an instant in UTC, as a <time>.
func Day(v any) template.HTML {
	t := instant(v)
	if t.IsZero() {
		return never
	}
	return stamp(t, t.Format("2006-01-02"))
}

// Ago is how far an instant is from now ("3 min ago", "in 2 days"), with the instant itself in the element.
func Ago(now time.Time, v any) template.HTML {
	t := instant(v)
	if t.IsZero() {
		return never
	}
	d := now.Sub(t)
	switch {
	case d > -time.Second && d < time.Second:
		return stamp(t, "now")
	case d < 0:
		return stamp(t, "in "+Span(-d))
	}
	return stamp(t, Span(d)+" ago")
}

// Span is a duration in its largest fitting unit: "45 s", "12 min", "5 h", "3 days".
func Span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatInt(int64(d/time.Second), 10) + " s"
	case d < time.Hour:
		return strconv.FormatInt(int64(d/time.Minute), 10) + " min"
	case d < 48*time.Hour:
		return strconv.FormatInt(int64(d/time.Hour), 10) + " h"
	}
	return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + " days"
}

// Count is a whole number with thin spaces between the thousands: 12 345.
func Count(v any) string {
	s := fmt.Sprint(v)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return sign + s
		}
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteRune('\u202f')
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// Bytes is a size: "512 B", "1.5 KiB", "3.0 MiB".
func Bytes(v any) string {
	n, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	switch {
	case err != nil:
		return fmt.Sprint(v)
	case n < 1<<10:
		return strconv.FormatFloat(n, 'f', 0, 64) + " B"
	case n < 1<<20:
		return strconv.FormatFloat(n/(1<<10), 'f', 1, 64) + " KiB"
	case n < 1<<30:
		return strconv.FormatFloat(n/(1<<20), 'f', 1, 64) + " MiB"
	}
	return strconv.FormatFloat(n/(1<<30), 'f', 1, 64) + " GiB"
}

// Share is part of whole in per cent with one decimal, and "0 %" of nothing.
func Share(part, whole any) string {
	p, _ := strconv.ParseFloat(fmt.Sprint(part), 64)
	w, _ := strconv.ParseFloat(fmt.Sprint(whole), 64)
	if w <= 0 {
		return "0 %"
	}
	return strconv.FormatFloat(100*p/w, 'f', 1, 64) + " %"
}

// Short is the beginning of a digest or an id, with dots when something was left out.
func Short(s string) string { return Cut(14, s) }

// Cut is at most n characters of s, with dots in the place of the rest.
func Cut(n int, s string) string {
	if utf8.RuneCountInString(s) <= n || n < 2 {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// Breaks is s with places where a line may break behind each underscore, slash and at sign (WHATWG HTML, <wbr>): a code, a path or a
// login that is too long for its column breaks there, before it would break within a word. What is copied has none of them.
func Breaks(s string) template.HTML {
	return template.HTML(strings.NewReplacer("_", "_<wbr>", "/", "/<wbr>", "@", "@<wbr>").Replace(template.HTMLEscapeString(s)))
}

// Plural is "1 review" or "3 reviews": the number and the word for it.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Badge is a word in a coloured frame; tone is good, warn, bad, info or plain. The word carries the meaning, the colour
// only helps the eye; an unknown tone is plain.
func Badge(tone, text string) template.HTML {
	switch tone {
	case "good", "warn", "bad", "info":
	default:
		tone = "plain"
	}
	return template.HTML(`<span class="badge ` + tone + `">` + template.HTMLEscapeString(text) + `</span>`)
}

// join writes words with a separator between them.
func join(sep string, all []string) string { return strings.Join(all, sep) }
