package snippet

import (
	"fmt"
	"strings"
)

// csharpHash is the class of a digest; that of an HMAC is HMACSHA256 and so on.
var csharpHash = map[string]string{"md5": "MD5", "sha1": "SHA1", "sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}

var csharp = dialect{
	quote:  quoting{control: wideControl, wide: eight}.quote,
	values: with(camel, map[string]string{"host": "Host", "base": "Base"}),
	header: func(h string) string { return camelCase("header-"+h, true) },
	own:    camelOwn,
	plus:   plusSign,
	chain: func(parts []string) string {
		out := make([]string, len(parts))
		for i, p := range parts {
			out[i] = ".. " + p
		}
		return "(byte[])[" + strings.Join(out, ", ") + "]"
	},
	encode: func(text string) string { return "Encoding.UTF8.GetBytes(" + text + ")" },
	apply:  applyCSharp,
	choose: func(value, a, b string, _ bool) string { return fmt.Sprintf("(%s.Length > 0 ? %s : %s)", value, a, b) },
	clock: func(form string, ahead int) string {
		now := "DateTimeOffset.UtcNow"
		if ahead > 0 {
			now += fmt.Sprintf(".AddSeconds(%d)", ahead)
		}
		switch form {
		case "unix_ms":
			return now + ".ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture)"
		case "http_date", "rfc2822":
			return `DateTimeOffset.UtcNow.ToString("R", CultureInfo.InvariantCulture)`
		case "rfc3339":
			return `DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)`
		case "rfc3339_ms":
			return `DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)`
		case "compact":
			return `DateTimeOffset.UtcNow.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture)`
		}
		return now + ".ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)"
	},
	random: func(bytes int) string {
		return fmt.Sprintf("Convert.ToHexString(RandomNumberGenerator.GetBytes(%d)).ToLowerInvariant()", bytes)
	},
}

func applyCSharp(d *dialect, n node) string {
	switch n.kind {
	case hash:
		return csharpHash[n.alg] + ".HashData(" + d.bytes(n.args) + ")"
	case hex:
		return "Convert.ToHexString(" + d.bytes(n.args) + ").ToLowerInvariant()"
	case b64:
		out := "Convert.ToBase64String(" + d.bytes(n.args) + ")"
		if n.url {
			out += ".Replace('+', '-').Replace('/', '_')"
		}
		if n.bare {
			out += ".TrimEnd('=')"
		}
		return out
	case pct:
		return "Uri.EscapeDataString(" + d.text(n.args) + ")"
	case upper:
		return grouped(d.text(n.args)) + ".ToUpperInvariant()"
	case lower:
		return grouped(d.text(n.args)) + ".ToLowerInvariant()"
	case unhex:
		return "Convert.FromHexString(" + d.text(n.args) + ")"
	case trim:
		text := d.text(n.args)
		return fmt.Sprintf("(%s.StartsWith(%s, StringComparison.Ordinal) ? %s[%d..] : %s)", grouped(text), d.quote(n.text), grouped(text), len(n.text), text)
	}
	text := grouped(d.text(n.args))
	if n.url {
		text += ".Replace('-', '+').Replace('_', '/')"
	}
	if n.bare {
		text = text + " + new string('=', (4 - " + text + ".Length % 4) % 4)"
	}
	return "Convert.FromBase64String(" + text + ")"
}
