package snippet

import (
	"fmt"
	"strings"
)

// javaHash is the name of a digest; that of an HMAC is HmacSHA256 and so on.
var javaHash = map[string]string{"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}

var java = dialect{
	// A compiler may read its source in another encoding than UTF-8: everything is ASCII.
	quote:  quoting{ascii: true, control: octalControl, wide: pairs}.quote,
	values: camel,
	header: screamingHeader,
	own:    camelOwn,
	plus:   plusSign,
	chain:  func(parts []string) string { return "concat(" + strings.Join(parts, ", ") + ")" },
	encode: func(text string) string { return grouped(text) + ".getBytes(UTF_8)" },
	apply:  applyJava,
	choose: func(value, a, b string, isBody bool) string {
		if isBody {
			return fmt.Sprintf("(%s.length > 0 ? %s : %s)", value, a, b)
		}
		return fmt.Sprintf("(!%s.isEmpty() ? %s : %s)", value, a, b)
	},
	clock: func(form string, ahead int) string {
		now := "Instant.now()"
		if ahead > 0 {
			now += fmt.Sprintf(".plusSeconds(%d)", ahead)
		}
		pattern := func(p string) string {
			return `DateTimeFormatter.ofPattern("` + p + `", Locale.US).withZone(ZoneOffset.UTC).format(Instant.now())`
		}
		switch form {
		case "unix_ms":
			return "String.valueOf(" + now + ".toEpochMilli())"
		case "http_date", "rfc2822":
			return pattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'")
		case "rfc3339":
			return pattern("yyyy-MM-dd'T'HH:mm:ss'Z'")
		case "rfc3339_ms":
			return pattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")
		case "compact":
			return pattern("yyyyMMdd'T'HHmmss'Z'")
		}
		return "String.valueOf(" + now + ".getEpochSecond())"
	},
	random: func(bytes int) string { return fmt.Sprintf("randomHex(%d)", bytes) },
}

func applyJava(d *dialect, n node) string {
	switch n.kind {
	case hash:
		return `MessageDigest.getInstance("` + javaHash[n.alg] + `").digest(` + d.bytes(n.args) + ")"
	case hex:
		return "HexFormat.of().formatHex(" + d.bytes(n.args) + ")"
	case b64:
		encoder := "Base64.getEncoder()"
		if n.url {
			encoder = "Base64.getUrlEncoder()"
		}
		if n.bare {
			encoder += ".withoutPadding()"
		}
		return encoder + ".encodeToString(" + d.bytes(n.args) + ")"
	case pct:
		return "URLEncoder.encode(" + d.text(n.args) + `, UTF_8).replace("+", "%20").replace("*", "%2A").replace("%7E", "~")`
	case upper:
		return grouped(d.text(n.args)) + ".toUpperCase(Locale.ROOT)"
	case lower:
		return grouped(d.text(n.args)) + ".toLowerCase(Locale.ROOT)"
	case unhex:
		return "HexFormat.of().parseHex(" + d.text(n.args) + ")"
	case trim:
		return grouped(d.text(n.args)) + ".replaceFirst(" + d.quote("^"+regexpText(n.text)) + `, "")`
	}
	if n.url {
		return "Base64.getUrlDecoder().decode(" + d.text(n.args) + ")"
	}
	return "Base64.getDecoder().decode(" + d.text(n.args) + ")"
}
