package config

import (
	"fmt"
	"strings"
)

// Reference is the body of the reference in Markdown, made from the same table that decodes the file.
func Reference() string {
	var out strings.Builder
	reference(&out, "", "", new(decoder).settings(new(Config)), "The keys at the top of the file.")
	return out.String()
}

// reference writes one section, and then those of what is below it.
func reference(out *strings.Builder, path, note string, fields []setting, about string) {
	title := "`" + path + "`"
	if path == "" {
		title = "The file"
	}
	fmt.Fprintf(out, "## %s\n\n%s%s\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n", title, about, note)
	for _, s := range fields {
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", s.key, typeOf(s), defaultOf(s), meaning(s))
	}
	out.WriteString("\n")
	for _, s := range fields {
		if s.inner == nil || s.inner.form == texts {
			continue
		}
		at, note := join(path, s.key), ""
		switch s.inner.form {
		case list:
			at += "[]"
		case names:
			at += "." + s.inner.name
		case option:
			note = " Everything below counts only if the key is there."
		}
		reference(out, at, note, s.inner.item().fields, s.about)
	}
}

func typeOf(s setting) string {
	switch {
	case s.inner != nil && s.leaf != nil:
		return s.leaf.word + ", or mapping"
	case s.inner == nil:
		return s.leaf.word
	}
	switch s.inner.form {
	case texts:
		return "list of " + strings.NewReplacer("address", "addresse", "prefix", "prefixe").Replace(s.inner.item().leaf.word) + "s"
	case list:
		return "list of mappings"
	case names:
		return "mapping by name"
	}
	return "mapping"
}

func defaultOf(s setting) string {
	switch {
	case s.required:
		return "**required**"
	case s.initial != "":
		return "`" + s.initial + "`"
	case s.otherwise != "":
		return s.otherwise
	case s.inner != nil && s.inner.form == object:
		return "as below"
	}
	return "none"
}

func meaning(s setting) string {
	text := s.about
	l := s.leaf
	if s.inner != nil && s.inner.form == texts {
		l = s.inner.item().leaf
	}
	if l != nil && l.bounds != "" {
		if l.word == "word" {
			text += " One of `" + strings.ReplaceAll(l.bounds, " | ", "`, `") + "`."
		} else {
			text += " Bounds: " + l.bounds + "."
		}
	}
	if s.example != "" {
		text += " Example: `" + s.example + "`."
	}
	return strings.ReplaceAll(text, "|", "\\|")
}
