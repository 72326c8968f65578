package upstream_test

import (
	"regexp"
	"strconv"
	"strings"
)

// The reference is a second reading of RFC 9112 with other means: regular
// expressions over the whole text at once. It shares no code with the client.
const (
	fieldText = "[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\\t\\x20-\\x7e\\x{80}-\\x{ff}]*\\r\\n"
	valueText = "[\\t\\x20-\\x7e\\x{80}-\\x{ff}]*"
)

var (
	headText    = regexp.MustCompile("^HTTP/1\\.([01]) ([1-5][0-9]{2})(?: " + valueText + ")?\\r\\n((?:" + fieldText + ")*)\\r\\n")
	chunkText   = regexp.MustCompile("^([0-9a-fA-F]{1,15})(;" + valueText + ")?\\r\\n")
	trailerText = regexp.MustCompile("^((?:" + fieldText + ")*)\\r\\n")
	lengthText  = regexp.MustCompile("^[0-9]{1,18}$")
)

// reference returns the final answer in text, or false if it must be refused.
func reference(raw []byte) (a answer, fine bool) {
	text := latin(raw)
	for range 6 {
		m := headText.FindStringSubmatch(text)
		if m == nil || strings.Count(m[3], "\r\n") > 100 {
			return answer{}, false
		}
		text = text[len(m[0]):]
		lengths, encodings := values(m[3], "content-length"), values(m[3], "transfer-encoding")
		a.Status, _ = strconv.Atoi(m[2])
		if a.Status == 101 || a.Status < 200 && len(lengths)+len(encodings) > 0 || !framed(m[1], lengths, encodings) {
			return answer{}, false
		}
		if a.Status >= 200 {
			body, fine := content(a.Status, text, lengths, encodings)
			a.Body = unlatin(body)
			return a, fine
		}
	}
	return answer{}, false
}

func framed(minor string, lengths, encodings []string) bool {
	if len(lengths)+len(encodings) > 1 {
		return false
	}
	if len(encodings) == 1 {
		return minor == "1" && lower(encodings[0]) == "chunked"
	}
	return len(lengths) == 0 || lengthText.MatchString(lengths[0])
}

func content(status int, text string, lengths, encodings []string) (string, bool) {
	switch {
	case status == 204 || status == 304:
		return "", true
	case len(encodings) == 1:
		return chunks([]rune(text))
	case len(lengths) == 1:
		n, err := strconv.Atoi(lengths[0])
		if runes := []rune(text); err == nil && n <= len(runes) {
			return string(runes[:n]), true
		}
		return "", false
	}
	return text, true
}

func chunks(text []rune) (body string, fine bool) {
	for {
		m := chunkText.FindStringSubmatch(string(text))
		if m == nil || len([]rune(m[0])) > 256 {
			return "", false
		}
		text = text[len([]rune(m[0])):]
		n, err := strconv.ParseInt(m[1], 16, 64)
		if err != nil {
			return "", false
		}
		if n == 0 {
			t := trailerText.FindStringSubmatch(string(text))
			return body, t != nil && strings.Count(t[1], "\r\n") <= 100
		}
		if n > int64(len(text))-2 || string(text[n:n+2]) != "\r\n" {
			return "", false
		}
		body, text = body+string(text[:n]), text[n+2:]
	}
}

// values returns what the fields of one name hold.
func values(fields, name string) (all []string) {
	for line := range strings.SplitSeq(fields, "\r\n") {
		if n, v, _ := strings.Cut(line, ":"); lower(n) == name {
			all = append(all, strings.Trim(v, " \t"))
		}
	}
	return all
}

// lower folds ASCII only.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// latin makes one rune of every byte, which is what the expressions match.
func latin(b []byte) string {
	runes := make([]rune, len(b))
	for i := range b {
		runes[i] = rune(b[i])
	}
	return string(runes)
}

func unlatin(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}
