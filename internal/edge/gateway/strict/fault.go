package strict

import "net"

// Fault names what was wrong with the bytes of a connection. The list is
// closed; the zero value, None, means that nothing was found. A Fault is also
// the error that a body read returns once a fault in the body's framing was met.
type Fault uint8

// The faults, by what happens to them. See Marked.
const (
	// None: no fault.
	None Fault = iota

	// BareLF: a line of the head ends in LF without CR (RFC 9112 §2.2). Marked.
	BareLF
	// FoldedHeader: a header line continues on the next one (RFC 9112 §5.2).
	// Marked; refused where the folded field is one that this package reads
	// (Host, Content-Length, Transfer-Encoding, Expect, Upgrade, Trailer).
	FoldedHeader
	// LengthAndEncoding: Content-Length beside Transfer-Encoding (RFC 9112 §6.3). Marked.
	LengthAndEncoding
	// EncodingHTTP10: Transfer-Encoding in an HTTP/1.0 request (RFC 9112 §6.1). Marked.
	EncodingHTTP10
	// NonASCIITarget: a byte of 0x80 or more in the target. Marked; framing is
	// intact, so the connection may go on.
	NonASCIITarget
	// Connect: the method is CONNECT (security rule 24). Marked.
	Connect
	// H2CUpgrade: Upgrade to h2c, or an HTTP2-Settings field (security rule 24). Marked.
	H2CUpgrade

	// BadChunk: a chunk size or the end of a chunk is not exactly 1 to 16
	// hexadecimal digits and CRLF (RFC 9112 §7.1). Marked, in the body.
	BadChunk
	// ChunkExtension: a chunk size is followed by an extension. Marked, in the body.
	ChunkExtension
	// BadTrailer: the trailer section breaks the rules for header lines or is
	// longer than 4,000 bytes. Marked, in the body.
	BadTrailer

	// BadRequestLine: not exactly METHOD SP target SP HTTP/1.x (RFC 9112 §3). Refused.
	BadRequestLine
	// RequestLineTooLong: longer than Config.MaxRequestLine. Refused.
	RequestLineTooLong
	// BadVersion: a version other than HTTP/1.0 and HTTP/1.1. Refused.
	BadVersion
	// HTTP2Preface: the HTTP/2 preface on a connection that negotiated HTTP/1. Refused.
	HTTP2Preface
	// BadTarget: not in origin-form, or a control byte in it (security rule 13). Refused.
	BadTarget
	// BadEscape: a percent sign in the path without two hexadecimal digits. Refused.
	BadEscape
	// EmptyLines: more than one empty line before the request line, or one that
	// is not CRLF (RFC 9112 §2.2). Refused.
	EmptyLines
	// BareCR: a CR without LF in the head. Refused.
	BareCR
	// HeaderSpace: white space before the colon, or before the first header
	// line (RFC 9112 §5.1, §2.2). Refused.
	HeaderSpace
	// BadHeaderName: a header name with other than token characters, an empty
	// one, or a line without colon (RFC 9110 §5.1). Refused.
	BadHeaderName
	// BadHeaderValue: a control byte in a header value (RFC 9110 §5.5). Refused.
	BadHeaderValue
	// HeadTooLarge: the head is longer than Config.MaxHead. Refused.
	HeadTooLarge
	// TooManyHeaders: more lines than Config.MaxHeaderLines. Refused.
	TooManyHeaders
	// MissingHost: Host is absent or empty, in HTTP/1.0 as well. Refused.
	MissingHost
	// DoubleHost: Host comes twice, equal or not (RFC 9112 §3.2). Refused.
	DoubleHost
	// BadHost: a byte in Host that no host and port have, or over 264 bytes. Refused.
	BadHost
	// BadLength: Content-Length is not 1 to 18 digits. Refused.
	BadLength
	// DoubleLength: Content-Length comes twice or as a list, equal or not. Refused.
	DoubleLength
	// BadEncoding: Transfer-Encoding is not exactly "chunked". Refused.
	BadEncoding
	// DoubleEncoding: Transfer-Encoding comes twice. Refused.
	DoubleEncoding
	// BadExpectation: Expect comes twice or is not 100-continue (RFC 9110 §10.1.1). Refused.
	BadExpectation
	// ForbiddenTrailer: Trailer announces a framing field (RFC 9110 §6.5.1). Refused.
	ForbiddenTrailer
	// TruncatedHead: the peer ended the connection inside a head. Refused.
	TruncatedHead
	// SlowHead: the head did not arrive in http.Server.ReadHeaderTimeout. The
	// connection ends without an answer.
	SlowHead

	// NotTLS: the first byte is not a TLS handshake record. The connection ends
	// without an answer, like the rest of the list.
	NotTLS
	// HandshakeFailed: the TLS handshake failed, for instance over the version.
	HandshakeFailed
	// HandshakeTimeout: the TLS handshake took longer than Config.HandshakeTimeout.
	HandshakeTimeout
	// TooManyConns: Config.MaxConns connections were open.
	TooManyConns
	// TooManyFromPeer: Config.MaxPerPeer connections of this peer were open.
	TooManyFromPeer

	faultCount
)

// Faults returns every fault except None, in a stable order: for metrics and
// for tables that must be complete.
func Faults() []Fault {
	all := make([]Fault, 0, faultCount-1)
	for f := None + 1; f < faultCount; f++ {
		all = append(all, f)
	}
	return all
}

// String returns the stable snake_case name: "none" for None, "unknown" for a
// value outside the list.
func (f Fault) String() string {
	if f >= faultCount {
		return "unknown"
	}
	return faultNames[f]
}

// Error implements error, for body reads.
func (f Fault) Error() string { return "request framing: " + f.String() }

// Marked reports whether the fault reaches the handler as a mark. The others
// end the connection without the handler and are told to Config.OnRefused.
// FoldedHeader can do both.
func (f Fault) Marked() bool { return f > None && f <= BadTrailer }

// closes reports whether a marked fault leaves the framing in doubt.
func (f Fault) closes() bool { return f.Marked() && f != NonASCIITarget }

// silentError is what net/http is given when the connection is over. An
// *net.OpError of a read is the one error, beside EOF and timeouts, that makes
// the standard server end a connection without an answer of its own.
func silentError(cause error) error {
	return &net.OpError{Op: "read", Net: "tcp", Err: cause}
}

// faultNames is read only.
var faultNames = [faultCount]string{
	None:               "none",
	BareLF:             "bare_lf",
	FoldedHeader:       "folded_header",
	LengthAndEncoding:  "length_and_encoding",
	EncodingHTTP10:     "encoding_http10",
	NonASCIITarget:     "non_ascii_target",
	Connect:            "connect",
	H2CUpgrade:         "h2c_upgrade",
	BadChunk:           "bad_chunk",
	ChunkExtension:     "chunk_extension",
	BadTrailer:         "bad_trailer",
	BadRequestLine:     "bad_request_line",
	RequestLineTooLong: "request_line_too_long",
	BadVersion:         "bad_version",
	HTTP2Preface:       "http2_preface",
	BadTarget:          "bad_target",
	BadEscape:          "bad_escape",
	EmptyLines:         "empty_lines",
	BareCR:             "bare_cr",
	HeaderSpace:        "header_space",
	BadHeaderName:      "bad_header_name",
	BadHeaderValue:     "bad_header_value",
	HeadTooLarge:       "head_too_large",
	TooManyHeaders:     "too_many_headers",
	MissingHost:        "missing_host",
	DoubleHost:         "double_host",
	BadHost:            "bad_host",
	BadLength:          "bad_length",
	DoubleLength:       "double_length",
	BadEncoding:        "bad_encoding",
	DoubleEncoding:     "double_encoding",
	BadExpectation:     "bad_expectation",
	ForbiddenTrailer:   "forbidden_trailer",
	TruncatedHead:      "truncated_head",
	SlowHead:           "slow_head",
	NotTLS:             "not_tls",
	HandshakeFailed:    "handshake_failed",
	HandshakeTimeout:   "handshake_timeout",
	TooManyConns:       "too_many_connections",
	TooManyFromPeer:    "too_many_from_peer",
}
