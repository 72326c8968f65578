package doortest

// elsewhere: over HTTP, a door that only answers whether a request may pass cannot pass on a token.
func elsewhere(status int) group {
	return group{"A check cannot be answered with a token: the token endpoint is refused here, and its callers are led to the gateway's own listener.", []Difference{
		made("token exchange", status, "token_endpoint_elsewhere", false), made("token exchange with a wrong secret", status, "token_endpoint_elsewhere", false),
		made("token exchange with two names", status, "token_endpoint_elsewhere", false)}}
}

// inEnvoy are the differences of ext_authz.
func inEnvoy() []group {
	return []group{
		{"Envoy takes away what Connection names, before it asks: the signature is not there any more, or nothing is missing that counts. What is decided about is what it forwards.", []Difference{
			made("Connection names X-Auth-Token", 401, "missing_header", false), made("Connection names x-auth-signature", 401, "missing_header", false),
			made("Connection names countersign-partner", 200, "allowed", true), made("Connection names X-Any", 200, "allowed", true),
			made("Connection names Content-Length", 200, "allowed", true)}},
		{"Envoy refuses it by itself, before anybody is asked. Nothing arrives and nothing is recorded.", []Difference{
			made("Connection names X-Forwarded-For", 400, "", false), made("Connection names close, Host", 400, "", false),
			made("upgrade to a WebSocket", 403, "", false)}},
		{"Envoy takes an upgrade to h2c for a request without one, and forwards it so.", []Difference{made("upgrade to h2c", 200, "allowed", true)}},
	}
}

// inTraefik are those of ForwardAuth.
func inTraefik() []group {
	return []group{
		elsewhere(421),
		{"Traefik removes only the headers that its configuration lists, so that a request with any other of the identity name space is refused.", []Difference{
			made("own identity headers", 400, "malformed_header", false)}},
		{"Traefik uses up Connection and Upgrade before it asks, so that the door does not see them. It removes what Connection names from what it forwards, also the identity: an upstream behind Traefik has to refuse requests without identity headers. Upgrades are Traefik's to refuse.", []Difference{
			made("upgrade to a WebSocket", 200, "allowed", true), made("upgrade to h2c", 200, "allowed", true), made("Connection names X-Auth-Token", 200, "allowed", true),
			made("Connection names x-auth-signature", 200, "allowed", true), made("Connection names X-Forwarded-For", 200, "allowed", true),
			made("Connection names countersign-partner", 200, "allowed", true), made("Connection names close, Host", 200, "allowed", true),
			made("Connection names X-Any", 200, "allowed", true), made("Connection names Content-Length", 200, "allowed", true)}},
		{"The question is not a CONNECT itself: refused for its method, not for the tunnel.", []Difference{made("CONNECT", 405, "method_not_allowed", false)}},
	}
}
