package door

import (
	"net/http"
	"strconv"

	"countersign.dev/internal/edge/gateway/fields"
)

// AppendTo appends the fields of a, with Content-Length where the request was not let in.
func (a *Answer) AppendTo(to fields.List) fields.List {
	for _, f := range a.Header {
		to.Set(f.Name, f.Value)
	}
	if !a.Allowed && a.Status != http.StatusNoContent {
		to.Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	return to
}

// Tell writes the head of an answer over HTTP, each field of the list once. As a list it costs less; where w takes none, or somebody has
// set a field of w's before, it becomes a map.
func Tell(w http.ResponseWriter, status int, header fields.List) {
	before := w.Header()
	if to, takes := w.(fields.Writer); takes && len(before) == 0 {
		to.WriteList(status, header)
		return
	}
	header.AddTo(before)
	w.WriteHeader(status)
}
