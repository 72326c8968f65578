package forwardauth

import (
	"net/http"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/door"
)

// answer writes what the proxy is told, and records the check.
func (q *question) answer(a *door.Answer) {
	status, written := 0, 0
	defer func() { a.End(status, int64(written)) }()
	if a.Reason() == access.ClientGone {
		panic(http.ErrAbortHandler) // nobody is there to read
	}
	q.head = a.AppendTo(q.head[:0])
	if !a.Allowed {
		status, written = q.refuse(a)
		return
	}
	q.head.Add(HeaderDecision, "allow")
	for _, f := range a.Identity() {
		q.head.Set(f.Name, f.Value)
	}
	switch q.h.cfg.Kind {
	case NginxHandOver:
		q.head.Add(headerAccel, HandOver)
	case HAProxy:
		q.remove(a)
	}
	door.Tell(q.w, http.StatusOK, q.head)
}

// refuse writes an answer for the caller. Where only 401 and 403 reach it, everything else that is its doing becomes 403; a 5xx
// stays one, so that the proxy fails.
func (q *question) refuse(a *door.Answer) (status, written int) {
	if q.h.cfg.Kind == HAProxy {
		q.head.Add(HeaderDecision, "answer")
	}
	if status = a.Status; q.h.how.narrow && status != http.StatusUnauthorized && status < 500 {
		status = http.StatusForbidden
	}
	door.Tell(q.w, status, q.head)
	if written, _ = q.w.Write(a.Body); q.r.Method == http.MethodHead {
		written = 0
	}
	return status, written
}

// remove names the fields that must not arrive upstream.
func (q *question) remove(a *door.Answer) {
	q.names = a.AppendRemove(q.names[:0])
	for i, name := range q.names {
		if i > 0 {
			q.text = append(q.text, ',')
		}
		q.text = append(q.text, name...)
	}
	if len(q.text) > 0 {
		q.head.Add(HeaderRemove, string(q.text))
	}
}
