package snippet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The shell has texts without line ends at their end, and no bytes at all: what is computed is written by one command and read by
// the next. shell writes lists as commands.
type shell struct{ err error }

// emit is commands that write a list, separated by semicolons.
func (s *shell) emit(list []node) string {
	var out []string
	for i := 0; i < len(list); {
		from := i
		for i < len(list) && plainShell(list[i]) {
			i++
		}
		if i > from {
			out = append(out, printShell(list[from:i]))
			continue
		}
		out = append(out, s.command(list[i]))
		i++
	}
	if len(out) == 0 {
		return ":"
	}
	return strings.Join(out, "; ")
}

// group is emit as one command.
func (s *shell) group(list []node) string {
	text := s.emit(list)
	if len(list) == 1 && list[0].kind != name && list[0].kind != lit || !strings.Contains(text, ";") {
		return text
	}
	return "{ " + text + "; }"
}

// plainShell says whether a node is a variable or a literal.
func plainShell(n node) bool {
	return n.kind == lit || n.kind == field || n.kind == name && n.text != "body" && n.text != "mac"
}

// printShell is one printf of literals and variables.
func printShell(list []node) string {
	if len(list) == 1 && list[0].kind != lit {
		return "printf %s " + `"` + variableShell(list[0]) + `"`
	}
	format, args := "", ""
	for _, n := range list {
		if n.kind == lit {
			format += octal(n.text)
			continue
		}
		format += "%s"
		args += ` "` + variableShell(n) + `"`
	}
	return "printf '" + format + "'" + args
}

func variableShell(n node) string {
	if n.kind == field {
		return "$" + strings.ToLower(screamingHeader(n.text))
	}
	if v, ok := strings.CutPrefix(n.text, "v."); ok {
		return "$" + Variable(v)
	}
	return map[string]string{"method": "$method", "target": "$target", "path": "$path", "query": "$query", "ts": "$timestamp", "nonce": "$nonce",
		"key_id": "$API_TOKEN", "secret": "$API_SECRET", "sig": "$signature", "host": "$host", "base": "$base"}[n.text]
}

// command writes one computed value.
func (s *shell) command(n node) string {
	switch n.kind {
	case name:
		if n.text == "mac" {
			return "mac"
		}
		return `cat "$body"`
	case perhaps:
		test := `-n "` + variableShell(node{kind: name, text: n.text}) + `"`
		if n.text == "body" {
			test = `-s "$body"`
		}
		return fmt.Sprintf("if [ %s ]; then %s; else %s; fi", test, s.emit(n.args), s.emit(n.other))
	case unhex:
		return `unhex "$(` + s.emit(n.args) + `)"`
	case trim:
		if len(n.args) != 1 || !plainShell(n.args[0]) || n.args[0].kind == lit {
			s.refuse("trim_prefix of a computed value, in sh")
			return ":"
		}
		return fmt.Sprintf(`printf %%s "${%s#%s}"`, variableShell(n.args[0])[1:], quoteShell(n.text))
	}
	return s.group(n.args) + " | " + s.filter(n)
}

func (s *shell) refuse(format string, args ...any) {
	if s.err == nil {
		s.err = beyond(format, args...)
	}
}

// filter is a command that reads the argument of a function and writes its result.
func (s *shell) filter(n node) string {
	switch n.kind {
	case hash:
		return "openssl dgst -" + n.alg + " -binary"
	case hex:
		return "hex"
	case upper:
		return "LC_ALL=C tr a-z A-Z"
	case lower:
		return "LC_ALL=C tr A-Z a-z"
	case pct:
		if slices.ContainsFunc(n.args, func(a node) bool { return a.kind != b64 && a.kind != hex && (a.kind != name || a.text != "sig") }) {
			s.refuse("pct of anything but base64, in sh")
		}
		return "sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g'"
	case unb64:
		decode := "openssl base64 -d -A"
		if n.bare {
			decode = "padded | " + decode
		}
		if n.url {
			decode = "tr -- '-_' '+/' | " + decode
		}
		return decode
	}
	out := "openssl base64 -A"
	if n.url {
		out += " | tr '+/' '-_'"
	}
	if n.bare {
		out += " | tr -d ="
	}
	return out
}

// text is a word: literals and variables as they are, and everything else as what a command writes.
func (s *shell) text(list []node) string {
	var out strings.Builder
	out.WriteByte('"')
	for i, n := range list {
		switch {
		case n.kind == lit:
			out.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(n.text))
		case plainShell(n):
			v := variableShell(n)
			if i+1 < len(list) && list[i+1].kind == lit && nameByte(list[i+1].text[0]) {
				v = "${" + v[1:] + "}"
			}
			out.WriteString(v)
		default:
			out.WriteString("$(" + s.command(n) + ")")
		}
	}
	return out.String() + `"`
}

func nameByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// keyHex is a command that writes the key in hexadecimal.
func (s *shell) keyHex(key []node) string {
	if len(key) == 1 && key[0].kind == unhex {
		return s.group(key[0].args) + " | LC_ALL=C tr A-F a-f"
	}
	return s.group(key) + " | hex"
}

// shellView is what the shell's template sees: commands instead of expressions.
func shellView(p *plan) (*view, error) {
	s := new(shell)
	quoting := &dialect{quote: quoteShell, plus: func(parts []string) string { return strings.Join(parts, "") }, encode: func(t string) string { return t },
		header: func(h string) string { return strings.ToLower(screamingHeader(h)) }, own: Variable, flat: true,
		values: map[string]string{}, clock: clockShell, random: func(n int) string { return fmt.Sprintf("openssl rand -hex %d", n) },
		apply: func(*dialect, node) string { return "" }, choose: func(string, string, string, bool) string { return "" }}
	v := viewOf(p, quoting)
	v.Message, v.Key, v.Signature = s.emit(p.message), s.keyHex(p.key), s.emit(p.sig)
	v.Wire = nil
	for _, w := range p.wire {
		v.Wire = append(v.Wire, pair{w.name, s.text(append([]node{{kind: lit, text: w.name + ": "}}, w.value...))})
	}
	v.Headers = nil
	for _, h := range p.headers {
		value := h.value
		if slices.Contains(p.signed, h.name) {
			value = []node{{kind: field, text: h.name}}
		}
		v.Headers = append(v.Headers, pair{h.name, s.text(append([]node{{kind: lit, text: h.name + ": "}}, value...))})
	}
	for _, name := range slices.Sorted(maps.Keys(p.at.Defaults)) {
		v.Defaults = append(v.Defaults, pair{name, quoteShell(p.at.Defaults[name])})
	}
	v.Body = bodyShell(string(p.at.Body))
	return v, s.err
}

// bodyShell is a command that writes a body; it stays readable unless it has characters that do not show.
func bodyShell(text string) string {
	format := "printf %s "
	inner, ends := strings.CutSuffix(text, "\n")
	if ends {
		format = `printf '%s\n' `
	}
	if word := quoteShell(inner); strings.HasPrefix(word, "'") {
		return format + word
	}
	return "printf '" + octal(text) + "'"
}

func clockShell(form string, ahead int) string {
	now := "date +%s"
	if ahead > 0 {
		now = fmt.Sprintf("echo $(($(date +%%s) + %d))", ahead)
	}
	switch form {
	case "unix_ms":
		return now + " | sed 's/$/000/'"
	case "http_date", "rfc2822":
		return "LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S GMT'"
	case "rfc3339":
		return "date -u +%Y-%m-%dT%H:%M:%SZ"
	case "rfc3339_ms":
		return "date -u +%Y-%m-%dT%H:%M:%S.000Z"
	case "compact":
		return "date -u +%Y%m%dT%H%M%SZ"
	}
	return now
}
