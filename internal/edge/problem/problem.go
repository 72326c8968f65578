// Package problem owns the only table from an access.Reason to the answer that a caller gets, in the error format of the
// API that was called: the signed family's JSON, the token family's numeric codes in JSON or XML. It decides nothing and
// reads no request. It refuses to tell more than the table allows: before a caller has proved who it is, everything that
// depends on what is stored is one answer, byte for byte (security rule 9), so that credentials, partners and locks cannot
// be enumerated; and nothing that came from the caller is ever sent back, except names from closed lists and the address
// as we derived it, so that an error page cannot carry somebody else's text or secret (security rules 33 and 34).
package problem

import (
	"net/http"
	"strconv"
	"time"

	"countersign.dev/internal/access"
)

// The media types of answers.
const (
	TypeJSON = "application/json"
	TypeXML  = "application/xml"
)

// Field is one header field of an answer.
type Field struct{ Name, Value string }

// Answer is a complete answer, ready to be written. It is a value; its slices belong to whoever holds it. The gateway adds
// the headers that every answer carries (Countersign-Request-Id, Countersign-Server-Time).
type Answer struct {
	Status      int     // 499: the caller has left, write nothing
	ContentType string  // empty: no body
	Header      []Field // beside Content-Type and Content-Length; names in canonical form, each at most once
	Body        []byte  // nil: none
	Close       bool    // the connection cannot be trusted or is not read to its end: close it after the answer (HTTP/1)
}

// Set gives a the header field name with value, in place of one with the same name. Name must be in canonical form. The
// fields are copied first, so that a copy of a made earlier stays as it was.
func (a *Answer) Set(name, value string) {
	fields := make([]Field, 0, len(a.Header)+1)
	for _, f := range a.Header {
		if f.Name != name {
			fields = append(fields, f)
		}
	}
	a.Header = append(fields, Field{name, value})
}

// Get is the value of the header field with this canonical name, or empty.
func (a Answer) Get(name string) string {
	for _, f := range a.Header {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// Apply puts the headers of a into h: Content-Type, Content-Length and the list; where Close is set, Connection: close. The
// caller clears h of what an upstream left there before (trap 7) and then writes Status and Body.
func (a Answer) Apply(h interface{ Set(name, value string) }) {
	if a.ContentType != "" {
		h.Set("Content-Type", a.ContentType)
	}
	if a.Status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	for _, f := range a.Header {
		h.Set(f.Name, f.Value)
	}
	if a.Close {
		h.Set("Connection", "close")
	}
}

// Render is the answer to a refused request. The family is that of d.API; without an API it is the signed family's JSON.
// f counts for token APIs alone. requestID should be 32 lower-case hex digits; now is the server's time. A decision that is
// nil, that allows, or whose reason is not in the table is a fault of ours and answered like access.Internal. Safe for
// concurrent use with different decisions.
func Render(d *access.Decision, f Format, requestID string, now time.Time) Answer {
	if d == nil {
		d = &access.Decision{}
	}
	r := rowOf(d.Reason)
	if d.Reason == access.ClientGone {
		return Answer{Status: r.status, Close: true}
	}
	a := Answer{Status: r.status, Close: r.close, Header: []Field{{"Cache-Control", "no-store"}}}
	token := d.API != nil && d.API.Protocol == access.Token
	if r.allow != "" {
		a.Header = append(a.Header, Field{"Allow", r.allow})
	}
	if r.retryAfter != 0 {
		a.Header = append(a.Header, Field{"Retry-After", strconv.FormatInt(max(int64(r.retryAfter), d.Limit.Retry), 10)})
	}
	if r.status == http.StatusUnauthorized {
		a.Header = append(a.Header, Field{"Www-Authenticate", challenge(token)})
	}
	switch {
	case !token:
		a.ContentType, a.Body = TypeJSON, signedBody(d, r, requestID, now)
	case f == XML:
		a.ContentType, a.Body = TypeXML, tokenXML(d, r)
	default:
		a.ContentType, a.Body = TypeJSON, tokenJSON(d, r)
	}
	return a
}

// challenge is the WWW-Authenticate that RFC 9110 §15.5.2 demands beside 401: one constant for each family, so that it
// tells nothing and no browser asks for a password.
func challenge(token bool) string {
	if token {
		return "Countersign-Token"
	}
	return "Countersign-Signature"
}
