package tokens

import (
	"net/http"
	"strconv"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/problem"
)

const allowedMethods = "POST, PUT"

// refusal renders what the table of refusals has, with what only this endpoint knows.
func refusal(d *access.Decision, v verdict, f problem.Format, now time.Time) problem.Answer {
	a := problem.Render(d, f, d.RequestID, now)
	switch v.reason {
	case access.MethodNotAllowed:
		a.Set("Allow", allowedMethods)
	case access.Throttled:
		a.Set("Retry-After", strconv.FormatInt(max(1, int64((v.retry+time.Second-1)/time.Second)), 10))
	}
	return a
}

// granted is the answer to Partner Authentication: this single key, compact, because a known client cuts it out as text,
// and no other element or attribute, because another fails on one.
func granted(token string, f problem.Format) problem.Answer {
	a := problem.Answer{Status: http.StatusOK, ContentType: problem.TypeJSON, Header: []problem.Field{{Name: "Cache-Control", Value: "no-store"}}}
	if f == problem.XML {
		a.ContentType = problem.TypeXML
		a.Body = []byte(problem.XMLDeclaration + "<access><token>" + token + "</token></access>")
		return a
	}
	a.Body = []byte(`{"token":"` + token + `"}`)
	return a
}

// changed is the answer to Modify Partner Secret.
func changed() problem.Answer {
	return problem.Answer{Status: http.StatusNoContent, Header: []problem.Field{{Name: "Cache-Control", Value: "no-store"}}}
}

// isPlainToken reports whether token can stand in a header, in JSON and in XML without escapes (RFC 6750 §2.1, b64token).
func isPlainToken(token string) bool {
	for i := range len(token) {
		c := token[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') &&
			c != '-' && c != '.' && c != '_' && c != '~' && c != '+' && c != '/' && c != '=' {
			return false
		}
	}
	return token != ""
}
