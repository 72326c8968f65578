package scheme

import "strings"

var captureNames = []string{"key_id", "ts", "nonce", "sig"}

// wireText is what literal text of a template may hold.
var wireText = setRange(0x20, 0x7e)

// split cuts a template into literal text and captures. It knows neither lengths nor alphabets yet.
func split(template string) ([]capture, *CompileError) {
	bad := func(message, hint string) ([]capture, *CompileError) {
		return nil, &CompileError{Field: "wire", Message: message, Hint: hint}
	}
	if template == "" || len(template) > 1024 || isBlank(template[0]) || isBlank(template[len(template)-1]) || !wireText.all(template) {
		return bad("a template is 1 to 1024 visible characters without white space at its ends", "")
	}
	var out []capture
	for rest := template; rest != ""; {
		open := strings.IndexAny(rest, "{}")
		if open < 0 {
			return append(out, capture{lit: rest}), nil
		}
		if open > 0 {
			out = append(out, capture{lit: rest[:open]})
		} else if len(out) > 0 && out[len(out)-1].op != 0 {
			return bad("two captures touch", "put text between them")
		}
		end := strings.IndexByte(rest, '}')
		if rest[open] == '}' || end < 0 {
			return bad("a brace has no partner", "captures are written {key_id}, {ts}, {nonce}, {sig}")
		}
		name := rest[open+1 : end]
		o := captureOp(name)
		if o == 0 {
			return bad(`unknown capture `+quoted("{"+name+"}"), Nearest(name, captureNames))
		}
		out = append(out, capture{op: o})
		rest = rest[end+1:]
	}
	return out, nil
}

func captureOp(name string) op {
	switch name {
	case "key_id":
		return opKeyID
	case "ts":
		return opTime
	case "nonce":
		return opNonce
	case "sig":
		return opMAC
	}
	return 0
}

func captureName(o op) string {
	switch o {
	case opKeyID:
		return "key_id"
	case opTime:
		return "ts"
	case opNonce:
		return "nonce"
	}
	return "sig"
}

// boundIn gives a capture its alphabet, its length and its fault, and proves that the text behind it ends it.
func (s *Scheme) boundIn(w *wireHeader, pieces []capture, i int) *CompileError {
	c := &pieces[i]
	switch c.op {
	case 0:
		return nil
	case opKeyID:
		c.set, c.min, c.max = keyIDSet, 1, 128
		c.fault = &Fault{FaultMalformed, w.name, "needs a key id of 1 to 128 characters out of A-Z a-z 0-9 . _ ~ + / = @ : -"}
	case opNonce:
		c.set, c.min, c.max = s.nonceSet, s.nonce.Min, s.nonce.Max
		c.fault = &Fault{FaultMalformed, w.name, "needs a nonce of " + number(c.min) + " to " + number(c.max) + " characters of the declared kind"}
	case opTime:
		c.set, c.min, c.max = s.timeShape.any, s.timeShape.min, s.timeShape.max
		c.fault = &Fault{FaultMalformed, w.name, "needs a time: " + s.timeHelp}
	case opMAC:
		c.set, c.min, c.max = s.codec.shape.any, s.codec.shape.min, s.codec.shape.max
		c.fault = &Fault{FaultMalformed, w.name, "needs a signature: " + s.codec.help()}
	case opVar:
		v := &s.vars[c.index]
		c.set, c.min, c.max = v.set, v.min, v.max
		c.fault = &Fault{FaultMalformed, w.name, "needs " + v.name + ": " + number(c.min) + " to " + number(c.max) + " of the declared characters"}
	case opGroup:
		c.set = groupSet(c.kind)
	}
	if i+1 == len(pieces) {
		return nil
	}
	if pieces[i+1].op != 0 {
		if c.exact = c.min == c.max && c.op != opGroup; !c.exact {
			return &CompileError{Field: "wire", Message: "two captures touch", Hint: "put text between them; only one of a fixed length can do without"}
		}
		return nil
	}
	c.stop, c.stopped = pieces[i+1].lit[0], true
	if !c.set.has(c.stop) {
		return nil
	}
	return c.without(w, c.stop)
}
