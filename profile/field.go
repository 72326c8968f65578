package profile

import (
	"strconv"
	"strings"
	"time"

	"countersign.dev/scheme"
)

// The keys of a profile, of an alternative and of the inner mappings.
var (
	bodyKeys = []string{"algorithm", "message", "key", "signature", "wire", "time", "nonce", "uncovered", "ambiguous",
		"kind", "wire_query", "wire_form", "wire_json", "several", "vars", "secrets", "checks", "target"}
	topKeys     = append([]string{"profile", "language", "title", "source", "alternatives"}, bodyKeys...)
	altKeys     = append([]string{"title", "source"}, bodyKeys...)
	timeKeys    = []string{"from", "format", "window", "kind", "chosen", "unit", "most", "zone"}
	nonceKeys   = []string{"min", "max", "chars"}
	severalKeys = []string{"sep", "after", "also"}
	varKeys     = []string{"chars", "min", "max", "from", "match", "value", "default", "list", "must", "about"}
)

// fields indexes a mapping by key and refuses keys that are not known (security rule 35).
func (r *reader) fields(v value, known []string, what string) (map[string]entry, error) {
	if v.kind != mapping {
		return nil, r.fail(v.at, what+" must be a mapping of keys and values", "")
	}
	out := make(map[string]entry, len(v.entries))
	for _, e := range v.entries {
		found := false
		for _, k := range known {
			found = found || k == e.key
		}
		if !found {
			return nil, r.fail(e.at, "unknown key "+strconv.Quote(clip(e.key)), scheme.Nearest(e.key, known))
		}
		out[e.key] = e
	}
	return out, nil
}

// clip keeps foreign words in messages short.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

// scalar is the text of a field; absent is empty.
func (r *reader) scalar(fields map[string]entry, key string) (string, error) {
	e, given := fields[key]
	if !given {
		return "", nil
	}
	if e.value.kind != text || e.value.text == "" {
		return "", r.fail(e.value.at, key+" must be text", "")
	}
	if len(e.value.text) > maxExpression {
		return "", r.fail(e.value.at, key+" is too long", "at most 4 KiB")
	}
	return e.value.text, nil
}

// expression parses the field; absent is the zero expression.
func (r *reader) expression(fields map[string]entry, key string) (scheme.Expr, error) {
	src, err := r.scalar(fields, key)
	if err != nil || src == "" {
		return scheme.Expr{}, err
	}
	e, bad := parseExpression(src)
	if bad != nil {
		return scheme.Expr{}, r.fail(r.inside(fields[key].value, bad.pos), bad.message, bad.hint)
	}
	return e, nil
}

func (r *reader) wire(fields map[string]entry, key string) ([]scheme.WireHeader, error) {
	e, given := fields[key]
	if !given {
		return nil, nil
	}
	if e.value.kind != mapping {
		return nil, r.fail(e.value.at, key+" must map header names to templates", `X-Signature: "{sig}"`)
	}
	var out []scheme.WireHeader
	for _, h := range e.value.entries {
		if h.value.kind != text {
			return nil, r.fail(h.value.at, "a template must be text", `quote it: "{sig}"`)
		}
		out = append(out, scheme.WireHeader{Name: h.key, Template: h.value.text})
	}
	return out, nil
}

func (r *reader) time(fields map[string]entry) (*scheme.TimeRule, error) {
	e, given := fields["time"]
	if !given {
		return nil, nil
	}
	inner, err := r.fields(e.value, timeKeys, "time")
	if err != nil {
		return nil, err
	}
	rule := &scheme.TimeRule{Format: "unix", Window: 300 * time.Second}
	from, err := r.scalar(inner, "from")
	if err != nil {
		return nil, err
	}
	if header, isHeader := strings.CutPrefix(from, "h."); isHeader && header != "" {
		rule.Header = header
	} else if from != "" && from != "ts" {
		return nil, r.fail(inner["from"].value.at, "the time comes from ts or from a header", "from: ts, or from: h.date")
	}
	if format, err := r.scalar(inner, "format"); err != nil {
		return nil, err
	} else if format != "" {
		rule.Format = format
	}
	if w, given := inner["window"]; given {
		if rule.Window, err = r.duration(w.value); err != nil {
			return nil, err
		}
	}
	return rule, r.chosen(inner, rule)
}

// duration reads a whole number with its unit; no unit is implied (security rule 36).
func (r *reader) duration(v value) (time.Duration, error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour}
	if v.kind == text && len(v.text) > 1 && len(v.text) < 8 {
		last := len(v.text) - 1
		n, err := strconv.ParseUint(v.text[:last], 10, 32)
		if unit := units[v.text[last]]; err == nil && unit > 0 {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, r.fail(v.at, "a duration is a whole number with its unit", "300s, 5m or 1h")
}

func (r *reader) nonce(fields map[string]entry) (*scheme.NonceRule, error) {
	e, given := fields["nonce"]
	if !given {
		return nil, nil
	}
	inner, err := r.fields(e.value, nonceKeys, "nonce")
	if err != nil {
		return nil, err
	}
	rule := &scheme.NonceRule{}
	if rule.Chars, err = r.scalar(inner, "chars"); err != nil {
		return nil, err
	}
	if rule.Min, err = r.length(inner, "min"); err != nil {
		return nil, err
	}
	if rule.Max, err = r.length(inner, "max"); err != nil {
		return nil, err
	}
	return rule, nil
}

// length reads a whole number above 0; absent is 0.
func (r *reader) length(fields map[string]entry, key string) (int, error) {
	e, given := fields[key]
	if !given {
		return 0, nil
	}
	n, err := strconv.ParseUint(e.value.text, 10, 16)
	if e.value.kind != integer || err != nil || n == 0 {
		return 0, r.fail(e.value.at, key+" must be a whole number above 0", "")
	}
	return int(n), nil
}

func (r *reader) uncovered(fields map[string]entry) ([]string, error) {
	e, given := fields["uncovered"]
	if !given {
		return nil, nil
	}
	if e.value.kind != sequence {
		return nil, r.fail(e.value.at, "uncovered must be a list", "uncovered: [query]")
	}
	var out []string
	for _, item := range e.value.items {
		if item.kind != text {
			return nil, r.fail(item.at, "uncovered lists words", "method, path, query, body, time")
		}
		out = append(out, clip(item.text))
	}
	return out, nil
}

func (r *reader) ambiguous(fields map[string]entry) (accept, spelling bool, err error) {
	word, err := r.scalar(fields, "ambiguous")
	if err != nil || word == "" {
		return false, false, err
	}
	if word != "accept" && word != "refuse" && word != "spelling" {
		return false, false, r.fail(fields["ambiguous"].value.at, "ambiguous is accept or refuse", "or spelling, in language 2")
	}
	return word == "accept", word == "spelling", nil
}
