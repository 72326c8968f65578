// Package client is the partner's side in Go: a http.RoundTripper that signs requests by any profile, one that keeps an access
// token fresh, and a middleware that verifies signed webhooks.
//
// It owns: the exact bytes that are signed being the bytes that net/http sends, rewinding of bodies, learning the server's
// clock from a refusal, one exchange for a token however many goroutines wait for it.
//
// It refuses: hosts that are not listed, plain HTTP beyond this machine, bodies beyond a bound, targets that net/http would
// write differently from what was signed.
//
// The attacks and accidents it answers: a redirect or a mistyped URL that sends a signature to somebody else, a partner
// locked out by its own client that repeats a wrong secret, a request carried out twice because it was retried, and a loop of
// renewals against a server that refuses every token.
package client
