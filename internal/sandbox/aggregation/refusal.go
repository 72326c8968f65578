package aggregation

import (
	"encoding/xml"
	"net/http"
)

// The numeric codes of this family that a model answers with (spec: token access,
// "Refusals"). They are numbers on the wire, never strings.
const (
	codeMissing      = 10005
	codeUnauthorized = 10021
	codeNotFound     = 14001
	codeBadRequest   = 14020
)

// refusal is an answer that says no. It is not an error: nothing broke.
type refusal struct {
	XMLName xml.Name `json:"-" xml:"error"`
	Code    int      `json:"code" xml:"code"`
	Message string   `json:"message" xml:"message"`

	status int
	allow  []string
}

func missing(name string) *refusal {
	return &refusal{status: http.StatusBadRequest, Code: codeMissing, Message: "Missing parameter (" + name + ")"}
}

// bad is a 400 with what is wrong after the family's own words. The detail is a
// constant or a declared parameter name, never input.
func bad(detail string) *refusal {
	return &refusal{status: http.StatusBadRequest, Code: codeBadRequest, Message: "Bad request. (" + detail + ")"}
}

func other(status int, message string) *refusal {
	return &refusal{status: status, Code: codeBadRequest, Message: message}
}

func notAuthorized() *refusal {
	return &refusal{status: http.StatusUnauthorized, Code: codeUnauthorized, Message: "You are not authorized."}
}

func noCustomer() *refusal {
	return &refusal{status: http.StatusNotFound, Code: codeNotFound, Message: "Customer not found."}
}

func noResource() *refusal {
	return &refusal{status: http.StatusNotFound, Code: codeNotFound, Message: "Resource not found."}
}
