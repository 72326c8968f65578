package explain

import (
	"net/http"
	"slices"
	"strings"
)

// methods are changes of the method.
func methods(_ *search, a *attempt) []*change {
	var out []*change
	add := func(name, what, to string) {
		if to == a.r.Method || to == "" {
			return
		}
		out = append(out, &change{step: Step{"method", name, what, "sign the method as it stands on the request line, in capital letters"}, deep: true, apply: func(a *attempt) bool {
			a.r.Method = to
			return true
		}})
	}
	m := a.r.Method
	add("lower-case", "the method was signed in lower case", strings.ToLower(m))
	add("capitalised", "the method was signed with one capital letter", strings.ToUpper(m[:min(1, len(m))])+strings.ToLower(m[min(1, len(m)):]))
	add("upper-case", "the method was signed in upper case", strings.ToUpper(m))
	for _, header := range []string{"X-Http-Method-Override", "X-Method-Override", "X-Http-Method"} {
		for _, v := range a.r.Header[header] {
			add("override", "the method of the header "+header+" was signed", v)
		}
	}
	for _, other := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"} {
		add("other", "the method "+other+" was signed, and "+Visible([]byte(m), true)+" was sent", other)
	}
	return out
}

// hosts are other hosts and schemes, for messages that hold them.
func hosts(x *search, a *attempt) []*change {
	const cure = "sign the public host and scheme, and let the proxy pass both on"
	base := a.r
	base.Host += "x"
	before, _ := a.v.guess.Input(&a.r, &a.p)
	after, _ := a.v.guess.Input(&base, &a.p)
	base = a.r
	base.Scheme = "x"
	other, _ := a.v.guess.Input(&base, &a.p)
	if slices.Equal(before, after) && slices.Equal(before, other) {
		return nil
	}
	var out []*change
	add := func(name, what, proto, host string) {
		out = append(out, &change{step: Step{"host", name, what, cure}, deep: true, apply: func(a *attempt) bool {
			same := a.r.Host == host && a.r.Scheme == proto
			a.r.Host, a.r.Scheme = host, proto
			return !same
		}})
	}
	names := []string{a.r.Host}
	for _, header := range []string{"X-Forwarded-Host", "X-Original-Host", "X-Host"} {
		for _, v := range a.r.Header[header] {
			first, _, _ := strings.Cut(v, ",")
			names = append(names, strings.TrimSpace(first))
		}
	}
	names = append(names, x.q.Hosts...)
	names = append(names, "localhost", "127.0.0.1", "")
	for i, host := range names {
		plain := host
		if at := strings.LastIndexByte(host, ':'); at > 0 && !strings.HasSuffix(host, "]") {
			plain = host[:at]
		}
		what, label := "the host "+Visible([]byte(host), true)+" was signed", "other-host"
		if i == 0 {
			what, label = "the host was signed", "same-host"
		}
		for _, proto := range []string{"https", "http"} {
			add(label, what+" with the scheme "+proto, proto, host)
			add("no-port", what+" without a port, with the scheme "+proto, proto, plain)
			add("default-port", what+" with the port 443, with the scheme "+proto, proto, plain+":443")
			add("default-port", what+" with the port 80, with the scheme "+proto, proto, plain+":80")
			add("lower-case", what+" in lower case, with the scheme "+proto, proto, strings.ToLower(host))
		}
	}
	return out
}

// headers are changes of the headers that are signed.
func headers(x *search, a *attempt) []*change {
	signed := x.scheme.SignedHeaders()
	if len(signed) == 0 && strings.Contains(x.def.Message.Text, "join") {
		signed = nil
	}
	for name := range a.r.Header {
		if !slices.Contains(signed, name) && !slices.Contains(x.scheme.Headers(), name) && len(signed) < 40 {
			signed = append(signed, name)
		}
	}
	slices.Sort(signed)
	var out []*change
	for _, name := range signed {
		if x.matters(a, name) {
			out = append(out, headerChanges(a, name)...)
		}
	}
	return out
}

// matters says whether another value of a header gives other bytes.
func (x *search) matters(a *attempt, name string) bool {
	before, ok := a.v.guess.Input(&a.r, &a.p)
	other := *a
	other.owned = false
	other.setHeader(name, "x"+strings.Join(a.r.Header[name], ""))
	after, also := other.input()
	return ok != also || !slices.Equal(before, after)
}

func headerChanges(a *attempt, name string) []*change {
	const cure = "sign the value of the header as it is sent, once"
	values := a.r.Header[name]
	var out []*change
	add := func(label, what string, to ...string) {
		out = append(out, &change{step: Step{"header", label, "the header " + name + " was signed " + what, cure}, deep: true, apply: func(a *attempt) bool {
			same := slices.Equal(a.r.Header[name], to)
			a.setHeader(name, to...)
			return !same
		}})
	}
	if len(values) > 1 {
		add("doubled-first", "with its first value only", values[0])
		add("doubled-last", "with its last value only", values[len(values)-1])
		add("doubled-joined", "with all its values, joined by a comma and a space", strings.Join(values, ", "))
		add("doubled-comma", "with all its values, joined by a comma", strings.Join(values, ","))
	}
	v := strings.Join(values, ",")
	if len(values) == 1 {
		add("doubled", "twice, joined by a comma and a space", v+", "+v)
		add("doubled-comma", "twice, joined by a comma", v+","+v)
	}
	add("space-before", "with a space in front", " "+v)
	add("space-after", "with a space behind it", v+" ")
	add("trimmed", "without the white space around it", strings.TrimSpace(v))
	add("squeezed", "with several spaces taken as one", strings.Join(strings.Fields(v), " "))
	add("lower-case", "in lower case", strings.ToLower(v))
	add("upper-case", "in upper case", strings.ToUpper(v))
	add("empty", "as an empty text", "")
	add("unquoted", "without quotation marks", strings.Trim(v, `"`))
	if http.CanonicalHeaderKey(name) == "Content-Type" {
		media, _, _ := strings.Cut(v, ";")
		add("no-parameters", "without its parameters", strings.TrimSpace(media))
		for _, charset := range []string{"; charset=utf-8", "; charset=UTF-8", ";charset=utf-8", ";charset=UTF-8"} {
			add("charset", "as "+media+charset, media+charset)
		}
		for _, other := range []string{"application/json", "application/x-www-form-urlencoded", "text/plain"} {
			add("other-type", "as "+other, other)
		}
	}
	return out
}

// values are changes of the key id and the nonce as they were signed.
func values(_ *search, a *attempt) []*change {
	var out []*change
	for _, v := range []struct {
		name, cure string
		of         func(*attempt) *string
	}{
		{"key-id", "sign the key id as it is sent", func(a *attempt) *string { return &a.p.KeyID }},
		{"nonce", "make the nonce once, sign it, and send the same text", func(a *attempt) *string { return &a.p.Nonce }},
	} {
		text := *v.of(a)
		if text == "" {
			continue
		}
		for _, to := range []struct{ name, what, text string }{
			{"empty", "was not signed", ""}, {"lower-case", "was signed in lower case", strings.ToLower(text)}, {"upper-case", "was signed in upper case", strings.ToUpper(text)},
			{"no-hyphens", "was signed without its hyphens", strings.ReplaceAll(text, "-", "")}, {"newline", "was signed with a line feed behind it", text + "\n"},
		} {
			out = append(out, &change{step: Step{v.name, to.name, "the " + strings.ReplaceAll(v.name, "-", " ") + " " + to.what, v.cure}, deep: true, apply: func(a *attempt) bool {
				field := v.of(a)
				same := *field == to.text
				*field = to.text
				return !same
			}})
		}
	}
	return out
}
