package portal

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// signingWords is a signed API's profile in words for whoever writes the client: what to send, what is signed, in which form.
type signingWords struct {
	Algorithm string
	Headers   []headerWords
	Parts     []string // of the text that is signed, in order; nil: it is more than a list of parts, and Formula says it
	Between   string   // what stands between two parts, in words
	Formula   string   // the same in the language of the profile's file
	Signature string   // how the signature is written
	Key       string   // what of the secret is the key
	Time      string   // the form of the timestamp; empty: the profile has none
	Window    time.Duration
	Nonce     string   // empty: there is none
	Unsigned  []string // what the signature does not cover
	Values    []string // what the caller supplies beside: variables
}

// headerWords is one place of the request that carries something of the proof.
type headerWords struct{ Name, In, Form, What string }

// wordsOf describes an API's profile. ok is false where the API is none that is signed, or its definition cannot be had.
func wordsOf(a API) (w signingWords, ok bool) {
	if a.API == nil || a.Scheme == nil || a.Profile == nil {
		return w, false
	}
	d, err := a.Profile.Definition(a.Alternative)
	if err != nil {
		return w, false
	}
	w = signingWords{Algorithm: algorithmWords(d.Algorithm), Formula: profile.FormatTop(d.Message), Signature: "lower-case hex",
		Key: "the secret exactly as it was shown to you, as bytes", Unsigned: a.Scheme.Uncovered(), Values: a.Scheme.Vars()}
	w.Parts, w.Between = partsOf(d.Message)
	if d.Signature.Kind != 0 {
		w.Signature = phrase(d.Signature)
	}
	if d.Key.Kind != 0 && profile.FormatTop(d.Key) != "secret" {
		w.Key = "made from the secret: " + profile.FormatTop(d.Key)
	}
	w.Headers = headersOf(d)
	w.Time, w.Window = timeWords(d.Time), a.Window
	if w.Window == 0 {
		w.Window = a.Scheme.Window()
	}
	if a.Scheme.HasNonce() {
		w.Nonce = nonceWords(d.Nonce)
	}
	return w, true
}

func algorithmWords(name string) string {
	if hash, ok := strings.CutPrefix(name, "hmac-"); ok {
		return "HMAC with " + hashName(hash)
	}
	return hashName(name) + " of a text that holds the secret"
}

func hashName(name string) string {
	if digits, ok := strings.CutPrefix(name, "sha"); ok {
		return "SHA-" + digits
	}
	return strings.ToUpper(name)
}

func headersOf(d scheme.Definition) (out []headerWords) {
	places := []struct {
		in   string
		list []scheme.WireHeader
	}{{"header", d.Wire}, {"query parameter", d.WireQuery}, {"form field", d.WireForm}, {"JSON member", d.WireJSON}}
	for _, p := range places {
		for _, h := range p.list {
			out = append(out, headerWords{Name: h.Name, In: p.in, Form: h.Template, What: carries(h.Template)})
		}
	}
	if d.Time != nil && d.Time.Header != "" {
		out = append(out, headerWords{Name: d.Time.Header, In: "header", Form: "{ts}", What: "the time of the request"})
	}
	return out
}

// carries says what the placeholders of a template stand for.
func carries(template string) string {
	var list []string
	for _, p := range []struct{ hole, word string }{{"{key_id}", "your API token"}, {"{ts}", "the time of the request"},
		{"{nonce}", "a nonce"}, {"{sig}", "the signature"}} {
		if strings.Contains(template, p.hole) {
			list = append(list, p.word)
		}
	}
	if len(list) == 0 {
		return "a value of the request"
	}
	return strings.Join(list, ", ")
}

var timeForms = map[string]string{
	"unix": "Unix time in whole seconds, ten digits", "unix_ms": "Unix time in milliseconds, thirteen digits",
	"http_date": "a date as in HTTP: Sun, 06 Nov 1994 08:49:37 GMT", "rfc3339": "a date and time as in RFC 3339: 2026-11-20T18:30:00Z",
}

func timeWords(t *scheme.TimeRule) string {
	switch {
	case t == nil:
		return ""
	case t.Expiry:
		return "the moment at which the request ends, as " + formWords(t.Format)
	}
	return formWords(t.Format)
}

func formWords(format string) string {
	if form, ok := timeForms[format]; ok {
		return form
	}
	return "the form " + format
}

func nonceWords(n *scheme.NonceRule) string {
	least, most := 16, 128
	if n != nil && n.Min > 0 {
		least = n.Min
	}
	if n != nil && n.Max > 0 {
		most = n.Max
	}
	return fmt.Sprintf("a fresh random text of %d to %d characters for every request", least, most)
}

// partsOf takes a message apart where it is a list: joined by a text, or one part behind the other.
func partsOf(e scheme.Expr) (parts []string, between string) {
	list := e.Args
	switch {
	case e.Kind == scheme.Concat:
		between = "nothing: one directly after the other"
	case e.Kind == scheme.Call && e.Text == "join" && len(list) > 1 && list[0].Kind == scheme.Literal:
		between, list = separatorWords(list[0].Text), list[1:]
	default:
		list = []scheme.Expr{e}
	}
	for _, part := range list {
		text := phrase(part)
		if text == "" {
			return nil, ""
		}
		parts = append(parts, text)
	}
	return parts, between
}

func separatorWords(text string) string {
	switch text {
	case "\n":
		return "one line feed (a single byte, 0x0A), and none at the end"
	case "":
		return "nothing: one directly after the other"
	case " ":
		return "one space"
	}
	return "the text " + strconv.Quote(text)
}

var names = map[string]string{
	"method": "the method, in capital letters", "target": "path and query, exactly as they stand in the request line",
	"path": "the path alone, without the query", "query": "the query, without the question mark", "body": "the body, byte for byte (nothing where there is none)",
	"ts": "the time, exactly as it is sent", "key_id": "your API token", "nonce": "the nonce, exactly as it is sent",
	"host": "the host", "scheme": "http or https", "url": "the whole URL", "secret": "the secret", "mac": "the signature",
}

var functions = map[string]string{"hex": "lower-case hex of ", "b64": "Base64 of ", "b64url": "Base64 for URLs of ",
	"upper": "upper case of ", "lower": "lower case of "}

// phrase is an expression in words; empty: it is more than a few words can say.
func phrase(e scheme.Expr) string {
	switch e.Kind {
	case scheme.Literal:
		return "the text " + strconv.Quote(e.Text)
	case scheme.Name:
		return names[e.Text]
	case scheme.Header:
		return "the value of the header " + e.Text
	case scheme.VarName:
		return "the value " + e.Text
	case scheme.Call:
		return called(e)
	}
	return ""
}

func called(e scheme.Expr) string {
	if len(e.Args) != 1 || len(e.Options) > 0 {
		return ""
	}
	of := phrase(e.Args[0])
	if of == "" {
		return ""
	}
	if strings.HasPrefix(e.Text, "sha") || e.Text == "md5" {
		return hashName(e.Text) + " of " + of
	}
	if word, ok := functions[e.Text]; ok {
		return word + of
	}
	return ""
}
