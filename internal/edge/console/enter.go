package console

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// enter finds out who asks. false: it has answered: with the sign-in, or with what can be done while that cannot be told.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) (*visit, bool) {
	client, err := s.client(r)
	if err != nil {
		s.foreign(w, r) // a Host that is none; the plane before us takes no such request
		return nil, false
	}
	v := &visit{s: s, api: client}
	me, err := client.Me(r.Context())
	switch {
	case errors.Is(err, api.NotSignedIn), errors.Is(err, api.TooManyRequests): // the plane slows down those alone who are not signed in
		s.signIn(w, r)
		return nil, false
	case err != nil:
		v.fail(w, r, err)
		return nil, false
	}
	v.me = me.Value
	return v, true
}

// signIn leads to the sign-in and back. A form cannot be sent again by a link: what was typed is shown, to be copied.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		page.Protect(w.Header())
		next := r.URL.RequestURI()
		if !page.Here(next) {
			next = base + "/"
		}
		http.Redirect(w, r, page.Link(s.cfg.SignIn, "next", next), http.StatusSeeOther)
		return
	}
	s.kit.Show(w, r, "trouble", page.View{Title: "Sign in again", Status: http.StatusUnauthorized, Narrow: true, Data: page.Trouble{
		Text:  "Your session has ended. Nothing was done: what you sent was not carried out.",
		Next:  []string{"Sign in, open the page again and send it once more."},
		Links: []page.Item{{Text: "Sign in", Href: page.Link(s.cfg.SignIn, "next", base+"/"), Main: true}},
		Kept:  typed(w, r),
	}})
}

// hidden are fields that nobody has typed, or that hold what must not be shown.
var hidden = []string{page.KeyName, "etag", "digest", "secret", "token", "code", "key", "cursor"}

// Bounds of a form whose session has ended: so much of it is looked at for what was typed, and so much is taken at all.
const (
	maxTyped = 1 << 20
	maxTaken = 16 << 20 // more than any form of ours may have
)

// typed is what a form held that was not carried out, to be copied: at most maxTyped is looked at, files and secrets are left out.
// The rest of what the browser sends is taken as well, up to maxTaken: it shows no answer while it still sends.
func typed(w http.ResponseWriter, r *http.Request) []page.Kept {
	values := r.PostForm
	if values == nil {
		whole := http.MaxBytesReader(w, r.Body, maxTaken)
		r.Body = io.NopCloser(io.LimitReader(whole, maxTyped))
		values = readTyped(r)
		r.Body = whole
	}
	drain(r.Body)
	var kept []page.Kept
	for name, list := range values {
		if slices.Contains(hidden, name) || strings.HasPrefix(name, "etag.") {
			continue
		}
		for _, value := range list {
			if strings.TrimSpace(value) != "" {
				kept = append(kept, page.Kept{Name: page.Cut(60, strings.ReplaceAll(name, "_", " ")), Value: value})
			}
		}
	}
	slices.SortFunc(kept, func(a, b page.Kept) int { return strings.Compare(a.Name, b.Name) })
	return kept
}

// readTyped reads the text fields of a form of either kind; what cannot be read is left out.
func readTyped(r *http.Request) url.Values {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		_ = r.ParseForm() // what it could read is in PostForm
		return r.PostForm
	}
	values := url.Values{}
	parts, err := r.MultipartReader()
	for err == nil && len(values) < 100 {
		part, fault := parts.NextPart()
		if err = fault; err != nil {
			break
		}
		if part.FileName() != "" {
			continue
		}
		text, fault := io.ReadAll(io.LimitReader(part, 64<<10))
		if err = fault; err == nil {
			values.Add(part.FormName(), string(text))
		}
	}
	return values
}
