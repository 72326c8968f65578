package forwardauth

import "countersign.dev/internal/access"

// Kind is which proxy asks, and so how its question is read. The zero value is none.
type Kind uint8

const (
	// NginxHandOver is nginx with proxy_pass to this door: the question is the request itself, body and all, and the answer that
	// lets it pass is an X-Accel-Redirect to the location that forwards it. Whatever else is answered goes to the caller as it is.
	NginxHandOver Kind = iota + 1
	// NginxAuthRequest is nginx with auth_request: the body stays with nginx, and of a refusal only 401 or 403 arrives.
	NginxAuthRequest
	// Caddy is Caddy with forward_auth: the body stays with Caddy.
	Caddy
	// Traefik is Traefik with ForwardAuth, whose forwardBody hands over bodies.
	Traefik
	// HAProxy is HAProxy with the script of deploy/haproxy, which hands over bodies that it could buffer whole.
	HAProxy
)

// The headers of questions, in canonical form. The proxy sets each of its kind, in place of what a caller sent under the name.
const (
	headerMethod    = "X-Original-Method"
	headerTarget    = "X-Original-Uri"
	headerBody      = "X-Original-Body" // what there is of a body: see parseBody
	headerHost      = "X-Original-Host" // empty where the caller named none
	headerPeer      = "X-Original-Peer" // the other end of the caller's connection
	headerFwdMethod = "X-Forwarded-Method"
	headerFwdTarget = "X-Forwarded-Uri"
	headerFwdHost   = "X-Forwarded-Host"
	headerFwdFor    = "X-Forwarded-For"

	// What a caller sent in Connection and Upgrade, which the proxy itself uses up. They may be absent.
	headerConnection = "X-Original-Connection"
	headerUpgrade    = "X-Original-Upgrade"

	// HeaderSecret carries the secret of a door that asks for one.
	HeaderSecret = "Countersign-Door-Secret"
	// HeaderDecision is "allow" in an answer that lets a request pass, so that a proxy which looks at it never takes another
	// server's 200 for ours. HAProxy's script looks for "answer" in every other one, too.
	HeaderDecision = "Countersign-Decision"
	// HeaderRemove names the fields that HAProxy's script removes before it forwards.
	HeaderRemove = "Countersign-Remove"
	// HandOver is where nginx goes on with a request that may pass.
	HandOver = "@countersign_allowed"

	headerAccel = "X-Accel-Redirect"
)

// bodyRule is what a contract says of bodies.
type bodyRule uint8

const (
	bodyIsQuestions bodyRule = iota + 1 // the question's own body is the request's, and headerBody says what was declared
	bodyStays                           // it is not handed over; headerBody says whether there is one
	bodyIsPosted                        // the question's own body is what the proxy held, and headerBody says of how much
	bodyIfSet                           // the question's own body is the request's where the door's setting says so; nothing else tells
)

// contract is how one kind of proxy asks and is answered. Every header that it names has to come exactly once.
type contract struct {
	name       string
	method     string // header; empty: the question's own method
	target     string // header
	sameTarget bool   // the question's own target has to be the same: a second witness for what the proxy forwards
	witness    string // another header that has to say the same target; empty: none
	restores   bool   // headerConnection and headerUpgrade are the proxy's word
	sameMethod bool
	host       string // header; empty: the question's own Host
	peer       string // header; empty: the last hop of X-Forwarded-For, which the proxy has added
	body       bodyRule

	canAnswer    bool // every answer of ours reaches the caller as it is, also one with 200
	fixedRemoval bool // removes what its configuration lists, and nothing on our word
	narrow       bool // of refusals the caller sees only 401 and 403
}

// contracts is the closed table. docs/guide/proxies.md shows it, and the tests of e2e hold it against real proxies.
var contracts = map[Kind]*contract{
	NginxHandOver: {name: "nginx", method: headerMethod, target: headerTarget, sameTarget: true, sameMethod: true, restores: true, peer: headerPeer,
		body: bodyIsQuestions, canAnswer: true, fixedRemoval: true},
	NginxAuthRequest: {name: "nginx_auth_request", method: headerMethod, target: headerTarget, sameTarget: true, restores: true, peer: headerPeer,
		body: bodyStays, fixedRemoval: true, narrow: true},
	Caddy: {name: "caddy", method: headerFwdMethod, target: headerTarget, witness: headerFwdTarget, restores: true, peer: headerPeer,
		body: bodyStays, fixedRemoval: true},
	Traefik: {name: "traefik", method: headerFwdMethod, target: headerFwdTarget, host: headerFwdHost, body: bodyIfSet,
		fixedRemoval: true},
	HAProxy: {name: "haproxy", method: headerMethod, target: headerTarget, host: headerHost, restores: true, peer: headerPeer, body: bodyIsPosted, canAnswer: true},
}

// ParseKind is the kind of this name, as the configuration has it; false: there is none.
func ParseKind(name string) (Kind, bool) {
	for kind, c := range contracts {
		if c.name == name {
			return kind, true
		}
	}
	return 0, false
}

// String is the name of k in configuration and records; empty for none.
func (k Kind) String() string {
	if c := contracts[k]; c != nil {
		return c.name
	}
	return ""
}

// fault is why a question is not answered.
type fault struct {
	reason access.Reason
	detail string // from the closed list of this package
}

// The faults of questions.
var (
	faultStranger   = &fault{access.UnknownProxy, "the peer is on no list of this door"}
	faultSecret     = &fault{access.UnknownProxy, "the question does not carry the secret of this door"}
	faultMethod     = &fault{access.MalformedCheck, "the original method is missing, came twice, or is not the question's own"}
	faultTarget     = &fault{access.MalformedCheck, "the original target is missing or came twice"}
	faultLie        = &fault{access.MalformedCheck, "the original target is not the one that the proxy itself asks for"}
	faultConnection = &fault{access.MalformedCheck, "what the caller's Connection and Upgrade said came twice"}
	faultHost       = &fault{access.MalformedCheck, "the original host is missing or came twice"}
	faultPeer       = &fault{access.MalformedCheck, "the address of the caller's connection is missing, came twice, or cannot be read"}
	faultBody       = &fault{access.MalformedCheck, "what there is of a body is not told, came twice, or cannot be read"}
)
