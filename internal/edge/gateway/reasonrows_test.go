package gateway_test

import (
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/tokens"
	"countersign.dev/internal/registry"
)

// shapeRows are refused for their shape: told exactly, nothing stored is consulted, nobody is known.
func shapeRows() []refusal {
	row := func(reason access.Reason, what string, status int, text string, c func(*door) call, extra ...string) refusal {
		return refusal{reason: reason, what: what, status: status, family: "signed", code: reason.String(), text: text, extra: extra, call: c, api: "card"}
	}
	change := func(r refusal, f func(*refusal)) refusal { f(&r); return r }
	nowhere := func(r *refusal) { r.api = "" }
	at := func(where string) func(*refusal) { return func(r *refusal) { r.where = where } }
	target := func(target string) func(*door) call {
		return func(d *door) call { return d.signed(d.keys["good"], "GET", target, "") }
	}
	framing := "The bytes on the wire are not one plain HTTP request: "
	ambiguous := "The request target holds something that could be read in two ways: "
	rows := []refusal{
		change(row(access.MalformedFraming, "length beside chunks", 400, framing+"length_and_encoding.", func(d *door) call {
			c := d.signed(d.keys["good"], "POST", "/api/v1/cards?"+needle, "5\r\n[1,2]\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Length: 15")
			c.raw = true
			return c
		}, closed), at("length_and_encoding")),
		change(row(access.MalformedFraming, "folded header", 400, framing+"folded_header.", get("good", "X-Folded: a\r\n b"), closed), at("folded_header")),
		change(row(access.MalformedFraming, "bare LF", 400, framing+"bare_lf.", get("good", "X-Bare: a\nX-Other: b"), closed), at("bare_lf")),
		change(row(access.MalformedFraming, "bad chunk", 400, framing+"bad_chunk.", func(d *door) call {
			c := d.signed(d.keys["good"], "POST", "/api/v1/cards?"+needle, "0x5\r\n[1,2]\r\n0\r\n\r\n", "Transfer-Encoding: chunked")
			c.raw = true
			return c
		}, closed), func(r *refusal) { r.who, r.credential, r.where = "good", key("good"), "bad_chunk" }),
		row(access.MalformedTarget, "dot segment", 400, ambiguous+"the path has a dot segment.", target("/api/v1/../v2?"+needle)),
		row(access.MalformedTarget, "escaped dot", 400, ambiguous+"the path has an escaped dot.", target("/api/v1/%2e%2e/v2?"+needle)),
		row(access.MalformedTarget, "escaped slash", 400, ambiguous+"the path has an escaped slash.", target("/api/v1/a%2Fb?"+needle)),
		row(access.MalformedTarget, "empty segment", 400, ambiguous+"the path has an empty segment.", target("/api/v1//a?"+needle)),
		change(row(access.MalformedTarget, "raw bracket", 400, ambiguous+"must begin with \\\"/\\\" and hold only characters that RFC 3986 allows there (percent-encode the others).", target("/api/v1/a?q=[1]&"+needle)), at("target")),
		row(access.MalformedTarget, "non-ASCII", 400, ambiguous+"the target has a byte beyond ASCII; escape it.", target("/api/v1/\xc3\xa9?"+needle)),
		row(access.MalformedTarget, "bad escape in the query", 400, ambiguous+"the target has an invalid percent escape.", target("/api/v1/a?"+needle+"%zz")),
		row(access.MalformedHeader, "underscore in a name", 400, "A header has no admissible form: a header name has characters other than letters, digits and hyphens.", get("good", "X_Auth_Token: 1")),
		change(row(access.MalformedHeader, "signature of odd length", 400, "The header X-Auth-Signature has no admissible form: needs a signature: 64 characters of hexadecimal.", func(d *door) call {
			return get("good")(d).without("X-Auth-Signature").with("X-Auth-Signature: " + strings.Repeat("a", 63))
		}), at("X-Auth-Signature")),
		change(row(access.DuplicateHeader, "two signatures", 400, "The header X-Auth-Signature came more than once.", func(d *door) call {
			c := get("good")(d)
			return c.with(c.fields[2])
		}), at("X-Auth-Signature")),
		change(row(access.HopByHopHeader, "Connection names a credential", 400, "Connection may name close, keep-alive and TE only.", get("good", "Connection: close, x-auth-token"), closed), at("Connection")),
		row(access.MethodNotAllowed, "TRACE", 405, "This method is not served here.", func(d *door) call { return d.signed(d.keys["good"], "TRACE", "/api/v1/cards?"+needle, "") }, allowAny),
		row(access.UpgradeNotAllowed, "websocket", 400, "Protocol upgrades are not served here.", get("good", "Connection: Upgrade", "Upgrade: websocket"), closed),
		row(access.UpgradeNotAllowed, "h2c", 400, "Protocol upgrades are not served here.", get("good", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), closed),
		change(row(access.UnknownHost, "another name", 421, "No environment is served under this host.", get("good", "Host: evil.example.com"), ""), func(r *refusal) {
			r.api, r.extra, r.door = "", nil, func(s *settings) { s.gateway.Hosts = []string{"api.example.com"} }
		}),
		change(row(access.UnknownAPI, "no base path", 404, "No API is served under this path.", target("/api/v10/cards?"+needle)), nowhere),
		change(row(access.BrowserRequest, "Origin", 403, "This API serves backends, not browsers.", get("good", "Origin: https://evil.example.com")), at("Origin")),
		row(access.BodyTooLarge, "declared", 413, "The body is longer than this API takes.", func(d *door) call {
			return d.signed(d.keys["good"], "POST", "/api/v1/cards?"+needle, "", "Content-Length: 1048577")
		}, closed),
		change(row(access.BodyTooLarge, "found", 413, "The body is longer than this API takes.", func(d *door) call {
			c := d.signed(d.keys["good"], "POST", "/api/v1/cards?"+needle, "", "Transfer-Encoding: chunked")
			c.body, c.raw = "100\r\n"+strings.Repeat("[", 0x100)+"\r\n", true
			return c
		}, closed), func(r *refusal) {
			r.who, r.credential, r.door = "good", key("good"), func(s *settings) { s.api = func(a *access.API) { a.MaxBody = 0xff } }
		}),
		change(row(access.BodyTimeout, "a caller that stalls", 408, "The body did not arrive in time.", post("good", `{"a":1}`), closed), func(r *refusal) {
			r.who, r.credential, r.send = "good", key("good"), stall
			r.door = func(s *settings) { s.gateway.BodyTimeout = 20 * time.Millisecond }
		}),
		change(row(access.AmbiguousBody, "a body that could be target", 400, "The body cannot be told from the target in front of it: begins with a byte that could belong to the target; begin it with \\\"{\\\", \\\"[\\\", a quotation mark or white space.", post("good", "abc")), func(r *refusal) {
			r.who, r.credential, r.where = "good", key("good"), "body"
		}),
	}
	return append(rows, tokenShapeRows()...)
}

const allowAny = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// tokenShapeRows are the refusals that only the token family has.
func tokenShapeRows() []refusal {
	row := func(reason access.Reason, what string, status int, code, text string, c func(*door) call, where string, known bool) refusal {
		r := refusal{reason: reason, what: what, status: status, family: "json", code: code, text: text, call: c, api: "aggregation", where: where}
		if known {
			r.who, r.credential = "good", app("good")
		}
		return r
	}
	strictly := func(r refusal) refusal {
		r.door = func(s *settings) { s.api = strictAPI }
		return r
	}
	put := func(body string) func(*door) call {
		return func(d *door) call { c := enter("good", body)(d); c.method = "PUT"; return c }
	}
	media := row(access.UnsupportedMedia, "XML that does not say so", 415, "14020", "The Content-Type does not say what the body is.", func(d *door) call {
		return withToken(d.apps["good"], d.token(d.apps["good"]), "POST", "/aggregation/v1/x?"+needle, "<a/>", "Accept: application/json")
	}, "Content-Type", true)
	method := row(access.MethodNotAllowed, "DELETE at the token endpoint", 405, "14020", "This method is not served here.", func(d *door) call {
		c := enter("good", "")(d)
		c.method = "DELETE"
		return c
	}, "", true)
	method.extra = []string{"Allow: POST, PUT"}
	long := row(access.BodyTooLarge, "at the token endpoint", 413, "14020", "The body is longer than this API takes.", enter("good", strings.Repeat(" ", 16<<10+1)), "", true)
	long.extra = []string{closed}
	return []refusal{
		strictly(row(access.LengthRequired, "an empty POST without a length", 411, "14020", "A POST without a body must carry Content-Length: 0.",
			func(d *door) call {
				return withToken(d.apps["good"], "x", "POST", "/aggregation/v1/x?"+needle, "", "Accept: application/json")
			}, "Content-Length", false)),
		strictly(media), method, long,
		row(access.MalformedBody, "two documents", 400, "14020", "Bad request. The body cannot be read: something follows the JSON object.", enter("good", `{"partnerId":"LOGIN","partnerSecret":"x"}{}`), "", true),
		row(access.MalformedBody, "a doubled name", 400, "14020", "Bad request. The body cannot be read: partnerId comes twice.", enter("good", `{"partnerId":"LOGIN","partnerId":"LOGIN","partnerSecret":"x"}`), "partnerId", true),
		row(access.MalformedBody, "an entity", 400, "14020", "Bad request. The body cannot be read: the body has a document type or another directive.", enter("good", `<!DOCTYPE a [<!ENTITY e "x">]><credentials><partnerId>LOGIN</partnerId><partnerSecret>&e;</partnerSecret></credentials>`), "", true),
		row(access.MissingParameter, "no secret", 400, "10005", "Missing parameter (partnerSecret)", enter("good", `{"partnerId":"LOGIN"}`), "partnerSecret", true),
		row(access.SecretPolicy, "a short one", 400, "24437", "New password is not as per policy", put(`{"partnerId":"LOGIN","partnerSecret":"SECRET","newPartnerSecret":"short1"}`), "newPartnerSecret", true),
	}
}

// headerRows are about the authentication headers: told exactly.
func headerRows() []refusal {
	row := func(reason access.Reason, what string, status int, code, text, where string, c func(*door) call) refusal {
		return refusal{reason: reason, what: what, status: status, family: "signed", code: code, text: text, call: c, api: "card", where: where}
	}
	timed := func(at int64) func(*door) call {
		return func(d *door) call { return d.signedAt(d.keys["good"], at, "GET", "/api/v1/cards?"+needle, "") }
	}
	lacking := func(name string) func(*door) call {
		return func(d *door) call { return get("good")(d).without(name) }
	}
	noKey := refusal{reason: access.MissingHeader, what: "no app key", status: 401, family: "json", code: "10026", text: "Missing parameter (Finicity-App-Key)", api: "aggregation", where: access.AppKeyHeader,
		call: func(d *door) call { return list("good")(d).without(access.AppKeyHeader) }}
	noToken := refusal{reason: access.MissingHeader, what: "no token", status: 401, family: "json", code: "10024", text: "Missing parameter (Finicity-App-Token)", api: "aggregation", where: access.AppTokenHeader,
		call: func(d *door) call { return list("good")(d).without(access.AppTokenHeader) }, who: "good", credential: app("good")}
	twice := refusal{reason: access.DuplicateHeader, what: "two tokens", status: 400, family: "json", code: "14020", text: "Bad request. The header Finicity-App-Token came more than once.", api: "aggregation", where: access.AppTokenHeader,
		call: func(d *door) call { c := list("good")(d); return c.with(c.fields[1]) }, who: "good", credential: app("good")}
	unknown := row(access.AddressUnknown, "a trusted proxy that says nothing", 403, "address_unknown", "The address that the request came from could not be derived.", "", get("good"))
	unknown.door = trusting
	unreadable := unknown
	unreadable.what, unreadable.call = "an unreadable hop", get("good", "X-Forwarded-For: 192.0.2.1, unknown")
	return []refusal{
		row(access.MissingHeader, "no signature", 401, "missing_header", "The request lacks the header X-Auth-Signature.", "X-Auth-Signature", lacking("X-Auth-Signature")),
		row(access.MissingHeader, "no timestamp", 401, "missing_header", "The request lacks the header X-Auth-Timestamp.", "X-Auth-Timestamp", lacking("X-Auth-Timestamp")),
		row(access.MissingHeader, "no API token", 401, "missing_header", "The request lacks the header X-Auth-Token.", "X-Auth-Token", lacking("X-Auth-Token")),
		noKey, noToken, twice,
		row(access.MalformedTime, "milliseconds", 400, "malformed_timestamp", "The timestamp has not the form that the profile asks for: needs a time: exactly 10 digits, seconds since 1970.", "X-Auth-Timestamp", timed(base*1000)),
		row(access.StaleTimestamp, "one second too old", 401, "stale_timestamp", "The timestamp is behind the server's time by 301 seconds; the window is 300 seconds.", "X-Auth-Timestamp", timed(base-301)),
		row(access.FutureTimestamp, "one second too new", 401, "stale_timestamp", "The timestamp is ahead of the server's time by 301 seconds; the window is 300 seconds.", "X-Auth-Timestamp", timed(base+301)),
		unknown, unreadable,
	}
}

// storedRows depend on what is stored: uniform before proof, exact after it.
func storedRows() []refusal {
	signed := func(reason access.Reason, what, who string, c func(*door) call) refusal {
		r := refusal{reason: reason, what: what, status: 401, family: "signed", code: "unauthorized", text: uniform, call: c, api: "card", who: who}
		if who != "" {
			r.credential = key(who)
		}
		return r
	}
	token := func(reason access.Reason, what, code, text, where, who string, c func(*door) call) refusal {
		r := refusal{reason: reason, what: what, status: 401, family: "json", code: code, text: text, where: where, call: c, api: "aggregation", who: who}
		if who != "" {
			r.credential = app(who)
		}
		return r
	}
	proved := func(reason access.Reason, what, who, text string) refusal {
		return refusal{reason: reason, what: what, status: 403, family: "signed", code: reason.String(), text: text, call: get(who), api: "card", who: who, credential: key(who), proved: true}
	}
	stranger := func(d *door) call {
		unknown := registry.Issued{KeyID: strings.Repeat("0", 32), Secret: d.keys["good"].Secret}
		return d.signed(unknown, "GET", "/api/v1/cards?"+needle, "")
	}
	forged := func(d *door) call {
		c := get("good")(d)
		c.fields[2] = "X-Auth-Signature: " + strings.Repeat("ab", 32)
		return c
	}
	expired := token(access.ExpiredToken, "two hours later", "10023", "Expired (Finicity-App-Token)", access.AppTokenHeader, "good", nil)
	expired.door = func(s *settings) {
		s.exchange.Issuer = nil
		s.exchange.Now = func() time.Time { return time.Unix(base-7201, 0) }
	}
	expired.call = list("good")
	throttled := token(access.Throttled, "a second guess from one source", "14020", "Too many failed attempts from this source.", "", "good", enter("good", `{"partnerId":"LOGIN","partnerSecret":"SECRET"}`))
	throttled.status, throttled.extra, throttled.before = 429, []string{"Retry-After: 1"}, wrong("stray", 1)
	throttled.door = func(s *settings) { s.exchange.Throttle = tokens.Throttle{Burst: 1, PerSecond: 1} }
	locked := token(access.Locked, "after five failures", "24302", "Bad credentials", "", "locked", enter("locked", `{"partnerId":"LOGIN","partnerSecret":"SECRET"}`))
	locked.before = wrong("locked", 5)
	unproved := token(access.UnprovedAddress, "a right secret from elsewhere", "10001", "Invalid credentials", "", "canada", enter("canada", `{"partnerId":"LOGIN","partnerSecret":"SECRET"}`))
	replayed := signed(access.Replayed, "the same write twice", "good", post("good", `{"replayed":1}`))
	replayed.status, replayed.code, replayed.text, replayed.proved, replayed.forwarded = 409, "replayed", "An equal request was seen before.", true, true
	replayed.door = func(*settings) {}
	replayed.before = func(d *door) {
		if a := d.do(replayed.call(d)); a.status != 200 {
			d.t.Fatalf("the first of two: %d %s", a.status, a.body)
		}
		d.records.line()
	}
	france := proved(access.CountryNotAllowed, "an address of France", "canada", "The address 192.0.2.77 is in FR, which is not one of this partner's countries.")
	france.door, france.call = trusting, get("canada", "X-Forwarded-For: 192.0.2.66, 192.0.2.77")
	return []refusal{
		signed(access.UnknownCredential, "a key id that was never issued", "", stranger),
		signed(access.UnknownCredential, "a text that is no key id", "", func(d *door) call { c := forged(d); c.fields[0] = "X-Auth-Token: nobody"; return c }),
		token(access.UnknownCredential, "an app key that was never issued", "10027", "Invalid (Finicity-App-Key)", access.AppKeyHeader, "", func(d *door) call {
			c := list("good")(d)
			c.fields[0] = "Finicity-App-Key: " + strings.Repeat("0", 32)
			return c
		}),
		signed(access.WrongEnvironment, "a key of production", "", get("good/production")),
		token(access.WrongEnvironment, "an app of production", "10027", "Invalid (Finicity-App-Key)", access.AppKeyHeader, "", func(d *door) call {
			return withToken(d.apps["good/production"], "x", "GET", "/aggregation/v1/x?"+needle, "", "Accept: application/json")
		}),
		signed(access.RevokedCredential, "a revoked key", "revoked", get("revoked")),
		token(access.RevokedCredential, "a revoked app", "10027", "Invalid (Finicity-App-Key)", access.AppKeyHeader, "revoked", func(d *door) call {
			return withToken(d.apps["revoked"], "x", "GET", "/aggregation/v1/x?"+needle, "", "Accept: application/json")
		}),
		signed(access.BadSignature, "forged", "good", forged),
		signed(access.BadSignature, "another target", "good", func(d *door) call { c := get("good")(d); c.target += "x"; return c }),
		signed(access.BadSignature, "another method", "good", func(d *door) call { c := get("good")(d); c.method = "DELETE"; return c }),
		signed(access.BadSignature, "another body", "good", func(d *door) call { c := post("good", `{"a":1}`)(d); c.body = `{"a":2}`; return c }),
		token(access.InvalidToken, "no token of ours", "10022", "Invalid (Finicity-App-Token)", access.AppTokenHeader, "good", func(d *door) call {
			return withToken(d.apps["good"], "no token", "GET", "/aggregation/v1/x?"+needle, "", "Accept: application/json")
		}),
		token(access.InvalidToken, "with another partner's key", "10022", "Invalid (Finicity-App-Token)", access.AppTokenHeader, "stray", func(d *door) call {
			c := list("good")(d)
			c.fields[0] = "Finicity-App-Key: " + d.apps["stray"].KeyID
			return c
		}),
		expired,
		token(access.BadSecret, "a wrong one", "10001", "Invalid credentials", "", "good", enter("good", `{"partnerId":"LOGIN","partnerSecret":"wrong"}`)),
		locked, unproved, throttled,
		proved(access.NotApproved, "a review that is still open", "pending", "There is no approved review for this environment."),
		proved(access.Suspended, "a suspended partner", "suspended", "The access of this partner is suspended."),
		proved(access.AddressNotListed, "a partner without networks", "stray", "The address 127.0.0.1 (connection from 127.0.0.1: not a trusted proxy; client address 127.0.0.1: the connection's peer is not a trusted proxy, so it is the client; forwarding headers do not count) is on no list of this partner."),
		france, replayed, hostRow(),
	}
}

// hostRow is told by HTTP/2 alone: the strict reader refuses two hosts over HTTP/1. The row drives a connection of frames.
func hostRow() refusal {
	return refusal{reason: access.HostMismatch, what: "Host beside another authority", status: 400, family: "signed", code: "host_mismatch", text: "The request names no host, or two.", api: "card",
		where: "Host", call: get("good", "Host: evil.example.com"), send: sendFrames}
}
