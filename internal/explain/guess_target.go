package explain

import (
	"net/url"
	"strings"
)

// targets are changes of the path, and of the target as a whole.
func targets(x *search, a *attempt) []*change {
	path, query, has := strings.Cut(a.r.Target, "?")
	var out []*change
	add := func(name, what, cure string, to string) {
		if to == path {
			return
		}
		out = append(out, &change{step: Step{"path", name, what, cure}, deep: true, apply: func(a *attempt) bool {
			_, query, has := strings.Cut(a.r.Target, "?")
			if a.r.Target = to; has {
				a.r.Target += "?" + query
			}
			return true
		}})
	}
	const exact = "sign the path exactly as it stands on the request line"
	once, err := url.PathUnescape(path)
	if err == nil {
		add("decoded", "the path was percent-decoded before it was signed", exact, once)
		if twice, err := url.PathUnescape(once); err == nil && twice != once {
			add("decoded-twice", "the path was percent-decoded twice before it was signed", exact, twice)
		}
		add("escaped-anew", "the path was decoded and encoded anew before it was signed, so that other characters are escaped", exact, (&url.URL{Path: once}).EscapedPath())
		add("escaped-component", "every special character of each path segment was percent-encoded", exact, escapeSegments(once))
	}
	add("encoded-again", "the path was percent-encoded once more before it was signed", exact, strings.ReplaceAll(path, "%", "%25"))
	add("lower-escapes", "percent escapes were signed in lower case", exact, mapEscapes(path, strings.ToLower))
	add("upper-escapes", "percent escapes were signed in upper case", exact, mapEscapes(path, strings.ToUpper))
	if len(path) > 1 {
		add("slash-removed", "the path was signed without the slash at its end", exact, strings.TrimSuffix(path, "/"))
		add("no-leading-slash", "the path was signed without the slash in front", exact, strings.TrimPrefix(path, "/"))
	}
	if !strings.HasSuffix(path, "/") {
		add("slash-added", "the path was signed with a slash at its end that was not sent", exact, path+"/")
	}
	add("double-slash", "the path was signed with two slashes in front", exact, "/"+path)
	add("lower-case", "the path was signed in lower case", exact, strings.ToLower(path))
	prefixes(x, a, path, add)
	whole := func(name, what string, to string) {
		out = append(out, &change{step: Step{"target", name, what, exact}, deep: true, apply: func(a *attempt) bool {
			a.r.Target = to
			return true
		}})
	}
	if a.r.Host != "" {
		whole("whole-url", "the whole URL was signed, not the target", a.r.Scheme+"://"+a.r.Host+a.r.Target)
		whole("host-in-path", "the host was signed in front of the path", a.r.Host+a.r.Target)
		whole("host-path-only", "the URL without its query was signed", a.r.Scheme+"://"+a.r.Host+path)
	}
	if has {
		whole("target-decoded", "the whole target was percent-decoded before it was signed", unescape(path)+"?"+unescape(query))
	}
	whole("no-path", "an empty path was signed", "")
	return out
}

// prefixes are paths that a proxy, or a base URL with a path, made longer or shorter.
func prefixes(x *search, a *attempt, path string, add func(name, what, cure, to string)) {
	const cure = "sign the path that the server gets: neither without the base path, nor as it was in front of a proxy that changes it"
	for i := 1; i < len(path); i++ {
		if path[i] == '/' && strings.Count(path[:i], "/") <= 8 {
			add("prefix-removed", "the path was signed without "+Visible([]byte(path[:i]), true), cure, path[i:])
		}
	}
	known := append([]string(nil), x.q.Prefixes...)
	known = append(known, a.r.Header["X-Forwarded-Prefix"]...)
	for _, prefix := range append(known, "/api", "/v1", "/v2", "/api/v1", "/api/v2", "/v3") {
		if prefix = strings.TrimSuffix(prefix, "/"); prefix != "" && len(prefix) < 256 {
			add("prefix-added", "the path was signed with "+Visible([]byte(prefix), true)+" in front, which did not reach the server", cure, prefix+path)
		}
	}
	for _, original := range append(a.r.Header["X-Original-Uri"], a.r.Header["X-Original-Url"]...) {
		before, _, _ := strings.Cut(original, "?")
		add("original-path", "the path was signed as it was in front of the proxy", cure, before)
	}
}

// escapeSegments encodes each segment as encodeURIComponent does.
func escapeSegments(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	return strings.Join(segments, "/")
}

// mapEscapes changes the case of percent escapes and of nothing else.
func mapEscapes(s string, change func(string) string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			out.WriteString(change(s[i : i+3]))
			i += 2
			continue
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// unescape decodes, or leaves alone what cannot be decoded.
func unescape(s string) string {
	if out, err := url.PathUnescape(s); err == nil {
		return out
	}
	return s
}
