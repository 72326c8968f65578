package scheme

import (
	"crypto/hmac"
	"strings"
)

// Guess is a scheme that somebody may have signed with: compiled, but not proven safe, so that it can say what would have been signed and whether that reproduces
// a signature, and admits nobody. It never gives out a MAC. Immutable, safe for concurrent use.
type Guess struct{ s *Scheme }

// Suppose compiles a definition without the proofs of Compile: it may leave parts unsigned and let them run into each other. Uncovered and Ambiguous are not looked
// at. It returns a *CompileError for what has no meaning.
func Suppose(d Definition) (*Guess, error) {
	s, err := compileUnproven(d)
	if err != nil {
		return nil, err
	}
	return &Guess{s}, nil
}

func compileUnproven(d Definition) (*Scheme, error) {
	s := &Scheme{name: d.Name}
	if err := d.language(); err != nil {
		return nil, err
	}
	s.two, s.webhook = d.two(), d.Webhook
	if err := s.compileAlgorithm(&d); err != nil {
		return nil, err
	}
	var err error
	if s.frame, err = s.alg.afterBlock(make([]byte, s.alg.block)); err != nil {
		return nil, err
	}
	for _, step := range []func(*Definition) error{s.declare, s.compileTime, s.compileWire, s.compileExpressions, s.boundWire} {
		if err := step(&d); err != nil {
			return nil, err
		}
	}
	s.pool.New = func() any { return s.newScratch() }
	return s, nil
}

// Parse captures what the request presents, as Scheme.Parse and ParseBody do, without a look at method and target: a mistaken signer may have sent any.
func (g *Guess) Parse(r *Request, p *Presented) *Fault {
	if f := g.s.Parse(r, p); f != nil {
		return f
	}
	return g.s.ParseBody(r, p)
}

// NewKey is Scheme.NewKeyParts.
func (g *Guess) NewKey(secret []byte, parts map[string][]byte) (Key, error) {
	return g.s.NewKeyParts(secret, parts)
}

// KeyBytes is what the profile's key expression makes of a secret: for a guess that computes a signature in a way of its own. ok is false where the secret does not fit,
// or where the key depends on the request.
func (g *Guess) KeyBytes(secret []byte) (key []byte, ok bool) {
	s := g.s
	if s.extra.derived || len(s.secrets) > 0 {
		return nil, false
	}
	c := s.acquire()
	defer s.release(c)
	c.secret = secret
	for i := range s.key {
		c.emit(&s.key[i])
	}
	return append([]byte(nil), c.buf...), c.fault == nil && len(c.buf) > 0
}

// Size is how many bytes a signature has.
func (g *Guess) Size() int { return g.s.macSize }

// Input returns the bytes that would have been signed for r with the values in p, which comes from Parse of this Guess for the request as it was sent: r may be another
// one, and the exported fields of p may have been changed. It shows a secret that is part of the message as [secret]. ok is false where there are none.
func (g *Guess) Input(r *Request, p *Presented) (input []byte, ok bool) {
	c := g.s.acquire()
	defer g.s.release(c)
	c.secret = []byte("[secret]")
	for i := range g.s.message {
		c.part(&g.s.message[i], r, p)
	}
	if p.owner != g.s || c.fault != nil || c.err != nil {
		return nil, false
	}
	return append([]byte(nil), c.buf...), true
}

// Reproduces says whether k and r, with the values in p, give one of the signatures that p presents; r and p are those of Input. The comparison is in constant time.
func (g *Guess) Reproduces(k *Key, r *Request, p *Presented) bool {
	s := g.s
	if p.owner != s || p.size != s.macSize || k.alg != s.keyKind() {
		return false
	}
	c := s.acquire()
	defer s.release(c)
	s.compute(c, k, r, p)
	return c.fault == nil && s.compare(c, p, nil) == nil
}

// Matches says whether k and these very bytes give one of the signatures that p presents. Where the key depends on the request, r and p say on what. For a keyed plain
// hash input holds the secret itself. The comparison is in constant time.
func (g *Guess) Matches(k *Key, input []byte, r *Request, p *Presented) bool {
	s := g.s
	if p.owner != s || p.size != s.macSize || k.alg != s.keyKind() {
		return false
	}
	c := s.acquire()
	defer s.release(c)
	message := []node{{op: opLiteral, lit: input}}
	switch {
	case s.two && (k.raw != nil || s.extra.derived || s.alg.plain):
		if k.raw == nil {
			return false
		}
		c.ext.key, c.secret = k, k.raw.secret
		if s.extra.derived {
			h := hmac.New(s.alg.new, []byte(c.value(s.key, r, p)))
			h.Write(input)
			c.sum = h.Sum(c.sum[:0])
			break
		}
		if s.alg.plain {
			c.inner.Reset()
			c.inner.Write(input)
			c.sum = c.inner.Sum(c.sum[:0])
			break
		}
		fallthrough
	default:
		n := s.alg.state
		c.load(k.states[:n])
		c.feed(c.inner, message, r, p)
		c.sum = c.inner.Sum(c.sum[:0])
		c.load(k.states[n : 2*n])
		c.inner.Write(c.sum)
		c.sum = c.inner.Sum(c.sum[:0])
	}
	c.sum = c.sum[:min(len(c.sum), s.macSize)]
	return c.fault == nil && s.compare(c, p, nil) == nil
}

// Proves says whether mac is one of the signatures that p presents: for a guess that computes it in a way of its own. An mac of another length is none. The comparison
// is in constant time.
func (p *Presented) Proves(mac []byte) bool {
	if p.owner == nil || p.size == 0 {
		return false
	}
	ok := hmac.Equal(mac, p.mac[:p.size])
	for more := p.more; len(more) >= p.size; more = more[p.size:] {
		if hmac.Equal(mac, more[:p.size]) {
			ok = true
		}
	}
	return ok
}

// Part is a piece of a canonical input: bytes Start to End, End not included. Name is written as in the profile, such as target or hex(sha256(body)); that of text
// that stands in the profile itself is empty.
type Part struct {
	Name       string
	Start, End int
}

// Parts says which part of the message each byte of Input comes from. They follow one another without a gap. ok is that of Input.
func (g *Guess) Parts(r *Request, p *Presented) (parts []Part, ok bool) {
	c := g.s.acquire()
	defer g.s.release(c)
	c.secret = []byte("[secret]")
	for i := range g.s.message {
		start := len(c.buf)
		n := &g.s.message[i]
		c.part(n, r, p)
		part := Part{Start: start, End: len(c.buf)}
		if n.op != opLiteral {
			part.Name = g.s.spell(n)
		}
		parts = append(parts, part)
	}
	return parts, p.owner == g.s && c.fault == nil && c.err == nil
}

// spell writes a node about as it stands in the profile.
func (s *Scheme) spell(n *node) string {
	switch n.op {
	case opLiteral:
		return "'" + strings.NewReplacer("\n", `\n`, "\r", `\r`, "'", `\'`).Replace(string(n.lit)) + "'"
	case opHeader:
		return "h." + strings.ToLower(s.signed[n.index].name)
	case opVar:
		return "v." + s.vars[n.index].name
	case opSecret, opSecretPart:
		return "secret"
	case opHostname:
		return "hostname"
	case opPort:
		return "port"
	case opCall:
		return s.spellCall(n)
	}
	return words[n.op]
}

func (s *Scheme) spellCall(n *node) string {
	switch n.fn.id {
	case fnField:
		return string(n.source) + "." + n.text
	case fnParams:
		return "params(…)"
	case fnHeaders:
		return "headers(…)"
	}
	var inner []string
	for i := range n.args {
		inner = append(inner, s.spell(&n.args[i]))
	}
	return functionName(n.fn.id) + "(" + strings.Join(inner, " + ") + ")"
}

func functionName(id funcID) string {
	for _, name := range functionNames {
		if fn, known := functionOf(name); known && fn.id == id {
			return name
		}
	}
	for _, name := range functionNames2 {
		if fn, known := functionOf2(name); known && fn.id == id {
			return name
		}
	}
	return "function"
}
