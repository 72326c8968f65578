package explain

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// styleName is one choice of a style, with its words.
type styleName struct {
	name, what string
	set        func(*jsonStyle)
}

// serialised are the body as other libraries write the same JSON, and JSON instead of a form.
func serialised(_ *search, a *attempt) []*change {
	tree, err := parseTree(a.r.Body)
	if len(a.r.Body) == 0 || err != nil || a.r.Body == nil {
		return nil
	}
	const cure = "make the text of the body once, sign it, and send the same bytes; do not let the HTTP library write the object anew"
	var out []*change
	seen := map[string]bool{string(a.r.Body): true}
	add := func(name, what string, deep bool, to []byte) {
		if to == nil || seen[string(to)] {
			return
		}
		if len(to) < 64<<10 {
			seen[string(to)] = true
		}
		out = append(out, bodyChange(name, what, cure, deep, to))
	}
	// A large body is written in fewer ways: each of them costs as much as its signature.
	large := len(a.r.Body) > 64<<10
	for i, spacing := range spacings() {
		for _, order := range orderings() {
			for _, letters := range lettering() {
				for _, numbers := range numbering() {
					if large && (letters.name != "" || numbers.name != "") && (i > 1 || letters.name != "" && numbers.name != "") {
						continue
					}
					s := &jsonStyle{}
					list := []styleName{spacing, order, letters, numbers}
					deep := letters.name == "" && numbers.name == ""
					for _, choice := range list {
						choice.set(s)
					}
					add(styleLabel(list), "the body was written anew before it was signed: "+styleWords(list), deep, s.write(tree))
				}
			}
		}
	}
	python := &jsonStyle{item: ", ", name: ": ", python: true}
	add("python-print", "the print of a Python object was signed, not its JSON", true, python.write(tree))
	if text, err := json.Marshal(string(a.r.Body)); err == nil {
		add("json-twice", "the body was written as JSON twice before it was signed: a text with JSON in it", true, text)
	}
	if tree.kind == '{' {
		add("as-form", "a form was signed and JSON was sent", true, asForm(tree, url.QueryEscape))
		add("as-form-raw", "names and values joined by = and & were signed, and JSON was sent", true, asForm(tree, func(s string) string { return s }))
	}
	for _, end := range []string{"\n", "\r\n"} {
		for _, s := range []jsonStyle{{item: ",", name: ":"}, {item: ", ", name: ": "}, {item: ",", name: ": ", indent: "  "}, {item: ",", name: ": ", indent: "    "}} {
			if text := s.write(tree); text != nil {
				add("written-anew-newline", "the body was written anew before it was signed, with a line end behind it", false, append(text, end...))
			}
		}
	}
	return out
}

func spacings() []styleName {
	return []styleName{
		{"compact", "without spaces", func(s *jsonStyle) { s.item, s.name = ",", ":" }},
		{"spaced", "a space after each comma and colon, as Python does", func(s *jsonStyle) { s.item, s.name = ", ", ": " }},
		{"indent-2", "indented by two spaces", func(s *jsonStyle) { s.item, s.name, s.indent = ",", ": ", "  " }},
		{"indent-4", "indented by four spaces", func(s *jsonStyle) { s.item, s.name, s.indent = ",", ": ", "    " }},
		{"indent-tab", "indented by tabs", func(s *jsonStyle) { s.item, s.name, s.indent = ",", ": ", "\t" }},
		{"colon-space", "a space after each colon", func(s *jsonStyle) { s.item, s.name = ",", ": " }},
		{"comma-space", "a space after each comma", func(s *jsonStyle) { s.item, s.name = ", ", ":" }},
	}
}

func orderings() []styleName {
	return []styleName{{"", "", func(*jsonStyle) {}}, {"sorted", "members sorted by name", func(s *jsonStyle) { s.sorted = true }},
		{"no-null", "members that are null left out", func(s *jsonStyle) { s.withoutNull = true }}}
}

func lettering() []styleName {
	return []styleName{
		{"", "", func(*jsonStyle) {}},
		{"ascii", `other letters as \u escapes`, func(s *jsonStyle) { s.ascii = true }},
		{"ascii-upper", `other letters as \u escapes with capital digits`, func(s *jsonStyle) { s.ascii, s.upper = true, true }},
		{"slash", `"/" as "\/", as PHP does`, func(s *jsonStyle) { s.slash = true }},
		{"slash-ascii", `"/" as "\/" and other letters as \u escapes, as PHP does`, func(s *jsonStyle) { s.slash, s.ascii = true, true }},
		{"html", `"<", ">" and "&" as \u escapes, as Go does`, func(s *jsonStyle) { s.html = true }},
	}
}

func numbering() []styleName {
	return []styleName{
		{"", "", func(*jsonStyle) {}},
		{"short-floats", "1.0 as 1", func(s *jsonStyle) { s.numbers = "short" }},
		{"long-floats", "1 as 1.0", func(s *jsonStyle) { s.numbers = "float" }},
	}
}

func styleLabel(list []styleName) string {
	var out []string
	for _, s := range list {
		if s.name != "" {
			out = append(out, s.name)
		}
	}
	return strings.Join(out, "+")
}

func styleWords(list []styleName) string {
	var out []string
	for _, s := range list {
		if s.what != "" {
			out = append(out, s.what)
		}
	}
	return strings.Join(out, ", ")
}

// asForm writes the members of an object as a form would.
func asForm(t *jsonTree, escape func(string) string) []byte {
	compact := &jsonStyle{item: ",", name: ":"}
	var out bytes.Buffer
	for i, m := range t.members {
		if i > 0 {
			out.WriteByte('&')
		}
		value := m.text
		if m.kind == '{' || m.kind == '[' {
			value = string(compact.write(m))
		}
		out.WriteString(escape(t.names[i]) + "=" + escape(value))
	}
	return out.Bytes()
}
