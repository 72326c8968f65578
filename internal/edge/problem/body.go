package problem

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/access"
)

// XMLDeclaration opens every XML answer of the token family.
const XMLDeclaration = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`

// signedRefusal has its fields in the order of the wire.
type signedRefusal struct {
	Status     string   `json:"status"`
	Errors     []string `json:"errors"`
	Message    string   `json:"message"`
	RequestID  string   `json:"request_id"`
	ServerTime int64    `json:"server_time"`
}

func signedBody(d *access.Decision, r row, requestID string, now time.Time) []byte {
	refusal := signedRefusal{"error", []string{r.signedCode}, r.message, capped(requestID), now.Unix()}
	if r.telling == Exact {
		refusal.Message = sentence(d, r)
	} else {
		refusal.Errors[0], refusal.Message = uniformCode, uniformMessage
	}
	return marshal(refusal)
}

type tokenRefusal struct {
	Code    int    `json:"code"` // a number: clients renew on 10022 and 10023 only when it is one
	Message string `json:"message"`
}

func tokenJSON(d *access.Decision, r row) []byte {
	code, message := tokenTelling(d, r)
	return marshal(tokenRefusal{code, message})
}

func tokenXML(d *access.Decision, r row) []byte {
	code, message := tokenTelling(d, r)
	var b bytes.Buffer
	b.WriteString(XMLDeclaration + "<error><code>" + strconv.Itoa(code) + "</code><message>")
	_ = xml.EscapeText(&b, []byte(message)) // a bytes.Buffer does not fail
	b.WriteString("</message></error>")
	return b.Bytes()
}

// tokenTelling is the numeric code and the message of r.
func tokenTelling(d *access.Decision, r row) (int, string) {
	if d.Reason == access.MissingHeader && strings.EqualFold(d.Where, missingToken.where) {
		r = missingToken.row
	}
	if r.tokenMessage != "" {
		return r.tokenCode, fill(d, r.tokenMessage)
	}
	return r.tokenCode, r.tokenText(sentence(d, r))
}

// tokenText is the message of r in the token family, where sentence tells what happened. The vendor's own messages go out
// exactly as they are; ours follow the vendor's words for the code.
func (r row) tokenText(sentence string) string {
	switch {
	case r.tokenMessage != "":
		return r.tokenMessage
	case r.tokenCode == codeNotAuthorized:
		return "You are not authorized. " + sentence
	case r.tokenCode == codeBadRequest && r.status == 400:
		return "Bad request. " + sentence
	}
	return sentence
}

// marshal writes v without escapes for HTML: the messages hold none of its characters, and a JSON reader needs none.
func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil // strings and numbers do not fail
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
