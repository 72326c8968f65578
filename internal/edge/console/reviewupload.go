package console

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"

	"countersign.dev/internal/edge/page"
)

// Bounds of a form with a file. The file's own is the contract's; what is longer is read and thrown away, so that the browser hears
// why, and what is longer than maxUpload is cut off.
const (
	maxUpload     = 128 << 20
	maxFieldBytes = 8 << 10
	maxFormFields = 20
)

// upload is the file of a form, which is read as it arrives.
type upload struct {
	*multipart.Part
	name string
}

var errFormOrder = errors.New("a field is too long, or there are too many of them")

// readUpload reads the fields of a form up to its file, also into r.PostForm; file is nil where none was chosen. What stands behind the file is not read: our
// forms have it last. Errors wrap page.ErrForm.
func readUpload(r *http.Request) (form *page.Form, file *upload, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", page.ErrForm, err)
	}
	values := url.Values{}
	for n := 0; file == nil; n++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", page.ErrForm, err)
		}
		if part.FormName() == "file" {
			if name := part.FileName(); name != "" {
				file = &upload{part, name}
			}
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, maxFieldBytes+1))
		if err == nil && (len(text) > maxFieldBytes || n >= maxFormFields) {
			err = errFormOrder
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", page.ErrForm, err)
		}
		values.Add(part.FormName(), string(text))
	}
	r.PostForm = values // what an answer that carries nothing out gives back
	form = &page.Form{Key: values.Get(page.KeyName), Values: values}
	if !page.IsKey(form.Key) {
		return nil, nil, fmt.Errorf("%w: %w", page.ErrForm, errNoKey)
	}
	return form, file, nil
}

// drain reads what is left of a body within its bound.
func drain(body io.Reader) {
	_, _ = io.Copy(io.Discard, body) // whoever has left, or sends more than the bound, hears nothing
}
