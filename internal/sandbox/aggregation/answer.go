package aggregation

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
)

// declaration heads every XML answer; strict clients compare it.
const declaration = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`

// write sends a reply. An answer that cannot be encoded is our own fault: 500
// without a body.
func write(w http.ResponseWriter, format Format, yes reply) {
	if yes.body == nil {
		w.WriteHeader(yes.status)
		return
	}
	text, err := encode(format, yes.body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentTypes[format])
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(yes.status)
	// A caller who has gone away is no concern of the model's.
	_, _ = w.Write(text)
}

func refuse(w http.ResponseWriter, format Format, no *refusal) {
	if len(no.allow) > 0 {
		w.Header().Set("Allow", strings.Join(no.allow, ", "))
	}
	if no.status == http.StatusRequestEntityTooLarge {
		// Otherwise the server waits for the rest of the body before it answers.
		w.Header().Set("Connection", "close")
	}
	write(w, format, reply{no.status, no})
}

// encode writes compact text without a final line feed. JSON leaves & < > as they
// are, as the family does.
func encode(format Format, body any) ([]byte, error) {
	var text bytes.Buffer
	if format == XML {
		text.WriteString(declaration)
		err := xml.NewEncoder(&text).Encode(body)
		return text.Bytes(), err
	}
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(body)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}
