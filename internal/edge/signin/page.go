package signin

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"countersign.dev/internal/edge/page"
)

//go:embed pages
var files embed.FS

// pages are parsed once; a page that does not parse is found by the first test.
var pages = template.Must(template.ParseFS(files, "pages/*.html"))

// view is what a page shows. Every page has a title; the rest is the page's own.
type view struct {
	Title   string
	Message string // what went wrong, or what was done
	Next    string
	Data    any
	Members bool // it is the sign-in of the partners' portal; set by show
}

// protect sets what every answer carries: nothing is kept, framed, sniffed or scripted from elsewhere. formAction is a further
// origin to which a form of this page may lead; empty: none.
func protect(header http.Header, formAction string) {
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'"
	if formAction != "" {
		policy += " " + formAction
	}
	header.Set("Content-Security-Policy", policy+"; base-uri 'none'; frame-ancestors 'none'")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self)")
}

// show renders a page whole before a byte of it is sent.
func (h *Handler) show(w http.ResponseWriter, status int, name string, v view) {
	var body bytes.Buffer
	v.Members = h.ops == nil
	if err := pages.ExecuteTemplate(&body, name, v); err != nil {
		h.log("render "+name, err)
		http.Error(w, "This page cannot be shown at the moment.", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// fail answers what went wrong: a page for people, JSON for the page's script and for terminals.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, status int, message string) {
	if wantsJSON(r) {
		answer(w, status, map[string]string{"message": message})
		return
	}
	h.show(w, status, "failed.html", view{Title: "Not done", Message: message})
}

func wantsJSON(r *http.Request) bool {
	return r.URL.Path == tokenPath || isJSON(r)
}

func isJSON(r *http.Request) bool { return r.Header.Get("Content-Type") == "application/json" }

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (h *Handler) tooMany(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	w.Header().Set("Retry-After", fmt.Sprint(seconds))
	h.fail(w, r, http.StatusTooManyRequests, fmt.Sprintf("There were too many attempts from your address. Try again in %d seconds.", seconds))
}

// asset serves one embedded file.
func asset(name, contentType string) http.HandlerFunc {
	body, err := files.ReadFile("pages/" + name)
	switch name { // what all surfaces share
	case "style.css":
		body, err = page.Style(), nil
	case "mark.svg":
		body, err = page.Mark(), nil
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	}
}

// readJSON reads the one JSON value of a request strictly; false: it was answered.
func (h *Handler) readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	if !isJSON(r) {
		h.fail(w, r, http.StatusUnsupportedMediaType, "The body is application/json.")
		return false
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if _, end := dec.Token(); err != nil || !errors.Is(end, io.EOF) {
		h.fail(w, r, http.StatusBadRequest, "The body is not what this page's script sends.")
		return false
	}
	return true
}

// readForm reads a form; false: it was answered.
func (h *Handler) readForm(w http.ResponseWriter, r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if kind != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
		h.fail(w, r, http.StatusBadRequest, "The form cannot be read.")
		return false
	}
	return true
}
