package explain

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"strings"
	"unicode/utf8"
)

// bodyChange is a change of the body to fixed bytes.
func bodyChange(name, what, cure string, deep bool, to []byte) *change {
	return &change{step: Step{"body", name, what, cure}, deep: deep, apply: func(a *attempt) bool {
		before := a.r.Body
		a.r.Body = to
		return !bytes.Equal(before, to)
	}}
}

// bodies are changes of the body that keep its text but for its edges, or replace it.
func bodies(_ *search, a *attempt) []*change {
	body := a.r.Body
	const same = "sign the very bytes that are sent: make the body once, sign it, and send the same bytes"
	var out []*change
	add := func(name, what string, to []byte) {
		if !bytes.Equal(to, body) {
			out = append(out, bodyChange(name, what, same, true, to))
		}
	}
	if len(body) == 0 {
		for _, instead := range []struct{ name, text, what string }{
			{"empty-object", "{}", "an empty object, {}, was signed where nothing was sent"}, {"null", "null", "null was signed where nothing was sent"},
			{"empty-array", "[]", "an empty list, [], was signed where nothing was sent"}, {"empty-text", `""`, "two quotation marks were signed where nothing was sent"},
			{"undefined", "undefined", "the word undefined was signed where nothing was sent"}, {"none", "None", "the word None was signed where nothing was sent"},
			{"line-feed", "\n", "a line feed was signed where nothing was sent"}, {"nil", "nil", "the word nil was signed where nothing was sent"},
		} {
			add(instead.name, instead.what, []byte(instead.text))
		}
		return out
	}
	with := func(tail string) []byte { return append(bytes.Clone(body), tail...) }
	add("newline-added", "the body was signed with a line feed at its end that was not sent", with("\n"))
	add("crlf-added", "the body was signed with a carriage return and a line feed at its end that were not sent", with("\r\n"))
	add("newline-removed", "the body was signed without the line feed at its end", bytes.TrimSuffix(body, []byte("\n")))
	add("crlf-removed", "the body was signed without the line end at its end", bytes.TrimRight(body, "\r\n"))
	add("trimmed", "the body was signed without the white space around it", bytes.TrimSpace(body))
	add("missing", "the body was not signed", nil)
	add("bom-added", "the body was signed with a byte-order mark in front that was not sent", append([]byte("\ufeff"), body...))
	add("bom-removed", "the body was signed without the byte-order mark in front", bytes.TrimPrefix(body, []byte("\ufeff")))
	add("lf-to-crlf", "line ends in the body were signed as CR LF", bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n")))
	add("crlf-to-lf", "line ends in the body were signed as LF", bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")))
	add("no-line-ends", "the body was signed without its line ends, as curl's -d @FILE sends it", []byte(strings.NewReplacer("\r", "", "\n", "").Replace(string(body))))
	add("empty-object", "an empty object, {}, was signed instead of the body", []byte("{}"))
	add("base64", "the body was signed in base64", []byte(base64.StdEncoding.EncodeToString(body)))
	if latin, ok := toLatin1(body); ok {
		add("latin-1", "the body was signed in ISO 8859-1 and sent in UTF-8", latin)
	}
	if utf, ok := fromLatin1(body); ok {
		add("utf-8-twice", "the body was taken for ISO 8859-1 and encoded to UTF-8 once more before it was signed", utf)
	}
	add("lower-case", "the body was signed in lower case", bytes.ToLower(body))
	if text, err := url.QueryUnescape(string(body)); err == nil && strings.ContainsAny(string(body), "%+") {
		add("form-decoded", "the form in the body was decoded before it was signed", []byte(text))
	}
	if strings.Contains(string(body), "=") && !strings.ContainsAny(string(body), "{[<") {
		formBody(string(body), add)
	}
	return out
}

// unspaced is the body without any white space: less likely than a library that writes it without.
func unspaced(_ *search, a *attempt) []*change {
	return []*change{bodyChange("no-white-space", "the body was signed without any white space, even inside texts", "sign the very bytes that are sent", true, withoutSpace(a.r.Body))}
}

// formBody are changes of a form: order and escapes.
func formBody(body string, add func(name, what string, to []byte)) {
	items := strings.Split(body, "&")
	join := func(list []string) []byte { return []byte(strings.Join(list, "&")) }
	add("form-sorted", "the fields of the form were sorted before they were signed", join(sortedBy(items, paramName)))
	add("form-plus", "spaces in the form were signed as %20, and sent as +", []byte(strings.ReplaceAll(body, "+", "%20")))
	add("form-20", "spaces in the form were signed as +, and sent as %20", []byte(strings.ReplaceAll(body, "%20", "+")))
	add("form-encoded", "the form was encoded anew before it was signed", join(mapItems(items, url.QueryEscape)))
	add("form-encoded-strict", "the form was encoded anew, strictly, before it was signed", join(mapItems(items, escapeStrict)))
	for i := range items {
		if len(items) > 1 && len(items) <= 8 {
			rest := append(append([]string(nil), items[:i]...), items[i+1:]...)
			add("form-field-missing", "the field "+Visible([]byte(paramName(items[i])), true)+" of the form was not signed", join(rest))
		}
	}
}

func withoutSpace(body []byte) []byte {
	return bytes.Map(func(c rune) rune {
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			return -1
		}
		return c
	}, body)
}

// toLatin1 is ok where the text is UTF-8 with characters above ASCII, all of which ISO 8859-1 has.
func toLatin1(body []byte) (out []byte, ok bool) {
	if !utf8.Valid(body) {
		return nil, false
	}
	for _, c := range string(body) {
		if c > 0xff {
			return nil, false
		}
		ok = ok || c > 0x7f
		out = append(out, byte(c))
	}
	return out, ok
}

func fromLatin1(body []byte) (out []byte, ok bool) {
	for _, b := range body {
		ok = ok || b > 0x7f
		out = utf8.AppendRune(out, rune(b))
	}
	return out, ok
}
