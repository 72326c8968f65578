package admin

import (
	"net/http"

	"countersign.dev/api"
)

// handlers answer the operations of the contract. Each gets a *call as its ResponseWriter: the caller is known, may do this
// somewhere, and the request is as the contract says.
type handlers struct{ *Server }

var _ api.Server = handlers{}

// Contract answers with the contract itself.
func (h handlers) Contract(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(api.Contract)
}
