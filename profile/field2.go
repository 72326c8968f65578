package profile

import (
	"strings"
	"time"

	"countersign.dev/scheme"
)

// chosen reads what language 2 adds to time: an expiry, or a window that the sender chooses.
func (r *reader) chosen(inner map[string]entry, rule *scheme.TimeRule) error {
	kind, err := r.scalar(inner, "kind")
	if err != nil {
		return err
	}
	if kind != "" && kind != "expires" && kind != "created" {
		return r.fail(inner["kind"].value.at, "kind is created or expires", "")
	}
	rule.Expiry = kind == "expires"
	if rule.Chosen, err = r.expression(inner, "chosen"); err != nil {
		return err
	}
	if rule.Zone, err = r.scalar(inner, "zone"); err != nil {
		return err
	}
	unit, err := r.scalar(inner, "unit")
	if err != nil {
		return err
	}
	switch unit {
	case "s", "":
		rule.Unit = time.Second
	case "ms":
		rule.Unit = time.Millisecond
	case "m":
		rule.Unit = time.Minute
	default:
		return r.fail(inner["unit"].value.at, "unit is s, ms or m", "")
	}
	most, given := inner["most"]
	if given {
		if rule.Most, err = r.duration(most.value); err != nil {
			return err
		}
	}
	if _, chosen := inner["chosen"]; chosen != given {
		return r.fail(inner["chosen"].at, "chosen and most belong together", "chosen: q.Expires, unit: s, most: 1h")
	}
	return nil
}

// words reads a list of texts; a single text is a list of one.
func (r *reader) words(fields map[string]entry, key string) ([]string, error) {
	e, given := fields[key]
	if !given {
		return nil, nil
	}
	if e.value.kind != sequence {
		return nil, r.fail(e.value.at, key+" must be a list", key+": [a, b]")
	}
	var out []string
	for _, item := range e.value.items {
		if item.kind != text {
			return nil, r.fail(item.at, key+" lists words", "")
		}
		out = append(out, clip(item.text))
	}
	return out, nil
}

func (r *reader) kind(fields map[string]entry) (webhook bool, err error) {
	word, err := r.scalar(fields, "kind")
	if err == nil && word != "" && word != "webhook" && word != "request" {
		err = r.fail(fields["kind"].value.at, "kind is request or webhook", "")
	}
	return word == "webhook", err
}

func (r *reader) target(fields map[string]entry) (raw bool, err error) {
	word, err := r.scalar(fields, "target")
	if err == nil && word != "" && word != "raw" {
		err = r.fail(fields["target"].value.at, "target is raw, or not given", "")
	}
	return word == "raw", err
}

// several reads the rule for headers with more than one signature.
func (r *reader) several(fields map[string]entry) (*scheme.SeveralRule, error) {
	e, given := fields["several"]
	if !given {
		return nil, nil
	}
	inner, err := r.fields(e.value, severalKeys, "several")
	if err != nil {
		return nil, err
	}
	rule := &scheme.SeveralRule{}
	if rule.Separator, err = r.scalar(inner, "sep"); err != nil {
		return nil, err
	}
	if rule.After, err = r.scalar(inner, "after"); err != nil {
		return nil, err
	}
	rule.Also, err = r.words(inner, "also")
	return rule, err
}

// vars reads the variables in the file's order: one may use those above it.
func (r *reader) vars(fields map[string]entry) ([]scheme.Var, error) {
	e, given := fields["vars"]
	if !given {
		return nil, nil
	}
	if e.value.kind != mapping {
		return nil, r.fail(e.value.at, "vars must map names to what they are", "vars: {region: {max: 32}}")
	}
	var out []scheme.Var
	for _, one := range e.value.entries {
		v, err := r.variable(one)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (r *reader) variable(e entry) (scheme.Var, error) {
	v := scheme.Var{Name: e.key}
	inner, err := r.fields(e.value, varKeys, "a variable")
	if err != nil {
		return v, err
	}
	for _, c := range []struct {
		key  string
		into *string
	}{{"chars", &v.Chars}, {"from", &v.From}, {"match", &v.Match}, {"list", &v.List}} {
		if *c.into, err = r.scalar(inner, c.key); err != nil {
			return v, err
		}
	}
	if v.Min, err = r.length(inner, "min"); err != nil {
		return v, err
	}
	if v.Max, err = r.length(inner, "max"); err != nil {
		return v, err
	}
	if v.Value, err = r.expression(inner, "value"); err != nil {
		return v, err
	}
	if d, given := inner["default"]; given {
		if d.value.kind != text && d.value.kind != integer {
			return v, r.fail(d.value.at, "default must be text", "quote it")
		}
		v.Default = &d.value.text
	}
	v.Must, err = r.words(inner, "must")
	return v, err
}

// checks reads a list of equations.
func (r *reader) checks(fields map[string]entry) ([]scheme.Check, error) {
	e, given := fields["checks"]
	if !given {
		return nil, nil
	}
	if e.value.kind != sequence {
		return nil, r.fail(e.value.at, "checks must be a list", `checks: ["h.digest == hex(sha256(body))"]`)
	}
	var out []scheme.Check
	for _, item := range e.value.items {
		if item.kind != text || strings.TrimSpace(item.text) == "" {
			return nil, r.fail(item.at, "a check must be text", `"h.digest == hex(sha256(body))"`)
		}
		left, right, bad := parseCheck(item.text)
		if bad != nil {
			return nil, r.fail(r.inside(item, bad.pos), bad.message, bad.hint)
		}
		out = append(out, scheme.Check{Left: left, Right: right})
	}
	return out, nil
}
