package portal

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/partner"
)

// newForm is a form with a fresh key. Where there is no randomness, there is no form: nil, and it was answered.
func (v *visit) newForm(w http.ResponseWriter, r *http.Request, pairs ...string) *page.Form {
	f, err := page.NewForm(v.s.cfg.Rand, pairs...)
	if err != nil {
		v.fail(w, r, err, nil)
		return nil
	}
	return f
}

// form reads a form that changes something; nil: it was answered. One without a key is none of ours.
func (v *visit) form(w http.ResponseWriter, r *http.Request) *page.Form {
	f, err := v.readAny(w, r, maxForm)
	if err != nil || f.Key == "" {
		v.notThisForm(w, r, f)
		return nil
	}
	return f
}

// notThisForm answers what is not the form of the page.
func (v *visit) notThisForm(w http.ResponseWriter, r *http.Request, form *page.Form) {
	v.show(w, r, "trouble", page.View{Title: "Not done", Status: http.StatusBadRequest, Narrow: true, Data: page.Trouble{
		Text: "What your browser sent is not the form of this page, or it is too long. Nothing was done.",
		Next: []string{"Open the page again and send its form."}, Links: []page.Item{{Text: "Back", Href: v.again(), Main: true}}, Kept: kept(form)}})
}

// readAny reads whatever form was sent, of at most so many bytes, without its files. It returns what could be read, also beside an
// error.
func (v *visit) readAny(w http.ResponseWriter, r *http.Request, most int64) (*page.Form, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/x-www-form-urlencoded":
		f, err := page.ReadForm(w, r, most)
		if f == nil {
			f = &page.Form{}
		}
		return f, err
	case "multipart/form-data":
		f, _, err := readUpload(w, r, false)
		return f, err
	}
	return &page.Form{}, page.ErrForm
}

// upload is a file that came with a form.
type upload struct {
	name    string // as the browser gave it; the text of a stranger
	content []byte // nil: none was chosen
	long    bool   // it is longer than a file may be, and was not kept
}

// Bounds of a form with a file. What is beyond a file's bound is read and thrown away up to maxUpload, so that the browser is
// there for the answer; whoever sends even more is cut off.
const (
	maxUpload   = 300 << 20
	maxUnwanted = 64 << 20 // of a form whose file is not wanted: it is read for its text, and so that the browser sees the answer
	maxParts    = 20
)

// readUpload reads a form with a file as it comes, in bounded memory. keep is whether the file is wanted.
func readUpload(w http.ResponseWriter, r *http.Request, keep bool) (*page.Form, upload, error) {
	f, file := &page.Form{Values: url.Values{}}, upload{}
	most := int64(maxUnwanted)
	if keep {
		most = maxUpload
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	parts, err := r.MultipartReader()
	if err != nil {
		return f, file, fmt.Errorf("%w: %w", page.ErrForm, err)
	}
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || n >= maxParts {
			return f, file, fmt.Errorf("%w: %w", page.ErrForm, errors.Join(err, errParts))
		}
		if part.FileName() != "" || part.FormName() == "file" {
			err = file.read(part, keep)
		} else {
			err = readText(f, part)
		}
		if err != nil {
			return f, file, fmt.Errorf("%w: %w", page.ErrForm, err)
		}
	}
	f.Key = formKey(f.Values.Get(page.KeyName))
	return f, file, nil
}

var errParts = errors.New("it has too many parts, or broke off")

// formKey is the key that a page was rendered with; empty for what can be none.
func formKey(text string) string {
	if len(text) > 64 || strings.Trim(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != "" {
		return ""
	}
	return text
}

// readText reads one field.
func readText(f *page.Form, part *multipart.Part) error {
	b, err := io.ReadAll(io.LimitReader(part, maxForm+1))
	if err != nil || len(b) > maxForm {
		return errors.Join(err, errParts)
	}
	f.Values.Add(part.FormName(), string(b))
	return nil
}

// read takes a file in. One that is too long is read to its end and not kept.
func (u *upload) read(part *multipart.Part, keep bool) error {
	if part.FileName() != "" {
		u.name = part.FileName()
	}
	if !keep {
		_, err := io.Copy(io.Discard, part)
		return err
	}
	b, err := io.ReadAll(io.LimitReader(part, partner.MaxBlob+1))
	if err != nil {
		return err
	}
	if len(b) > partner.MaxBlob {
		u.long = true
		_, err := io.Copy(io.Discard, part)
		return err
	}
	u.content = b
	return nil
}
