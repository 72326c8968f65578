package extauthz

import (
	"net/http"

	"countersign.dev/internal/edge/door"
)

// HTTPStatus is what a status becomes on its way to the filter.
var HTTPStatus = httpStatus

// Parsed is what a check request says, for comparison.
type Parsed struct {
	Method, Path, Host, Body, Address string
	Size                              int64
	Mended                            bool
	Fields                            map[string]string
}

// Parse reads a check request and judges nothing.
func Parse(b []byte) (Parsed, string) {
	var m message
	fault := m.parse(b)
	p := Parsed{Method: string(m.method), Path: string(m.path), Host: string(m.host), Body: string(m.bytesBody) + string(m.textBody), Address: string(m.address),
		Size: m.size, Mended: m.mended, Fields: map[string]string{}}
	for _, f := range m.fields {
		p.Fields[string(f.name)] = string(f.value)
	}
	return p, fault
}

// Write answers the HTTP form.
func Write(k *Checker, w http.ResponseWriter, a *door.Answer) { k.write(w, new(httpCheck), a) }
