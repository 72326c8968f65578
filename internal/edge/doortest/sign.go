package doortest

import (
	"net/http"
	"strings"
)

// Sign sets the three fields with which the good partner signs, for tests that hold a request in other words than bytes.
func Sign(h http.Header, s Signer, at int64, method, target, body string) {
	for _, line := range sign(s, at, method, target, body) {
		name, value, _ := strings.Cut(line, ": ")
		h.Set(name, value)
	}
}
