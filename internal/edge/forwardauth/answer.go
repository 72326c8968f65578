package forwardauth

import (
	"net/http"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/door"
)

// The values of HeaderDecision. Read only.
var (
	saysAllow  = []string{"allow"}
	saysAnswer = []string{"answer"}
	handsOver  = []string{HandOver}
)

// answer writes what the proxy is told, and records the check.
func (q *question) answer(a *door.Answer) {
	status, written := 0, 0
	defer func() { a.End(status, int64(written)) }()
	if a.Reason() == access.ClientGone {
		panic(http.ErrAbortHandler) // nobody is there to read
	}
	header := q.w.Header()
	a.Apply(header)
	if !a.Allowed {
		status, written = q.refuse(a, header)
		return
	}
	header[HeaderDecision] = saysAllow
	identity := a.Identity()
	values := make([]string, len(identity)) // one for all
	for i, f := range identity {
		values[i] = f.Value
		header[f.Name] = values[i : i+1 : i+1]
	}
	switch q.h.cfg.Kind {
	case NginxHandOver:
		header[headerAccel] = handsOver
	case HAProxy:
		q.remove(a, header)
	}
	q.w.WriteHeader(http.StatusOK)
}

// refuse writes an answer for the caller. Where only 401 and 403 reach it, everything else that is its doing becomes 403; a 5xx
// stays one, so that the proxy fails.
func (q *question) refuse(a *door.Answer, header http.Header) (status, written int) {
	if q.h.cfg.Kind == HAProxy {
		header[HeaderDecision] = saysAnswer
	}
	if status = a.Status; q.h.how.narrow && status != http.StatusUnauthorized && status < 500 {
		status = http.StatusForbidden
	}
	q.w.WriteHeader(status)
	if written, _ = q.w.Write(a.Body); q.r.Method == http.MethodHead {
		written = 0
	}
	return status, written
}

// remove names the fields that must not arrive upstream.
func (q *question) remove(a *door.Answer, header http.Header) {
	q.names = a.AppendClaims(a.AppendRemove(q.names[:0]))
	for i, name := range q.names {
		if i > 0 {
			q.text = append(q.text, ',')
		}
		q.text = append(q.text, name...)
	}
	if len(q.text) > 0 {
		header[HeaderRemove] = []string{string(q.text)}
	}
}
