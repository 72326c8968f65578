package snippet

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// ErrLanguage is wrapped for a language that no programs are written in; the text has the nearest name.
var ErrLanguage = errors.New("unknown language")

// Signed writes the program that sends r, signed as an alternative of p says; the empty alternative is the profile's own. A body
// without a content type gets that of JSON, if it is JSON, or of text. It returns a *BeyondError for a profile that a program
// cannot follow, and errors that wrap ErrRequest, ErrLanguage or profile.ErrNoAlternative. r is not changed.
func Signed(p *profile.Profile, alternative, language string, r Request) (string, error) {
	l, err := find(language)
	if err != nil {
		return "", err
	}
	r.Header = r.Header.Clone()
	if err := r.prepare(); err != nil {
		return "", err
	}
	plan, err := planOf(p, alternative, &r)
	if err != nil {
		return "", err
	}
	var v *view
	if l.dialect == nil {
		if v, err = shellView(plan); err != nil {
			var b *BeyondError
			errors.As(err, &b)
			b.Profile = plan.Module
			return "", err
		}
	} else {
		v = viewOf(plan, l.dialect)
	}
	return l.execute("signed", v)
}

func find(language string) (Language, error) {
	l, ok := languageOf(language)
	if ok {
		return l, nil
	}
	hint := scheme.Nearest(language, Names())
	if hint == "" {
		hint = "one of " + strings.Join(Names(), ", ")
	}
	return l, fmt.Errorf("%w %.40q (%s)", ErrLanguage, language, hint)
}

// prepare checks the request and gives its body a content type.
func (r *Request) prepare() error {
	if len(r.Body) > 0 && r.Header.Get("Content-Type") == "" {
		if r.Header == nil {
			r.Header = http.Header{}
		}
		kind := "text/plain; charset=utf-8"
		if json.Valid(r.Body) {
			kind = "application/json"
		}
		r.Header.Set("Content-Type", kind)
	}
	return r.check()
}

// Token writes the program that gets an access token from endpoint, which is a path of r's host, sends r with it, and replaces it
// after 90 minutes or once after a refusal that says so (seed: Accessing the API). Its errors are those of Signed, but for the
// profile's. r is not changed.
func Token(endpoint, language string, r Request) (string, error) {
	l, err := find(language)
	if err != nil {
		return "", err
	}
	r.Header = r.Header.Clone()
	if err := r.prepare(); err != nil {
		return "", err
	}
	if !strings.HasPrefix(endpoint, "/") {
		return "", refused("the endpoint of tokens is a path")
	}
	if err := checkTarget(endpoint); err != nil {
		return "", err
	}
	for _, name := range []string{"Accept", "Finicity-App-Key", "Finicity-App-Token"} {
		if r.Header.Get(name) != "" {
			return "", refused("%s is what the program sets", name)
		}
	}
	p := &plan{Title: "access token", at: &r}
	for _, key := range slices.Sorted(maps.Keys(r.Header)) {
		p.headers = append(p.headers, out{key, []node{{kind: lit, text: r.Header.Get(key)}}})
	}
	var v *view
	if l.dialect == nil {
		if v, err = shellView(p); err != nil {
			return "", err
		}
		v.Endpoint = quoteShell(endpoint)
	} else {
		v = viewOf(p, l.dialect)
		v.Endpoint = l.dialect.quote(endpoint)
	}
	v.Env = []string{"APP_KEY", "PARTNER_ID", "PARTNER_SECRET"}
	v.Usage = "APP_KEY=... PARTNER_ID=... PARTNER_SECRET=..."
	return l.execute("token", v)
}
