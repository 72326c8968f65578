package doortest

import (
	"fmt"
	"strings"
)

// unsigned are requests whose signature is missing, has not its form, is not the right one, or not of now.
func unsigned() []Case {
	with := func(name string, status int, reason, old, fresh string) Case {
		return refused(name, "GET", status, reason, edited(goodGet, old, fresh))
	}
	signature := func(name string, status int, reason string, change func(text string) string) Case {
		return refused(name, "GET", status, reason, func(k *Keys) string {
			r := goodGet(k)
			head, text, _ := strings.Cut(r.fields[2], ": ")
			r.fields[2] = head + ": " + change(text)
			return r.raw(k)
		})
	}
	at := func(name, reason string, ahead int64) Case {
		return refused(name, "GET", 401, reason, func(k *Keys) string {
			return request{method: "GET", target: cards, fields: sign(k.Good, k.Now+ahead, "GET", cards, "")}.raw(k)
		})
	}
	return []Case{
		refused("no signature", "GET", 401, "missing_header", func(k *Keys) string { return request{method: "GET", target: cards}.raw(k) }),
		with("no key id", 401, "missing_header", "X-Auth-Token: ", "X-Note: "),
		with("no timestamp", 401, "missing_header", "X-Auth-Timestamp: ", "X-Note: "),
		with("timestamp with a sign", 400, "malformed_timestamp", "X-Auth-Timestamp: ", "X-Auth-Timestamp: +"),
		signature("empty signature", 400, "malformed_header", func(string) string { return "" }),
		signature("short signature", 400, "malformed_header", func(s string) string { return s[:62] }),
		signature("signature of odd length", 400, "malformed_header", func(s string) string { return s[:63] }),
		signature("long signature", 400, "malformed_header", func(s string) string { return s + "00" }),
		signature("signature in other letters", 400, "malformed_header", func(s string) string { return "g" + s[1:] }),
		signature("forged signature", 401, "bad_signature", func(s string) string { return strings.Repeat("0", len(s)) }),
		refused("signed with another secret", "GET", 401, "bad_signature", func(k *Keys) string {
			return signedBy(k, Signer{k.Good.ID, "wrong" + k.Good.Secret}, "GET", cards, "").raw(k)
		}),
		at("stale", "stale_timestamp", -3600), at("from the future", "future_timestamp", 3600),
		refused("another time beside the signed one", "GET", 400, "duplicate_header", func(k *Keys) string {
			return signed(k, "GET", cards, "", fmt.Sprintf("x-auth-timestamp: %d", k.Now)).raw(k)
		}),
		refused("key id twice, equal", "GET", 400, "duplicate_header", func(k *Keys) string {
			return signed(k, "GET", cards, "", "X-AUTH-TOKEN: "+k.Good.ID).raw(k)
		}),
		refused("signature twice, different", "GET", 400, "duplicate_header", func(k *Keys) string {
			return signed(k, "GET", cards, "", "X-Auth-Signature: "+strings.Repeat("0", 64)).raw(k)
		}),
	}
}

// moved are requests behind a signature of another one.
func moved() []Case {
	other := func(name string, method, target, body string) Case {
		return refused(name, method, 401, "bad_signature", func(k *Keys) string {
			return request{method: method, target: target, body: body, fields: goodPost(k).fields}.raw(k)
		})
	}
	return []Case{
		other("another body", "POST", cards+"?name=post", strings.Replace(card, "blocked", "b1ocked", 1)),
		other("a longer body", "POST", cards+"?name=post", card+" "),
		other("no body behind a signature of one", "POST", cards+"?name=post", ""),
		other("another method", "PUT", cards+"?name=post", card),
		other("another path", "POST", cards+"/1?name=post", card),
		other("another query", "POST", cards+"?name=Post", card),
		other("a query less", "POST", cards, card),
		other("an empty parameter more", "POST", cards+"?name=post&", card),
		refused("a body behind a signature of none", "POST", 401, "bad_signature", func(k *Keys) string {
			r := signed(k, "POST", cards, "")
			r.body = card
			return r.raw(k)
		}),
		refused("a body behind a signed GET of none", "GET", 401, "bad_signature", func(k *Keys) string {
			r := signed(k, "GET", cards, "")
			r.body = card
			return r.raw(k)
		}),
	}
}

// stored are requests that are refused for what is registered, or was done before.
func stored() []Case {
	by := func(name string, status int, reason string, who func(k *Keys) Signer) Case {
		return refused(name, "GET", status, reason, func(k *Keys) string { return signedBy(k, who(k), "GET", cards, "").raw(k) })
	}
	replayed := refused("replayed POST", "POST", 409, "replayed", func(k *Keys) string { return signed(k, "POST", cards+"?replay", card).raw(k) })
	replayed.Twice = true
	return []Case{
		by("unknown key", 401, "unknown_credential", func(k *Keys) Signer { return Signer{strings.Repeat("0", 32), k.Good.Secret} }),
		by("key of another environment", 401, "wrong_environment", func(k *Keys) Signer { return k.Other }),
		by("revoked key", 401, "revoked_credential", func(k *Keys) Signer { return k.Revoked }),
		by("suspended partner", 403, "suspended", func(k *Keys) Signer { return k.Suspended }),
		by("partner that is not approved", 403, "not_approved", func(k *Keys) Signer { return k.Pending }),
		by("address that is not listed", 403, "address_not_listed", func(k *Keys) Signer { return k.Stray }),
		replayed,
	}
}

// targets are signed as they stand, and could be read in two ways.
func targets() []Case {
	var all []Case
	add := func(reason string, status int, pairs ...string) {
		for i := 0; i < len(pairs); i += 2 {
			target := pairs[i+1]
			all = append(all, refused(pairs[i], "GET", status, reason, func(k *Keys) string { return signed(k, "GET", target, "").raw(k) }))
		}
	}
	add("malformed_target", 400,
		"empty segment", "/api/v1//cards", "empty segment at the start", "//api/v1/cards", "escaped slash", "/api/v1/a%2fb", "escaped slash in the base", "/api%2Fv1/cards",
		"dot segment", "/api/v1/./cards", "dot segments", "/api/v1/../v1/cards", "dot segments out of the base", "/api/v1/../../aggregation/v1/customers",
		"dot segments at the end", "/api/v1/cards/..", "escaped dots", "/api/v1/%2e%2e/v1/cards", "escaped dot alone", "/api/v1/a%2eb", "escaped backslash", "/api/v1/a%5cb",
		"backslash", `/api/v1/a\b`, "semicolon in the path", "/api/v1/cards;a=b", "semicolon behind dots", "/api/v1/..;/cards", "fragment", cards+"#a", "fragment in the query", cards+"?a=b#c",
		"escaped NUL", "/api/v1/a%00b", "invalid escape in the query", cards+"?a=%zz", "percent at the query's end", cards+"?a=%",
		"beyond ASCII in the path", "/api/v1/caf\xc3\xa9", "beyond ASCII in the query", cards+"?a=\xc3\xa9")
	add("malformed_framing", 400, "absolute form", "http://127.0.0.1"+cards, "absolute form of another host", "https://evil.example"+cards, "no slash at the start", "api/v1/cards",
		"invalid escape", "/api/v1/%zz", "half an escape", cards+"%2", "control byte", "/api/v1/a\x01b", "DEL", "/api/v1/a\x7fb", "space", "/api/v1/a b",
		"target over 8 KiB", cards+"?"+strings.Repeat("x", 9000))
	add("unknown_api", 404, "a path of nobody", "/elsewhere", "a longer segment", "/api/v10/cards", "a shorter path", "/api", "another case", "/API/v1/cards")
	return all
}
