package scheme

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// opGroup is a piece of a template whose text is encoded as a whole, such as {b64:{key_id}:{sig}}.
const opGroup op = 200

// groupKinds are the encodings of groups.
var groupKinds = []string{"b64", "b64url", "hex", "pct", "pct_lower"}

func groupSet(kind string) byteSet {
	switch kind {
	case "b64":
		return base64Set
	case "b64url":
		return base64URL
	case "hex":
		return hexLower.union(setOf("ABCDEF"))
	}
	return unreserved.union(setOf("%"))
}

// encodeGroup writes a group's text.
func encodeGroup(kind, text string) string {
	switch kind {
	case "b64":
		return base64.StdEncoding.EncodeToString([]byte(text))
	case "b64url":
		return base64.RawURLEncoding.EncodeToString([]byte(text))
	case "hex":
		return hex.EncodeToString([]byte(text))
	}
	enc := escaping{on: true, plain: unreserved, lower: kind == "pct_lower"}
	return string(appendEncoded(&enc, nil, text))
}

// decodeGroup reads it again.
func decodeGroup(kind, text string) (string, bool) {
	var out []byte
	var err error
	ok := true
	switch kind {
	case "b64":
		out, err = appendBase64(base64.StdEncoding.Strict(), nil, []byte(text))
	case "b64url":
		out, err = appendBase64(base64.RawURLEncoding.Strict(), nil, []byte(strings.TrimRight(text, "=")))
	case "hex":
		out, err = hex.DecodeString(text)
	default:
		out, ok = appendUnpct(nil, text, false)
	}
	return string(out), ok && err == nil
}

// wireText2 is the text that a value on the wire has in the request, and how many there are.
func (s *Scheme) wireText(w *wireHeader, r *Request, body *bodyText) (string, int, *Fault) {
	switch w.in {
	case InHeader:
		values := r.Header[w.key]
		if len(values) == 0 {
			return "", 0, nil
		}
		return values[0], len(values), nil
	case InQuery:
		list, f := body.queried(r)
		text, n := findParam(list, w.name)
		return text, n, f
	case InForm:
		list, f := body.params(r)
		text, n := findParam(list, w.name)
		return text, n, f
	}
	v, f := body.value(r)
	if f != nil {
		return "", 0, f
	}
	if v = v.find(w.name); v == nil {
		return "", 0, nil
	}
	return v.value(), 1, nil
}

func findParam(list []param, name string) (text string, n int) {
	for i := range list {
		if list[i].key == name {
			if n++; n == 1 {
				text = list[i].value
			}
		}
	}
	return text, n
}

// bodyText is a query and a body taken apart once for all values that stand in them.
type bodyText struct {
	query   []param
	list    []param
	json    *jsonValue
	done    bool
	hasList bool // query has been read
}

func (b *bodyText) queried(r *Request) ([]param, *Fault) {
	if !b.hasList {
		_, query := cut(r.Target)
		var ok bool
		if b.query, ok = parseParams(query, true); !ok {
			return nil, faultEscape
		}
		b.hasList = true
	}
	return b.query, nil
}

func (b *bodyText) params(r *Request) ([]param, *Fault) {
	if !b.done {
		var ok bool
		if b.list, ok = parseParams(string(r.Body), true); !ok || !isForm(r, true) {
			return nil, faultForm
		}
		b.done = true
	}
	return b.list, nil
}

func (b *bodyText) value(r *Request) (*jsonValue, *Fault) {
	if !b.done {
		v, f := parseJSON(r.Body)
		if f != nil {
			return nil, f
		}
		b.json, b.done = v, true
	}
	return b.json, nil
}

// read2 captures the values of one place, of any kind.
func (s *Scheme) read2(w *wireHeader, r *Request, p *Presented, body *bodyText) *Fault {
	text, n, f := s.wireText(w, r, body)
	switch {
	case f != nil:
		return f
	case n == 0 && w.optional:
		return nil
	case n == 0:
		return w.missing
	case n > 1:
		return w.duplicate
	case len(text) > maxHeader:
		return w.malformed
	case w.list != nil:
		return s.readList(w, text, p)
	}
	return s.match(w, w.pieces, text, p)
}

// listRule is a header that is a list of items in any order.
type listRule struct {
	separator, glue, after string
	items                  []listItem
	positional             bool // items have places and no names; the last one may be repeated
}

type listItem struct {
	prefix   string
	pieces   []capture
	signs    bool
	optional bool
}

// readList takes a list apart: known items are captured, unknown ones ignored, all that must be there looked for.
func (s *Scheme) readList(w *wireHeader, text string, p *Presented) *Fault {
	rest, ok := strings.CutPrefix(text, w.list.after)
	if !ok {
		return w.malformed
	}
	items := strings.Split(rest, w.list.separator)
	if len(items) > maxItems {
		return w.malformed
	}
	if w.list.positional {
		return s.readPlaces(w, items, p)
	}
	var seen uint64
	for _, item := range items {
		item = strings.Trim(item, " \t")
		for i := range w.list.items {
			known := &w.list.items[i]
			if !strings.HasPrefix(item, known.prefix) || item == "" {
				continue
			}
			if seen&(1<<i) != 0 && !known.signs {
				return w.duplicate
			}
			if f := s.match(w, known.pieces, item, p); f != nil {
				return f
			}
			seen |= 1 << i
			break
		}
	}
	for i := range w.list.items {
		if seen&(1<<i) == 0 && !w.list.items[i].optional {
			return w.malformed
		}
	}
	return nil
}

// keep stores a further signature, or the first.
func (s *Scheme) keepMAC(p *Presented, text string) bool {
	var mac [maxMAC]byte
	n := s.codec.decode(&mac, text)
	if n != s.macSize {
		return false
	}
	if p.size == 0 {
		p.mac, p.size = mac, n
		return true
	}
	if len(p.more) >= (maxSigs-1)*n {
		return false
	}
	p.more = append(p.more, mac[:n]...)
	return true
}

// readPlaces reads a list whose items have places: those of the template in their order, the last one as often as there are more.
func (s *Scheme) readPlaces(w *wireHeader, items []string, p *Presented) *Fault {
	known := w.list.items
	if len(items) < len(known) {
		return w.malformed
	}
	for i, item := range items {
		if f := s.match(w, known[min(i, len(known)-1)].pieces, strings.Trim(item, " \t"), p); f != nil {
			return f
		}
	}
	return nil
}
