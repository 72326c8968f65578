package main

import (
	"fmt"
	"slices"
	"strings"
)

// file is the text of the profile.
func (o *newProfileOptions) file() []byte {
	var b strings.Builder
	line := func(comment, key, value string) {
		if comment != "" {
			fmt.Fprintf(&b, "# %s\n", comment)
		}
		fmt.Fprintf(&b, "%s: %s\n", key, value)
	}
	line("How a request proves who sent it. The language is described in docs/profile.md; check a change with\n#   countersign profile lint "+o.name+".yaml && countersign profile test "+o.name+".yaml", "profile", o.name)
	line("", "language", map[bool]string{false: "1", true: "2"}[o.webhook])
	if o.webhook {
		line("The receiver's URL is its own, so that method and target are not signed.", "kind", "webhook")
	}
	line("", "title", `"`+o.title+`"`)
	line("", "source", `"`+o.source+`"`)
	line("", "algorithm", o.algorithm)
	parts := o.list()
	line("The bytes that are signed. Parts that follow each other without a separator must not be able to run into each other.", "message", `"`+o.message(parts)+`"`)
	line("How the secret that was issued becomes the key.", "key", map[string]string{"raw": "secret", "base64": "unb64(secret)", "hex": "unhex(secret)"}[o.secret])
	line("", "signature", map[string]string{"hex": "hex(mac)", "base64": "b64(mac)", "base64url": "b64url(mac)"}[o.signature])
	b.WriteString("# Each header as it stands on the wire. What is in braces is written when signing, and read when verifying.\nwire:\n")
	for _, h := range []struct{ name, template string }{{o.keyHeader, "{key_id}"}, {o.timeHeader, "{ts}"}, {o.nonceHeader, "{nonce}"}, {o.signatureHeader, o.prefix + "{sig}"}} {
		if h.name != "" {
			fmt.Fprintf(&b, "  %s: \"%s\"\n", h.name, h.template)
		}
	}
	if o.timeHeader != "" {
		line("A request further from the server's time than the window is refused.", "time", fmt.Sprintf("{from: ts, format: %s, window: %s}", o.timeFormat, o.window))
	}
	if o.nonceHeader != "" {
		line("", "nonce", "{min: 16, max: 128}")
	}
	if open := o.uncovered(parts); len(open) > 0 {
		line("What is knowingly not signed: anybody on the way can change it.", "uncovered", "["+strings.Join(open, ", ")+"]")
	}
	return []byte(b.String())
}

func (o *newProfileOptions) list() []string {
	var out []string
	for _, p := range strings.FieldsFunc(o.parts, func(c rune) bool { return c == ',' || c == ' ' }) {
		out = append(out, p)
	}
	return out
}

// message is the expression of the parts. In the file it stands in double quotes, so that a backslash is doubled.
func (o *newProfileOptions) message(parts []string) string {
	terms := slices.Clone(parts)
	for i, p := range terms {
		if p == "body" && o.body != "raw" {
			terms[i] = "hex(" + o.body + "(body))"
		}
	}
	if o.separator == "" || len(terms) == 1 {
		return strings.Join(terms, " + ")
	}
	separator := strings.NewReplacer(`\`, `\\`, "'", `\\'`).Replace(o.separator)
	return "join('" + separator + "', " + strings.Join(terms, ", ") + ")"
}

// uncovered is what the parts leave open.
func (o *newProfileOptions) uncovered(parts []string) []string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(parts, n) })
	}
	var out []string
	for _, part := range []struct {
		word string
		by   []string
	}{{"method", []string{"method"}}, {"path", []string{"target", "path", "url"}}, {"query", []string{"target", "query", "url"}}, {"body", []string{"body"}}, {"time", []string{"ts"}}} {
		if o.webhook && part.word != "body" && part.word != "time" {
			continue
		}
		if !has(part.by...) {
			out = append(out, part.word)
		}
	}
	return out
}
