package tester

import (
	"errors"
	"net/http"
	"net/textproto"
	"strings"

	"countersign.dev/internal/snippet"
)

// Program is one way to send a call from somewhere else.
type Program struct {
	// Language is for people, File a usual name for the program.
	Language, File string
	// Text is the whole program, with credentials from the environment: the key id where a default can stand, never a secret
	// and never a token. Empty: Refusal says why there is none.
	Text, Refusal string
}

// languages are the names for people. Never written.
var languages = map[string]string{"sh": "curl + openssl", "python": "Python", "node": "Node.js", "go": "Go", "java": "Java",
	"csharp": "C#", "php": "PHP", "ruby": "Ruby"}

// Programs writes the call in all languages: signed when it runs, with a time of its own. A profile or a request that a
// language cannot follow has a refusal instead of a program.
func (c *Call) Programs() []Program {
	r := snippet.Request{Method: c.request.Method, URL: c.request.Scheme + "://" + c.request.Host + c.request.Target,
		Header: http.Header{}, Body: c.request.Body}
	for _, l := range c.lines {
		key := textproto.CanonicalMIMEHeaderKey(l.name)
		r.Header[key] = append(r.Header[key], l.value)
	}
	var out []Program
	for _, l := range snippet.Languages() {
		p := Program{Language: l.Name, File: l.File}
		if name := languages[l.Name]; name != "" {
			p.Language = name
		}
		text, err := c.program(l.Name, r)
		if p.Text = text; err != nil {
			p.Text, p.Refusal = "", refusal(err)
		}
		out = append(out, p)
	}
	return out
}

func (c *Call) program(language string, r snippet.Request) (string, error) {
	if c.API.Profile == nil {
		if c.API.Tokens.Endpoint == "" {
			return "", errors.New("this API has no endpoint for access tokens of its own")
		}
		if language == "sh" {
			r.Defaults = map[string]string{"APP_KEY": c.Form.KeyID}
		}
		r.Header = r.Header.Clone()
		r.Header.Del("Accept") // the programs ask for JSON, which is how they read the token
		return snippet.Token(c.API.Tokens.Endpoint, language, r)
	}
	if language == "sh" {
		r.Defaults = map[string]string{"API_TOKEN": c.Form.KeyID}
	}
	return snippet.Signed(c.API.Profile, c.API.Alternative, language, r)
}

// refusal is an error of the snippets as a sentence.
func refusal(err error) string {
	text := err.Error()
	var b *snippet.BeyondError
	if errors.As(err, &b) {
		text += ": " + b.Hint()
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
