package admin

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/operator"
)

// authenticate finds out who asks, before a byte of the body is read.
func (c *call) authenticate() bool {
	who, err := c.s.cfg.Authenticate(c.r)
	switch {
	case errors.Is(err, operator.ErrNotSignedIn) || err == nil && (who.Kind == "" || who.Kind == operator.KindMember):
		if !c.s.failures.failed(c.address()) {
			c.refuse(refusal{kind: api.TooManyRequests, detail: "Too many requests from this address were not signed in.", retry: 60})
			return false
		}
		c.refuse(refusal{kind: api.NotSignedIn})
	case err != nil:
		c.unavailable(err)
	default:
		c.who = who
		if err := c.s.origin.Check(c.r); err != nil {
			c.refuse(refusal{kind: api.CrossOrigin})
			return false
		}
		return true
	}
	return false
}

// permit refuses who lacks the permission wherever they are, and an environment that they do not see. What a row's own
// environment says is asked again when the row is known.
func (c *call) permit() bool {
	values := c.pathValues()
	if environment, named := values["environment"]; named && !c.who.Sees(environment) {
		c.refuse(notFound)
		return false
	}
	if c.op.permissions[0] == signedIn || slices.Contains(c.op.permissions, own) {
		return true
	}
	for _, word := range c.op.permissions {
		if c.who.May(operator.Permission(word), values["environment"]) {
			return true
		}
	}
	c.lacks(operator.Permission(c.op.permissions[0]))
	return false
}

// lacks answers that a permission is missing.
func (c *call) lacks(permission operator.Permission) {
	detail := "The permission " + string(permission) + " is missing"
	if permission.Wide() && c.who.Confined() && slices.Contains(c.who.Permissions, permission) {
		detail += ": it reaches into every environment, and you are confined to some"
	}
	c.refuse(refusal{kind: api.Forbidden, permission: permission, detail: detail + ". Ask an admin for a role that has it."})
}

// preconditions checks the headers that the contract knows.
func (c *call) preconditions() bool {
	h := c.r.Header
	for _, name := range []string{"If-Match", "Idempotency-Key", "Content-Type", "Content-Encoding", "Authorization"} {
		if len(h.Values(name)) > 1 {
			c.refuse(refusal{kind: api.MalformedRequest, detail: "The header " + name + " comes more than once."})
			return false
		}
	}
	if c.op.needsMatch && h.Get("If-Match") == "" {
		c.refuse(refusal{kind: api.PreconditionRequired})
		return false
	}
	if tag := h.Get("If-Match"); tag != "" && !isETag(tag) {
		c.refuse(refusal{kind: api.MalformedRequest, detail: `If-Match is one ETag in double quotes, or *; weak ones and lists are not taken.`})
		return false
	}
	c.wait = preferWait(h.Values("Prefer"))
	return true
}

// isETag allows * and one strong entity tag (RFC 9110 §8.8.3).
func isETag(text string) bool {
	if text == "*" {
		return true
	}
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return false
	}
	for _, b := range []byte(text[1 : len(text)-1]) {
		if b <= ' ' || b == '"' || b > '~' {
			return false
		}
	}
	return true
}

// maxWait is the longest that an answer waits for nodes.
const maxWait = 30 * time.Second

// preferWait reads wait=N of the Prefer header (RFC 7240 §4.3); a preference that cannot be read is none.
func preferWait(values []string) time.Duration {
	for _, value := range values {
		for preference := range strings.SplitSeq(value, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, number, _ := strings.Cut(preference, "=")
			seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(number), `"`), 10, 16)
			if strings.EqualFold(strings.TrimSpace(name), "wait") && err == nil {
				return min(time.Duration(seconds)*time.Second, maxWait)
			}
		}
	}
	return 0
}

// readBody reads the body whole, within its bound, and only if it is of a type that the operation takes.
func (c *call) readBody() bool {
	if coding := c.r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		c.refuse(refusal{kind: api.UnsupportedMedia})
		return false
	}
	if len(c.op.media) == 0 {
		return c.noBody()
	}
	media, ok := c.media()
	if !ok {
		c.refuse(refusal{kind: api.UnsupportedMedia})
		return false
	}
	limit := int64(maxJSON)
	if media == typeBytes {
		limit = maxEvidence
	}
	if c.r.ContentLength > limit {
		c.refuse(refusal{kind: api.TooLarge})
		return false
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.ResponseWriter, c.r.Body, limit))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		c.refuse(refusal{kind: api.TooLarge})
		return false
	case err != nil:
		c.refuse(refusal{kind: api.MalformedRequest, detail: "The body did not arrive whole."})
		return false
	}
	return c.take(body, media)
}

// take checks a body that was read and gives it to the validator and the handler.
func (c *call) take(body []byte, media string) bool {
	if media == typeJSON {
		if err := strict(body); err != nil {
			c.refuse(refusal{kind: api.MalformedRequest, detail: "The body cannot be taken: " + err.Error() + "."})
			return false
		}
	}
	c.body = body
	c.r.Body = io.NopCloser(bytes.NewReader(body))
	c.r.ContentLength = int64(len(body))
	return true
}

func (c *call) noBody() bool {
	if c.r.ContentLength == 0 {
		return true
	}
	if n, _ := io.ReadFull(c.r.Body, make([]byte, 1)); n == 0 && c.r.ContentLength < 0 {
		return true
	}
	c.refuse(refusal{kind: api.MalformedRequest, detail: "This operation takes no body."})
	return false
}

// media is the content type of the request, if the operation takes it. JSON is UTF-8, and says nothing else.
func (c *call) media() (string, bool) {
	media, parameters, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(c.op.media, media) {
		return "", false
	}
	for name, value := range parameters {
		if media != typeJSON || name != "charset" || !strings.EqualFold(value, "utf-8") {
			return "", false
		}
	}
	return media, true
}
