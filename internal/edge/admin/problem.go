package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/whatif"
)

const typeProblem = "application/problem+json"

// refusal is a problem before it is written. What is fixed about its kind is in api.Problems.
type refusal struct {
	kind       api.ProblemType
	detail     string // for the caller; empty: the kind's help
	permission operator.Permission
	errors     []field
	retry      int // seconds; 0: not told
}

// field is one place of a request and what is wrong there.
type field struct{ pointer, message string }

// maxFields is how many places one problem names.
const maxFields = 20

// notFound has no detail of its own: what never was, what is gone and what is none of the caller's business look alike.
var notFound = refusal{kind: api.NotFound}

// refuse answers with a problem (RFC 9457). Only the first one counts.
func (c *call) refuse(p refusal) {
	if c.status != 0 {
		return
	}
	infos := api.Problems()
	info := infos[slices.IndexFunc(infos, func(i api.ProblemInfo) bool { return i.Type == p.kind })]
	if p.detail == "" {
		p.detail = info.Help
	}
	out := api.Problem{Type: p.kind.URI(), Title: info.Title, Status: info.Status, Detail: clip(p.detail, 1000),
		Instance: "urn:countersign:request:" + c.id, Permission: string(p.permission)}
	for _, f := range p.errors[:min(len(p.errors), maxFields)] {
		out.Errors = append(out.Errors, struct {
			Message string `json:"message"`
			Pointer string `json:"pointer"`
		}{clip(f.message, 300), clip(f.pointer, 200)})
	}
	c.why = string(p.kind)
	if p.kind != api.NotFound && p.detail != info.Help {
		c.why += ": " + p.detail
	}
	c.write(info.Status, out, p.retry)
}

func (c *call) write(status int, p api.Problem, retry int) {
	body, err := json.Marshal(p)
	if err != nil { // texts and numbers alone
		c.s.cfg.Log.Error("a problem cannot be written", "request_id", c.id, "error", err)
	}
	h := c.Header()
	for _, name := range []string{"ETag", "Location", "Countersign-Revision", "Content-Disposition"} {
		h.Del(name)
	}
	h.Set("Content-Type", typeProblem)
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="countersign"`)
	}
	if retry > 0 {
		h.Set("Retry-After", strconv.Itoa(retry))
	}
	c.WriteHeader(status)
	_, _ = c.Write(append(body, '\n'))
}

// broke answers a fault of ours: the cause is for the log.
func (c *call) broke(err error) {
	c.s.cfg.Log.Error("admin request failed", "request_id", c.id, "operation", c.operation(), "error", err)
	c.refuse(refusal{kind: api.Internal})
}

// fail answers an error of a use case: what the caller can mend is told, everything else is for the log.
func (c *call) fail(err error) {
	switch {
	case errors.Is(err, registry.ErrNotFound), errors.Is(err, whatif.ErrNoRequest):
		c.refuse(notFound)
	case errors.Is(err, registry.ErrFourEyes):
		c.refuse(refusal{kind: api.FourEyes})
	case errors.Is(err, registry.ErrActor):
		c.refuse(refusal{kind: api.Forbidden, detail: told(err)})
	case errors.Is(err, registry.ErrStale):
		c.refuse(refusal{kind: api.Stale, detail: told(err)})
	case errors.Is(err, registry.ErrIdempotency):
		c.refuse(refusal{kind: api.IdempotencyConflict})
	case errors.Is(err, registry.ErrState), errors.Is(err, registry.ErrAmbiguous):
		c.refuse(refusal{kind: api.Conflict, detail: told(err)})
	case errors.Is(err, registry.ErrArgument), errors.Is(err, partner.ErrInvalid), errors.Is(err, operator.ErrInvalid),
		errors.Is(err, whatif.ErrProposed), errors.Is(err, whatif.ErrSpan), errors.Is(err, search.ErrQuery):
		c.refuse(refusal{kind: api.Invalid, detail: told(err)})
	case errors.Is(err, registry.ErrNoRing): // to try again would change nothing
		c.refuse(refusal{kind: api.Conflict, detail: "This server has not the keys of that environment, which another one serves: its secrets are changed " +
			"there, with the command line on its disk, or at an operators' plane that serves it (countersign serve --admin)."})
	case errors.Is(err, secret.ErrBusy):
		c.refuse(refusal{kind: api.Unavailable, detail: "Too much is being hashed at the moment.", retry: 5})
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		c.refuse(refusal{kind: api.Unavailable, detail: "It took too long.", retry: 5})
	default:
		c.unavailable(err)
	}
}

// unavailable answers what the register or the record could not do.
func (c *call) unavailable(err error) {
	c.s.cfg.Log.Error("admin request failed", "request_id", c.id, "operation", c.operation(), "error", err)
	c.refuse(refusal{kind: api.Unavailable, retry: 5})
}

// told is an error of a use case as the caller may see it: its text is made for people and holds no secret. It begins with a
// capital letter, as other details do, and not with the name of the operation, which the caller has chosen.
func told(err error) string {
	text := err.Error()
	if name, rest, ok := strings.Cut(text, ": "); ok && slices.Contains(registry.OperationNames(), registry.OperationName(name)) {
		text = rest
	}
	text = clip(text, 900)
	if text != "" && text[0] >= 'a' && text[0] <= 'z' {
		text = string(text[0]-'a'+'A') + text[1:]
	}
	return text + "."
}

// clip cuts a text to n bytes, at the begin of a character.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return text[:n] + "..."
}
