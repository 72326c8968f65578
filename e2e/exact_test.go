package e2e_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The characters of a request target that RFC 3986 §3.3 and §3.4 allow, but for the semicolon in the path (rule 13).
const (
	pathBytes  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,=:@"
	queryBytes = pathBytes + ";/?"
)

// escapes are percent escapes that are data in a path; in a query every escape is.
var (
	pathEscapes  = []string{"%20", "%41", "%61", "%c3%A9", "%E2%82%ac", "%25", "%3f", "%23", "%3B", "%0a", "%ff", "%5B"}
	queryEscapes = append([]string{"%2f", "%2F", "%5c", "%2e", "%2E%2e", "%3b", "%00"}, pathEscapes...)
)

var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PURGE", "X", "QUERY"}

// text draws bytes of an alphabet mixed with escapes.
func text(alphabet string, escapes []string, most int) *rapid.Generator[string] {
	one := rapid.OneOf(rapid.Map(rapid.IntRange(0, len(alphabet)-1), func(i int) string { return alphabet[i : i+1] }), rapid.SampledFrom(escapes))
	return rapid.Map(rapid.SliceOfN(one, 0, most), func(parts []string) string { return strings.Join(parts, "") })
}

// counter makes targets unique; tests that draw them do not run in parallel.
var counter int

// drawTarget makes a legal target under base.
func drawTarget(t *rapid.T, base string) string {
	counter++
	target := base + "/" + strconv.Itoa(counter) // so that no two equal writes are drawn in one second
	for range rapid.IntRange(1, 4).Draw(t, "segments") {
		segment := text(pathBytes, pathEscapes, 12).Draw(t, "segment")
		if strings.Trim(segment, ".") == "" {
			segment += "x"
		}
		target += "/" + segment
	}
	if rapid.Bool().Draw(t, "slash") {
		target += "/"
	}
	if rapid.Bool().Draw(t, "has query") {
		target += "?" + text(queryBytes, queryEscapes, 24).Draw(t, "query")
	}
	return target
}

// drawBody makes a body, often none, which begins as the signed protocol demands.
func drawBody(t *rapid.T) string {
	if rapid.Bool().Draw(t, "empty") {
		return ""
	}
	first := rapid.SampledFrom([]string{"{", "[", `"`, " ", "\n", "\t", "{\"é\":\"€\"}"}).Draw(t, "first")
	return first + string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body"))
}

// line keeps one connection for many requests.
type line struct {
	*rig
	env string
	w   *wire
}

// send writes one request on the connection, which is opened anew after an answer that closed it.
func (l *line) send(t *rapid.T, raw string) *answer {
	if l.w == nil {
		w, err := l.connect(l.env, "http/1.1")
		if err != nil {
			t.Fatal(err)
		}
		l.w = w
	}
	l.w.send(raw)
	method, _, _ := strings.Cut(raw, " ")
	a, err := l.w.read(method)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	if a.header.Get("Connection") == "close" || a.status >= 400 {
		_ = l.w.Close()
		l.w = nil
	}
	return a
}

// passed sends raw and checks that exactly this method, target and body arrived.
func (l *line) passed(t *rapid.T, raw, method, target, body string) {
	requests, size := l.upstream.mark()
	a := l.send(t, raw)
	got, wireBytes := l.upstream.since(requests, size)
	if a.status != 200 || len(got) != 1 {
		t.Fatalf("refused: %v\n%q", a, raw)
	}
	if s := got[0]; s.method != method || s.target != target || !bytes.Equal(s.body, []byte(body)) {
		t.Fatalf("arrived changed:\nsent %q %q %q\ngot  %q %q %q\nraw  %q", method, target, body, s.method, s.target, s.body, wireBytes)
	}
}

// TestRule25ByteExact: any legal method, target and body arrive as they were sent, over both protocols.
func TestRule25ByteExact(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	token := r.token(t, sandbox)
	l := &line{rig: r, env: sandbox}
	rapid.Check(t, func(t *rapid.T) {
		method, body := rapid.SampledFrom(methods).Draw(t, "method"), drawBody(t)
		target := drawTarget(t, e.Card.BasePath)
		l.passed(t, call{method: method, target: target, body: body}.raw(e), method, target, body)
		target = drawTarget(t, e.Aggregation.BasePath+"/v1")
		c := tokenCall{method: method, target: target, token: token, body: body}
		l.passed(t, c.raw(e), method, target, body)
	})
}
