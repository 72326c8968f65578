package tester

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
)

// Plan is how a page makes the text of a signature from a secret and the canonical input: an HMAC with Hash, keyed by what Key
// comes to, over these bytes, written as Signature says. It holds no secret. It is written to JSON for the page's script, which
// does the same as Sign.
type Plan struct {
	Hash      Hash `json:"hash"`
	Key       Step `json:"key"`
	Signature Step `json:"signature"`
}

var errSecret = errors.New("the secret does not have the form that the profile asks for")

// Sign is what the page does, in Go: the plan is held against the scheme with it before anybody sees the plan. The error says
// that the secret does not have the form that the profile asks for; it never holds it.
func (p *Plan) Sign(secret, canonical []byte) (string, error) {
	key, err := p.Key.bytes(secret, nil)
	if err != nil {
		return "", err
	}
	if len(key) == 0 {
		return "", errSecret
	}
	text, err := p.Signature.bytes(secret, mac(p.Hash, key, canonical))
	return string(text), err
}

func mac(h Hash, key, text []byte) []byte {
	m := hmac.New(h.new(), key)
	m.Write(text)
	return m.Sum(nil)
}

func (h Hash) new() func() hash.Hash {
	switch h {
	case "SHA-1":
		return sha1.New
	case "SHA-384":
		return sha512.New384
	case "SHA-512":
		return sha512.New
	}
	return sha256.New
}

func (s *Step) bytes(secret, sum []byte) ([]byte, error) {
	switch s.Op {
	case OpSecret:
		return secret, nil
	case OpMAC:
		return sum, nil
	case OpBytes:
		return s.Bytes, nil
	}
	var args [][]byte
	for i := range s.Args {
		one, err := s.Args[i].bytes(secret, sum)
		if err != nil {
			return nil, err
		}
		args = append(args, one)
	}
	if s.Op == OpHMAC && len(args) > 1 {
		key := args[0]
		for _, data := range args[1:] {
			key = mac(s.Hash, key, data)
		}
		return key, nil
	}
	return s.apply(bytes.Join(args, nil))
}

// apply does what has one argument.
func (s *Step) apply(in []byte) ([]byte, error) {
	switch s.Op {
	case OpConcat:
		return in, nil
	case OpHex:
		return []byte(hex.EncodeToString(in)), nil
	case OpUnhex:
		out, err := hex.DecodeString(string(in))
		return out, unfit(err)
	case OpB64, OpB64URL:
		return []byte(s.base64().EncodeToString(in)), nil
	case OpUnb64, OpUnb64U:
		if bytes.ContainsAny(in, "\r\n") {
			return nil, errSecret
		}
		out, err := s.base64().DecodeString(string(in))
		return out, unfit(err)
	case OpUpper, OpLower:
		return changeCase(in, s.Op == OpUpper), nil
	case OpPercent:
		return []byte(percent(string(in))), nil
	case OpTrim:
		out, ok := bytes.CutPrefix(in, s.Bytes)
		if !ok {
			return nil, errSecret
		}
		return out, nil
	case OpHead:
		return in[:min(len(in), s.Size)], nil
	case OpDigest:
		h := s.Hash.new()()
		h.Write(in)
		return h.Sum(nil), nil
	}
	return nil, beyond("it uses " + string(s.Op))
}

func (s *Step) base64() *base64.Encoding {
	enc := base64.StdEncoding
	if s.Op == OpB64URL || s.Op == OpUnb64U {
		enc = base64.URLEncoding
	}
	if s.Bare {
		enc = enc.WithPadding(base64.NoPadding)
	}
	return enc.Strict()
}

func unfit(err error) error {
	if err != nil {
		return errSecret
	}
	return nil
}

// changeCase knows ASCII alone, so that no byte of anything else is touched.
func changeCase(in []byte, upper bool) []byte {
	out := bytes.Clone(in)
	for i, c := range out {
		switch {
		case upper && 'a' <= c && c <= 'z':
			out[i] = c - 'a' + 'A'
		case !upper && 'A' <= c && c <= 'Z':
			out[i] = c - 'A' + 'a'
		}
	}
	return out
}
