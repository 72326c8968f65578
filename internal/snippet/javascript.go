package snippet

import (
	"fmt"
	"strings"
)

var javascript = dialect{
	quote:  quoting{single: true, control: wideControl, wide: pairs}.quote,
	values: with(camel, map[string]string{"host": "url.host", "base": "url.origin"}),
	header: screamingHeader,
	own:    camelOwn,
	plus:   plusSign,
	chain:  func(parts []string) string { return "Buffer.concat([" + strings.Join(parts, ", ") + "])" },
	encode: func(text string) string { return "Buffer.from(" + text + ")" },
	apply:  applyJavaScript,
	choose: func(value, a, b string, isBody bool) string {
		if isBody {
			value += ".length"
		}
		return fmt.Sprintf("(%s ? %s : %s)", value, a, b)
	},
	clock: func(form string, ahead int) string {
		now := "Date.now()"
		if ahead > 0 {
			now = fmt.Sprintf("(Date.now() + %d000)", ahead)
		}
		switch form {
		case "unix_ms":
			return "String(" + now + ")"
		case "http_date", "rfc2822":
			return "new Date().toUTCString()"
		case "rfc3339":
			return "new Date().toISOString().slice(0, 19) + 'Z'"
		case "rfc3339_ms":
			return "new Date().toISOString()"
		case "compact":
			return `new Date().toISOString().slice(0, 19).replace(/[-:]/g, '') + 'Z'`
		}
		return "String(Math.floor(" + now + " / 1000))"
	},
	random: func(bytes int) string { return fmt.Sprintf("randomBytes(%d).toString('hex')", bytes) },
}

func applyJavaScript(d *dialect, n node) string {
	// A hash and a Buffer take texts as UTF-8, so that what is only text need not be encoded first.
	input := func() string {
		for _, a := range n.args {
			if a.raw() {
				return d.bytes(n.args)
			}
		}
		return d.text(n.args)
	}
	switch n.kind {
	case hash:
		return "createHash('" + n.alg + "').update(" + input() + ").digest()"
	case hex:
		return strings.Replace(d.bytes(n.args)+".toString('hex')", ".digest().toString(", ".digest(", 1)
	case b64:
		return base64JavaScript(d.bytes(n.args), n)
	case pct:
		return "encodeURIComponent(" + d.text(n.args) + `).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase())`
	case upper:
		return grouped(d.text(n.args)) + ".toUpperCase()"
	case lower:
		return grouped(d.text(n.args)) + ".toLowerCase()"
	case unhex:
		return "Buffer.from(" + d.text(n.args) + ", 'hex')"
	case trim:
		return grouped(d.text(n.args)) + ".replace(/^" + regexpText(n.text) + "/, '')"
	}
	return "Buffer.from(" + d.text(n.args) + ", 'base64')" // takes both alphabets, with and without padding
}

func base64JavaScript(bytes string, n node) string {
	switch {
	case n.url && n.bare:
		return bytes + ".toString('base64url')"
	case n.url:
		return bytes + ".toString('base64').replaceAll('+', '-').replaceAll('/', '_')"
	case n.bare:
		return bytes + ".toString('base64').replaceAll('=', '')"
	}
	return strings.Replace(bytes+".toString('base64')", ".digest().toString(", ".digest(", 1)
}

// regexpText is text that a regular expression takes as it stands.
func regexpText(s string) string {
	var out strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`\^$.|?*+()[]{}/`, r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}
