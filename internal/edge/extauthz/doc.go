// Package extauthz is the door for Envoy: external authorization v3, over gRPC and over HTTP. It turns a check request into a
// door.Request, has it decided, and writes the answer in the protocol's form. It takes no decision of its own, forwards nothing,
// and sees no connection of a caller: what it knows of one is what the proxy says, and only proxies that are named are heard.
//
// It reads and writes the protocol's messages itself (wire.go, encode.go), field by field from the protocol definition
// (envoy/service/auth/v3). The generated messages would merge what comes twice, hide a field that cannot be read, and register
// themselves in every program that links them. Tests compare it with them.
//
// It refuses a check request that is not one, says two things about one request, or has gone through a rewriting that nobody can
// take back: header values that the proxy has joined or mended (without encode_raw_headers), a body that it has mended or cut
// (without pack_as_bytes, with allow_partial_message). Whatever goes wrong here is answered as a denial with a status of its own,
// never as an error of the service, which a proxy may be told to let through (failure_mode_allow).
//
// Attacks it answers: a body that is forwarded and was never checked; a target that was checked and is not the one that is
// forwarded; a doubled authentication header that looks like one; somebody who is no proxy and speaks like one; messages that
// are endless, too deep or too many.
package extauthz
