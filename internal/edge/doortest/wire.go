package doortest

import (
	"slices"
	"strings"
)

// fields are requests with header fields that a caller must not have, or that must not arrive.
func fields() []Case {
	with := func(name string, status int, reason string, more ...string) Case {
		return refused(name, "GET", status, reason, func(k *Keys) string { return signed(k, "GET", cards, "", more...).raw(k) })
	}
	passes := func(name string, more ...string) Case {
		target := cards + "?" + strings.ReplaceAll(name, " ", "-")
		return allowed(name, "GET", target, "", func(k *Keys) string { return signed(k, "GET", target, "", more...).raw(k) })
	}
	all := []Case{
		passes("own identity headers", "Countersign-Partner: ptn_evil", "countersign-credential: crd_evil", "COUNTERSIGN-ENVIRONMENT: production", "Countersign-Anything: x", "Countersign-Client-Address: 192.0.2.1"),
		passes("method override", "X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE"),
		passes("forwarding headers of a stranger", "X-Forwarded-For: 192.0.2.66", "Forwarded: for=192.0.2.66", "X-Real-IP: 192.0.2.66", "True-Client-IP: 192.0.2.66"),
		passes("lying X-Original-URI", "X-Original-URI: /api/v1/other", "X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-Forwarded-Uri: /api/v1/other", "X-Envoy-Original-Path: /admin"),
		passes("lying X-Original-Method", "X-Original-Method: DELETE", "X-Forwarded-Method: DELETE", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: http"),
		passes("lying about the body", "X-Envoy-Auth-Partial-Body: false", "X-Original-Content-Length: 0"),
		passes("credentials of the other family", "Finicity-App-Key: 0123456789abcdef0123456789abcdef", "Finicity-App-Token: none"),
		with("browser", 403, "browser_request", "Origin: https://example.com"),
		with("browser's metadata", 403, "browser_request", "Sec-Fetch-Site: cross-site"),
		with("underscore in a name", 400, "malformed_header", "X_Note: 1"),
		with("identity with an underscore", 400, "malformed_header", "Countersign_Partner: ptn_evil"),
		with("dot in a name", 400, "malformed_header", "X.Note: 1"),
		with("upgrade to a WebSocket", 400, "upgrade_not_allowed", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
		with("upgrade to h2c", 400, "upgrade_not_allowed", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
		refused("TRACE", "TRACE", 405, "method_not_allowed", func(k *Keys) string { return signed(k, "TRACE", cards, "").raw(k) }),
		refused("method in lower case", "get", 405, "method_not_allowed", func(k *Keys) string { return signed(k, "get", cards, "").raw(k) }),
	}
	for _, option := range []string{"X-Auth-Token", "x-auth-signature", "X-Forwarded-For", "countersign-partner", "close, Host", "X-Any", "Content-Length"} {
		all = append(all, with("Connection names "+option, 400, "hop_by_hop_header", "Connection: "+option))
	}
	return all
}

// framing are requests of which two programs could make two.
func framing() []Case {
	const length = "Content-Length: 26\r\n"
	target := func(name string) string { return cards + "?" + strings.ReplaceAll(name, " ", "-") } // of its own: none is a replay of another
	of := func(name, method string, raw func(k *Keys) string) Case {
		return refused(name, method, 400, "malformed_framing", raw)
	}
	chunks := func(name, body, old, fresh string, more ...string) Case {
		return of(name, "POST", edited(func(k *Keys) request {
			return request{method: "POST", target: target(name), body: body, framed: true,
				fields: append(sign(k.Good, k.Now, "POST", target(name), card), append([]string{"Transfer-Encoding: chunked"}, more...)...)}
		}, old, fresh))
	}
	get := func(name, old, fresh string) Case { return of(name, "GET", edited(goodGet, old, fresh)) }
	post := func(name, fresh string) Case {
		return of(name, "POST", edited(func(k *Keys) request { return signed(k, "POST", target(name), card) }, length, fresh))
	}
	chunk := func(name, body string) Case { return chunks(name, body, "", "") }
	return []Case{
		chunks("length beside chunks", chunked(card), "", "", "Content-Length: 5"), chunks("chunks beside length 0", chunked(card), "", "", "Content-Length: 0"),
		chunks("chunked twice", chunked(card), "", "", "Transfer-Encoding: chunked"), chunks("chunked and identity", chunked(card), ": chunked\r\n", ": chunked, identity\r\n"),
		chunks("xchunked", chunked(card), ": chunked\r\n", ": xchunked\r\n"), chunks("chunks under HTTP/1.0", chunked(card), " HTTP/1.1\r\n", " HTTP/1.0\r\n"),
		post("two equal lengths", length+length), post("two lengths", length+"Content-Length: 0\r\n"), post("list of lengths", "Content-Length: 26, 26\r\n"),
		post("length with a sign", "Content-Length: +26\r\n"), post("negative length", "Content-Length: -1\r\n"), post("hexadecimal length", "Content-Length: 0x1a\r\n"),
		post("length without digits", "Content-Length:\r\n"),
		chunk("chunk extension", "1a;a=b\r\n"+card+"\r\n0\r\n\r\n"), chunk("bare LF behind a chunk's size", "1a\n"+card+"\r\n0\r\n\r\n"),
		chunk("chunk's size with 0x", "0x1a\r\n"+card+"\r\n0\r\n\r\n"), chunk("chunk's size with a sign", "+1a\r\n"+card+"\r\n0\r\n\r\n"),
		chunk("chunk longer than its size", "1a\r\n"+card+"xx0\r\n\r\n"), chunk("trailer that is folded", "1a\r\n"+card+"\r\n0\r\nX: y\r\n z\r\n\r\n"),
		get("bare LF", "\r\nX-Auth-Token", "\nX-Auth-Token"), get("bare LF behind the request line", " HTTP/1.1\r\n", " HTTP/1.1\n"),
		get("bare CR in a value", "X-Auth-Token: ", "X-Note: a\rb\r\nX-Auth-Token: "), get("folded field", "X-Auth-Token: ", "X-Note: a\r\n b\r\nX-Auth-Token: "),
		get("folded credential", "X-Auth-Token: ", "X-Auth-Token:\r\n "), get("space before the colon", "X-Auth-Token:", "X-Auth-Token :"),
		get("field without a colon", "X-Auth-Token: ", "X-Note\r\nX-Auth-Token: "), get("NUL in a value", "X-Auth-Token: ", "X-Note: a\x00b\r\nX-Auth-Token: "),
		get("two hosts", "Host: ", "Host: other.example\r\nHost: "), get("no host", "Host: ", "X-Host: "), get("host with a user", "Host: ", "Host: user@"),
		get("version 1.2", " HTTP/1.1\r\n", " HTTP/1.2\r\n"), get("two spaces", " HTTP/1.1\r\n", "  HTTP/1.1\r\n"), get("tab in the request line", " HTTP/1.1\r\n", "\tHTTP/1.1\r\n"),
		get("unknown expectation", "X-Auth-Token: ", "Expect: 200-maybe\r\nX-Auth-Token: "),
		get("head over 32 KiB", "X-Auth-Token: ", strings.Repeat("X-Note: "+strings.Repeat("a", 990)+"\r\n", 40)+"X-Auth-Token: "),
		get("over 100 fields", "X-Auth-Token: ", strings.Repeat("X-Note: a\r\n", 120)+"X-Auth-Token: "),
		refused("CONNECT", "CONNECT", 400, "upgrade_not_allowed", func(k *Keys) string { return signed(k, "CONNECT", "127.0.0.1:443", "").raw(k) }),
	}
}

// bodies are requests whose body is too long, or not whole. Who has left gets no answer.
func bodies() []Case {
	cut := refused("body that breaks off", "POST", 0, "", edited(goodPost, card, card[:10]))
	cut.Ends = true
	cutChunks := refused("chunks that break off", "POST", 0, "", func(k *Keys) string {
		r := signed(k, "POST", cards+"?cut", card, "Transfer-Encoding: chunked")
		r.body, r.framed = "1a\r\n"+card+"\r\n", true
		return r.raw(k)
	})
	cutChunks.Ends = true
	declared := refused("body over the cap, declared", "POST", 413, "body_too_large", func(k *Keys) string {
		r := signed(k, "POST", cards+"?large", card, "Content-Length: 2000000")
		r.framed = true
		return r.raw(k)
	})
	declared.Ends = true
	return slices.Concat([]Case{cut, cutChunks, declared}, []Case{
		refused("body over the cap, in chunks", "POST", 413, "body_too_large", func(k *Keys) string {
			r := signed(k, "POST", cards+"?large", card, "Transfer-Encoding: chunked")
			r.body, r.framed = chunked(strings.Repeat("x", 1<<20+1)), true
			return r.raw(k)
		}),
		refused("body that goes on like the target", "POST", 400, "ambiguous_body", func(k *Keys) string { return signed(k, "POST", cards, "/more").raw(k) }),
	})
}
