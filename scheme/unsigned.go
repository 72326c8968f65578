package scheme

import "strings"

// faultLast refuses a signature in the query or form that is not its end, where that text is signed as it stands: anywhere else, moving it would not be seen.
var faultLast = &Fault{FaultMalformed, "signature", "must be the last parameter"}

// target is the request target as it is signed: without the parameter that carries the signature.
func (c *scratch) target(r *Request) string {
	if c.ext == nil || !c.ext.scheme.ownQuery {
		return r.Target
	}
	path, query := cut(r.Target)
	rest, ok := c.withoutOwn(query, InQuery)
	switch {
	case !ok:
		c.fail(faultLast)
	case rest == "" && query != "":
		return path
	case len(rest) != len(query):
		return r.Target[:len(path)+1+len(rest)]
	}
	return r.Target
}

// wholeBody is the body as it is signed.
func (c *scratch) wholeBody(r *Request) []byte {
	if c.ext == nil || !c.ext.scheme.ownForm {
		return r.Body
	}
	rest, ok := c.withoutOwn(string(r.Body), InForm)
	if !ok {
		c.fail(faultLast)
	}
	return r.Body[:len(rest)]
}

// withoutOwn cuts the last parameter off when it carries the signature; ok is false when another one does.
func (c *scratch) withoutOwn(text string, in Place) (string, bool) {
	rest := text
	if i := strings.LastIndexByte(text, '&'); c.owns(text[i+1:], in) {
		rest = text[:max(i, 0)]
	}
	for left := rest; left != ""; {
		item, more, _ := strings.Cut(left, "&")
		if c.owns(item, in) {
			return text, false
		}
		left = more
	}
	return rest, true
}

func (c *scratch) owns(item string, in Place) bool {
	p, ok := parseParam(item, true)
	return ok && c.ext.scheme.carriesSignature(in, p.key)
}
