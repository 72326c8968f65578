package doortest

import "strings"

// honest are requests that must pass, byte for byte.
func honest() []Case {
	var all []Case
	for _, m := range []string{"GET", "DELETE", "OPTIONS", "HEAD"} {
		target := cards + "?method=" + m
		all = append(all, allowed("signed "+m, m, target, "", func(k *Keys) string { return signed(k, m, target, "").raw(k) }))
	}
	for _, m := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		target := cards + "?body=" + m
		all = append(all, allowed("signed "+m+" with a body", m, target, card, func(k *Keys) string { return signed(k, m, target, card).raw(k) }))
	}
	plain := func(name, target string, more ...string) {
		all = append(all, allowed(name, "GET", target, "", func(k *Keys) string { return signed(k, "GET", target, "", more...).raw(k) }))
	}
	plain("query in an order of its own", cards+"?b=2&a=1&&c&a=3")
	plain("escapes in the query", cards+"?a=%2f%2e%5C%20+b")
	plain("escapes in the path", cards+"/a%20b%41")
	plain("semicolon in the query", cards+"?a;b=1")
	plain("bare question mark", cards+"?")
	plain("long target", cards+"?"+strings.Repeat("x", 4000))
	plain("target of 8000 bytes", cards+"?"+strings.Repeat("x", 8000-len(cards)-1))
	plain("bytes beyond ASCII in a field", cards+"?latin", "X-Note: caf\xe9")
	plain("field without a value", cards+"?empty", "X-Empty: ")
	plain("field twice", cards+"?twice", "X-Note: 1", "X-Note: 2")
	plain("keep-alive and TE", cards+"?te", "Connection: keep-alive, TE", "TE: trailers")
	all = append(all,
		allowed("signed POST in chunks", "POST", cards+"?chunks", card, func(k *Keys) string {
			r := signed(k, "POST", cards+"?chunks", card, "Transfer-Encoding: chunked")
			r.body, r.framed = chunked(card), true
			return r.raw(k)
		}),
		allowed("signed POST in two chunks", "POST", cards+"?two-chunks", card, func(k *Keys) string {
			r := signed(k, "POST", cards+"?two-chunks", card, "Transfer-Encoding: chunked")
			r.body, r.framed = "10\r\n"+card[:16]+"\r\nA\r\n"+card[16:]+"\r\n0\r\n\r\n", true
			return r.raw(k)
		}),
		allowed("empty POST in chunks", "POST", cards+"?no-chunks", "", func(k *Keys) string {
			r := signed(k, "POST", cards+"?no-chunks", "", "Transfer-Encoding: chunked")
			r.body, r.framed = chunked(""), true
			return r.raw(k)
		}),
		allowed("empty POST", "POST", cards+"?empty-post", "", func(k *Keys) string { return signed(k, "POST", cards+"?empty-post", "").raw(k) }),
		allowed("empty POST without a length", "POST", cards+"?no-length", "", func(k *Keys) string {
			r := signed(k, "POST", cards+"?no-length", "")
			r.framed = true
			return r.raw(k)
		}),
		allowed("POST that waits to be asked", "POST", cards+"?expect", card, func(k *Keys) string {
			return signed(k, "POST", cards+"?expect", card, "Expect: 100-continue").raw(k)
		}),
		allowed("body of every byte", "POST", cards+"?bytes", everyByte(), func(k *Keys) string { return signed(k, "POST", cards+"?bytes", everyByte()).raw(k) }),
		allowed("body of 100 KiB", "POST", cards+"?long", "["+strings.Repeat("0123456789abcdef", 6400), func(k *Keys) string {
			return signed(k, "POST", cards+"?long", "["+strings.Repeat("0123456789abcdef", 6400)).raw(k)
		}),
	)
	again := allowed("signed GET, again", "GET", cards+"?again", "", func(k *Keys) string { return signed(k, "GET", cards+"?again", "").raw(k) })
	again.Twice = true
	return append(all, again)
}

// everyByte begins like a JSON text, since a signed body must not go on like a target.
func everyByte() string {
	b := []byte("{")
	for i := range 256 {
		b = append(b, byte(i))
	}
	return string(b)
}

// tokens are requests of the token protocol.
func tokens() []Case {
	const api = "/aggregation/v1/institutions"
	call := func(k *Keys, method, target, body string, more ...string) request {
		return request{method: method, target: target, body: body, fields: append([]string{"Finicity-App-Key: " + k.App.Key, "Finicity-App-Token: " + k.App.Token}, more...)}
	}
	passes := func(name, method, target, body string, more ...string) Case {
		return Case{Name: name, Method: method, Status: 200, Reason: "allowed", Target: target, Body: body, Caller: "app",
			Raw: func(k *Keys) string { return call(k, method, target, body, more...).raw(k) }}
	}
	enter := func(key, login, secret string) request {
		return request{method: "POST", target: "/aggregation/v2/partners/authentication", body: `{"partnerId":"` + login + `","partnerSecret":"` + secret + `"}`,
			fields: []string{"Finicity-App-Key: " + key, "Content-Type: application/json", "Accept: application/json"}}
	}
	return []Case{
		passes("token GET", "GET", api+"?a=b", ""),
		passes("token POST", "POST", api, `{"a":1}`, "Content-Type: application/json"),
		passes("token GET of a browser", "GET", api+"?browser", "", "Origin: https://example.com"),
		refused("token exchange", "POST", 200, "allowed", func(k *Keys) string { return enter(k.App.Key, k.App.Login, k.App.Secret).raw(k) }),
		refused("token exchange with a wrong secret", "POST", 401, "bad_secret", func(k *Keys) string { return enter(k.Clumsy.Key, k.Clumsy.Login, "wrong-secret-1").raw(k) }),
		refused("token exchange with two names", "POST", 400, "malformed_body", func(k *Keys) string {
			r := enter(k.Clumsy.Key, k.Clumsy.Login, k.Clumsy.Secret)
			r.body = strings.Replace(r.body, "{", `{"partnerId":"other",`, 1)
			return r.raw(k)
		}),
		refused("no token", "GET", 401, "missing_header", edited(func(k *Keys) request { return call(k, "GET", api, "") }, "Finicity-App-Token: ", "X-Note: ")),
		refused("no app key", "GET", 401, "missing_header", edited(func(k *Keys) request { return call(k, "GET", api, "") }, "Finicity-App-Key: ", "X-Note: ")),
		refused("a token that never was one", "GET", 401, "invalid_token", edited(func(k *Keys) request { return call(k, "GET", api, "") }, "Finicity-App-Token: ", "Finicity-App-Token: x")),
		refused("a token twice", "GET", 400, "duplicate_header", func(k *Keys) string {
			return call(k, "GET", api, "", "Finicity-App-Token: "+k.App.Token).raw(k)
		}),
		refused("a token of another app", "GET", 401, "invalid_token", func(k *Keys) string {
			r := call(k, "GET", api, "")
			r.fields[0] = "Finicity-App-Key: " + k.Clumsy.Key
			return r.raw(k)
		}),
	}
}
