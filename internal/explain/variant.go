package explain

import (
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"countersign.dev/scheme"
)

// Bounds of the readings of a request without the right form: how many are searched, and how much may be wrong with one of them. Each
// is a definition that has to be compiled.
const (
	maxVariants = 6
	maxFaults   = 2
)

// variant compiles a definition and reads the request under it; nil where that is not possible.
func (x *search) variant(d scheme.Definition, r *scheme.Request, steps ...*change) *variant {
	g, err := scheme.Suppose(d)
	if err != nil {
		return nil
	}
	v := &variant{guess: g, def: d, r: *r, steps: steps}
	if g.Parse(&v.r, &v.p) != nil {
		return nil
	}
	return v
}

// variants are the readings of the request: the profile's own, which is returned as base as well, or those of a request whose form
// is not the profile's, with what is wrong with it.
func (x *search) variants() (base *variant, all []*variant) {
	r := &x.q.Observed.Request
	if base = x.variant(x.def, r); base != nil {
		return base, []*variant{base}
	}
	start := []reading{{d: x.def, r: r}}
	for _, kind := range []func(scheme.Definition, *scheme.Request) []repair{x.requestRepairs, wireRepairs, textRepairs, timeRepairs} {
		for _, at := range slices.Clone(start) {
			for _, one := range kind(at.d, at.r) {
				if len(at.steps) < maxFaults {
					start = append(start, reading{one.d, one.r, append(slices.Clone(at.steps), one.step)})
				}
			}
		}
	}
	slices.SortStableFunc(start, func(a, b reading) int { return len(a.steps) - len(b.steps) })
	for _, at := range start {
		if v := x.variant(at.d, at.r, at.steps...); v != nil {
			if all = append(all, v); len(all) == maxVariants {
				break
			}
		}
	}
	return nil, all
}

// reading is a request as it may have been meant: under another definition, or with another header.
type reading struct {
	d     scheme.Definition
	r     *scheme.Request
	steps []*change
}

// repair is one step to another reading.
type repair struct {
	d    scheme.Definition
	r    *scheme.Request
	step *change
}

func told(family, name, what, cure string) *change {
	return &change{step: Step{family, name, what, cure}}
}

// requestRepairs read a header that came twice, or with marks around it.
func (x *search) requestRepairs(d scheme.Definition, r *scheme.Request) []repair {
	var out []repair
	add := func(header, value, name, what, cure string) {
		copied := *r
		copied.Header = maps.Clone(r.Header)
		copied.Header[header] = []string{value}
		out = append(out, repair{d, &copied, told("wire", name, "the header "+header+" "+what, cure)})
	}
	for _, header := range x.scheme.Headers() {
		values := r.Header[header]
		if len(values) > 1 {
			const cure = "send it once; a proxy on the way may have added the other"
			add(header, values[0], "doubled-first", "came more than once, and the first value is the one that was meant", cure)
			add(header, values[len(values)-1], "doubled-last", "came more than once, and the last value is the one that was meant", cure)
		}
		if len(values) != 1 {
			continue
		}
		v := values[0]
		if plain := strings.Trim(v, "\"' \t\r\n"); plain != v {
			add(header, plain, "quoted", "has quotation marks or white space around its value", "send the value alone")
		}
		if first, _, has := strings.Cut(v, ","); has {
			add(header, strings.TrimSpace(first), "doubled-joined", "holds two values joined by a comma", "send it once; a proxy on the way may have joined two")
		}
	}
	return out
}

// wireRepairs read a header of the signature that lacks what stands around it, or has something else there.
func wireRepairs(d scheme.Definition, r *scheme.Request) []repair {
	var out []repair
	for i, h := range d.Wire {
		if !strings.Contains(h.Template, "{sig}") {
			continue
		}
		with := func(template, name, what string) {
			if template == h.Template {
				return
			}
			c := d
			c.Wire = slices.Clone(d.Wire)
			c.Wire[i].Template = template
			out = append(out, repair{c, r, told("wire", name, "the header "+h.Name+" "+what, "write the header as the profile's wire says")})
		}
		if strings.Count(h.Template, "{") == 1 {
			with("{sig}", "prefix-missing", "lacks the text that stands beside the signature")
			value := strings.Join(r.Header[textproto.CanonicalMIMEHeaderKey(h.Name)], ",")
			if end := strings.IndexAny(value, "= "); end > 0 && end < 32 && !strings.ContainsAny(value[:end], "{}") {
				with(value[:end+1]+"{sig}", "prefix-wrong", "has another text in front of the signature than the profile")
			}
		}
	}
	return out
}

// textRepairs read a signature in another encoding, or of another algorithm.
func textRepairs(d scheme.Definition, r *scheme.Request) []repair {
	var out []repair
	mac := scheme.Expr{Kind: scheme.Name, Text: "mac"}
	call := func(name string, arg scheme.Expr, options ...scheme.Option) scheme.Expr {
		return scheme.Expr{Kind: scheme.Call, Text: name, Args: []scheme.Expr{arg}, Options: options}
	}
	bare := scheme.Option{Name: "pad", Value: "0"}
	encodings := []struct {
		name, what string
		e          scheme.Expr
	}{
		{"", "", d.Signature},
		{"hex", "is in hexadecimal", call("hex", mac)}, {"base64", "is in base64", call("b64", mac)}, {"base64url", "is in base64url", call("b64url", mac)},
		{"base64-unpadded", "is in base64 without padding", call("b64", mac, bare)}, {"base64url-unpadded", "is in base64url without padding", call("b64url", mac, bare)},
		{"base64-of-hex", "is the base64 of its hexadecimal text", call("b64", call("hex", mac))}, {"hex-of-base64", "is the hexadecimal of its base64 text", call("hex", call("b64", mac))},
		{"base64url-of-hex", "is the base64url of its hexadecimal text", call("b64url", call("hex", mac))}, {"percent-encoded", "is percent-encoded base64", call("pct", call("b64", mac))},
	}
	for _, algorithm := range append([]string{d.Algorithm}, "hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-md5") {
		for i, enc := range encodings {
			other := algorithm != d.Algorithm
			if i == 0 && !other {
				continue
			}
			c := d
			c.Algorithm, c.Signature = algorithm, enc.e
			if algorithm == "hmac-md5" {
				c.Language = 2
			}
			name, what := enc.name, "the signature "+enc.what+", which is not what the profile says"
			if other {
				name, what = strings.TrimPrefix(enc.name+"+"+algorithm, "+"), "the signature was made with "+algorithm
				if enc.what != "" {
					what += ", and " + enc.what
				}
			}
			out = append(out, repair{c, r, told("signature", name, what, "use the profile's algorithm, and write the signature as its signature expression says")})
		}
	}
	return out
}

// timeRepairs read a time in another form.
func timeRepairs(d scheme.Definition, r *scheme.Request) []repair {
	if d.Time == nil {
		return nil
	}
	var out []repair
	for _, f := range []struct{ format, what string }{
		{"unix", "in seconds"}, {"unix_ms", "in milliseconds"}, {"unix_us", "in microseconds"}, {"unix_ns", "in nanoseconds"}, {"unix_fraction", "in seconds with a fraction"},
		{"rfc3339", "as an RFC 3339 date"}, {"http_date", "as an HTTP date"}, {"compact", "as a compact ISO 8601 date"}, {"%Y-%m-%dT%H:%M:%S", "as an ISO 8601 date without a zone"},
		{"%Y-%m-%d %H:%M:%S", "as a date and a time with a space between them"},
	} {
		if f.format == d.Time.Format {
			continue
		}
		c, rule := d, *d.Time
		rule.Format, rule.Zone = f.format, ""
		c.Time, c.Language = &rule, 2
		out = append(out, repair{c, r, told("time", "sent-"+f.format, "the time was sent "+f.what, "send the time as the profile's time.format says: "+d.Time.Format)})
	}
	return out
}

// alternatives are the profile's other messages, and its own where an alternative was asked for.
func (x *search) alternatives(a *attempt) []*change {
	var out []*change
	for _, name := range append([]string{""}, x.q.Profile.Names()...) {
		d, err := x.q.Profile.Definition(name)
		if err != nil || name == x.q.Alternative {
			continue
		}
		v := x.variant(d, &a.v.r)
		if v == nil {
			continue
		}
		what := "the profile's alternative " + name + " was used"
		if name == "" {
			what = "the profile itself was used, not its alternative " + x.q.Alternative
		}
		out = append(out, &change{step: Step{"message", "alternative", what, "agree on one: both sides must use the same profile"}, deep: true, apply: func(a *attempt) bool { return a.onto(v) }})
	}
	return out
}
