package tester

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// readValues takes lines of name: value apart.
func readValues(text string) (values map[string]string, fault string) {
	if len(text) > MaxHeaders {
		return nil, fmt.Sprintf("The values have more than %d bytes.", MaxHeaders)
	}
	values = map[string]string{}
	for i, raw := range strings.Split(text, "\n") {
		if raw = strings.Trim(raw, " \t\r"); raw == "" {
			continue
		}
		name, value, ok := strings.Cut(raw, ":")
		name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
		switch _, twice := values[name]; {
		case !ok || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "":
			return nil, fmt.Sprintf("Line %d: write name: value, with the name in small letters.", i+1)
		case twice || len(values) == MaxLines:
			return nil, fmt.Sprintf("Line %d: each name stands once, and there are at most %d.", i+1, MaxLines)
		case strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }):
			return nil, fmt.Sprintf("Line %d: the value has a character other than visible ASCII and spaces.", i+1)
		}
		values[name] = value
	}
	return values, ""
}

// Bytes are those that somebody meant who typed a text into a form, or base64 where form is BodyBase64. fault says what is
// wrong with it, in a sentence; empty: nothing.
func Bytes(text, form string) (out []byte, fault string) {
	if out, fault = readBody(text, form); out == nil && fault == "" {
		out = []byte{}
	}
	return out, fault
}

// readBody is the bytes that were meant. Forms of browsers write every line end as CR and LF (HTML, form submission); which of
// them was meant is asked.
func readBody(text, form string) (body []byte, fault string) {
	switch form {
	case "", BodyText, BodyCRLF:
		if !utf8.ValidString(text) {
			return nil, "The text is no UTF-8; give other bytes as base64."
		}
		text = strings.ReplaceAll(text, "\r\n", "\n")
		if form == BodyCRLF {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		body = []byte(text)
	case BodyBase64:
		plain, err := base64.StdEncoding.Strict().DecodeString(strings.NewReplacer("\r", "", "\n", "", " ", "", "\t",
			"").Replace(text))
		if err != nil {
			return nil, "This is no base64: the alphabet is A-Z a-z 0-9 + /, with = at the end up to a multiple of four."
		}
		body = plain
	default:
		return nil, "The body is text, text with CR and LF, or base64."
	}
	if len(body) > MaxBody {
		return nil, fmt.Sprintf("The body has more than %d bytes, the most that the tester sends.", MaxBody)
	}
	if len(body) == 0 {
		return nil, ""
	}
	return body, ""
}
