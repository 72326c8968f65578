package card

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// refusal is an answer that says no: a status and one code for the list of errors.
type refusal struct {
	status int
	code   string
	allow  []string
}

func badRequest(code string) *refusal { return &refusal{status: http.StatusBadRequest, code: code} }

// head begins every answer of the family. Errors is never null.
type head struct {
	Status string   `json:"status"`
	Errors []string `json:"errors"`
}

func success() head { return head{Status: "success", Errors: []string{}} }

func refuse(w http.ResponseWriter, no *refusal) {
	if len(no.allow) > 0 {
		w.Header().Set("Allow", strings.Join(no.allow, ", "))
	}
	if no.status == http.StatusRequestEntityTooLarge {
		// Otherwise the server waits for the rest of the body before it answers.
		w.Header().Set("Connection", "close")
	}
	write(w, no.status, head{Status: "error", Errors: []string{no.code}})
}

// write sends compact JSON without a final line feed. An answer that cannot be
// encoded is our own fault: 500 without a body.
func write(w http.ResponseWriter, status int, body any) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	text.Truncate(text.Len() - 1)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	w.WriteHeader(status)
	// A caller who has gone away is no concern of the model's.
	_, _ = w.Write(text.Bytes())
}
