package explain

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf16"

	"countersign.dev/scheme"
)

// spelling is one way of misreading a secret.
type spelling struct {
	name, what string
	text       []byte
}

// secrets are other secrets that the caller holds, and misreadings of the right one.
func secrets(x *search, a *attempt) []*change {
	const cure = "use the secret exactly as the profile says; see its key expression"
	var out []*change
	use := func(name, what, cure string, text []byte, on *variant) {
		if len(text) == 0 {
			return
		}
		out = append(out, &change{step: Step{"secret", name, what, cure}, deep: true, apply: func(a *attempt) bool {
			if on != nil && !a.onto(on) {
				return false
			}
			a.secret = text
			return true
		}})
	}
	for _, other := range x.q.Secrets[1:] {
		use("other-secret", "the signature was made with "+other.Label, "sign with the secret that is in force, or let the server accept both while it is rotated", other.Text, nil)
	}
	var v *variant
	if x.def.Key.Kind != 0 && x.def.Key.Kind != scheme.Name {
		raw := x.def
		raw.Key = scheme.Expr{}
		v = x.variant(raw, &a.v.r)
	}
	const without = "without what the profile's key expression does to it"
	if v != nil { // before its spellings: base64 of it, decoded again, is the same key
		use("raw", "the secret was used as it is, "+without, cure, x.secret, v)
	}
	all := spellings(x.secret, a.p.KeyID)
	for _, s := range all {
		use(s.name, "the secret was used "+s.what, cure, s.text, nil)
	}
	for i := 0; v != nil && i < len(all); i++ {
		use("raw-"+all[i].name, "the secret was used "+all[i].what+", "+without, cure, all[i].text, v)
	}
	return out
}

// onto moves an attempt to another variant and keeps what was changed in what it presents.
func (a *attempt) onto(v *variant) bool {
	p := v.p
	p.TimeText, p.KeyID, p.Nonce = a.p.TimeText, a.p.KeyID, a.p.Nonce
	a.v, a.p = v, p
	return true
}

func spellings(secret []byte, keyID string) []spelling {
	var out []spelling
	add := func(name, what string, text []byte) {
		if len(text) > 0 && !bytes.Equal(text, secret) {
			out = append(out, spelling{name, what, text})
		}
	}
	text := string(secret)
	add("newline", "with a line feed at its end, as an editor leaves it", []byte(text+"\n"))
	add("crlf", "with a carriage return and a line feed at its end", []byte(text+"\r\n"))
	add("space-after", "with a space at its end", []byte(text+" "))
	add("space-before", "with a space in front", []byte(" "+text))
	add("trimmed", "without the white space around it", bytes.TrimSpace(secret))
	decodings("", text, add)
	add("base64-encoded", "in base64", []byte(base64.StdEncoding.EncodeToString(secret)))
	add("hex-encoded", "in hexadecimal", []byte(hex.EncodeToString(secret)))
	add("lower-case", "in lower case", bytes.ToLower(secret))
	add("upper-case", "in upper case", bytes.ToUpper(secret))
	add("quoted", "with quotation marks around it", []byte(`"`+text+`"`))
	add("unquoted", "without the quotation marks around it", []byte(strings.Trim(text, `"'`)))
	for _, mark := range []string{"_", "-", ":", "."} {
		if i := strings.Index(text, mark); i > 0 && i+1 < len(text) {
			add("no-prefix", "without its prefix", []byte(text[i+1:]))
			decodings("no-prefix-", text[i+1:], add)
		}
		if i := strings.LastIndex(text, mark); i > 0 && i+1 < len(text) {
			add("no-prefix", "without its prefix", []byte(text[i+1:]))
		}
	}
	digest := sha256.Sum256(secret)
	add("hashed-hex", "as the hexadecimal SHA-256 of it", []byte(hex.EncodeToString(digest[:])))
	add("hashed", "as the SHA-256 of it", digest[:])
	md := md5.Sum(secret)
	add("md5-hex", "as the hexadecimal MD5 of it", []byte(hex.EncodeToString(md[:])))
	var wide []byte
	for _, u := range utf16.Encode([]rune(text)) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	add("utf-16", "in UTF-16", wide)
	add("nul", "with a zero byte at its end", append(bytes.Clone(secret), 0))
	add("key-id", "wrongly: the key id was taken for it", []byte(keyID))
	add("with-key-id", "with the key id in front of it", []byte(keyID+text))
	return out
}

// decodings are what the text is when it is taken for encoded bytes.
func decodings(prefix, text string, add func(name, what string, text []byte)) {
	words := "decoded from "
	if prefix != "" {
		words = "without its prefix, decoded from "
	}
	for _, e := range []struct {
		name, what string
		enc        *base64.Encoding
	}{{"base64-decoded", "base64", base64.StdEncoding}, {"base64-decoded", "base64 without padding", base64.RawStdEncoding},
		{"base64url-decoded", "base64url", base64.URLEncoding}, {"base64url-decoded", "base64url without padding", base64.RawURLEncoding}} {
		if raw, err := e.enc.DecodeString(text); err == nil {
			add(prefix+e.name, words+e.what, raw)
		}
	}
	if raw, err := hex.DecodeString(text); err == nil {
		add(prefix+"hex-decoded", words+"hexadecimal", raw)
	}
	if plain := strings.ReplaceAll(text, "-", ""); plain != text {
		if raw, err := hex.DecodeString(plain); err == nil {
			add(prefix+"hex-decoded", words+"hexadecimal, without its hyphens", raw)
		}
		add(prefix+"no-hyphens", "without its hyphens", []byte(plain))
	}
}
