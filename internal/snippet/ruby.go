package snippet

import (
	"fmt"
	"strings"
)

var ruby = dialect{
	quote:  quoting{interpolates: "#", single: true, control: octalControl, wide: braced}.quote,
	values: snake,
	header: screamingHeader,
	own:    snakeOwn,
	plus:   plusSign,
	// Raw bytes and text with letters beyond ASCII can only be put together as bytes.
	chain: func(parts []string) string {
		out := make([]string, len(parts))
		for i, p := range parts {
			out[i] = grouped(p) + ".b"
		}
		return plusSign(out)
	},
	encode: func(text string) string { return text },
	apply:  applyRuby,
	choose: func(value, a, b string, _ bool) string { return fmt.Sprintf("(%s.empty? ? %s : %s)", value, b, a) },
	clock: func(form string, ahead int) string {
		now := "Time.now"
		if ahead > 0 {
			now = fmt.Sprintf("(Time.now + %d)", ahead)
		}
		switch form {
		case "unix_ms":
			return now + `.strftime("%s%L")`
		case "http_date", "rfc2822":
			return "Time.now.httpdate"
		case "rfc3339":
			return `Time.now.utc.strftime("%Y-%m-%dT%H:%M:%SZ")`
		case "rfc3339_ms":
			return `Time.now.utc.strftime("%Y-%m-%dT%H:%M:%S.%LZ")`
		case "compact":
			return `Time.now.utc.strftime("%Y%m%dT%H%M%SZ")`
		}
		return now + ".to_i.to_s"
	},
	random: func(bytes int) string { return fmt.Sprintf("SecureRandom.hex(%d)", bytes) },
}

func applyRuby(d *dialect, n node) string {
	switch n.kind {
	case hash:
		return "OpenSSL::Digest.digest(" + d.quote(strings.ToUpper(n.alg)) + ", " + d.bytes(n.args) + ")"
	case hex:
		return grouped(d.bytes(n.args)) + `.unpack1("H*")`
	case b64:
		out := "[" + d.bytes(n.args) + `].pack("m0")`
		if n.url {
			out += `.tr("+/", "-_")`
		}
		if n.bare {
			out += `.delete("=")`
		}
		return out
	case pct:
		return "ERB::Util.url_encode(" + d.text(n.args) + ")"
	case upper:
		return grouped(d.text(n.args)) + ".upcase(:ascii)"
	case lower:
		return grouped(d.text(n.args)) + ".downcase(:ascii)"
	case unhex:
		return "[" + d.text(n.args) + `].pack("H*")`
	case trim:
		return grouped(d.text(n.args)) + ".delete_prefix(" + d.quote(n.text) + ")"
	}
	text := grouped(d.text(n.args))
	if n.url {
		text += `.tr("-_", "+/")`
	}
	return text + `.unpack1("m")`
}
