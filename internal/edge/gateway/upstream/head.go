package upstream

import (
	"bytes"
	"net/textproto"

	"countersign.dev/internal/edge/gateway/fields"
)

// head is an answer's head while it arrives: one pass over the bytes, line by
// line, so that garbage is told at its first line and not at a timeout. Offsets
// count from the start of the head.
type head struct {
	pos    int // start of the line that is not complete yet
	seen   int // no line feed from pos up to here
	fields []field

	status int
	minor  byte // of HTTP/1.x

	length  int64 // -1: none given
	chunked bool
	close   bool
	hops    bool // some field names others that must go
}

type field struct{ name0, name1, value0, value1 int32 }

func (h *head) reset() {
	*h = head{fields: h.fields[:0], length: -1}
}

// parse takes the bytes of a head from its start, as many as there are by now,
// and reports whether it is complete: then it ends at pos. Called again with
// more bytes it goes on where it stopped.
func (h *head) parse(b []byte, maxLines int) (done bool, err error) {
	for {
		i := bytes.IndexByte(b[h.seen:], '\n')
		if i < 0 {
			h.seen = len(b)
			return false, h.plausible(b)
		}
		end := h.seen + i
		if end == h.pos || b[end-1] != '\r' {
			return false, invalid("bare line feed")
		}
		line := b[h.pos : end-1]
		if len(line) == 0 && h.status != 0 {
			h.pos, h.seen = end+1, end+1
			return true, h.consistent()
		}
		if err := h.line(line, maxLines); err != nil {
			return false, err
		}
		h.pos, h.seen = end+1, end+1
	}
}

// plausible refuses a first line that cannot become a status line, so that a
// server of another protocol is not waited for.
func (h *head) plausible(b []byte) error {
	const start = "HTTP/1."
	n := min(len(b), len(start))
	if h.status == 0 && string(b[:n]) != start[:n] {
		return invalid("status line")
	}
	return nil
}

func (h *head) line(line []byte, maxLines int) error {
	if h.status == 0 {
		return h.statusLine(line)
	}
	if len(h.fields) == maxLines {
		return invalid("too many header lines")
	}
	f, err := parseField(line)
	if err != nil {
		return err
	}
	name, value := line[f.name0:f.name1], line[f.value0:f.value1]
	base := int32(h.pos)
	f.name0, f.name1, f.value0, f.value1 = f.name0+base, f.name1+base, f.value0+base, f.value1+base
	h.fields = append(h.fields, f)
	return h.framing(name, value)
}

// statusLine accepts HTTP/1.0 and HTTP/1.1, a space, three digits from 100 to
// 599, and after another space any reason (RFC 9112 §4).
func (h *head) statusLine(line []byte) error {
	const n = len("HTTP/1.1 200")
	if len(line) < n || string(line[:7]) != "HTTP/1." || line[7]&^1 != '0' || line[8] != ' ' {
		return invalid("status line")
	}
	status := 0
	for _, b := range line[9:n] {
		if b < '0' || b > '9' {
			return invalid("status code")
		}
		status = status*10 + int(b-'0')
	}
	if status < 100 || status > 599 || len(line) > n && line[n] != ' ' {
		return invalid("status code")
	}
	if !all(line[n:], isValue) {
		return invalid("byte in reason")
	}
	h.status, h.minor = status, line[7]-'0'
	h.close = h.minor == 0
	return nil
}

// parseField splits one field line. A line that starts with white space would
// continue the one before; a name followed by white space is read differently
// by different parsers: both are refused (RFC 9112 §5.1, §5.2).
func parseField(line []byte) (f field, err error) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 || !validName(line[:colon]) {
		return f, invalid("header name")
	}
	start, end := colon+1, len(line)
	for start < end && blank(line[start]) {
		start++
	}
	for start < end && blank(line[end-1]) {
		end--
	}
	if !all(line[start:end], isValue) {
		return f, invalid("byte in header value")
	}
	return field{0, int32(colon), int32(start), int32(end)}, nil
}

func blank(b byte) bool { return b == ' ' || b == '\t' }

// framing takes note of the fields that decide where the answer ends.
func (h *head) framing(name, value []byte) error {
	switch len(name) {
	case len("connection"):
		if equalFold(name, "connection") {
			h.connection(value)
		}
	case len("content-length"):
		if equalFold(name, "content-length") {
			return h.contentLength(value)
		}
	case len("transfer-encoding"):
		if !equalFold(name, "transfer-encoding") {
			return nil
		}
		if h.chunked || !equalFold(value, "chunked") {
			return invalid("transfer encoding")
		}
		h.chunked = true
	}
	return nil
}

func (h *head) connection(value []byte) {
	for token := range bytes.SplitSeq(value, []byte(",")) {
		token = bytes.Trim(token, " \t")
		switch {
		case equalFold(token, "close"):
			h.close = true
		case !equalFold(token, "keep-alive"):
			h.hops = true
		}
	}
}

func (h *head) contentLength(value []byte) error {
	if h.length >= 0 {
		return invalid("two content lengths")
	}
	n, ok := decimal(value)
	if !ok {
		return invalid("content length")
	}
	h.length = n
	return nil
}

// decimal reads digits and nothing else. Eighteen of them always fit.
func decimal(s []byte) (n int64, ok bool) {
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}
	for _, b := range s {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	return n, true
}

// consistent refuses a head whose parts contradict each other (RFC 9112 §6).
func (h *head) consistent() error {
	switch {
	case h.chunked && h.length >= 0:
		return invalid("length beside transfer encoding")
	case h.chunked && h.minor == 0:
		return invalid("transfer encoding in HTTP/1.0")
	case h.status < 200 && (h.chunked || h.length >= 0):
		return invalid("framed interim answer")
	}
	return nil
}

// header appends to dst, which is empty, the fields that were parsed, but for
// those that belong to the connection. All names and values share one string.
func (h *head) header(b []byte, dst fields.List) fields.List {
	text := string(b[:h.pos])
	for _, f := range h.fields {
		if name := text[f.name0:f.name1]; !hopByHop(name) {
			dst = append(dst, fields.Field{Name: canonical(name), Value: text[f.value0:f.value1]})
		}
	}
	if h.hops {
		h.dropNamed(text, &dst)
	}
	return dst
}

// dropNamed deletes the fields that the Connection lines name.
func (h *head) dropNamed(text string, dst *fields.List) {
	for _, f := range h.fields {
		if !equalFold(text[f.name0:f.name1], "connection") {
			continue
		}
		for name := range connectionOptions(text[f.value0:f.value1]) {
			dst.Del(name)
		}
	}
}

// canonical returns name as map key; one that has the form already costs
// nothing.
func canonical(name string) string {
	upper := true
	for i := 0; i < len(name); i++ {
		b := name[i]
		if upper && 'a' <= b && b <= 'z' || !upper && 'A' <= b && b <= 'Z' {
			return textproto.CanonicalMIMEHeaderKey(name)
		}
		upper = b == '-'
	}
	return name
}
