package http1

import (
	"countersign.dev/internal/edge/gateway/fields"
	"golang.org/x/net/http/httpguts"
)

// WriteList is WriteHeader with a header that is a list: its fields go out in their order. Of what Header has, only a Connection that
// says "close" counts. The fields that this package writes itself are left out of the list, as they are of Header.
func (w *response) WriteList(status int, header fields.List) {
	if w.told || w.ended || status < 200 || status > 999 {
		return
	}
	w.start(status)
	w.says = closes(w.header["Connection"]...)
	dated := false
	for i := range header {
		switch header[i].Name {
		case "Content-Length":
			w.declare(header[i].Value)
		case "Date":
			dated = true
		case "Connection":
			w.says = w.says || closes(header[i].Value)
		}
	}
	w.closing = w.closing || w.says || w.c.s.closing.Load()
	w.statusLine(dated)
	for i := range header {
		w.field(header[i].Name, header[i].Value)
	}
}

func closes(connection ...string) bool {
	return httpguts.HeaderValuesContainsToken(connection, "close")
}

func (w *response) field(name, value string) {
	switch {
	case name == "Content-Length":
		if !w.measured && w.tellsLength() {
			w.c.out = w.appendLength(w.c.out)
		}
	case !ours(name) && httpguts.ValidHeaderFieldName(name):
		w.c.out = appendField(w.c.out, name, value)
	}
}
