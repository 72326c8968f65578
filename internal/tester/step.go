package tester

import (
	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// Op is what a Step does. The list is closed: the page's script knows these and no others.
type Op string

// The operations. Those with Args take the bytes of all of them one after another, unless it is said otherwise.
const (
	OpSecret  Op = "secret"  // the secret as typed, in UTF-8
	OpMAC     Op = "mac"     // the HMAC of the canonical input; in signatures only
	OpBytes   Op = "bytes"   // Step.Bytes
	OpConcat  Op = "concat"  // Args
	OpHex     Op = "hex"     // lower-case hexadecimal digits of Args
	OpUnhex   Op = "unhex"   // what such digits, of either case, stand for
	OpB64     Op = "b64"     // base64 (RFC 4648 §4) with padding; without where Bare
	OpB64URL  Op = "b64url"  // base64url (RFC 4648 §5), likewise
	OpUnb64   Op = "unb64"   // what strict base64 stands for
	OpUnb64U  Op = "unb64u"  // what strict base64url stands for
	OpUpper   Op = "upper"   // ASCII letters in upper case
	OpLower   Op = "lower"   // ASCII letters in lower case
	OpPercent Op = "percent" // all but the unreserved characters of RFC 3986 percent-encoded
	OpTrim    Op = "trim"    // Args without Bytes at their beginning, which must be there
	OpHead    Op = "head"    // the first Size bytes of Args
	OpDigest  Op = "digest"  // Hash of Args
	OpHMAC    Op = "hmac"    // HMAC with Hash, keyed by Args[0], of Args[1]; of each further one with the former result as the key
)

// Step is one node of a Plan: how bytes come of other bytes. It is written to JSON for the page.
type Step struct {
	Op    Op     `json:"op"`
	Bytes []byte `json:"bytes,omitempty"`
	Hash  Hash   `json:"hash,omitempty"`
	Bare  bool   `json:"bare,omitempty"`
	Size  int    `json:"size,omitempty"`
	Args  []Step `json:"args,omitempty"`
}

// Hash is a hash function by the name that WebCrypto has for it.
type Hash string

// hashes maps the profile language to WebCrypto (W3C Web Cryptography API §32), which has no MD5. Never written.
var hashes = map[string]Hash{"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}

// BeyondError says that a page cannot make the signatures of a profile, and why. The call can still be signed elsewhere:
// programs are written for most profiles.
type BeyondError struct {
	// Profile is the profile's name, Construct what is in the way, as a part of a sentence.
	Profile, Construct string
}

// Error is one sentence for people.
func (e *BeyondError) Error() string {
	return "Requests of the profile " + e.Profile + " cannot be signed in a page: " + e.Construct + "."
}

func beyond(construct string) error { return &BeyondError{Construct: construct} }

// lowering turns the key and signature expressions of one definition into steps. What does not depend on the secret is a
// constant of the request.
type lowering struct {
	def   scheme.Definition
	hash  Hash
	value func(scheme.Expr) ([]byte, error)
	depth int
}

func (l *lowering) step(e scheme.Expr) (Step, error) {
	if l.depth++; l.depth > 32 {
		return Step{}, beyond("an expression that deep")
	}
	defer func() { l.depth-- }()
	if !l.secret(e, 0) {
		text, err := l.value(e)
		return Step{Op: OpBytes, Bytes: text}, err
	}
	switch e.Kind {
	case scheme.Name:
		return Step{Op: map[string]Op{"secret": OpSecret, "mac": OpMAC}[e.Text]}, nil
	case scheme.Concat:
		return l.over(Step{Op: OpConcat}, e.Args)
	case scheme.VarName:
		for _, v := range l.def.Vars {
			if v.Name == e.Text {
				return l.step(v.Value)
			}
		}
	case scheme.Call:
		return l.call(e)
	}
	return Step{}, beyond("it uses " + profile.FormatExpression(e))
}

// secret says whether an expression depends on the secret or on the MAC.
func (l *lowering) secret(e scheme.Expr, depth int) bool {
	if e.Kind == scheme.SecretPart || e.Kind == scheme.Name && (e.Text == "secret" || e.Text == "mac") || depth > 32 {
		return true
	}
	if e.Kind == scheme.VarName {
		for _, v := range l.def.Vars {
			if v.Name == e.Text && v.Value.Kind != 0 {
				return l.secret(v.Value, depth+1)
			}
		}
	}
	for _, a := range e.Args {
		if l.secret(a, depth+1) {
			return true
		}
	}
	return false
}

func (l *lowering) over(s Step, args []scheme.Expr) (Step, error) {
	for _, a := range args {
		one, err := l.step(a)
		if err != nil {
			return Step{}, err
		}
		s.Args = append(s.Args, one)
	}
	return s, nil
}

// simple are the functions of one argument. Never written.
var simple = map[string]Op{"hex": OpHex, "unhex": OpUnhex, "b64": OpB64, "b64url": OpB64URL, "unb64": OpUnb64,
	"unb64url": OpUnb64U, "upper": OpUpper, "lower": OpLower,
	"pct": OpPercent}

func (l *lowering) call(e scheme.Expr) (Step, error) {
	s := Step{Op: simple[e.Text]}
	if hash, ok := hashes[e.Text]; ok {
		s = Step{Op: OpDigest, Hash: hash}
	}
	args := e.Args
	switch {
	case e.Text == "trim_prefix" && e.Args[1].Kind == scheme.Literal:
		s, args = Step{Op: OpTrim, Bytes: []byte(e.Args[1].Text)}, e.Args[:1]
	case e.Text == "hmac" || e.Text == "chain":
		s = Step{Op: OpHMAC, Hash: l.hash}
	case e.Text == "join":
		return l.join(e)
	case e.Text == "head" && e.Args[1].Kind == scheme.Number:
		size, ok := number(e.Args[1].Text)
		if !ok {
			return Step{}, beyond("it uses " + profile.FormatExpression(e))
		}
		s, args = Step{Op: OpHead, Size: size}, e.Args[:1]
	}
	for _, o := range e.Options {
		switch {
		case o.Name == "pad":
			s.Bare = o.Value == "0"
		case o.Name == "alg" && s.Op == OpHMAC && hashes[o.Value] != "":
			s.Hash = hashes[o.Value]
		default:
			return Step{}, beyond("it uses " + profile.FormatExpression(e))
		}
	}
	if s.Op == "" {
		return Step{}, beyond("it uses " + profile.FormatExpression(e))
	}
	return l.over(s, args)
}

func (l *lowering) join(e scheme.Expr) (Step, error) {
	var list []scheme.Expr
	for i, arg := range e.Args[1:] {
		if i > 0 {
			list = append(list, e.Args[0])
		}
		list = append(list, arg)
	}
	return l.over(Step{Op: OpConcat}, list)
}

func number(text string) (n int, ok bool) {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' || n > 1000 {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, text != ""
}
