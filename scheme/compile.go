package scheme

import "time"

// Compile checks a definition and compiles it. Whatever is not proven safe is refused with a *CompileError: an unknown name or function, a wire template
// that cannot be read back, a part of the request that is not signed and not listed in Uncovered (security rule 2), parts that run into each other (rule 3).
func Compile(d Definition) (*Scheme, error) {
	s := &Scheme{name: d.Name}
	if d.Name == "" || len(d.Name) > 128 {
		return nil, &CompileError{Field: "name", Message: "a scheme needs a name of 1 to 128 bytes"}
	}
	if err := d.language(); err != nil {
		return nil, err
	}
	s.two, s.webhook, s.form.caseless = d.two(), d.Webhook, false
	if err := s.compileAlgorithm(&d); err != nil {
		return nil, err
	}
	var err error
	if s.frame, err = s.alg.afterBlock(make([]byte, s.alg.block)); err != nil {
		return nil, err
	}
	for _, step := range []func(*Definition) error{s.declare, s.compileTime, s.compileWire, s.compileExpressions, s.boundWire, s.judge} {
		if err := step(&d); err != nil {
			return nil, err
		}
	}
	if d.Time != nil {
		s.timeUnit = map[string]time.Duration{"unix": time.Second, "unix_ms": time.Millisecond}[d.Time.Format]
	}
	n := &s.signature[0] // one, or newCodec had refused it
	s.hexOnly = n.op == opCall && n.fn.id == fnHex && len(n.args) == 1 && n.args[0].op == opMAC
	s.isolate()
	s.lasting = s.derivesLasting()
	s.pool.New = func() any { return s.newScratch() }
	return s, nil
}

func (s *Scheme) compileAlgorithm(d *Definition) error {
	known := false
	s.alg, known = algorithmOf(d.Algorithm)
	names := algorithmNames
	if s.two {
		s.alg, known = algorithmOf2(d.Algorithm)
		names = algorithmNames2
	}
	if !known {
		return &CompileError{Field: "algorithm", Message: `unknown algorithm ` + quoted(d.Algorithm), Hint: algorithmHint(d.Algorithm, names)}
	}
	s.macSize = s.alg.size
	return nil
}

func algorithmHint(name string, names []string) string {
	if hint := Nearest(name, names); hint != "" {
		return hint
	}
	if len(names) > len(algorithmNames) {
		return listed(names)
	}
	return "hmac-sha1, hmac-sha256, hmac-sha384 or hmac-sha512"
}

func (s *Scheme) compileTime(d *Definition) error {
	s.timeShape, s.timeHelp = fixed(10, digitSet), "exactly 10 digits"
	if d.Time == nil {
		return nil
	}
	format, known := timeFormatOf(d.Time.Format)
	names := timeFormats
	if s.two {
		format, known = timeFormatOf2(d.Time.Format)
		names = append(append([]string(nil), timeFormats...), timeFormats2...)
	}
	if !known {
		hint := Nearest(d.Time.Format, names)
		if hint == "" {
			hint = "unix, unix_ms, http_date or rfc3339"
			if s.two {
				hint = listed(names) + ", or a pattern of " + dateHelp
			}
		}
		return &CompileError{Field: "time", Message: `unknown time format ` + quoted(d.Time.Format), Hint: hint}
	}
	if d.Time.Window < time.Second || d.Time.Window > maxWindow {
		return &CompileError{Field: "time", Message: "the window is out of bounds", Hint: "1s to 24h"}
	}
	s.time, s.timeShape, s.timeHelp, s.window = &format, format.shape, format.help, d.Time.Window
	if err := s.shiftZone(d.Time); err != nil {
		return err
	}
	if s.expiry = d.Time.Expiry; d.Time.Chosen.Kind == 0 {
		return nil
	}
	if s.chosenUnit, s.chosenMost = d.Time.Unit, d.Time.Most; s.chosenUnit <= 0 || s.chosenMost < time.Second || s.chosenMost > 7*24*time.Hour || s.expiry {
		return &CompileError{Field: "time", Message: "a chosen window needs its greatest value, and a time that is no expiry", Hint: "chosen: q.Expires, unit: s, most: 1h"}
	}
	return nil
}

// compileWire splits the templates. A value has one place on the wire (security rule 7).
func (s *Scheme) compileWire(d *Definition) error {
	if len(d.Wire) > maxWire {
		return &CompileError{Field: "wire", Message: "too many headers", Hint: "at most 16"}
	}
	if d.Time != nil && d.Time.Header != "" && !onWire(d, d.Time.Header) {
		d.Wire = append(append([]WireHeader(nil), d.Wire...), WireHeader{canonical(d.Time.Header), "{ts}"})
	}
	seen := map[op]bool{}
	if s.two {
		if err := s.compilePlaces(d, seen); err != nil {
			return err
		}
	} else {
		for _, h := range d.Wire {
			if err := s.addWire(h, seen); err != nil {
				err.Item = h.Name
				return err
			}
		}
	}
	if !seen[opMAC] {
		return &CompileError{Field: "wire", Message: "no header carries {sig}"}
	}
	s.hasNonce, s.hasKeyID = seen[opNonce], seen[opKeyID]
	if d.Time != nil && !seen[opTime] {
		return &CompileError{Field: "time", Message: "no header carries {ts}", Hint: "put {ts} on the wire, or from: h.date"}
	}
	if d.Time == nil && seen[opTime] {
		return &CompileError{Field: "time", Message: "{ts} is on the wire but nothing says how it is written", Hint: "time: {from: ts, format: unix, window: 300s}"}
	}
	return s.compileNonce(d)
}

// compilePlaces adds everything that stands on the wire in language 2.
func (s *Scheme) compilePlaces(d *Definition, seen map[op]bool) error {
	for _, place := range []struct {
		in    Place
		field string
		list  []WireHeader
	}{{InHeader, "wire", d.Wire}, {InQuery, "wire_query", d.WireQuery}, {InForm, "wire_form", d.WireForm}, {InJSON, "wire_json", d.WireJSON}} {
		if len(place.list) > maxWire {
			return &CompileError{Field: place.field, Message: "too many values", Hint: "at most 16"}
		}
		for _, h := range place.list {
			if err := s.addPlaced(d, place.in, h, seen); err != nil {
				if err.Field != "several" {
					err.Field, err.Item = place.field, h.Name
				}
				return err
			}
		}
	}
	if len(d.WireForm) > 0 && len(d.WireJSON) > 0 {
		return &CompileError{Field: "wire_json", Message: "a body is a form or JSON, not both"}
	}
	return s.compileSeveral(d)
}

// compileSeveral adds the further headers that may carry a signature.
func (s *Scheme) compileSeveral(d *Definition) error {
	if d.Several == nil {
		return nil
	}
	for i := range s.wire {
		if !s.wire[i].signs {
			continue
		}
		if s.wire[i].in != InHeader {
			return &CompileError{Field: "several", Message: "several signatures stand in headers only"}
		}
		if d.Several.Separator == "" && (d.Several.After != "" || len(d.Several.Also) == 0) {
			return &CompileError{Field: "several", Message: "several needs a separator, or further headers", Hint: "several: {sep: ','}, or several: {also: [X-Signature-2]}"}
		}
		if len(d.Several.Also) > 4 {
			return &CompileError{Field: "several", Message: "too many further headers", Hint: "at most 4"}
		}
		for _, name := range d.Several.Also {
			more := s.wire[i]
			more.name, more.key, more.optional, more.further = name, canonical(name), true, true
			if err := headerName(&more); err != nil || onWire(d, name) {
				return &CompileError{Field: "several", Message: "also lists other headers than wire"}
			}
			s.wire = append(s.wire, more)
		}
		return nil
	}
	return nil
}

func onWire(d *Definition, header string) bool {
	for _, h := range d.Wire {
		if canonical(h.Name) == canonical(header) {
			return true
		}
	}
	return false
}

func (s *Scheme) addWire(h WireHeader, seen map[op]bool) *CompileError {
	if len(h.Name) > 128 || h.Name == "" || !nameSet.all(h.Name) {
		return &CompileError{Field: "wire", Message: "a header name is 1 to 128 letters, digits, hyphens and underscores"}
	}
	w := newWireHeader(h.Name, h.Template)
	if w.key == "Host" || w.key == "Content-Length" || w.key == "Transfer-Encoding" || w.key == "Connection" {
		return &CompileError{Field: "wire", Message: "this header belongs to HTTP itself"}
	}
	for i := range s.wire {
		if s.wire[i].key == w.key {
			return &CompileError{Field: "wire", Message: "the header is listed twice"}
		}
	}
	var err *CompileError
	if w.pieces, err = split(h.Template); err != nil {
		return err
	}
	for _, c := range w.pieces {
		if c.op == 0 {
			continue
		}
		if seen[c.op] {
			return &CompileError{Field: "wire", Message: "{" + captureName(c.op) + "} is on the wire twice", Hint: "a value has one place"}
		}
		seen[c.op] = true
		if c.op == opTime {
			s.timeWhere = h.Name
		}
	}
	s.wire = append(s.wire, w)
	return nil
}

func (s *Scheme) compileNonce(d *Definition) error {
	s.nonce, s.nonceSet = NonceRule{Min: 16, Max: 128}, unreserved
	if d.Nonce == nil {
		return nil
	}
	if !s.hasNonce {
		return &CompileError{Field: "nonce", Message: "no header carries {nonce}"}
	}
	if d.Nonce.Min != 0 {
		s.nonce.Min = d.Nonce.Min
	}
	if d.Nonce.Max != 0 {
		s.nonce.Max = d.Nonce.Max
	}
	if s.nonce.Min < 1 || s.nonce.Max > 256 || s.nonce.Min > s.nonce.Max {
		return &CompileError{Field: "nonce", Message: "the lengths are out of bounds", Hint: "1 <= min <= max <= 256"}
	}
	if d.Nonce.Chars == "" {
		return nil
	}
	var ok bool
	allowed := unreserved
	if s.two {
		allowed = keyIDSet
	}
	if s.nonceSet, ok = charClass(d.Nonce.Chars); !ok || s.nonceSet.minus(allowed).meets(anyByte) {
		return &CompileError{Field: "nonce", Message: "chars must list characters out of A-Za-z0-9._~-", Hint: "A-Za-z0-9_-"}
	}
	return nil
}

func (s *Scheme) boundWire(d *Definition) error {
	for i := range s.wire {
		if err := s.bound2(&s.wire[i]); err != nil {
			err.Item = s.wire[i].name
			return err
		}
	}
	if d.Time == nil || d.Time.Header == "" {
		return nil
	}
	for i := range s.wire {
		if s.wire[i].key == canonical(d.Time.Header) && s.wire[i].only() != opTime {
			return &CompileError{Field: "time", Message: "the header " + s.wire[i].name + " holds more than the time", Hint: "from: ts"}
		}
	}
	return nil
}
