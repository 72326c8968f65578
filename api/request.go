package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// request is one call while it is put together. The first error of a step is the error of build.
type request struct {
	method, target string
	values         url.Values
	fields         http.Header
	body           io.Reader
	err            error
}

func newRequest(method, path string) *request {
	return &request{method: method, target: path, values: url.Values{}, fields: http.Header{"Accept": {"application/json, application/problem+json, */*"}}}
}

func (q *request) path(name string, value any) {
	text, set := plain(value)
	if !set && q.err == nil {
		q.err = fmt.Errorf("%s is empty", name)
	}
	q.target = strings.Replace(q.target, "{"+name+"}", url.PathEscape(text), 1)
}

func (q *request) query(name string, value any) {
	if text, set := plain(value); set {
		q.values.Set(name, text)
	}
}

func (q *request) header(name string, value any) {
	if text, set := plain(value); set {
		q.fields.Set(name, text)
	}
}

func (q *request) json(body any) {
	text, err := json.Marshal(body)
	if err != nil && q.err == nil {
		q.err = fmt.Errorf("write the request: %w", err)
	}
	q.file("application/json", bytes.NewReader(text))
}

func (q *request) file(contentType string, body io.Reader) {
	q.fields.Set("Content-Type", contentType)
	q.body = body
}

func (q *request) build(ctx context.Context, base string) (*http.Request, error) {
	if q.err != nil {
		return nil, q.err
	}
	target := base + q.target
	if len(q.values) > 0 {
		target += "?" + q.values.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, q.method, target, q.body)
	if err != nil {
		return nil, err
	}
	r.Header = q.fields
	return r, nil
}

// plain is the text of a parameter, and whether it is set: a zero value is not, a pointer to one is.
func plain(value any) (text string, set bool) {
	v := reflect.ValueOf(value)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "", false
		}
		v = v.Elem()
	} else if v.IsZero() {
		return "", false
	}
	if at, ok := v.Interface().(time.Time); ok {
		return at.UTC().Format(time.RFC3339Nano), true
	}
	return fmt.Sprint(v.Interface()), true
}
