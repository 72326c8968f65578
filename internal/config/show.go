package config

import (
	"regexp"
	"strconv"
	"strings"
)

// Text is the effective configuration as a file: every setting with its value, defaults filled in, paths as they count. Parse
// reads it back. There is no secret in it: those are in the files and variables that it names.
func (c *Config) Text() string {
	var w writer
	d := &decoder{}
	w.fields(d.settings(c), 0)
	return w.String()
}

// writer writes settings as YAML.
type writer struct{ strings.Builder }

func (w *writer) line(level int, text string) {
	w.WriteString(strings.Repeat("  ", level) + text + "\n")
}

func (w *writer) fields(fields []setting, level int) {
	for _, s := range fields {
		if s.inner != nil {
			w.inner(s, level)
			continue
		}
		if text := s.leaf.show(); text != "" {
			w.line(level, s.key+": "+scalar(s.leaf, text))
		}
	}
}

func (w *writer) inner(s setting, level int) {
	present := s.inner.present()
	if len(present) == 0 {
		return
	}
	var body writer
	switch s.inner.form {
	case texts:
		words := make([]string, len(present))
		for i, e := range present {
			words[i] = scalar(e.leaf, e.leaf.show())
		}
		w.line(level, s.key+": ["+strings.Join(words, ", ")+"]")
		return
	case list:
		for _, e := range present {
			body.item(e, level+1)
		}
	case names:
		for _, e := range present {
			body.line(level+1, e.name+":")
			body.fields(e.fields, level+2)
		}
	default:
		body.fields(present[0].fields, level+1)
	}
	if body.Len() > 0 {
		w.line(level, s.key+":")
		w.WriteString(body.String())
	}
}

// item writes an object of a list: its first line after the dash.
func (w *writer) item(e element, level int) {
	var body writer
	body.fields(e.fields, level+1)
	indent := strings.Repeat("  ", level)
	w.WriteString(indent + "- " + strings.TrimPrefix(body.String(), indent+"  "))
}

// bare is a text that YAML takes for the same text without quotes.
var bare = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/._@+-]*$|^[0-9]+[A-Za-z/][A-Za-z0-9/]*$|^[0-9]+(\.[0-9]+){3}([:/][0-9]+)?$`)

func scalar(l *leaf, text string) string {
	switch {
	case l.word == "number", l.word == "boolean":
		return text
	case bare.MatchString(text) && text != "true" && text != "false" && !strings.EqualFold(text, "null"):
		return text
	}
	return strconv.Quote(text)
}
