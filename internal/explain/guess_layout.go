package explain

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// maxPieces is how many parts of a message are put into every order.
const maxPieces = 5

// separators are what people put between parts.
var separators = []struct{ text, word string }{
	{"", "nothing"}, {"\n", "line feeds"}, {"\r\n", "CR LF"}, {".", "points"}, {":", "colons"}, {"|", "bars"}, {"&", "ampersands"},
	{",", "commas"}, {" ", "spaces"}, {";", "semicolons"}, {"-", "hyphens"}, {"_", "underscores"}, {"\\n", "a backslash and an n"}, {"+", "plus signs"},
}

// layouts are other orders, separators and choices of the message's parts.
func layouts(x *search, a *attempt) []*change {
	out := x.alternatives(a)
	parts, ok := a.v.guess.Parts(&a.r, &a.p)
	input, also := a.v.guess.Input(&a.r, &a.p)
	if !ok || !also {
		return out
	}
	const cure = "put the parts together as the profile's message says"
	add := func(name, what string, deep bool, layout func([]piece) []byte) {
		out = append(out, &change{step: Step{"message", name, what, cure}, deep: deep, apply: func(a *attempt) bool {
			a.layout = layout
			return true
		}})
	}
	whole := func(name, what string, f func([]byte) []byte) {
		add(name, what, true, func(list []piece) []byte { return f(flat(list)) })
	}
	whole("newline-added", "the signed text has a line feed at its end that does not belong there", func(b []byte) []byte { return append(b, '\n') })
	whole("newline-in-front", "the signed text has a line feed in front that does not belong there", func(b []byte) []byte { return append([]byte{'\n'}, b...) })
	whole("trimmed", "the white space around the signed text was cut off", bytes.TrimSpace)
	whole("crlf", "the signed text has CR LF for its line feeds", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) })
	whole("escaped-line-feeds", `the signed text has a backslash and an n where a line feed belongs`, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte(`\n`)) })
	whole("lower-case", "the signed text was in lower case", bytes.ToLower)
	whole("upper-case", "the signed text was in upper case", bytes.ToUpper)
	whole("no-white-space", "the signed text was without white space", withoutSpace)
	whole("hashed", "the SHA-256 of the text was signed, not the text", func(b []byte) []byte { d := sha256.Sum256(b); return d[:] })
	whole("hashed-hex", "the hexadecimal SHA-256 of the text was signed, not the text", func(b []byte) []byte { return []byte(hexDigest(b)) })
	whole("base64", "the base64 of the text was signed, not the text", func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) })
	whole("bom", "the signed text has a byte-order mark in front", func(b []byte) []byte { return append([]byte("\ufeff"), b...) })
	var named []string
	for _, p := range parts {
		if p.Name != "" {
			named = append(named, p.Name)
		}
	}
	if len(input) > 64<<10 && len(named) > 3 {
		named = nil // each order costs as much as a signature of the whole body
	}
	x.orders(named, add)
	return out
}

// orders adds every order and separator of few parts, and every choice that leaves one out or has another in its place.
func (x *search) orders(named []string, add func(name, what string, deep bool, layout func([]piece) []byte)) {
	for _, s := range separators {
		add("separator", "the parts were joined with "+s.word+" between them", true, func(list []piece) []byte {
			return bytes.Join(bytesOf(list), []byte(s.text))
		})
		add("separator-at-end", "the parts were joined with "+s.word+" between them and at the end", true, func(list []piece) []byte {
			return append(bytes.Join(bytesOf(list), []byte(s.text)), s.text...)
		})
	}
	for i, part := range named {
		add("part-missing", part+" is missing in the signed text", true, func(list []piece) []byte { return without(list, i) })
		for _, s := range separators {
			add("part-missing", part+" is missing in the signed text"+", and the others were joined with "+s.word+" between them", false,
				func(list []piece) []byte {
					all := bytesOf(list)
					return bytes.Join(slices.Delete(all, i, i+1), []byte(s.text))
				})
		}
		for _, r := range replacements {
			add("part-replaced", part+" was signed "+r.what, true, func(list []piece) []byte { return replaced(list, i, r.to) })
		}
	}
	if len(named) < 2 || len(named) > maxPieces {
		return
	}
	index := make([]int, len(named))
	for i := range index {
		index[i] = i
	}
	permute(index, 0, func(order []int) {
		order = slices.Clone(order)
		if slices.IsSorted(order) {
			return
		}
		add("order", "the parts were put together in another order: "+inWords(named, order), false, func(list []piece) []byte { return inOrder(list, order) })
		for _, s := range separators {
			add("order-and-separator", "the parts were put together in another order, "+inWords(named, order)+", with "+s.word+" between them", false, func(list []piece) []byte {
				all := bytesOf(list)
				out := make([][]byte, len(order))
				for i, at := range order {
					out[i] = all[at]
				}
				return bytes.Join(out, []byte(s.text))
			})
		}
	})
}

// replacements are other forms of one part.
var replacements = []struct {
	what string
	to   func([]byte) []byte
}{
	{"as its hexadecimal SHA-256", func(b []byte) []byte { return []byte(hexDigest(b)) }},
	{"as its SHA-256 in base64", func(b []byte) []byte { d := sha256.Sum256(b); return []byte(base64.StdEncoding.EncodeToString(d[:])) }},
	{"in base64", func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }},
	{"in lower case", bytes.ToLower},
	{"in upper case", bytes.ToUpper},
	{"without its query", func(b []byte) []byte { before, _, _ := bytes.Cut(b, []byte("?")); return before }},
	{"percent-encoded", func(b []byte) []byte { return []byte(escapeStrict(string(b))) }},
	{"twice", func(b []byte) []byte { return append(bytes.Clone(b), b...) }},
}

func hexDigest(b []byte) string {
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:])
}

func flat(list []piece) []byte {
	var out []byte
	for _, p := range list {
		out = append(out, p.bytes...)
	}
	return out
}

// bytesOf are the parts without the profile's own text.
func bytesOf(list []piece) [][]byte {
	var out [][]byte
	for _, p := range list {
		if p.name != "" {
			out = append(out, p.bytes)
		}
	}
	return out
}

// without leaves out a part, and the text in front of it, or behind it where it is the first.
func without(list []piece, n int) []byte {
	at, k := -1, 0
	for i, p := range list {
		if p.name != "" {
			if k == n {
				at = i
			}
			k++
		}
	}
	if at < 0 {
		return nil
	}
	kept := slices.Clone(list)
	switch {
	case at > 0 && kept[at-1].name == "":
		kept = slices.Delete(kept, at-1, at+1)
	case at == 0 && len(kept) > 1 && kept[1].name == "":
		kept = slices.Delete(kept, 0, 2)
	default:
		kept = slices.Delete(kept, at, at+1)
	}
	return flat(kept)
}

func replaced(list []piece, n int, to func([]byte) []byte) []byte {
	out := slices.Clone(list)
	k := 0
	for i := range out {
		if out[i].name == "" {
			continue
		}
		if k == n {
			out[i].bytes = to(bytes.Clone(out[i].bytes))
		}
		k++
	}
	return flat(out)
}

// inOrder keeps the profile's own text where it stands.
func inOrder(list []piece, order []int) []byte {
	all := bytesOf(list)
	out := slices.Clone(list)
	k := 0
	for i := range out {
		if out[i].name != "" {
			out[i].bytes = all[order[k]]
			k++
		}
	}
	return flat(out)
}

func inWords(named []string, order []int) string {
	out := make([]string, len(order))
	for i, at := range order {
		out[i] = named[at]
	}
	return strings.Join(out, ", ")
}
