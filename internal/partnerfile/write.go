package partnerfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/internal/config/document"
)

// Render writes an entry as it stands in a file. Every value is quoted, so that nothing in it can be read as something else.
func Render(e Entry) []byte {
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s: %s\n", key, quote(value))
		}
	}
	fmt.Fprintf(&b, "%s:\n", e.Name)
	line("base", e.Base.String())
	line("profile", e.Profile)
	line("key_id", e.KeyID)
	if t := e.Token; t != nil {
		fmt.Fprintf(&b, "  token: {endpoint: %s, xml: %t}\n", quote(t.Endpoint), t.XML)
		line("app_key", t.AppKey)
		line("partner_id", t.PartnerID)
	}
	if len(e.Vars) > 0 {
		b.WriteString("  vars:\n")
		for _, name := range sortedKeys(e.Vars) {
			fmt.Fprintf(&b, "    %s: %s\n", quote(name), quote(e.Vars[name]))
		}
	}
	line("ca_file", e.CAFile)
	line("secret_file", e.SecretFile)
	line("secret", string(e.Secret))
	return []byte(b.String())
}

// quote writes a double-quoted YAML scalar.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < 0x20 || c == 0x7f:
			b.WriteString(`\x` + strconv.FormatInt(int64(c)+0x100, 16)[1:])
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Add returns the text with an entry behind it, comments and all; the result is read back before it is returned. The error
// for a name that is there is a document.Problems.
func Add(file string, text []byte, e Entry) ([]byte, error) {
	before, err := Parse(file, text)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(before, func(b Entry) bool { return b.Name == e.Name }) {
		return nil, document.Problems{{File: file, Message: fmt.Sprintf("%s is there already", e.Name), Hint: "remove it first, or take another name"}}
	}
	out := slices.Clone(text)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	out = append(out, Render(e)...)
	if _, err := Parse(file, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Remove returns the text without the lines of one entry, from its name to the line before the next name. ok is false if there
// is no such name.
func Remove(file string, text []byte, name string) (out []byte, ok bool, err error) {
	if blank(text) {
		return text, false, nil
	}
	root, err := document.Parse(file, text, bounds)
	if err != nil {
		return nil, false, err
	}
	lines := slices.Collect(strings.Lines(string(text)))
	for i, e := range root.Entries {
		if e.Key != name {
			continue
		}
		end := len(lines)
		if i+1 < len(root.Entries) {
			end = root.Entries[i+1].Line - 1
		}
		kept := strings.Join(slices.Concat(lines[:e.Line-1], lines[end:]), "")
		if _, err := Parse(file, []byte(kept)); err != nil {
			return nil, false, fmt.Errorf("%s cannot be taken out of %s: edit it by hand: %w", name, file, err)
		}
		return []byte(kept), true, nil
	}
	return text, false, nil
}
