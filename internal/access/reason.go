package access

// Reason says why a request was let in or refused. The list is closed: status, body, decision line, metric and docs are all
// driven by it, and a table test proves each of them complete. The zero value is Unset and refuses.
type Reason uint8

// The reasons, in the order of the pipeline. The comment behind each says what the caller did or what happened.
const (
	Unset   Reason = iota // no decision was taken: a fault of ours; refused
	Allowed               // let in

	// Shape of the request: told exactly, nothing stored was consulted.
	MalformedFraming       // the bytes on the wire are not one plain HTTP request
	MalformedTarget        // the request target is ambiguous or holds bytes that it must not hold
	MalformedHeader        // a header that is not admissible: its name, or an authentication header without a usable form
	DuplicateHeader        // an authentication header came twice
	HopByHopHeader         // Connection names an authentication, forwarding or identity header
	MethodNotAllowed       // CONNECT, TRACE or no token at all; at the token endpoint anything but POST and PUT
	UpgradeNotAllowed      // Upgrade or an h2c preface on a protected API
	HostMismatch           // Host beside a different :authority, or none
	UnknownHost            // no environment answers to this host
	UnknownAPI             // no API has this base path
	UnknownProxy           // whoever asked a door for proxies is none of them
	MalformedCheck         // a proxy's question does not say plainly which request it is about
	BrowserRequest         // Origin or Sec-Fetch-* on an API for backends only
	BodyTooLarge           // declared or found longer than the API's cap
	LengthRequired         // an empty POST without Content-Length on an API that is strict about it
	UnsupportedMedia       // Content-Type does not say what the body is, on an API that is strict about it
	BodyTimeout            // the body did not arrive in time
	MalformedBody          // a body that is not one strict JSON or XML document (token endpoint), or broke off
	AmbiguousBody          // a signed body that could be read as part of the target
	BodyNotSeen            // a body that the signature covers did not reach the check, whole, through the proxy that asked
	MissingParameter       // a parameter of the token endpoint is absent or blank
	SecretPolicy           // the new partner secret is not as the policy asks
	TokenEndpointElsewhere // a door that can only let pass or refuse was asked about the token endpoint

	// The authentication headers: told exactly, nothing stored was consulted.
	MissingHeader   // an authentication header is absent
	MalformedTime   // the timestamp has not the profile's form
	StaleTimestamp  // the timestamp is older than the window
	FutureTimestamp // the timestamp is ahead of the window

	// What is stored: one uniform 401 on signed APIs; on token APIs the codes of their vendor.
	AddressUnknown    // the client's address could not be derived
	UnknownCredential // no such key id
	WrongEnvironment  // a key id, secret or token of another environment
	RevokedCredential // revoked, or no version of it is live
	BadSignature      // the signature does not match
	InvalidToken      // never an access token of this environment and this app key
	ExpiredToken      // was one
	BadSecret         // partner id or partner secret wrong
	Locked            // too many failures
	UnprovedAddress   // an address or a client certificate with which this partner may not authenticate; its secret was not looked at
	Throttled         // too many attempts from one source

	// After proof: told exactly.
	NotApproved       // no approved review for this environment
	Suspended         // suspended or closed
	ClientCertificate // the connection has no client certificate that the credential is bound to
	AddressNotListed  // the address is on no list of this partner
	CountryNotAllowed // the country is not one of this partner's, or unknown
	RateLimited       // a limit has no room at the moment
	QuotaExceeded     // the quota of the day is used up
	Replayed          // an equal request was seen before

	// Not the caller's doing.
	Overloaded          // a budget for bodies, hashing or connections is used up
	Unavailable         // the register was never read, or the replay guard or the store cannot answer
	SnapshotStale       // the register was last read too long ago: a revocation since then would not be known
	Internal            // we broke; the cause is in the log
	UpstreamUnreachable // no connection, or reset before an answer
	UpstreamTimeout     // no answer in time
	UpstreamInvalid     // an answer that is not one HTTP answer
	ClientGone          // the caller left before the answer

	reasonCount // how many there are
)

var reasonNames = [reasonCount]string{
	Unset: "unset", Allowed: "allowed",
	MalformedFraming: "malformed_framing", MalformedTarget: "malformed_target", MalformedHeader: "malformed_header",
	DuplicateHeader: "duplicate_header", HopByHopHeader: "hop_by_hop_header", MethodNotAllowed: "method_not_allowed",
	UpgradeNotAllowed: "upgrade_not_allowed", HostMismatch: "host_mismatch", UnknownHost: "unknown_host", UnknownAPI: "unknown_api",
	BrowserRequest: "browser_request", BodyTooLarge: "body_too_large", LengthRequired: "length_required",
	UnsupportedMedia: "unsupported_media_type", BodyTimeout: "body_timeout", MalformedBody: "malformed_body",
	AmbiguousBody: "ambiguous_body", BodyNotSeen: "body_not_seen", TokenEndpointElsewhere: "token_endpoint_elsewhere",
	UnknownProxy: "unknown_proxy", MalformedCheck: "malformed_check", MissingParameter: "missing_parameter", SecretPolicy: "secret_policy",
	MissingHeader: "missing_header", MalformedTime: "malformed_timestamp", StaleTimestamp: "stale_timestamp", FutureTimestamp: "future_timestamp",
	AddressUnknown: "address_unknown", UnknownCredential: "unknown_credential", WrongEnvironment: "wrong_environment",
	RevokedCredential: "revoked_credential", BadSignature: "bad_signature", InvalidToken: "invalid_token", ExpiredToken: "expired_token",
	BadSecret: "bad_secret", Locked: "locked", UnprovedAddress: "unproved_address", Throttled: "throttled",
	NotApproved: "not_approved", Suspended: "suspended", AddressNotListed: "address_not_listed",
	ClientCertificate: "client_certificate", CountryNotAllowed: "country_not_allowed",
	RateLimited: "rate_limited", QuotaExceeded: "quota_exceeded", Replayed: "replayed",
	Overloaded: "overloaded", Unavailable: "unavailable", SnapshotStale: "snapshot_stale", Internal: "internal",
	UpstreamUnreachable: "upstream_unreachable", UpstreamTimeout: "upstream_timeout", UpstreamInvalid: "upstream_invalid",
	ClientGone: "client_gone",
}

// String is the stable name of r in records, metrics and docs: lower case with underscores.
func (r Reason) String() string {
	if r >= reasonCount {
		return "unset"
	}
	return reasonNames[r]
}

// Reasons lists every reason but Unset, in the order of the pipeline. Each call returns a new slice.
func Reasons() []Reason {
	all := make([]Reason, 0, reasonCount-1)
	for r := Allowed; r < reasonCount; r++ {
		all = append(all, r)
	}
	return all
}
