package problem

import "countersign.dev/internal/access"

// Telling says how much of a reason its caller learns on a signed API.
type Telling uint8

const (
	// Exact tells what happened.
	Exact Telling = iota
	// Uniform gives the one answer of security rule 9, whatever happened.
	Uniform
	// Silent is never written: the request was let in, or nobody is there to read.
	Silent
)

// String is "exact", "uniform" or "silent".
func (t Telling) String() string {
	switch t {
	case Uniform:
		return "uniform"
	case Silent:
		return "silent"
	}
	return "exact"
}

// The numeric codes of the token family, as its vendor lists them.
const (
	codeInvalidCredentials = 10001
	codeMissingParameter   = 10005
	codeNotAuthorized      = 10021
	codeInvalidToken       = 10022
	codeExpiredToken       = 10023
	codeMissingToken       = 10024
	codeMissingKey         = 10026
	codeInvalidKey         = 10027
	codeBadRequest         = 14020
	codeLocked             = 24302
	codeSecretPolicy       = 24437
)

// The one answer of security rule 9 on signed APIs.
const (
	uniformCode    = "unauthorized"
	uniformMessage = "The request is not authorized."
)

// AnyMethod is the Allow of a 405 outside the token endpoint.
const AnyMethod = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// row is what one reason becomes. In messages {header}, {parameter}, {scope}, {skew}, {window}, {address} and {country} stand for
// facts of the decision.
type row struct {
	status       int
	telling      Telling
	signedCode   string
	message      string
	tokenCode    int
	tokenMessage string // the vendor's own, sent exactly so; empty: message, after the vendor's words for the code
	allow        string
	retryAfter   int // seconds; 0: no header
	close        bool
	detailed     bool   // the decision's Detail, from the pipeline's closed lists, follows the message
	cause, cure  string // for docs/refusals.md
}

// missingToken is the other half of MissingHeader on token APIs, where each of the two headers has a code of its own.
var missingToken = struct {
	where string
	row   row
}{"Finicity-App-Token", row{tokenCode: codeMissingToken, tokenMessage: "Missing parameter (Finicity-App-Token)"}}

func rowOf(r access.Reason) row {
	if r == access.Allowed || int(r) >= len(table) || table[r].status == 0 {
		return table[access.Internal]
	}
	return table[r]
}

// table is the only place where a reason becomes an answer. TestTableIsComplete holds it against access.Reasons.
var table = [...]row{
	access.Allowed: {status: 200, telling: Silent, cause: "Every check passed.", cure: "None is needed. Status and body are the upstream's."},

	access.MalformedFraming: {status: 400, signedCode: "malformed_framing", tokenCode: codeBadRequest, close: true, detailed: true,
		message: "The bytes on the wire are not one plain HTTP request.",
		cause:   "Two lengths, Content-Length beside Transfer-Encoding, a bare LF or CR, a folded header, a bad chunk.",
		cure:    "Use a current HTTP library and no proxy that rewrites requests. The connection is closed."},
	access.MalformedTarget: {status: 400, signedCode: "malformed_target", tokenCode: codeBadRequest, detailed: true,
		message: "The request target holds something that could be read in two ways.",
		cause:   "Dot segments, //, an encoded slash, backslash or dot, a semicolon in the path, #, raw non-ASCII, a bad escape in the query, or escapes that lead to another API once they are decoded.",
		cure:    "Send the path in its plain form and percent-encode data in the query."},
	access.MalformedHeader: {status: 400, signedCode: "malformed_header", tokenCode: codeBadRequest, detailed: true,
		message: "{Header} has no admissible form.",
		cause:   "A header name outside A-Z, a-z, 0-9 and the hyphen, or an authentication header (but for the timestamp) that is empty, too long or of a wrong alphabet.",
		cure:    "Send the header as the profile of the API describes it."},
	access.DuplicateHeader: {status: 400, signedCode: "duplicate_header", tokenCode: codeBadRequest,
		message: "{Header} came more than once.",
		cause:   "Two values leave open which one was meant.",
		cure:    "Send it once. A proxy on the way may have added the second."},
	access.HopByHopHeader: {status: 400, signedCode: "hop_by_hop_header", tokenCode: codeBadRequest,
		message: "Connection may name close, keep-alive and TE only.",
		cause:   "Connection lists a header, which a proxy that obeys would remove on the way.",
		cure:    "Take the name out of Connection."},
	access.MethodNotAllowed: {status: 405, signedCode: "method_not_allowed", tokenCode: codeBadRequest, allow: AnyMethod,
		message: "This method is not served here.",
		cause:   "TRACE, or a method that is not one word of capital letters; at the token endpoint anything but POST and PUT.",
		cure:    "Use one of the methods in Allow. Whether the API knows another word is for its upstream to say."},
	access.UpgradeNotAllowed: {status: 400, signedCode: "upgrade_not_allowed", tokenCode: codeBadRequest, close: true,
		message: "Protocol upgrades are not served here.",
		cause:   "CONNECT, Upgrade, or an h2c preface.",
		cure:    "Use plain HTTP/1.1, or HTTP/2 negotiated by TLS."},
	access.HostMismatch: {status: 400, signedCode: "host_mismatch", tokenCode: codeBadRequest, close: true,
		message: "The request names no host, or two.",
		cause:   "No Host, or a Host beside a different :authority.",
		cure:    "Name the host of the base URL, once."},
	access.UnknownHost: {status: 421, signedCode: "unknown_host", tokenCode: codeBadRequest,
		message: "No environment is served under this host.",
		cause:   "The host is none of this listener's.",
		cure:    "Use the base URL that was issued to you."},
	access.UnknownAPI: {status: 404, signedCode: "unknown_api", tokenCode: codeBadRequest,
		message: "No API is served under this path.",
		cause:   "The path begins with the base path of no API. Base paths match by whole segments and by case.",
		cure:    "Put the base path of the API in front of the service path."},
	access.UnknownProxy: {status: 403, signedCode: "unknown_proxy", tokenCode: codeNotAuthorized,
		message: "This door answers proxies that are configured for it, and nobody else.",
		cause:   "Somebody asked a door for other proxies who is not on its list, or without the certificate or secret that it asks for. Nothing of the question was looked at.",
		cure:    "Callers use the address of the API. The operator adds the proxy's address to proxies of the door."},
	access.MalformedCheck: {status: 400, signedCode: "malformed_check", tokenCode: codeBadRequest, detailed: true,
		message: "The proxy does not say plainly which request it asks about.",
		cause:   "What tells the original method, target, body or address is missing, came twice, or contradicts what the proxy itself sends.",
		cure:    "The operator configures the proxy as in deploy/, and compares it with docs/guide/proxies.md."},
	access.BrowserRequest: {status: 403, signedCode: "browser_request", tokenCode: codeNotAuthorized,
		message: "This API serves backends, not browsers.",
		cause:   "Origin or a Sec-Fetch header on an API for backends.",
		cure:    "Call from your backend. A secret in a browser is not one."},
	access.BodyTooLarge: {status: 413, signedCode: "body_too_large", tokenCode: codeBadRequest, close: true,
		message: "The body is longer than this API takes.",
		cause:   "The declared or the actual length is over the cap: 1 MiB unless set, 16 KiB at the token endpoint.",
		cure:    "Send less at a time."},
	access.LengthRequired: {status: 411, signedCode: "length_required", tokenCode: codeBadRequest,
		message: "A POST without a body must carry Content-Length: 0.",
		cause:   "An empty POST without Content-Length on an API with empty_post: strict.",
		cure:    "Send Content-Length: 0."},
	access.UnsupportedMedia: {status: 415, signedCode: "unsupported_media_type", tokenCode: codeBadRequest,
		message: "The Content-Type does not say what the body is.",
		cause:   "An XML body without application/xml or text/xml on an API with xml_content_type: strict.",
		cure:    "Send Content-Type: application/xml."},
	access.BodyTimeout: {status: 408, signedCode: "body_timeout", tokenCode: codeBadRequest, close: true,
		message: "The body did not arrive in time.",
		cause:   "The body came too slowly, or its length was announced too high.",
		cure:    "Send it again on a new connection."},
	access.MalformedBody: {status: 400, signedCode: "malformed_body", tokenCode: codeBadRequest, detailed: true,
		message: "The body cannot be read.",
		cause:   "It broke off; at the token endpoint: it is not one strict JSON object or one XML credentials element.",
		cure:    "Send one document without doubled names, DTD or anything behind it."},
	access.AmbiguousBody: {status: 400, signedCode: "ambiguous_body", tokenCode: codeBadRequest, detailed: true,
		message: "The body cannot be told from the target in front of it.",
		cause:   "The profile joins target and body without a separator, so a body begins with a byte that no target holds.",
		cure:    "Send JSON: an object, an array or a string."},
	access.BodyNotSeen: {status: 400, signedCode: "body_not_seen", tokenCode: codeBadRequest, detailed: true,
		message: "The body of this request cannot be verified behind this proxy.",
		cause:   "The signature covers the body, or the token endpoint needs it, and the proxy that asked handed over none of it, a part of it, or does not say whether there is one. Only doors for other proxies answer so.",
		cure:    "The operator lets the proxy hand bodies over whole, or sends such requests to the gateway: docs/guide/proxies.md."},
	access.MissingParameter: {status: 400, signedCode: "missing_parameter", tokenCode: codeMissingParameter,
		message: "A parameter is missing: {parameter}.", tokenMessage: "Missing parameter ({parameter})",
		cause: "A parameter of the token endpoint is absent, null or blank.",
		cure:  "Send it, as a string."},
	access.SecretPolicy: {status: 400, signedCode: "secret_policy", tokenCode: codeSecretPolicy,
		message: "The new secret is not as the policy asks.", tokenMessage: "New password is not as per policy",
		cause: "A new partner secret has 12 to 255 letters, digits and ! @ # $ % & * _ - +, with at least one letter and one digit.",
		cure:  "Choose another one."},
	access.TokenEndpointElsewhere: {status: 421, signedCode: "token_endpoint_elsewhere", tokenCode: codeBadRequest,
		message: "Tokens are not issued through this proxy.",
		cause:   "A proxy that can only let requests pass or refuse them asked about the token endpoint. Only doors for other proxies answer so.",
		cure:    "The operator sends the path of the token endpoint to the gateway: docs/guide/proxies.md."},

	access.MissingHeader: {status: 401, signedCode: "missing_header", tokenCode: codeMissingKey,
		message: "The request lacks {header}.", tokenMessage: "Missing parameter (Finicity-App-Key)",
		cause: "An authentication header is absent. On token APIs a missing Finicity-App-Token has the code 10024 and its own name in the message.",
		cure:  "Send the header. A proxy on the way may have dropped it."},
	access.MalformedTime: {status: 400, signedCode: "malformed_timestamp", tokenCode: codeBadRequest, detailed: true,
		message: "The timestamp has not the form that the profile asks for.",
		cause:   "Milliseconds instead of seconds, a sign, a fraction, white space.",
		cure:    "Send Unix time in seconds: ten digits."},
	access.StaleTimestamp: {status: 401, signedCode: "stale_timestamp", tokenCode: codeNotAuthorized, detailed: true,
		message: "The timestamp is behind the server's time{skew}{window}.",
		cause:   "The clock is slow, the request waited before it was sent, or its body was slow.",
		cure:    "Compare server_time with your clock, run NTP, sign right before sending."},
	access.FutureTimestamp: {status: 401, signedCode: "stale_timestamp", tokenCode: codeNotAuthorized, detailed: true,
		message: "The timestamp is ahead of the server's time{skew}{window}.",
		cause:   "The clock is fast, or local time was sent as UTC.",
		cure:    "Compare server_time with your clock, run NTP, send UTC."},

	access.AddressUnknown: {status: 403, signedCode: "address_unknown", tokenCode: codeNotAuthorized,
		message: "The address that the request came from could not be derived.",
		cause:   "A hop in the forwarding headers of a trusted proxy is not an address.",
		cure:    "The operator mends the proxy's forwarding headers."},
	access.UnknownCredential: {status: 401, telling: Uniform, tokenCode: codeInvalidKey, tokenMessage: "Invalid (Finicity-App-Key)",
		cause: "No credential of this environment has this API token or app key.",
		cure:  "Compare it with what was issued. The operator finds the reason under the request id."},
	access.WrongEnvironment: {status: 401, telling: Uniform, tokenCode: codeInvalidKey, tokenMessage: "Invalid (Finicity-App-Key)",
		cause: "The credential belongs to another environment, for example sandbox.",
		cure:  "Use the credential that was issued for this environment."},
	access.RevokedCredential: {status: 401, telling: Uniform, tokenCode: codeInvalidKey, tokenMessage: "Invalid (Finicity-App-Key)",
		cause: "The credential was revoked, or none of its versions is in force.",
		cure:  "Ask the operator for a new one."},
	access.BadSignature: {status: 401, telling: Uniform, tokenCode: codeInvalidKey, tokenMessage: "Invalid (Finicity-App-Key)",
		cause: "The signature does not match what was received.",
		cure:  "Run countersign verify --show-input over the request as sent: it prints the bytes that have to be signed."},
	access.InvalidToken: {status: 401, telling: Uniform, tokenCode: codeInvalidToken, tokenMessage: "Invalid (Finicity-App-Token)",
		cause: "Never an access token of this environment and this app key, or ended by an operator.",
		cure:  "Get a new one by Partner Authentication and send it with the same app key."},
	access.ExpiredToken: {status: 401, telling: Uniform, tokenCode: codeExpiredToken, tokenMessage: "Expired (Finicity-App-Token)",
		cause: "The token was good once: two hours unless set.",
		cure:  "Get a new one; renew after 90 minutes."},
	access.BadSecret: {status: 401, telling: Uniform, tokenCode: codeInvalidCredentials, tokenMessage: "Invalid credentials",
		cause: "Partner id or partner secret is wrong. Counted when the partner id belongs to the app key: five in a row lock.",
		cure:  "Compare both with what was issued."},
	access.Locked: {status: 401, telling: Uniform, tokenCode: codeLocked, tokenMessage: "Bad credentials",
		cause: "Five failed authentications in a row.",
		cure:  "The operator unlocks: countersign partner unlock."},
	access.UnprovedAddress: {status: 401, telling: Uniform, tokenCode: codeInvalidCredentials, tokenMessage: "Invalid credentials",
		cause: "The address is not one from which this partner may authenticate, or the connection lacks a client certificate that the credential is bound to. The secret was not looked at and nothing counted.",
		cure:  "The operator adds the address to the partner's networks, or binds the client key; the record says which of the two it was."},
	access.Throttled: {status: 429, signedCode: "throttled", tokenCode: codeBadRequest, retryAfter: 1,
		message: "Too many failed attempts from this source.",
		cause:   "Too many failed attempts from one address (IPv6: one /64) in one environment, whatever the credential.",
		cure:    "Wait for the seconds in Retry-After and mend the credentials first."},

	access.NotApproved: {status: 403, signedCode: "not_approved", tokenCode: codeNotAuthorized,
		message: "There is no approved review for this environment.",
		cause:   "The partner's review for this environment was not requested, or not approved yet.",
		cure:    "Complete the review with the operator."},
	access.Suspended: {status: 403, signedCode: "suspended", tokenCode: codeNotAuthorized,
		message: "The access of this partner is suspended.",
		cause:   "The operator suspended or closed it.",
		cure:    "Talk to the operator."},
	access.ClientCertificate: {status: 403, signedCode: "client_certificate", tokenCode: codeNotAuthorized,
		message: "The connection has no client certificate that this credential is bound to.",
		cause:   "The credential is bound to client keys, or the API asks that it be, and the connection proved none of them.",
		cure:    "Connect with a certificate of a bound key, or have the key bound: countersign credential bind."},
	access.AddressNotListed: {status: 403, signedCode: "address_not_listed", tokenCode: codeNotAuthorized,
		message: "The address {address} is on no list of this partner.",
		cause:   "The address, as derived, is in none of the partner's prefixes for this environment and API.",
		cure:    "Call from a listed address, or have this one added."},
	access.CountryNotAllowed: {status: 403, signedCode: "country_not_allowed", tokenCode: codeNotAuthorized,
		message: "The address {address} is in {country}, which is not one of this partner's countries.",
		cause:   "A country rule applies, and the country is another one or unknown.",
		cure:    "Call from an allowed country, or have the rule changed."},
	access.RateLimited: {status: 429, signedCode: "rate_limited", tokenCode: codeBadRequest, retryAfter: 1,
		message: "Too many requests: the rate of {scope} is used up.",
		cause:   "A burst came, or a rate was held that is above the limit. Requests that a limit refuses are counted in none.",
		cure:    "Wait for the seconds in Retry-After, and spread requests as RateLimit-Policy says. The operator sets limits: countersign limit set."},
	access.QuotaExceeded: {status: 429, signedCode: "quota_exceeded", tokenCode: codeBadRequest, retryAfter: 1,
		message: "The quota of the day of {scope} is used up.",
		cause:   "As many requests were let in on this day of UTC as the quota has.",
		cure:    "Wait for the seconds in Retry-After: until midnight UTC. The operator sets quotas: countersign limit set."},
	access.Replayed: {status: 409, signedCode: "replayed", tokenCode: codeBadRequest,
		message: "An equal request was seen before.",
		cause:   "The same canonical input came twice within its time window.",
		cure:    "Sign each request anew. To send two equal ones, let the timestamp, or the nonce, differ."},

	access.Overloaded: {status: 503, signedCode: "overloaded", tokenCode: codeBadRequest, retryAfter: 1,
		message: "Too much work at the moment.",
		cause:   "A budget for bodies, hashing or connections is used up. Nothing was counted against the caller.",
		cure:    "Try again after the seconds in Retry-After."},
	access.Unavailable: {status: 503, signedCode: "unavailable", tokenCode: codeBadRequest, retryAfter: 5,
		message: "The service cannot decide at the moment.",
		cause:   "The register was never read, or the store, the replay guard, the limiter or the record of decisions does not answer.",
		cure:    "Try again after the seconds in Retry-After. The operator finds the cause under the request id."},
	access.SnapshotStale: {status: 503, signedCode: "snapshot_stale", tokenCode: codeBadRequest, retryAfter: 5,
		message: "This server has not heard from its register for too long, and decides nothing until it has.",
		cause:   "The server that was asked could not read the register for longer than max_staleness. It would not know of a revocation.",
		cure:    "Try again after the seconds in Retry-After. The operator mends the way to the register: /readyz of the server says since when, countersign node list which servers."},
	access.Internal: {status: 503, signedCode: "internal", tokenCode: codeBadRequest,
		message: "The service failed.",
		cause:   "A fault of ours. The cause is in the log and nowhere else.",
		cure:    "Give the request id to the operator."},
	access.UpstreamUnreachable: {status: 502, signedCode: "upstream_unreachable", tokenCode: codeBadRequest,
		message: "The API behind this gateway cannot be reached.",
		cause:   "No connection to the upstream, or it ended before an answer.",
		cure:    "Try again later. A write may have been carried out: look before repeating it."},
	access.UpstreamTimeout: {status: 504, signedCode: "upstream_timeout", tokenCode: codeBadRequest,
		message: "The API behind this gateway did not answer in time.",
		cause:   "The upstream took too long.",
		cure:    "Look whether a write was carried out before repeating it."},
	access.UpstreamInvalid: {status: 502, signedCode: "upstream_invalid", tokenCode: codeBadRequest,
		message: "The API behind this gateway gave no usable answer.",
		cause:   "The upstream's answer is not one HTTP answer.",
		cure:    "Give the request id to the operator."},
	access.ClientGone: {status: 499, telling: Silent, close: true,
		cause: "The caller left before the answer. The number stands in the record; nothing is written.",
		cure:  "Wait longer."},
}
