package snippet

import (
	"maps"
	"strings"
)

// timeForms are the spellings of a time that every language here can write.
var timeForms = []string{"unix", "unix_open", "unix_ms", "http_date", "rfc2822", "rfc3339", "rfc3339_ms", "compact"}

// dialect is how a language writes the intermediate form. Its functions return expressions of that language.
type dialect struct {
	// quote writes a text literal.
	quote func(text string) string
	// values are the names of the program's values; a header's constant and a variable are made from their own names.
	values map[string]string
	header func(name string) string
	own    func(variable string) string
	// flat: texts are bytes, so that no conversion is needed.
	flat bool
	// plus writes texts one after another, chain bytes; encode makes bytes of a text.
	plus, chain func(parts []string) string
	encode      func(text string) string
	// apply writes a function.
	apply func(d *dialect, n node) string
	// choose writes a where the value is not empty, and otherwise b.
	choose func(value, a, b string, raw bool) string
	// clock writes the time, some seconds ahead, in one of timeForms.
	clock func(form string, ahead int) string
	// random writes a nonce of so many random bytes in hexadecimal.
	random func(bytes int) string
}

// text writes a list as one text.
func (d *dialect) text(list []node) string {
	if len(list) == 0 {
		return d.quote("")
	}
	parts := make([]string, len(list))
	for i, n := range list {
		parts[i] = d.atom(n)
	}
	return joined(parts, d.plus)
}

// bytes writes a list as bytes: texts that follow one another are encoded together.
func (d *dialect) bytes(list []node) string {
	if d.flat || len(list) == 0 {
		return d.encode(d.text(list))
	}
	var parts []string
	for i := 0; i < len(list); {
		if list[i].raw() {
			parts = append(parts, d.atom(list[i]))
			i++
			continue
		}
		from := i
		for i < len(list) && !list[i].raw() {
			i++
		}
		parts = append(parts, d.encode(d.text(list[from:i])))
	}
	return joined(parts, d.chain)
}

func joined(parts []string, join func([]string) string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return join(parts)
}

// atom writes one node.
func (d *dialect) atom(n node) string {
	switch n.kind {
	case lit:
		return d.quote(n.text)
	case name:
		return d.value(n.text)
	case field:
		return d.header(n.text)
	case perhaps:
		if n.raw() && !d.flat {
			return d.choose(d.value(n.text), d.bytes(n.args), d.bytes(n.other), n.text == "body")
		}
		return d.choose(d.value(n.text), d.text(n.args), d.text(n.other), n.text == "body")
	}
	return d.apply(d, n)
}

func (d *dialect) value(text string) string {
	if v, ok := strings.CutPrefix(text, "v."); ok {
		return d.own(v)
	}
	return d.values[text]
}

// plusSign is the usual way to put texts together.
func plusSign(parts []string) string { return strings.Join(parts, " + ") }

// grouped puts what is a sum into parentheses, so that a method can be called on it.
func grouped(expression string) string {
	if strings.Contains(expression, " + ") || strings.Contains(expression, " . ") || strings.Contains(expression, " ? ") || strings.Contains(expression, " if ") {
		return "(" + expression + ")"
	}
	return expression
}

// snake and camel are the usual values of languages with underscores, and without.
var (
	snake = map[string]string{"method": "method", "target": "target", "path": "path", "query": "query", "body": "body", "ts": "timestamp", "nonce": "nonce",
		"key_id": "api_token", "secret": "api_secret", "mac": "mac", "sig": "signature", "host": "HOST", "base": "BASE"}
	camel = with(snake, map[string]string{"key_id": "apiToken", "secret": "apiSecret"})
)

func with(base, more map[string]string) map[string]string {
	out := maps.Clone(base)
	maps.Copy(out, more)
	return out
}

// Variable is the environment variable that holds a value that the profile asks of its user, v.name: API_NAME. Neither it nor the
// program's own name for the value can be one that is taken, such as PATH.
func Variable(name string) string {
	if name == "token" || name == "secret" {
		return "API_VAR_" + screaming(name)
	}
	return "API_" + screaming(name)
}

// snakeOwn and camelOwn are the names of such a value in a program.
func snakeOwn(v string) string { return strings.ToLower(Variable(v)) }
func camelOwn(v string) string { return camelCase(snakeOwn(v), false) }

// screamingHeader is HEADER_CONTENT_TYPE, the constant with the value of a header that is signed.
func screamingHeader(h string) string { return "HEADER_" + screaming(h) }

// screaming is CONTENT_TYPE for Content-Type and for content_type.
func screaming(s string) string { return strings.ToUpper(strings.ReplaceAll(s, "-", "_")) }

// camelCase is accessToken for access_token; title begins with a capital as well.
func camelCase(s string, title bool) string {
	var out strings.Builder
	up := title
	for _, c := range []byte(strings.ReplaceAll(s, "-", "_")) {
		switch {
		case c == '_':
			up = true
			continue
		case up && 'a' <= c && c <= 'z':
			c -= 32
		}
		up = false
		out.WriteByte(c)
	}
	return out.String()
}
