package scheme

// compileExpressions builds message, key and signature.
func (s *Scheme) compileExpressions(d *Definition) error {
	if s.two {
		if err := s.compile2(d); err != nil {
			return err
		}
	}
	b := s.builder(d, inMessage)
	var err error
	if s.message, err = b.build(nil, d.Message, 0); err != nil {
		return err
	}
	if err := limit("message", s.message); err != nil {
		return err
	}
	if err := s.refuseWireHeaders(); err != nil {
		return err
	}
	if s.key, err = b.optional(inKey, d.Key, "secret"); err != nil {
		return err
	}
	if err := limit("key", s.key); err != nil {
		return err
	}
	if count(s.key, opSecret)+count(s.key, opSecretPart) == 0 {
		return &CompileError{Field: "key", Message: "the key does not use secret"}
	}
	hex := Expr{Kind: Call, Text: "hex", Args: []Expr{{Kind: Name, Text: "mac"}}}
	if d.Signature.Kind == 0 {
		d.Signature = hex
	}
	if s.signature, err = b.optional(inSignature, d.Signature, ""); err != nil {
		return err
	}
	var bad *CompileError
	if s.codec, bad = newCodec(s.signature, s.alg.size); bad != nil {
		return bad
	}
	if s.codec.cut > 0 {
		s.macSize = s.codec.cut
	}
	if len(s.codec.layers) == 0 {
		return &CompileError{Field: "signature", Message: "raw bytes cannot stand in a header", Hint: "hex(mac)"}
	}
	if s.two {
		if err := s.settleKey(); err != nil {
			return err
		}
	}
	s.settleStreaming()
	return nil
}

// optional builds an expression of its own kind, or the name that stands for it when it is not given.
func (b *builder) optional(in expression, e Expr, absent string) ([]node, error) {
	if e.Kind == 0 {
		e = Expr{Kind: Name, Text: absent}
	}
	own := *b
	own.in, own.parts = in, 0
	return own.build(nil, e, 0)
}

// alias is the captured value that is the whole of a header on the wire, so that h.x-timestamp means ts where the wire says X-Timestamp: "{ts}".
func (s *Scheme) alias(header string) op {
	for i := range s.wire {
		if s.wire[i].key == header && s.wire[i].in == InHeader {
			if o := s.wire[i].only(); o == opTime || o == opNonce || o == opKeyID {
				return o
			}
		}
	}
	return 0
}

// refuseWireHeaders refuses h.name for a header that this scheme composes itself.
func (s *Scheme) refuseWireHeaders() error {
	for i := range s.signed {
		for j := range s.wire {
			if s.wire[j].in == InHeader && s.signed[i].name == s.wire[j].key && (s.wire[j].signs || !s.two) {
				return &CompileError{Field: "message", Message: "the header " + s.wire[j].name + " is written by this profile", Hint: "name the captured values instead: ts, nonce, key_id"}
			}
		}
	}
	return nil
}

// count says how often o occurs in parts, at any depth.
func count(parts []node, o op) (n int) {
	for i := range parts {
		if parts[i].op == o {
			n++
		}
		n += count(parts[i].args, o)
	}
	return n
}

// bodyStreams says whether the body occurs once, and only where feed passes it on without holding it.
func bodyStreams(parts []node) bool { return count(parts, opBody) == 1 && flows(parts, true) }

// flows finds the body and says whether it is passed on straight: fed is false inside functions that hold their argument.
func flows(parts []node, fed bool) bool {
	for i := range parts {
		if parts[i].op == opBody {
			return fed
		}
		if count(parts[i].args, opBody) > 0 {
			return flows(parts[i].args, parts[i].fn.digest > 0)
		}
	}
	return false
}
