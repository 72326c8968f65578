package strict_test

import (
	"slices"
	"strings"

	"countersign.dev/internal/edge/gateway/strict"
)

// hostile is one raw HTTP/1 message and what must become of it.
type hostile struct {
	name string
	raw  string
	want strict.Fault
	// handled: the handler must see it, with the mark; else it must never run
	// and OnRefused must be told.
	handled bool
	// stays: the connection may go on after the answer.
	stays bool
	// fromBody: the fault shows only while the body is read.
	fromBody bool
}

const (
	host     = "Host: api.example\r\n"
	goodGet  = "GET /good HTTP/1.1\r\n" + host + "\r\n"
	smuggled = "GET /smuggled HTTP/1.1\r\n" + host + "\r\n"
)

// marked reaches the handler; refused does not.
func marked(name, raw string, want strict.Fault) hostile {
	return hostile{name: name, raw: raw, want: want, handled: true}
}

func inBody(name, raw string, want strict.Fault) hostile {
	return hostile{name: name, raw: raw, want: want, handled: true, fromBody: true}
}

func refused(name, raw string, want strict.Fault) hostile {
	return hostile{name: name, raw: raw, want: want}
}

func chunked(body string) string {
	return "POST /c HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n" + body
}

// hostileCorpus has no case over 64 KiB. Every message is followed by
// smuggled in the tests that use it.
func hostileCorpus() []hostile {
	return slices.Concat(lineEndCases(), lengthCases(), headerCases(), requestLineCases(),
		hostCases(), boundCases(), upgradeCases(), chunkCases())
}

// get is a request for /x with more header lines.
func get(lines string) string { return "GET /x HTTP/1.1\r\n" + host + lines + "\r\n" }

func lineEndCases() []hostile {
	return []hostile{
		marked("bare LF after request line", "GET /x HTTP/1.1\n"+host+"\r\n", strict.BareLF),
		marked("bare LF after header", "GET /x HTTP/1.1\r\nHost: a\n\r\n", strict.BareLF),
		marked("bare LF at end of head", "GET /x HTTP/1.1\r\n"+host+"\n", strict.BareLF),
		marked("bare LF everywhere", "GET /x HTTP/1.1\nHost: a\n\n", strict.BareLF),
		marked("bare LF hides a length", "POST /x HTTP/1.1\r\nX: a\nContent-Length: 40\r\n"+host+"\r\n", strict.BareLF),
		marked("folded header, space", get("X-A: one\r\n two\r\n"), strict.FoldedHeader),
		marked("folded header, tab", get("X-A: one\r\n\ttwo\r\n"), strict.FoldedHeader),
		marked("folded header, white space only", get("X-A: one\r\n \r\nX-B: b\r\n"), strict.FoldedHeader),
		marked("folded to hide a name", get("X-A: one\r\n Transfer-Encoding: chunked\r\n"), strict.FoldedHeader),
		refused("folded length", get("Content-Length: 5\r\n 5\r\n"), strict.FoldedHeader),
		refused("folded encoding", get("Transfer-Encoding: chunked\r\n ,x\r\n"), strict.FoldedHeader),
		refused("folded host", "GET /x HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", strict.FoldedHeader),
		refused("bare CR in value", get("X-A: a\rb\r\n"), strict.BareCR),
		refused("bare CR before CRLF", get("X-A: a\r\r\n"), strict.BareCR),
		refused("bare CR after request line", "GET /x HTTP/1.1\r"+host+"\r\n", strict.BareCR),
		refused("bare CR at end of head", "GET /x HTTP/1.1\r\n"+host+"\rX", strict.BareCR),
		refused("bare CR in name", get("X\rA: b\r\n"), strict.BadHeaderName),
		refused("CR in target", "GET /\rx HTTP/1.1\r\n"+host+"\r\n", strict.BadRequestLine),
	}
}

func lengthCases() []hostile {
	return []hostile{
		marked("length beside encoding", "POST /x HTTP/1.1\r\n"+host+"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", strict.LengthAndEncoding),
		marked("encoding beside length", "POST /x HTTP/1.1\r\n"+host+"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", strict.LengthAndEncoding),
		marked("encoding under HTTP/1.0", "POST /x HTTP/1.0\r\n"+host+"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", strict.EncodingHTTP10),
		marked("encoding and length under HTTP/1.0", "POST /x HTTP/1.0\r\n"+host+"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", strict.EncodingHTTP10),
		refused("length twice, different", get("Content-Length: 5\r\nContent-Length: 6\r\n"), strict.DoubleLength),
		refused("length twice, equal", get("Content-Length: 0\r\ncontent-length: 0\r\n"), strict.DoubleLength),
		refused("length as a list", get("Content-Length: 5, 5\r\n"), strict.DoubleLength),
		refused("length empty", get("Content-Length:\r\n"), strict.BadLength),
		refused("length signed", get("Content-Length: +5\r\n"), strict.BadLength),
		refused("length negative", get("Content-Length: -5\r\n"), strict.BadLength),
		refused("length hexadecimal", get("Content-Length: 0x5\r\n"), strict.BadLength),
		refused("length with a space", get("Content-Length: 1 0\r\n"), strict.BadLength),
		refused("length with underscore", get("Content-Length: 1_0\r\n"), strict.BadLength),
		refused("length too long", get("Content-Length: 1000000000000000000\r\n"), strict.BadLength),
		refused("length huge", get("Content-Length: "+strings.Repeat("0", 300)+"5\r\n"), strict.BadLength),
		refused("encoding twice", get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), strict.DoubleEncoding),
		refused("encoding list", get("Transfer-Encoding: gzip, chunked\r\n"), strict.BadEncoding),
		refused("encoding identity", get("Transfer-Encoding: identity\r\n"), strict.BadEncoding),
		refused("encoding in capitals", get("Transfer-Encoding: CHUNKED\r\n"), strict.BadEncoding),
		refused("encoding empty", get("Transfer-Encoding:\r\n"), strict.BadEncoding),
		refused("encoding with vertical tab", get("Transfer-Encoding: \vchunked\r\n"), strict.BadHeaderValue),
		refused("encoding quoted", get("Transfer-Encoding: \"chunked\"\r\n"), strict.BadEncoding),
		refused("encoding long", get("Transfer-Encoding: chunked"+strings.Repeat(" ", 300)+"x\r\n"), strict.BadEncoding),
	}
}

func headerCases() []hostile {
	return []hostile{
		refused("space before colon", get("X-A : b\r\n"), strict.HeaderSpace),
		refused("space before colon of encoding", get("Transfer-Encoding : chunked\r\n"), strict.HeaderSpace),
		refused("leading space", "GET /x HTTP/1.1\r\n X: y\r\n"+host+"\r\n", strict.HeaderSpace),
		refused("empty name", get(": b\r\n"), strict.BadHeaderName),
		refused("no colon", get("X-A\r\n"), strict.BadHeaderName),
		refused("name with bracket", get("X(A): b\r\n"), strict.BadHeaderName),
		refused("name non-ASCII", get("X-\xc3\xa9: b\r\n"), strict.BadHeaderName),
		refused("name with NUL", get("X\x00A: b\r\n"), strict.BadHeaderName),
		refused("NUL in value", get("X-A: a\x00b\r\n"), strict.BadHeaderValue),
		refused("escape in value", get("X-A: \x1b[2J\r\n"), strict.BadHeaderValue),
		refused("DEL in value", get("X-A: \x7f\r\n"), strict.BadHeaderValue),
	}
}

func requestLineCases() []hostile {
	return []hostile{
		refused("two spaces", "GET  /x HTTP/1.1\r\n"+host+"\r\n", strict.BadRequestLine),
		refused("tab for space", "GET\t/x HTTP/1.1\r\n"+host+"\r\n", strict.BadRequestLine),
		refused("space in target", "GET /a b HTTP/1.1\r\n"+host+"\r\n", strict.BadRequestLine),
		refused("space at end", "GET /x HTTP/1.1 \r\n"+host+"\r\n", strict.BadRequestLine),
		refused("leading space in line", " GET /x HTTP/1.1\r\n"+host+"\r\n", strict.BadRequestLine),
		refused("no version", "GET /x\r\n"+host+"\r\n", strict.BadRequestLine),
		refused("no target", "GET HTTP/1.1\r\n"+host+"\r\n", strict.BadTarget),
		refused("lower-case version", "GET /x http/1.1\r\n"+host+"\r\n", strict.BadRequestLine),
		refused("long version", "GET /x HTTP/1.10\r\n"+host+"\r\n", strict.BadRequestLine),
		refused("version 9.9", "GET /x HTTP/9.9\r\n"+host+"\r\n", strict.BadVersion),
		refused("version 1.2", "GET /x HTTP/1.2\r\n"+host+"\r\n", strict.BadVersion),
		refused("version 0.9", "GET /x HTTP/0.9\r\n"+host+"\r\n", strict.BadVersion),
		refused("version 2.0", "GET /x HTTP/2.0\r\n"+host+"\r\n", strict.BadVersion),
		refused("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", strict.HTTP2Preface),
		refused("method not a token", "G@T /x HTTP/1.1\r\n"+host+"\r\n", strict.BadRequestLine),
		refused("method non-ASCII", "G\xc9T /x HTTP/1.1\r\n"+host+"\r\n", strict.BadRequestLine),
		refused("absolute form", "GET http://evil/x HTTP/1.1\r\n"+host+"\r\n", strict.BadTarget),
		refused("asterisk form", "OPTIONS * HTTP/1.1\r\n"+host+"\r\n", strict.BadTarget),
		refused("no leading slash", "GET x HTTP/1.1\r\n"+host+"\r\n", strict.BadTarget),
		refused("control byte in target", "GET /\x01 HTTP/1.1\r\n"+host+"\r\n", strict.BadTarget),
		refused("DEL in query", "GET /?\x7f HTTP/1.1\r\n"+host+"\r\n", strict.BadTarget),
		refused("bad escape", "GET /%zz HTTP/1.1\r\n"+host+"\r\n", strict.BadEscape),
		refused("cut escape", "GET /%a HTTP/1.1\r\n"+host+"\r\n", strict.BadEscape),
		{name: "non-ASCII in path", raw: "GET /\xc3\xa9 HTTP/1.1\r\n" + host + "\r\n", want: strict.NonASCIITarget, handled: true, stays: true},
		{name: "non-ASCII in query", raw: "GET /?\xff HTTP/1.1\r\n" + host + "\r\n", want: strict.NonASCIITarget, handled: true, stays: true},
		marked("non-ASCII hides no framing", "POST /\xff HTTP/1.1\r\n"+host+"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", strict.LengthAndEncoding),
		refused("two empty lines", "\r\n\r\n"+goodGet, strict.EmptyLines),
		refused("empty line without CR", "\n"+goodGet, strict.EmptyLines),
		refused("CR before the line", "\r"+goodGet, strict.BareCR),
		refused("TLS inside TLS", "\x16\x03\x01\x00\x00", strict.BadRequestLine),
	}
}

func hostCases() []hostile {
	return []hostile{
		refused("no host", "GET /x HTTP/1.1\r\nX-A: b\r\n\r\n", strict.MissingHost),
		refused("no host, HTTP/1.0", "GET /x HTTP/1.0\r\n\r\n", strict.MissingHost),
		refused("empty host", "GET /x HTTP/1.1\r\nHost:  \r\n\r\n", strict.MissingHost),
		refused("host twice", get("host: other\r\n"), strict.DoubleHost),
		refused("host with slash", "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", strict.BadHost),
		refused("host with user", "GET /x HTTP/1.1\r\nHost: u@a\r\n\r\n", strict.BadHost),
		refused("host list", "GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n", strict.BadHost),
		refused("host too long", "GET /x HTTP/1.1\r\nHost: "+strings.Repeat("a", 265)+"\r\n\r\n", strict.BadHost),
	}
}

func boundCases() []hostile {
	return []hostile{
		refused("head too large", get(strings.Repeat("X-A: "+strings.Repeat("b", 995)+"\r\n", 40)), strict.HeadTooLarge),
		refused("too many lines", get(strings.Repeat("X-A: b\r\n", 100)), strict.TooManyHeaders),
		refused("too many folded lines", get("X-A: b\r\n"+strings.Repeat(" b\r\n", 99)), strict.TooManyHeaders),
		refused("request line too long", "GET /"+strings.Repeat("a", 8<<10)+" HTTP/1.1\r\n"+host+"\r\n", strict.RequestLineTooLong),
		refused("method without end", strings.Repeat("A", 9<<10), strict.RequestLineTooLong),
	}
}

func upgradeCases() []hostile {
	return []hostile{
		refused("unknown expectation", get("Expect: 200-maybe\r\n"), strict.BadExpectation),
		refused("expectation twice", get("Expect: 100-continue\r\nExpect: 100-continue\r\n"), strict.BadExpectation),
		marked("CONNECT authority", "CONNECT upstream.example:443 HTTP/1.1\r\n"+host+"\r\n", strict.Connect),
		marked("CONNECT path", "CONNECT /x HTTP/1.1\r\n"+host+"\r\n", strict.Connect),
		refused("CONNECT user", "CONNECT u@h:443 HTTP/1.1\r\n"+host+"\r\n", strict.BadTarget),
		refused("CONNECT two ports", "CONNECT h:1:2 HTTP/1.1\r\n"+host+"\r\n", strict.BadTarget),
		marked("h2c upgrade", get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), strict.H2CUpgrade),
		marked("h2c among others", get("Upgrade: websocket, H2C\r\n"), strict.H2CUpgrade),
		marked("HTTP2-Settings alone", get("HTTP2-Settings: AAMAAABkAAQAAP__\r\n"), strict.H2CUpgrade),
		refused("announced framing trailer", "POST /x HTTP/1.1\r\n"+host+"Trailer: X-A, content-length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", strict.ForbiddenTrailer),

		refused("announced framing trailer first", "POST /x HTTP/1.1\r\n"+host+"Trailer: Transfer-Encoding ,X-A\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", strict.ForbiddenTrailer),
	}
}

func chunkCases() []hostile {
	return []hostile{
		inBody("bare LF after size", chunked("5\nhello\r\n0\r\n\r\n"), strict.BadChunk),
		inBody("bare LF after data", chunked("5\r\nhello\n0\r\n\r\n"), strict.BadChunk),
		inBody("bare CR after size", chunked("5\rhello\r\n0\r\n\r\n"), strict.BadChunk),
		inBody("no CRLF after data", chunked("5\r\nhelloX\r\n0\r\n\r\n"), strict.BadChunk),
		inBody("extension", chunked("5;a=b\r\nhello\r\n0\r\n\r\n"), strict.ChunkExtension),
		inBody("extension on the last chunk", chunked("0;a\r\n\r\n"), strict.ChunkExtension),
		inBody("extension with bare LF", chunked("5;\nhello\r\n0\r\n\r\n"), strict.ChunkExtension),
		inBody("signed size", chunked("+5\r\nhello\r\n0\r\n\r\n"), strict.BadChunk),
		inBody("negative size", chunked("-5\r\nhello\r\n0\r\n\r\n"), strict.BadChunk),
		inBody("space after size", chunked("5 \r\nhello\r\n0\r\n\r\n"), strict.BadChunk),
		inBody("space before size", chunked(" 5\r\nhello\r\n0\r\n\r\n"), strict.BadChunk),
		inBody("size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), strict.BadChunk),
		inBody("empty size", chunked("\r\nhello\r\n0\r\n\r\n"), strict.BadChunk),
		inBody("size of 17 digits", chunked("00000000000000005\r\nhello\r\n0\r\n\r\n"), strict.BadChunk),
		inBody("size over 63 bits", chunked("8000000000000000\r\nhello\r\n0\r\n\r\n"), strict.BadChunk),
		inBody("second chunk bad", chunked("5\r\nhello\r\nzz\r\n0\r\n\r\n"), strict.BadChunk),
		inBody("bare LF ends trailers", chunked("0\r\n\n"), strict.BadTrailer),
		inBody("bare LF in trailer", chunked("0\r\nX: y\n\r\n"), strict.BadTrailer),
		inBody("folded trailer", chunked("0\r\nX: y\r\n z\r\n\r\n"), strict.BadTrailer),
		inBody("trailer without colon", chunked("0\r\nXyz\r\n\r\n"), strict.BadTrailer),
		inBody("NUL in trailer", chunked("0\r\nX: \x00\r\n\r\n"), strict.BadTrailer),
		inBody("trailers too long", chunked("0\r\nX: "+strings.Repeat("y", 4000)+"\r\n\r\n"), strict.BadTrailer),
		inBody("too many trailers", chunked("0\r\n"+strings.Repeat("X: y\r\n", 101)+"\r\n"), strict.BadTrailer),
	}
}
