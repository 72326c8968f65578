// Package strict is the bounded reader between the network and net/http
// (design decision 11). It owns the TLS listener of the gateway: accepting,
// the bounded handshake, and one pass over the raw bytes of every HTTP/1
// request head and of its chunked framing, before net/http sees them.
//
// It refuses what the standard server repairs or hides: folded lines, bare LF
// and CR, Content-Length twice or beside Transfer-Encoding,
// Transfer-Encoding under HTTP/1.0, chunk extensions, and anything that two
// parsers could read in two ways. The attack it answers is request smuggling
// (security rule 24, RFC 9112 §11.2): bytes that this gateway takes for one
// request and the upstream, or a proxy in front, takes for two. It also bounds
// what a stranger may cost before a request exists: handshakes, connections in
// all and of one peer, head size, header lines.
//
// A fault ends in one of two ways. Where net/http would still run the handler,
// the request is marked, and the handler refuses it in the API's own format
// (MarksOf). Where net/http would answer by itself, or could not be trusted
// with the bytes, the connection is answered with a minimal 400 of this
// package, Config.OnRefused is told, and the connection ends; the handler never
// runs. After any fault that touches framing not one further byte of that
// connection reaches net/http, whatever the handler does.
//
// How a handler finds the marks of its own request, with pipelining: one Read
// of the connection never returns bytes of two requests, and the marks are
// switched when the last byte of a head is handed to net/http. While a
// handler runs, net/http has at most one byte of the next request (its
// background read), and no head is one byte long, so the marks in force are
// those of the request being handled.
//
// HTTP/2 connections are handed to net/http as the bare *tls.Conn; their
// framing is checked by the HTTP/2 server, and they carry no marks.
package strict
