package scheme

import (
	"encoding"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
)

// keepBuffer is the largest buffer that goes back to the pool.
const keepBuffer = 64 << 10

// scratch is the working memory of one call. It is taken from the scheme's pool and never shared.
type scratch struct {
	buf     []byte // a stack: each function leaves its result where its arguments stood
	sum     []byte
	frame   []byte // a marshalled hash state into which a key's state is put
	inner   hash.Hash
	restore encoding.BinaryUnmarshaler
	digests []hash.Hash
	secret  []byte
	mac     []byte
	body    io.Reader // instead of Request.Body, when streaming
	chunk   []byte
	form    *form
	signed  []signedHeader
	fault   *Fault
	err     error
	ext     *extension // nil in language 1
	claimed Presented  // what a signer claims
	signing bool       // claimed is in use
}

func (s *Scheme) newScratch() *scratch {
	c := &scratch{buf: make([]byte, 0, 512), sum: make([]byte, 0, maxMAC), frame: append([]byte(nil), s.frame...), inner: s.alg.new(), form: &s.form, signed: s.signed}
	c.restore, _ = c.inner.(encoding.BinaryUnmarshaler)
	for _, id := range s.digests {
		c.digests = append(c.digests, digestOf(id))
	}
	if s.two {
		c.ext = &extension{scheme: s, vars: make([]varState, len(s.vars))}
	}
	return c
}

func (s *Scheme) acquire() *scratch {
	c := s.pool.Get().(*scratch)
	c.buf, c.fault, c.err = c.buf[:0], nil, nil
	return c
}

// again makes c as it was when it was acquired, but for what a signer claims: another request is evaluated next.
func (c *scratch) again() {
	c.buf, c.fault, c.err = c.buf[:0], nil, nil
	c.secret, c.mac, c.body = nil, nil, nil
	if c.ext != nil {
		c.ext.reset()
	}
}

func (s *Scheme) release(c *scratch) {
	c.again()
	if c.signing {
		c.claimed, c.signing = Presented{}, false
	}
	if cap(c.buf) <= keepBuffer {
		s.pool.Put(c)
	}
}

// load puts a key's state into the hash.
func (c *scratch) load(state []byte) {
	copy(c.frame[stateOffset:], state)
	if err := c.restore.UnmarshalBinary(c.frame); err != nil {
		c.err = err
	}
}

// feed writes parts to h. A body goes there straight, without a copy; small parts are gathered first.
func (c *scratch) feed(h hash.Hash, parts []node, r *Request, p *Presented) {
	start := len(c.buf)
	for i := range parts {
		if parts[i].op != opBody {
			c.part(&parts[i], r, p)
			continue
		}
		h.Write(c.buf[start:])
		c.buf = c.buf[:start]
		c.feedBody(h, r)
	}
	h.Write(c.buf[start:])
	c.buf = c.buf[:start]
}

func (c *scratch) feedBody(h hash.Hash, r *Request) {
	if c.body == nil {
		h.Write(c.wholeBody(r))
		return
	}
	if c.chunk == nil {
		c.chunk = make([]byte, 32<<10)
	}
	for first, empty := true, 0; c.err == nil && c.fault == nil; {
		n, err := c.body.Read(c.chunk)
		if empty++; n > 0 {
			empty = 0
		} else if empty == 100 && err == nil {
			err = io.ErrNoProgress
		}
		if n > 0 && first {
			c.fault, first = c.form.checkBody(c.chunk[0]), false
		}
		h.Write(c.chunk[:n])
		if err == io.EOF {
			return
		}
		c.err = err
	}
}

// emit appends one node of the key or signature expression, which need no request.
func (c *scratch) emit(n *node) { c.part(n, nil, nil) }

// part appends the bytes of one node to the buffer.
func (c *scratch) part(n *node, r *Request, p *Presented) {
	switch n.op {
	case opLiteral:
		c.buf = append(c.buf, n.lit...)
	case opMethod:
		c.buf = append(c.buf, r.Method...)
	case opTarget:
		c.buf = append(c.buf, c.target(r)...)
	case opPath:
		path, _ := cut(r.Target)
		c.buf = append(c.buf, path...)
	case opQuery:
		_, query := cut(c.target(r))
		c.buf = append(c.buf, query...)
	case opBody:
		c.buf = append(c.buf, c.wholeBody(r)...)
	case opScheme:
		c.buf = append(c.buf, r.Scheme...)
	case opHost:
		c.buf = append(c.buf, r.Host...)
	case opTime:
		c.buf = append(c.buf, p.TimeText...)
	case opNonce:
		c.buf = append(c.buf, p.Nonce...)
	case opKeyID:
		c.buf = append(c.buf, p.KeyID...)
	case opSecret:
		c.buf = append(c.buf, c.secret...)
	case opMAC:
		c.buf = append(c.buf, c.mac...)
	case opHeader:
		c.header(n, r)
	case opCall:
		if n.fn.two {
			c.part2(n, r, p)
			return
		}
		c.call(n, r, p)
	default:
		c.part2(n, r, p)
	}
}

func (c *scratch) header(n *node, r *Request) {
	value, fault := c.signed[n.index].value(r)
	if fault != nil && n.optional && fault.Kind == FaultMissing {
		return
	}
	if fault != nil {
		c.fault = fault
		return
	}
	c.buf = append(c.buf, value...)
}

// call replaces the bytes of its argument by the result.
func (c *scratch) call(n *node, r *Request, p *Presented) {
	start := len(c.buf)
	if n.fn.digest > 0 {
		h := c.digests[n.index]
		h.Reset()
		c.feed(h, n.args, r, p)
		c.buf = h.Sum(c.buf)
		return
	}
	for i := range n.args {
		c.part(&n.args[i], r, p)
	}
	end := len(c.buf)
	arg := c.buf[start:end]
	switch n.fn.id {
	case fnUpper:
		mapBytes(arg, upperByte)
		return
	case fnLower:
		mapBytes(arg, lowerByte)
		return
	case fnHex:
		c.buf = hex.AppendEncode(c.buf, arg)
	case fnB64, fnB64URL:
		c.buf = n.base64.AppendEncode(c.buf, arg)
	case fnPct:
		if n.enc.on {
			c.buf = appendEncoded(&n.enc, c.buf, arg)
		} else {
			c.buf = appendPct(c.buf, arg)
		}
	default:
		c.decode(n, arg)
	}
	kept := copy(c.buf[start:], c.buf[end:])
	c.buf = c.buf[:start+kept]
}

// The faults of values that cannot be decoded; shared and read-only.
var (
	faultUnhex  = &Fault{Kind: FaultMalformed, Detail: "a value is not hexadecimal"}
	faultUnb64  = &Fault{Kind: FaultMalformed, Detail: "a value is not base64 of the declared kind"}
	faultPrefix = &Fault{Kind: FaultMalformed, Detail: "a value lacks its prefix"}
)

// decode appends the decoded argument behind it.
func (c *scratch) decode(n *node, arg []byte) {
	var err error
	switch n.fn.id {
	case fnUnhex:
		if c.buf, err = hex.AppendDecode(c.buf, arg); err != nil {
			c.fault = faultUnhex
		}
	case fnUnb64, fnUnb64URL:
		if c.buf, err = appendBase64(n.base64, c.buf, arg); err != nil {
			c.fault = faultUnb64
		}
	case fnTrimPrefix:
		if len(arg) < len(n.lit) || string(arg[:len(n.lit)]) != string(n.lit) {
			c.fault = faultPrefix
			return
		}
		c.buf = append(c.buf, arg[len(n.lit):]...)
	}
}

// appendBase64 is strict where the standard decoder is not: it skips no line ends.
func appendBase64(enc *base64.Encoding, dst, src []byte) ([]byte, error) {
	for i, b := range src {
		if b == '\r' || b == '\n' {
			return dst, base64.CorruptInputError(i)
		}
	}
	return enc.AppendDecode(dst, src)
}

func mapBytes(b []byte, f func(byte) byte) {
	for i := range b {
		b[i] = f(b[i])
	}
}
