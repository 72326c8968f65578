package gateway

import (
	"countersign.dev/internal/edge/gateway/fields"
	"countersign.dev/internal/edge/passage"
)

// clean appends to out what of the caller's header may reach the upstream, and the identity.
func (c *call) clean(out fields.List) fields.List {
	for name, values := range c.r.Header {
		if !c.g.credentials.Passes(name) {
			continue
		}
		for _, value := range values {
			out.Add(name, value)
		}
	}
	for i, value := range passage.Values(&c.decision) {
		out.Add(passage.Names[i], value)
	}
	return out
}

// setter is a header of an answer that is being made: a map where net/http writes it, a list where it is written as it stands.
type setter interface {
	Values(name string) []string
	Set(name, value string)
	Del(name string)
}

// sendHead sends the head of an answer.
func (c *call) sendHead() {
	if w, ok := c.w.(fields.Writer); ok {
		w.WriteList(c.status, c.head)
		return
	}
	header := c.w.Header()
	c.head.AddTo(header)
	if _, stated := header["Content-Type"]; !stated {
		header["Content-Type"] = nil // net/http would guess one from the body, and a browser would believe it
	}
	c.w.WriteHeader(c.status)
}
