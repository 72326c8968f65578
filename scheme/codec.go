package scheme

import "encoding/base64"

// layer is one step of writing a MAC as text.
type layer struct {
	id     funcID // fnHex, fnB64, fnB64URL or fnPct
	base64 *base64.Encoding
}

// codec reads what the signature expression writes. Layers stand from the inside out.
type codec struct {
	layers []layer
	shape  shape
	cut    int // bytes of the MAC that are written; 0: all
}

// longest is the greatest text of a signature: percent-escaped base64 of hex of 64 bytes fits.
const longest = 768

// newCodec turns the signature expression into its inverse, or says why it has none.
func newCodec(parts []node, size int) (codec, *CompileError) {
	bad := func(pos int, message, hint string) (codec, *CompileError) {
		return codec{}, &CompileError{Field: "signature", Pos: pos, Message: message, Hint: hint}
	}
	if len(parts) != 1 {
		return bad(0, "a signature is functions applied to mac and nothing else", "text around it belongs on the wire")
	}
	n := parts[0]
	if n.op == opMAC {
		return codec{shape: fixed(size, anyByte)}, nil
	}
	if n.op != opCall {
		return bad(n.pos, "a signature is functions applied to mac", "hex(mac)")
	}
	c, err := newCodec(n.args, size)
	if err != nil {
		return c, err
	}
	in := c.shape
	if n.fn.id == fnPct && n.enc.plus {
		return bad(n.pos, "this encoding cannot be undone when a signature is read", "pct(b64(mac))")
	}
	c.shape = n.fn.shapeOf(in, n.pad)
	switch n.fn.id {
	case fnHead:
		if len(c.layers) > 0 || c.cut > 0 || n.to < 10 || n.to > size {
			return bad(n.pos, "a MAC is cut to 10 bytes or more, before it is written as text", "hex(head(mac, 16))")
		}
		return codec{shape: fixed(n.to, anyByte), cut: n.to}, nil
	case fnHex, fnB64, fnB64URL, fnPct:
	case fnUpper, fnLower:
		if len(c.layers) == 0 || c.layers[len(c.layers)-1].id != fnHex {
			return bad(n.pos, "only hex can change case and still be read", "upper(hex(mac))")
		}
		return c, nil
	default:
		return bad(n.pos, "this function cannot be undone when a signature is read", "hex, b64, b64url, upper, lower, pct")
	}
	if c.shape.max > longest || len(c.layers) == 4 {
		return bad(n.pos, "the signature would be too long", "")
	}
	c.layers = append(c.layers, layer{n.fn.id, n.base64})
	return c, nil
}

func base64Of(id funcID, pad bool) *base64.Encoding {
	enc := base64.StdEncoding
	if id == fnB64URL || id == fnUnb64URL {
		enc = base64.URLEncoding
	}
	if !pad {
		enc = enc.WithPadding(base64.NoPadding)
	}
	return enc.Strict()
}

// decode reads text into mac and returns the number of bytes, or 0 when the text is not exactly what the expression could have written. Hex is read in
// either case; base64 strictly, so that a MAC has one spelling beside the case of hex.
func (c *codec) decode(mac *[maxMAC]byte, text string) int {
	if len(c.layers) == 1 && c.layers[0].id == fnHex {
		if n, ok := unhex(mac[:], text); ok {
			return n
		}
		return 0
	}
	var here, there [longest]byte
	now := here[:copy(here[:], text)]
	spare := there[:]
	for i := len(c.layers) - 1; i >= 0; i-- {
		n, ok := c.layers[i].undo(spare, now)
		if !ok {
			return 0
		}
		now, spare = spare[:n], now[:longest]
	}
	if len(now) > maxMAC {
		return 0
	}
	return copy(mac[:], now)
}

func (l *layer) undo(dst, src []byte) (int, bool) {
	switch l.id {
	case fnHex:
		return unhex(dst, src)
	case fnPct:
		return unpct(dst, src)
	}
	for _, b := range src { // the standard decoder skips line ends
		if b == '\r' || b == '\n' {
			return 0, false
		}
	}
	n, err := l.base64.Decode(dst, src)
	return n, err == nil
}

func (c *codec) help() string {
	if len(c.layers) == 0 {
		return "raw bytes"
	}
	names := ""
	for i := len(c.layers) - 1; i >= 0; i-- {
		if names != "" {
			names += " of "
		}
		switch c.layers[i].id {
		case fnHex:
			names += "hexadecimal"
		case fnB64:
			names += "base64"
		case fnB64URL:
			names += "base64url"
		case fnPct:
			names += "percent-encoded text"
		}
	}
	if c.shape.isFixed() {
		return number(c.shape.min) + " characters of " + names
	}
	return names
}
