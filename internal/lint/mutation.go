package lint

import (
	"slices"
	"strings"

	"countersign.dev/scheme"
)

// mutation changes one thing in a signed request.
type mutation struct {
	// part is what is changed, in the words of uncovered: method, path, query, body, time; or header NAME, key id, nonce, double NAME.
	part string
	what string
	// spelling: the request means the same to many servers; a profile may say that it does not sign how it is written.
	spelling bool
	apply    func(r *scheme.Request)
}

// mutations are the changes of one example.
func mutations(e *example) []mutation {
	out := targetMutations(e)
	out = append(out, bodyMutations(e)...)
	out = append(out, headerMutations(e)...)
	return append(append(out, credentialMutations(e)...), placedMutations(e)...)
}

func targetMutations(e *example) []mutation {
	path, query, has := strings.Cut(e.r.Target, "?")
	tail := ""
	if has {
		tail = "?" + query
	}
	to := func(part, what, target string) mutation {
		return mutation{part: part, what: what, apply: func(r *scheme.Request) { r.Target = target }}
	}
	out := []mutation{
		{part: "method", what: "another method", apply: func(r *scheme.Request) { r.Method = otherMethod(r.Method) }},
		{part: "method", what: "a longer method", apply: func(r *scheme.Request) { r.Method += "X" }},
		to("path", "its last byte", other(path)+tail),
		to("path", "a byte more at its end", path+"a"+tail),
		to("path", "a slash more at its end", path+"/"+tail),
		to("path", "a segment in front", "/v0"+path+tail),
	}
	if len(path) > 2 {
		middle := len(path) / 2
		out = append(out, to("path", "a byte in its middle", path[:middle]+other(path[middle:middle+1])+path[middle+1:]+tail), to("path", "a byte less", path[:len(path)-1]+tail))
	}
	if i := strings.IndexFunc(path, func(c rune) bool { return 'a' <= c && c <= 'z' }); i > 0 && !strings.Contains(path[max(0, i-2):i], "%") {
		m := to("path", "a letter percent-encoded", path[:i]+percent(path[i])+path[i+1:]+tail)
		m.spelling = true
		out = append(out, m)
	}
	return append(out, queryMutations(e, path, query, has, to)...)
}

func queryMutations(e *example, path, query string, has bool, to func(part, what, target string) mutation) []mutation {
	if !has {
		return []mutation{to("query", "a query where there was none", path+"?z=1")}
	}
	var own string // the parameter that carries the signature stays at the end
	items := strings.Split(query, "&")
	for _, w := range e.wireQuery() {
		for i, item := range items {
			if name, _, _ := strings.Cut(item, "="); name == w {
				own = "&" + item
				items = slices.Delete(slices.Clone(items), i, i+1)
				break
			}
		}
	}
	rest := strings.Join(items, "&")
	if rest == "" {
		return []mutation{to("query", "a parameter more", path+"?z=1"+own)}
	}
	out := []mutation{
		to("query", "a parameter more", path+"?"+rest+"&z=1"+own),
		to("query", "its last byte", path+"?"+other(rest)+own),
		to("query", "its first byte", path+"?"+other(rest[:1])+rest[1:]+own),
		to("query", "none at all", path+strings.Replace(own, "&", "?", 1)),
	}
	if len(items) > 1 {
		reversed := slices.Clone(items)
		slices.Reverse(reversed)
		m := to("query", "its parameters in another order", path+"?"+strings.Join(reversed, "&")+own)
		m.spelling = true
		out = append(out, m)
	}
	if last := items[len(items)-1]; strings.Contains(last, "=") && !strings.HasSuffix(last, "=") && !strings.Contains(last, "%") {
		m := to("query", "a character percent-encoded", path+"?"+rest[:len(rest)-1]+percent(rest[len(rest)-1])+own)
		m.spelling = true
		out = append(out, m)
	}
	return out
}

func bodyMutations(e *example) []mutation {
	n := len(e.r.Body)
	set := func(what string, f func([]byte) []byte) mutation {
		return mutation{part: "body", what: what, apply: func(r *scheme.Request) { r.Body = f(r.Body) }}
	}
	if n == 0 {
		return []mutation{set("a body where there was none", func([]byte) []byte { return []byte("{}") }), set("a line feed where there was no body", func([]byte) []byte { return []byte("\n") })}
	}
	out := []mutation{
		set("its first byte", func(b []byte) []byte { b[0] ^= 1; return b }),
		set("a byte in its middle", func(b []byte) []byte { b[n/2] ^= 1; return b }),
		set("its last byte", func(b []byte) []byte { b[n-1] ^= 1; return b }),
		set("a byte more", func(b []byte) []byte { return append(b, 'x') }),
		set("a byte more in front", func(b []byte) []byte { return append([]byte("{"), b...) }),
		set("a byte less", func(b []byte) []byte { return b[:n-1] }),
		set("none at all", func([]byte) []byte { return nil }),
	}
	for _, space := range []mutation{
		set("a line feed more at its end", func(b []byte) []byte { return append(b, '\n') }),
		set("a space more at its end", func(b []byte) []byte { return append(b, ' ') }),
	} {
		space.spelling = true
		out = append(out, space)
	}
	return out
}

func headerMutations(e *example) []mutation {
	var out []mutation
	for _, name := range e.s.SignedHeaders() {
		if len(e.r.Header[name]) == 0 {
			continue
		}
		out = append(out,
			mutation{part: "header " + name, what: "its last byte", apply: func(r *scheme.Request) { r.Header[name][0] = other(r.Header[name][0]) }},
			mutation{part: "header " + name, what: "a byte more", apply: func(r *scheme.Request) { r.Header[name][0] += "x" }},
			mutation{part: "header " + name, what: "none at all", apply: func(r *scheme.Request) { delete(r.Header, name) }},
			mutation{part: "double " + name, what: "a second value", apply: func(r *scheme.Request) { r.Header[name] = append(r.Header[name], "x") }})
	}
	return out
}

// credentialMutations change what the wire carries. Each character of these headers becomes another one; changedCredential says which of
// these may pass.
func credentialMutations(e *example) []mutation {
	var out []mutation
	for _, name := range e.s.Headers() {
		if len(e.r.Header[name]) == 0 {
			continue
		}
		out = append(out, mutation{part: "double " + name, what: "the same header twice", apply: func(r *scheme.Request) { r.Header[name] = append(r.Header[name], r.Header[name][0]) }})
		value := e.r.Header[name][0]
		for i := range min(len(value), 512) {
			out = append(out, mutation{part: "wire the header " + name, what: "one of its characters", apply: func(r *scheme.Request) {
				b := []byte(r.Header[name][0])
				if b[i]++; value[i] == '9' || value[i] == 'f' || value[i] == 'z' || value[i] == 'Z' {
					b[i] = value[i] - 1
				}
				r.Header[name][0] = string(b)
			}})
		}
	}
	return out
}

// placedMutations change what stands in the query or in a form instead of in a header.
func placedMutations(e *example) []mutation {
	var out []mutation
	_, query, _ := strings.Cut(e.r.Target, "?")
	for _, place := range []struct {
		word, text string
		list       []scheme.WireHeader
		set        func(r *scheme.Request, before, after string)
	}{
		{"the parameter ", query, e.d.WireQuery, func(r *scheme.Request, before, after string) { r.Target = strings.Replace(r.Target, before, after, 1) }},
		{"the field ", string(e.r.Body), e.d.WireForm, func(r *scheme.Request, before, after string) {
			r.Body = []byte(strings.Replace(string(r.Body), before, after, 1))
		}},
	} {
		for _, w := range place.list {
			for _, item := range strings.Split(place.text, "&") {
				if name, value, _ := strings.Cut(item, "="); name == w.Name && value != "" {
					out = append(out, mutation{part: "wire " + place.word + name, what: "its last character", apply: func(r *scheme.Request) { place.set(r, item, other(item)) }})
				}
			}
		}
	}
	return out
}

// other changes the last byte of a text to another one that can stand in its place.
func other(s string) string {
	if s == "" {
		return "a"
	}
	last := s[len(s)-1]
	to := byte('a')
	if last == 'a' {
		to = 'b'
	}
	if 'A' <= last && last <= 'Z' { // not a small letter, which hexadecimal takes for the same
		to = 'A' + (last-'A'+1)%6
	}
	if '0' <= last && last <= '9' {
		to = '0' + (last-'0'+1)%10
	}
	return s[:len(s)-1] + string(to)
}

func otherMethod(m string) string {
	if m == "POST" {
		return "PUT"
	}
	return "POST"
}

func percent(c byte) string {
	const digits = "0123456789ABCDEF"
	return "%" + string(digits[c>>4]) + string(digits[c&15])
}
