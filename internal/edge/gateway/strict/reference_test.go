package strict_test

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// The reference is a second, slow reading of the same rules with nothing in
// common with the scanner: whole messages, regular expressions.

var (
	refLine = regexp.MustCompile("^([!#$%&'*+\\-.^_`|~0-9A-Za-z]+) (/(?:[!-$&->@-~]|%[0-9A-Fa-f]{2})*(?:\\?[!-~]*)?) HTTP/1\\.([01])$")
	refHead = regexp.MustCompile("(?s-m)^([!#$%&'*+\\-.^_`|~0-9A-Za-z]+):([\\t -~\\x{80}-\\x{ff}]*)$")
	refHost = regexp.MustCompile(`^[0-9A-Za-z\-._:\[\]]{1,264}$`)
	refSize = regexp.MustCompile(`^[0-9A-Fa-f]{1,16}$`)
	refLen  = regexp.MustCompile(`^[0-9]{1,18}$`)
)

type verdict int

const (
	fine verdict = iota
	notFine
	incomplete
)

// latin1 lets regular expressions see bytes.
func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// refMessage reads one message at the start of b.
func refMessage(b []byte) (target, body string, rest []byte, v verdict) {
	b = bytes.TrimPrefix(b, []byte("\r\n"))
	head, rest, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return "", "", nil, incomplete
	}
	lines := strings.Split(latin1(head), "\r\n")
	m := refLine.FindStringSubmatch(lines[0])
	if m == nil || len(lines) > 101 || m[1] == "CONNECT" {
		return "", "", nil, notFine
	}
	fields := map[string][]string{}
	for _, line := range lines[1:] {
		h := refHead.FindStringSubmatch(line)
		if h == nil {
			return "", "", nil, notFine
		}
		name := strings.ToLower(h[1])
		value := strings.TrimLeft(h[2], " \t")
		if len(value) > 264 && strings.Contains("host content-length transfer-encoding expect upgrade", name) {
			return "", "", nil, notFine
		}
		fields[name] = append(fields[name], strings.TrimRight(value, " \t"))
	}
	if !refFields(fields, m[3] == "0") {
		return "", "", nil, notFine
	}
	body, rest, v = refBody(fields, rest)
	return m[2], body, rest, v
}

func refFields(f map[string][]string, http10 bool) bool {
	length, encoding := f["content-length"], f["transfer-encoding"]
	switch {
	case len(f["host"]) != 1 || !refHost.MatchString(f["host"][0]),
		len(length) > 1 || len(length) == 1 && !refLen.MatchString(length[0]),
		len(encoding) > 1 || len(encoding) == 1 && encoding[0] != "chunked",
		len(encoding) == 1 && (http10 || len(length) == 1),
		len(f["expect"]) > 1 || len(f["expect"]) == 1 && !strings.EqualFold(f["expect"][0], "100-continue"),
		len(f["http2-settings"]) > 0:
		return false
	}
	for _, v := range f["upgrade"] {
		if strings.Contains(strings.ToLower(v), "h2c") {
			return false
		}
	}
	for _, v := range f["trailer"] {
		for _, name := range strings.Split(strings.ToLower(v), ",") {
			switch strings.Trim(name, " \t") {
			case "content-length", "transfer-encoding", "trailer":
				return false
			}
		}
	}
	return true
}

func refBody(f map[string][]string, b []byte) (string, []byte, verdict) {
	if f["transfer-encoding"] != nil {
		return refChunks(b)
	}
	if f["content-length"] == nil {
		return "", b, fine
	}
	n, _ := strconv.ParseInt(f["content-length"][0], 10, 64)
	if n > int64(len(b)) {
		return "", nil, incomplete
	}
	return string(b[:n]), b[n:], fine
}

func refChunks(b []byte) (string, []byte, verdict) {
	body := ""
	for {
		line, rest, ok := bytes.Cut(b, []byte("\r\n"))
		if !ok {
			return "", nil, incomplete
		}
		n, err := strconv.ParseUint(string(line), 16, 63)
		if !refSize.Match(line) || err != nil {
			return "", nil, notFine
		}
		if n == 0 {
			rest, v := refTrailers(rest)
			return body, rest, v
		}
		if uint64(len(rest)) < n+2 || n+2 < n {
			if uint64(len(rest)) == n+1 && rest[n] != '\r' {
				return "", nil, notFine
			}
			return "", nil, incomplete
		}
		if string(rest[n:n+2]) != "\r\n" {
			return "", nil, notFine
		}
		body, b = body+string(rest[:n]), rest[n+2:]
	}
}

func refTrailers(b []byte) ([]byte, verdict) {
	for used, lines := 0, 0; ; lines++ {
		line, rest, ok := bytes.Cut(b, []byte("\r\n"))
		switch used += len(line) + 2; {
		case !ok:
			return nil, incomplete
		case used > 4000 || lines > 100 || lines == 100 && len(line) > 0:
			return nil, notFine
		case len(line) == 0:
			return rest, fine
		case !refHead.MatchString(latin1(line)):
			return nil, notFine
		}
		b = rest
	}
}
