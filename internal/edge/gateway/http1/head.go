package http1

import (
	"bytes"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxNames is how many spellings of header names are remembered for a connection.
const maxNames = 64

// headEnd is where a head ends in b, after the empty line; 0: not yet. from is where to look. A line may end in LF alone: strict
// has marked it, and the request will be refused.
func headEnd(b []byte, from int) int {
	for i := from; ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0
		}
		i += n + 1
		switch {
		case i < len(b) && b[i] == '\n':
			return i + 1
		case i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n':
			return i + 2
		}
	}
}

// request makes an http.Request of the head in c.in. All its texts are parts of one string. false: this is no head, which strict
// would not have let through.
func (c *conn) request(x *exchange) (*http.Request, bool) {
	head := string(c.in[:c.used])
	line, rest, ok := cutLine(head)
	if !ok {
		return nil, false
	}
	method, line, ok1 := strings.Cut(line, " ")
	target, proto, ok2 := strings.Cut(line, " ")
	if !ok1 || !ok2 || len(proto) != len("HTTP/1.1") {
		return nil, false
	}
	var blank http.Request
	r := blank.WithContext(&x.ctx) // makes a copy
	r.Method, r.RequestURI, r.Proto, r.ProtoMajor, r.ProtoMinor = method, target, proto, 1, int(proto[len(proto)-1]-'0')
	path, query, _ := strings.Cut(target, "?")
	x.url.Path, x.url.RawQuery = path, query
	r.URL = &x.url
	r.Header, r.RemoteAddr, r.TLS = c.header, c.remote, c.tls
	if !c.fields(rest) {
		return nil, false
	}
	return r, c.interpret(x, r)
}

// cutLine takes a line, without its end, off the front of s.
func cutLine(s string) (line, rest string, ok bool) {
	i := strings.IndexByte(s, '\n')
	if i < 0 {
		return "", "", false
	}
	return strings.TrimSuffix(s[:i], "\r"), s[i+1:], true
}

// fields reads the header lines into c.header.
func (c *conn) fields(s string) bool {
	for last := ""; ; {
		line, rest, ok := cutLine(s)
		if !ok {
			return false
		}
		s = rest
		if line == "" {
			return true
		}
		if line[0] == ' ' || line[0] == '\t' { // folded: strict has marked it
			if values := c.header[last]; len(values) > 0 {
				values[len(values)-1] += " " + textproto.TrimString(line)
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return false
		}
		last = c.canonical(name)
		c.add(last, textproto.TrimString(value))
	}
}

// add adds a value. The values of a request stand one after the other in memory that is used again.
func (c *conn) add(name, value string) {
	if before, there := c.header[name]; there {
		c.header[name] = append(before, value) // their capacity ends with them
		return
	}
	n := len(c.values)
	c.values = append(c.values, value)
	c.header[name] = c.values[n : n+1 : n+1]
}

// canonical is a name as http.Header has it, without an allocation for spellings that came before.
func (c *conn) canonical(name string) string {
	if known, ok := c.names[name]; ok {
		return known
	}
	made := textproto.CanonicalMIMEHeaderKey(name)
	if len(c.names) < maxNames {
		c.names[strings.Clone(name)] = strings.Clone(made)
	}
	return made
}

// interpret sets what the header says of the request, as net/http does: Host, length, encoding, trailers, the end of the connection.
func (c *conn) interpret(x *exchange, r *http.Request) bool {
	h := c.header
	if hosts := h["Host"]; len(hosts) > 0 {
		r.Host = hosts[0]
		delete(h, "Host")
	}
	if r.Method == http.MethodConnect && !strings.HasPrefix(r.RequestURI, "/") {
		r.Host = r.RequestURI // RFC 9112 §3.2.3
	}
	r.Close = httpguts.HeaderValuesContainsToken(h["Connection"], "close") ||
		r.ProtoMinor == 0 && !httpguts.HeaderValuesContainsToken(h["Connection"], "keep-alive")
	lengths, chunked := h["Content-Length"], false
	if encodings := h["Transfer-Encoding"]; len(encodings) > 0 {
		delete(h, "Transfer-Encoding")
		if chunked = r.ProtoMinor > 0; chunked {
			r.TransferEncoding = []string{"chunked"} // what strict takes, and nothing else
			delete(h, "Content-Length")
		}
	}
	switch {
	case chunked:
		r.ContentLength = -1
	case len(lengths) > 0:
		n, err := strconv.ParseInt(lengths[0], 10, 64)
		if err != nil || n < 0 {
			return false
		}
		r.ContentLength = n
	}
	c.announce(r, chunked)
	x.w.begin(c, x, r, h["Expect"] != nil && r.ProtoMinor > 0)
	x.w.closing = r.Close || speaksOfClose(h["Connection"])
	r.Body = http.NoBody
	if r.ContentLength != 0 {
		r.Body = &x.w.b
	}
	return true
}

// speaksOfClose finds "close" as a word of the first field also where it is no option, as in "close 0": there the connection ends with
// the answer, as it does with net/http. What the gateway makes of such a field is decided elsewhere: it refuses it.
func speaksOfClose(fields []string) bool {
	if len(fields) == 0 {
		return false
	}
	for word := range strings.FieldsFuncSeq(fields[0], func(c rune) bool { return c == ' ' || c == ',' || c == '\t' }) {
		if strings.EqualFold(word, "close") {
			return true
		}
	}
	return false
}

// announce takes the names of the trailer fields of a chunked body out of the header. They are never read (security rule 37).
func (c *conn) announce(r *http.Request, chunked bool) {
	named := c.header["Trailer"]
	if !chunked || len(named) == 0 {
		return // where there can be no trailers it is a field like any other, as for net/http
	}
	delete(c.header, "Trailer")
	r.Trailer = http.Header{}
	for _, list := range named {
		for name := range strings.SplitSeq(list, ",") {
			if name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name)); name != "" {
				r.Trailer[name] = nil
			}
		}
	}
}
