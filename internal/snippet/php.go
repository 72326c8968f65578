package snippet

import (
	"fmt"
	"strconv"
	"strings"
)

var php = dialect{
	quote: quotePHP,
	values: map[string]string{"method": "$method", "target": "$target", "path": "$path", "query": "$query", "body": "$body", "ts": "$timestamp", "nonce": "$nonce",
		"key_id": "$apiToken", "secret": "$apiSecret", "mac": "$mac", "sig": "$signature", "host": "HOST", "base": "BASE"},
	header: screamingHeader,
	own:    func(v string) string { return "$" + camelOwn(v) },
	flat:   true,
	plus:   func(parts []string) string { return strings.Join(parts, " . ") },
	encode: func(text string) string { return text },
	apply:  applyPHP,
	choose: func(value, a, b string, _ bool) string { return fmt.Sprintf("(%s !== '' ? %s : %s)", value, a, b) },
	clock: func(form string, ahead int) string {
		now := "time()"
		if ahead > 0 {
			now = fmt.Sprintf("time() + %d", ahead)
		}
		switch form {
		case "unix_ms":
			if ahead > 0 {
				return fmt.Sprintf("(string) (int) ((microtime(true) + %d) * 1000)", ahead)
			}
			return "(string) (int) (microtime(true) * 1000)"
		case "http_date", "rfc2822":
			return `gmdate('D, d M Y H:i:s \G\M\T')`
		case "rfc3339":
			return `gmdate('Y-m-d\TH:i:s\Z')`
		case "rfc3339_ms":
			return `gmdate('Y-m-d\TH:i:s.000\Z')`
		case "compact":
			return `gmdate('Ymd\THis\Z')`
		}
		return "(string) (" + now + ")"
	},
	random: func(bytes int) string { return fmt.Sprintf("bin2hex(random_bytes(%d))", bytes) },
}

func quotePHP(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
	}
	return quoting{interpolates: "$", control: octalControl, wide: braced}.quote(s)
}

func applyPHP(d *dialect, n node) string {
	arg := d.text(n.args)
	switch n.kind {
	case hash:
		return "hash('" + n.alg + "', " + arg + ", true)"
	case hex:
		if len(n.args) == 1 && n.args[0].kind == hash {
			return strings.TrimSuffix(arg, ", true)") + ")"
		}
		return "bin2hex(" + arg + ")"
	case b64:
		out := "base64_encode(" + arg + ")"
		if n.url {
			out = "strtr(" + out + ", '+/', '-_')"
		}
		if n.bare {
			out = "rtrim(" + out + ", '=')"
		}
		return out
	case pct:
		return "rawurlencode(" + arg + ")"
	case upper:
		return "strtoupper(" + arg + ")"
	case lower:
		return "strtolower(" + arg + ")"
	case unhex:
		return "hex2bin(" + arg + ")"
	case trim:
		return "preg_replace(" + quotePHP("/^"+regexpText(n.text)+"/") + ", '', " + arg + ")"
	}
	if n.url {
		arg = "strtr(" + arg + ", '-_', '+/')"
	}
	return "base64_decode(" + arg + ", true)"
}
