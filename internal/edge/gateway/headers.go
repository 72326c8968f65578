package gateway

import (
	"net/http"

	"countersign.dev/internal/edge/passage"
)

// cleanHeaders copies into out what may reach the upstream, and sets the identity.
func (c *call) cleanHeaders(out http.Header) {
	credentials := c.g.credentials
	for name, values := range c.r.Header {
		if credentials.Passes(name) {
			out[name] = values
		}
	}
	// One allocation for all, and a new one for each request: a transport may still read it when the request is over.
	values := passage.Values(&c.decision)
	for i, name := range passage.Names {
		out[name] = values[i : i+1 : i+1]
	}
}
