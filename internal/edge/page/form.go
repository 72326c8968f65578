package page

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// KeyName is the hidden field that carries a form's idempotency key. The template "key" writes it.
const KeyName = "idempotency_key"

// ErrForm is wrapped by what ReadForm refuses: not a form, too large, or badly encoded.
var ErrForm = errors.New("the form cannot be read")

// Form is one form of a page: the key that makes a second sending of it the same sending, what was typed, and what is
// wrong with it. The zero value is a form without a key in which nothing was typed; a page that changes something takes one
// from NewForm. A Form belongs to one request and is not safe for concurrent use.
type Form struct {
	Key     string            // idempotency key, made when the page was rendered
	Values  url.Values        // what was typed, or what a field begins with; nil means nothing
	Errors  map[string]string // by the name of the field: what is wrong and what to type instead
	Problem string            // what is wrong with the form as a whole; shown above it
}

// NewForm makes a form with a fresh key and the values its fields begin with, given as pairs of name and value.
func NewForm(random io.Reader, pairs ...string) (*Form, error) {
	if random == nil {
		random = rand.Reader
	}
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return nil, fmt.Errorf("make the key of a form: %w", err)
	}
	f := &Form{Key: base64.RawURLEncoding.EncodeToString(b[:]), Values: url.Values{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Values.Add(pairs[i], pairs[i+1])
	}
	return f, nil
}

// ReadForm reads the urlencoded form that r carries, of at most limit bytes (0 means 64 KiB). Its key is the one that the
// page was rendered with; a form without one has the key "", which a handler that changes something refuses. Files are not
// read here. The error wraps ErrForm.
func ReadForm(w http.ResponseWriter, r *http.Request, limit int64) (*Form, error) {
	if limit == 0 {
		limit = 64 << 10
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	if err := r.ParseForm(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	return &Form{Key: cutKey(r.PostForm.Get(KeyName)), Values: r.PostForm}, nil
}

// IsKey reports whether a text can be the key of a form that a page of ours has made: 1 to 64 letters, digits, hyphens and
// underscores.
func IsKey(text string) bool {
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return text != "" && len(text) <= 64
}

// cutKey keeps a key only if it can be one.
func cutKey(key string) string {
	if !IsKey(key) {
		return ""
	}
	return key
}

// Value is what was typed into the field, "" for nothing; a nil form has nothing.
func (f *Form) Value(name string) string {
	if f == nil {
		return ""
	}
	return f.Values.Get(name)
}

// Has tells whether value is among what was chosen in the field.
func (f *Form) Has(name, value string) bool {
	if f == nil {
		return false
	}
	for _, v := range f.Values[name] {
		if v == value {
			return true
		}
	}
	return false
}

// Error is what is wrong with the field, "" for nothing.
func (f *Form) Error(name string) string {
	if f == nil {
		return ""
	}
	return f.Errors[name]
}

// Refuse says what is wrong with a field; the first fault of a field stays.
func (f *Form) Refuse(name, text string) {
	if f.Errors == nil {
		f.Errors = map[string]string{}
	}
	if f.Errors[name] == "" {
		f.Errors[name] = text
	}
}

// Bad tells whether anything is wrong with the form.
func (f *Form) Bad() bool { return f != nil && (f.Problem != "" || len(f.Errors) > 0) }
