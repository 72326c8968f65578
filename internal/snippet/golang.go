package snippet

import (
	"fmt"
	"strings"
)

// goHash is the constructor of a digest.
var goHash = map[string]string{"md5": "md5.New", "sha1": "sha1.New", "sha256": "sha256.New", "sha384": "sha512.New384", "sha512": "sha512.New"}

var golang = dialect{
	quote:  quoteGo,
	values: with(camel, map[string]string{"host": "host", "base": "base"}),
	header: func(h string) string { return camelCase("header-"+h, false) },
	own:    camelOwn,
	plus:   plusSign,
	chain:  func(parts []string) string { return "slices.Concat(" + strings.Join(parts, ", ") + ")" },
	encode: func(text string) string { return "[]byte(" + text + ")" },
	apply:  applyGo,
	choose: func(value, a, b string, _ bool) string {
		return fmt.Sprintf("choose(%s, %s, %s)", emptyGo(value), a, b)
	},
	clock: func(form string, ahead int) string {
		now := "time.Now()"
		if ahead > 0 {
			now += fmt.Sprintf(".Add(%d * time.Second)", ahead)
		}
		switch form {
		case "unix_ms":
			return "strconv.FormatInt(" + now + ".UnixMilli(), 10)"
		case "http_date", "rfc2822":
			return "time.Now().UTC().Format(http.TimeFormat)"
		case "rfc3339":
			return "time.Now().UTC().Format(time.RFC3339)"
		case "rfc3339_ms":
			return `time.Now().UTC().Format("2006-01-02T15:04:05.000Z")`
		case "compact":
			return `time.Now().UTC().Format("20060102T150405Z")`
		}
		return "strconv.FormatInt(" + now + ".Unix(), 10)"
	},
	random: func(bytes int) string { return fmt.Sprintf("randomHex(%d)", bytes) },
}

func emptyGo(value string) string {
	if value == "body" {
		return "len(body) > 0"
	}
	return value + ` != ""`
}

func applyGo(d *dialect, n node) string {
	switch n.kind {
	case hash:
		return "digest(" + goHash[n.alg] + ", " + d.bytes(n.args) + ")"
	case hex:
		return "hex.EncodeToString(" + d.bytes(n.args) + ")"
	case b64:
		return "base64." + goBase64(n) + ".EncodeToString(" + d.bytes(n.args) + ")"
	case pct:
		return `strings.ReplaceAll(url.QueryEscape(` + d.text(n.args) + `), "+", "%20")`
	case upper:
		return "strings.ToUpper(" + d.text(n.args) + ")"
	case lower:
		return "strings.ToLower(" + d.text(n.args) + ")"
	case unhex:
		return "must(hex.DecodeString(" + d.text(n.args) + "))"
	case trim:
		return "strings.TrimPrefix(" + d.text(n.args) + ", " + d.quote(n.text) + ")"
	}
	return "must(base64." + goBase64(n) + ".DecodeString(" + d.text(n.args) + "))"
}

func goBase64(n node) string {
	switch {
	case n.url && n.bare:
		return "RawURLEncoding"
	case n.url:
		return "URLEncoding"
	case n.bare:
		return "RawStdEncoding"
	}
	return "StdEncoding"
}
