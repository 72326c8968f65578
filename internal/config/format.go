package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/config/document"
	"countersign.dev/scheme"
)

// format is how one kind of value is written. parse answers with what is wrong and what to write; message empty: it is right.
type format[T any] struct {
	word   string // what the reference calls it
	bounds string // for people; may be empty
	schema map[string]any
	parse  func(n *document.Node) (value T, message, hint string)
	show   func(T) string // as it may stand in the file, unquoted; empty: nothing to write
}

// plain is a format whose values are written as texts.
func plain[T any](word, bounds, pattern string, parse func(string) (T, string, string), show func(T) string) format[T] {
	schema := map[string]any{"type": "string", "minLength": 1}
	if pattern != "" {
		schema["pattern"] = pattern
	}
	return format[T]{word: word, bounds: bounds, schema: schema, show: show, parse: func(n *document.Node) (value T, message, hint string) {
		switch n.Kind {
		case document.Text:
			return parse(n.Text)
		case document.Integer, document.Float:
			_, message, hint = parse(n.Text)
			if message == "" {
				message, hint = "a number where a text is wanted", `write it in quotes: "`+n.Text+`"`
			}
			return value, message, hint
		}
		return value, "not " + article(word), "write one value"
	}}
}

func article(word string) string {
	if strings.ContainsAny(word[:1], "aeiouAEIOU") && !strings.HasPrefix(word, "U") {
		return "an " + word
	}
	return "a " + word
}

var durationPart = regexp.MustCompile(`^([0-9]{1,9})(ms|s|m|h|d)`)

var durationUnits = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

const durationPattern = `([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?`

// span is a duration with its unit, between two bounds; word, if any, is the way to write zero.
func span(least, most time.Duration, word string) format[time.Duration] {
	bounds := showSpan(least) + " to " + showSpan(most)
	pattern := "^" + durationPattern + "$"
	hint := "write a number and ms, s, m, h or d, for example 30s or 1h30m"
	if word != "" {
		bounds += ", or " + word
		pattern = "^(" + word + "|" + durationPattern + ")$"
		hint += "; or " + word
	}
	return plain("duration", bounds, pattern, func(s string) (time.Duration, string, string) {
		if word != "" && s == word {
			return 0, "", ""
		}
		d, ok := parseSpan(s)
		if !ok {
			return 0, quote(s) + " is not a duration", hint
		}
		if d < least || d > most {
			return 0, quote(s) + " is out of bounds", bounds
		}
		return d, "", ""
	}, func(d time.Duration) string {
		if d == 0 && word != "" {
			return word
		}
		return showSpan(d)
	})
}

// parseSpan reads units from the largest to the smallest, each once.
func parseSpan(s string) (time.Duration, bool) {
	sum, above := time.Duration(0), time.Duration(math.MaxInt64)
	for rest := s; rest != "" || s == ""; {
		part := durationPart.FindStringSubmatch(rest)
		if part == nil {
			return 0, false
		}
		n, err := strconv.ParseInt(part[1], 10, 64)
		unit := durationUnits[part[2]]
		if err != nil || unit >= above || n > int64(math.MaxInt64-sum)/int64(unit) {
			return 0, false
		}
		sum, above, rest = sum+time.Duration(n)*unit, unit, rest[len(part[0]):]
	}
	return sum, true
}

func showSpan(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	text := ""
	for _, unit := range []string{"d", "h", "m", "s", "ms"} {
		of := durationUnits[unit]
		if unit == "d" && d%of != 0 {
			continue // 36h reads better than 1d12h
		}
		if n := d / of; n > 0 {
			text, d = text+strconv.FormatInt(int64(n), 10)+unit, d%of
		}
	}
	return text
}

var sizeText = regexp.MustCompile(`^([0-9]{1,15})(B|KiB|MiB|GiB|TiB)$`)

var sizeUnits = []struct {
	name string
	of   int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// size is a number of bytes with its unit.
func size(least, most int64) format[int64] {
	bounds := showSize(least) + " to " + showSize(most)
	return plain("size", bounds, "^[0-9]{1,15}(B|KiB|MiB|GiB|TiB)$", func(s string) (int64, string, string) {
		part := sizeText.FindStringSubmatch(s)
		if part == nil {
			return 0, quote(s) + " is not a size", "write a number and B, KiB, MiB, GiB or TiB, for example 1MiB"
		}
		n, _ := strconv.ParseInt(part[1], 10, 64) // at most 15 digits
		for _, unit := range sizeUnits {
			if unit.name == part[2] && n > most/unit.of {
				n = most + 1
			} else if unit.name == part[2] {
				n *= unit.of
			}
		}
		if n < least || n > most {
			return 0, quote(s) + " is out of bounds", bounds
		}
		return n, "", ""
	}, showSize)
}

// sizeOr is a size with a word for zero.
func sizeOr(least, most int64, word string) format[int64] {
	f := size(least, most)
	numbers := f.parse
	f.bounds += ", or " + word
	f.schema = map[string]any{"type": "string", "pattern": "^(" + word + "|[0-9]{1,15}(B|KiB|MiB|GiB|TiB))$"}
	f.parse = func(n *document.Node) (int64, string, string) {
		if n.Kind == document.Text && n.Text == word {
			return 0, "", ""
		}
		return numbers(n)
	}
	f.show = func(n int64) string {
		if n == 0 {
			return word
		}
		return showSize(n)
	}
	return f
}

func showSize(n int64) string {
	for _, unit := range sizeUnits {
		if n != 0 && n%unit.of == 0 {
			return strconv.FormatInt(n/unit.of, 10) + unit.name
		}
	}
	return "0B"
}

var digits = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// count is a plain number.
func count[T int | int64](least, most T) format[T] {
	bounds := fmt.Sprintf("%d to %d", least, most)
	return format[T]{word: "number", bounds: bounds,
		schema: map[string]any{"type": "integer", "minimum": least, "maximum": most},
		show:   func(n T) string { return strconv.FormatInt(int64(n), 10) },
		parse: func(n *document.Node) (T, string, string) {
			v, err := strconv.ParseInt(n.Text, 10, 64)
			if n.Kind != document.Integer || !digits.MatchString(n.Text) {
				return 0, "not a number", "write decimal digits only"
			}
			if err != nil || v < int64(least) || v > int64(most) {
				return 0, quote(n.Text) + " is out of bounds", bounds
			}
			return T(v), "", ""
		}}
}

// unlessZero writes nothing for a zero, which the format itself does not take.
func unlessZero[T comparable](f format[T]) format[T] {
	show := f.show
	f.show = func(v T) string {
		if v == *new(T) {
			return ""
		}
		return show(v)
	}
	return f
}

// truth is true or false.
func truth() format[bool] {
	return format[bool]{word: "boolean", schema: map[string]any{"type": "boolean"}, show: strconv.FormatBool,
		parse: func(n *document.Node) (bool, string, string) {
			if n.Kind != document.Bool {
				return false, "neither true nor false", "write true or false"
			}
			return n.Text == "true", "", ""
		}}
}

// oneOf is a word of a closed list.
func oneOf(words ...string) format[string] {
	list := strings.Join(words, ", ")
	allowed := make([]any, len(words))
	for i, w := range words {
		allowed[i] = w
	}
	f := plain("word", strings.Join(words, " | "), "", func(s string) (string, string, string) {
		for _, w := range words {
			if s == w {
				return s, "", ""
			}
		}
		if near := scheme.Nearest(s, words); near != "" {
			return "", quote(s) + " is none of " + list, near
		}
		return "", quote(s) + " is none of " + list, "write one of these words"
	}, func(s string) string { return s })
	f.schema = map[string]any{"enum": allowed}
	return f
}

// quote is a foreign text as it may stand in a message: escaped, and not longer than it need be.
func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return strconv.Quote(s)
}
