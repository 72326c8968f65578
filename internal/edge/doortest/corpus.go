// Package doortest is one corpus of honest and hostile requests for every door: gateway, ext_authz, forward-auth behind each proxy,
// and the check in a service's own process (security rule 16). It owns the requests as bytes of HTTP/1.1, what the gateway makes of each
// of them, and the list of the differences that other doors have, each with its reason. A difference that is not listed fails a test,
// and a listed one that does not show fails it, too: docs/doors.md is made of that list.
//
// It refuses to know how a door works, and signs by hand from the vendor's words, not with the code that verifies. The attack that it
// answers is the request that one door refuses and another lets in.
package doortest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Signer is a signing key.
type Signer struct{ ID, Secret string }

// App is a credential of the token protocol, with an access token of it.
type App struct{ Key, Login, Secret, Token string }

// Keys are what the requests of a corpus are made with. The doors under test know all of them.
type Keys struct {
	Now       int64  // Unix seconds
	Host      string // what the Host field says
	Good      Signer // approved in the environment, calls from a listed address
	Other     Signer // the same partner's, of another environment
	Revoked   Signer
	Suspended Signer
	Pending   Signer // its partner's review is not approved
	Stray     Signer // its partner has no listed address
	App       App    // approved, with a token
	Clumsy    App    // approved, without a token; its secret is guessed at
}

// Case is one request and what the gateway makes of it.
type Case struct {
	Name   string
	Method string // of the request, which an answer is read by
	Raw    func(k *Keys) string
	Twice  bool // the same bytes are sent a second time, and that is what is judged
	Ends   bool // the caller has no more to say, although the request is not whole

	Status int    // 0: nobody is answered
	Reason string // in the decision record; empty where there is no answer to find it by
	Target string // that arrives; empty: nothing does
	Body   string // that arrives with it
	Caller string // whose identity arrives with it: "good" or "app"
}

// Passes reports whether the gateway lets the request through to what is protected.
func (c *Case) Passes() bool { return c.Target != "" }

// OnTheWire reports whether a case is about bytes that only the program sees which reads the caller's connection: a door that is asked by a
// proxy cannot tell them.
func (c *Case) OnTheWire() bool { return c.Reason == "malformed_framing" || c.Ends }

// Corpus is every case. Names are unique. The slice is the caller's.
func Corpus() []Case {
	return slices.Concat(honest(), tokens(), unsigned(), moved(), stored(), targets(), fields(), framing(), bodies())
}

// request is a request in the words of the wire, before it is bytes.
type request struct {
	method, target string
	fields         []string
	body           string
	framed         bool // body holds its framing: no Content-Length is added
}

func (r request) raw(k *Keys) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.target, k.Host)
	for _, f := range r.fields {
		b.WriteString(f + "\r\n")
	}
	if !r.framed && (r.body != "" || r.method == "POST" || r.method == "PUT" || r.method == "PATCH") {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	return b.String() + "\r\n" + r.body
}

// sign is the vendor's words: timestamp, method, target and body, with HMAC-SHA256, in hexadecimal.
func sign(s Signer, at int64, method, target, body string) (fields []string) {
	ts := strconv.FormatInt(at, 10)
	mac := hmac.New(sha256.New, []byte(s.Secret))
	mac.Write([]byte(ts + method + target + body))
	return []string{"X-Auth-Token: " + s.ID, "X-Auth-Timestamp: " + ts, "X-Auth-Signature: " + hex.EncodeToString(mac.Sum(nil))}
}

// signed is a request of the good partner, with further fields.
func signed(k *Keys, method, target, body string, more ...string) request {
	return signedBy(k, k.Good, method, target, body, more...)
}

func signedBy(k *Keys, s Signer, method, target, body string, more ...string) request {
	return request{method: method, target: target, body: body, fields: append(sign(s, k.Now, method, target, body), more...)}
}

// chunked writes a body in one chunk.
func chunked(body string) string {
	if body == "" {
		return "0\r\n\r\n"
	}
	return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

// allowed is a case that passes, of the good partner.
func allowed(name, method, target, body string, raw func(k *Keys) string) Case {
	return Case{Name: name, Method: method, Raw: raw, Status: 200, Reason: "allowed", Target: target, Body: body, Caller: "good"}
}

// refused is a case that does not.
func refused(name, method string, status int, reason string, raw func(k *Keys) string) Case {
	return Case{Name: name, Method: method, Raw: raw, Status: status, Reason: reason}
}

// edited is a good signed request with one piece of its bytes replaced.
func edited(r func(k *Keys) request, old, fresh string) func(k *Keys) string {
	return func(k *Keys) string { return strings.Replace(r(k).raw(k), old, fresh, 1) }
}

const (
	cards = "/api/v1/cards"
	card  = `{"token_status":"blocked"}`
)

func goodGet(k *Keys) request  { return signed(k, "GET", cards+"?name=get", "") }
func goodPost(k *Keys) request { return signed(k, "POST", cards+"?name=post", card) }
