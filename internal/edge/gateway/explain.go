package gateway

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/explain"
	"countersign.dev/internal/explain/capture"
	"countersign.dev/scheme"
)

// ExplainBase is the base path under which a gateway with Captures explains refused requests. An API that has it among its base
// paths, or a path below it, is asked there, and no such request ever reaches an upstream.
const ExplainBase = "/.well-known/countersign/explain"

// Captured is a refused request that may be worth keeping. It belongs to whoever takes it.
type Captured struct {
	capture.Request
	// Credential is the row identity of the credential that the request named; empty: it was refused before that was looked up.
	Credential string
	// KeyID is what the request named, where Credential is empty. It was not judged in any way.
	KeyID string
}

// Captures keeps refused requests of one API, and explains them to the credential whose they are.
type Captures interface {
	// Keep takes c over, or drops it. It does not wait: nothing of a request depends on it.
	Keep(c *Captured)
	// Explain explains a request to a credential that was admitted just now. Errors: capture.ErrNone for a request that is not
	// there, is over, or is another's; capture.ErrTooOften; ctx's; anything else is a fault of ours.
	Explain(ctx context.Context, credential, requestID string) (*explain.Report, error)
}

// maxCaptured bounds the body of a request that is captured; capture.Config.MaxRequest is lower or the same.
const maxCaptured = 128 << 10

// refuseAndKeep renders c's decision and hands the request to whoever keeps such. What stands in the answer, and when it is
// written, does not depend on it: the copy is made for a credential that is revoked as well, and handed over after the answer
// (security rule 9).
func (c *call) refuseAndKeep() {
	captures := c.g.cfg.Captures[c.decision.API]
	kept := c.captured(captures)
	reason := c.decision.Reason
	c.refuse()
	if kept != nil && reason != access.RevokedCredential {
		captures.Keep(kept)
	}
}

// captured copies what was refused; nil: it is not kept.
func (c *call) captured(captures Captures) *Captured {
	d := &c.decision
	if captures == nil {
		return nil
	}
	switch d.Reason {
	case access.BadSignature, access.RevokedCredential:
		if d.Credential == nil {
			return nil
		}
	case access.MalformedHeader, access.MalformedTime, access.StaleTimestamp, access.FutureTimestamp:
	default:
		return nil
	}
	read := c.body.bytes()
	if len(read) > maxCaptured {
		return nil
	}
	out := &Captured{Request: capture.Request{ID: d.RequestID, At: c.start, Whole: c.request.Body == nil || c.body.read}}
	out.Scheme = scheme.Request{Method: c.r.Method, Target: c.r.RequestURI, Scheme: "https", Host: c.r.Host, Header: map[string][]string{}, Body: bytes.Clone(read)}
	maps.Copy(out.Scheme.Header, c.r.Header)
	for name, values := range out.Scheme.Header {
		out.Scheme.Header[name] = slices.Clone(values)
	}
	if d.Credential != nil {
		out.Credential = d.Credential.ID
		return out
	}
	var p scheme.Presented
	_ = d.API.Scheme.Parse(&out.Scheme, &p) // what is wrong with it is known already
	if out.KeyID = strings.Clone(p.KeyID); out.KeyID == "" {
		return nil
	}
	return out
}

// asksWhy reports whether an admitted request asks for an explanation.
func (c *call) asksWhy() bool {
	if c.g.cfg.Captures == nil {
		return false
	}
	rest, ok := strings.CutPrefix(c.r.RequestURI, ExplainBase)
	return ok && (rest == "" || rest[0] == '/' || rest[0] == '?')
}

// explain answers with an explanation. The request was admitted like any other; it is never forwarded.
func (c *call) explain() {
	ctx := c.r.Context()
	if c.admit(ctx) != access.Allowed {
		c.refuse()
		return
	}
	c.body.release() // what waits for its turn holds no memory that others need
	report, err := c.report(ctx)
	d := &c.decision
	switch {
	case err == nil || errors.Is(err, capture.ErrNone) || errors.Is(err, capture.ErrTooOften):
		c.write(answerOf(report, err))
		return
	case ctx.Err() != nil:
		d.Reason = access.ClientGone
	default:
		d.Reason = access.Unavailable
	}
	d.Cause = err
	c.refuse()
}

// report asks for the explanation. Whatever is no question for one is a question for a request that is not there.
func (c *call) report(ctx context.Context) (*explain.Report, error) {
	captures := c.g.cfg.Captures[c.decision.API]
	if captures == nil {
		return nil, capture.ErrNone
	}
	id := ""
	if c.r.Method == http.MethodGet {
		id = c.r.RequestURI[strings.LastIndexByte(c.r.RequestURI, '/')+1:]
	}
	return captures.Explain(ctx, c.decision.Credential.ID, id)
}

// answerOf is what capture.Answer writes, for the way that all answers of ours take.
func answerOf(report *explain.Report, err error) problem.Answer {
	w := &page{header: http.Header{}}
	capture.Answer(w, report, err)
	a := problem.Answer{Status: w.status, ContentType: w.header.Get("Content-Type"), Body: w.body.Bytes()}
	for _, name := range []string{"Cache-Control", "Retry-After"} {
		if value := w.header.Get(name); value != "" {
			a.Set(name, value)
		}
	}
	return a
}

// page is an answer in memory.
type page struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (p *page) Header() http.Header         { return p.header }
func (p *page) WriteHeader(status int)      { p.status = status }
func (p *page) Write(b []byte) (int, error) { return p.body.Write(b) }
