package upstream

import (
	"iter"
	"net/http"
	"net/textproto"
	"strings"
)

// hopByHop tells the fields that belong to one connection and never pass
// (RFC 9110 §7.6.1), in any case.
func hopByHop(name string) bool {
	switch len(name) {
	case 2:
		return equalFold(name, "te")
	case 7:
		return equalFold(name, "trailer") || equalFold(name, "upgrade")
	case 10:
		return equalFold(name, "connection") || equalFold(name, "keep-alive")
	case 17:
		return equalFold(name, "transfer-encoding")
	}
	return len(name) > 6 && equalFold(name[:6], "proxy-")
}

// notForwarded tells the request fields that the client writes itself or that
// must not reach an upstream even if a caller left them in: one that framed the
// body twice would split it (security rule 24).
func notForwarded(name string) bool {
	switch len(name) {
	case 4:
		return equalFold(name, "host")
	case 6:
		return equalFold(name, "expect")
	case 14:
		return equalFold(name, "content-length") || equalFold(name, "http2-settings")
	}
	return hopByHop(name)
}

// connectionOptions yields the names of fields that a Connection line lists, in canonical form.
func connectionOptions(line string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for token := range strings.SplitSeq(line, ",") {
			token = strings.Trim(token, " \t")
			if validName(token) && !yield(textproto.CanonicalMIMEHeaderKey(token)) {
				return
			}
		}
	}
}

// dropHops deletes the hop-by-hop fields of an answer of the standard transport
// and what its Connection lines name.
func dropHops(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range connectionOptions(line) {
			delete(h, name)
		}
	}
	for name := range h {
		if hopByHop(name) {
			delete(h, name)
		}
	}
}
