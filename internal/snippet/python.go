package snippet

import (
	"fmt"
	"strings"
)

var python = dialect{
	quote:  quoting{single: true, control: octalControl, wide: eight}.quote,
	values: snake,
	header: screamingHeader,
	own:    snakeOwn,
	plus:   plusSign,
	chain:  plusSign,
	encode: func(text string) string { return grouped(text) + ".encode()" },
	apply:  applyPython,
	choose: func(value, a, b string, _ bool) string { return fmt.Sprintf("(%s if %s else %s)", a, value, b) },
	clock: func(form string, ahead int) string {
		now := "time.time()"
		if ahead > 0 {
			now = fmt.Sprintf("time.time() + %d", ahead)
		}
		switch form {
		case "unix_ms":
			return "str(int((" + now + ") * 1000))"
		case "http_date", "rfc2822":
			return "email.utils.formatdate(usegmt=True)"
		case "rfc3339":
			return `time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())`
		case "rfc3339_ms":
			return `time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())`
		case "compact":
			return `time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())`
		}
		return "str(int(" + now + "))"
	},
	random: func(bytes int) string { return fmt.Sprintf("secrets.token_hex(%d)", bytes) },
}

func applyPython(d *dialect, n node) string {
	switch n.kind {
	case hash:
		return "hashlib." + n.alg + "(" + d.bytes(n.args) + ").digest()"
	case hex:
		return strings.Replace(grouped(d.bytes(n.args))+".hex()", ".digest().hex()", ".hexdigest()", 1)
	case b64:
		out := "base64.b64encode(" + d.bytes(n.args) + ").decode()"
		if n.url {
			out = "base64.urlsafe_b64encode(" + d.bytes(n.args) + ").decode()"
		}
		if n.bare {
			out += `.rstrip("=")`
		}
		return out
	case pct:
		return "urllib.parse.quote(" + d.text(n.args) + `, safe="")`
	case upper:
		return grouped(d.text(n.args)) + ".upper()"
	case lower:
		return grouped(d.text(n.args)) + ".lower()"
	case unhex:
		return "bytes.fromhex(" + d.text(n.args) + ")"
	case trim:
		return grouped(d.text(n.args)) + ".removeprefix(" + d.quote(n.text) + ")"
	}
	text := grouped(d.text(n.args))
	if n.bare {
		text += ` + "=="`
	}
	if n.url {
		return "base64.urlsafe_b64decode(" + text + ")"
	}
	return "base64.b64decode(" + text + ")"
}
