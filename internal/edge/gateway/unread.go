package gateway

import (
	"fmt"
	"net/http"
	"net/netip"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/gateway/strict"
	"countersign.dev/internal/edge/passage"
	"countersign.dev/internal/edge/problem"
)

// AnswerUnread is the strict listener's Answer: it refuses a request whose bytes net/http must not see, in the shape of
// every other refusal without an API, and records it with the address of the connection (design decision 11).
func (g *Gateway) AnswerUnread(peer netip.AddrPort, fault strict.Fault) []byte {
	now := g.cfg.Now()
	d := access.Decision{Reason: access.MalformedFraming, RequestID: access.NewRequestID(), Where: fault.String(), Detail: fault.String()}
	a := problem.Render(&d, problem.JSON, d.RequestID, now)
	g.cfg.Record.Record(&audit.Decision{
		Time: now, RequestID: d.RequestID, Environment: g.cfg.Environment, Reason: d.Reason.String(), Where: d.Where,
		Status: a.Status, Peer: peer.Addr(), BytesOut: int64(len(a.Body)),
	})
	answer := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n%s: %s\r\n%s: %d\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
		a.Status, http.StatusText(a.Status), passage.HeaderRequestID, d.RequestID, passage.HeaderTime, now.Unix(), now.UTC().Format(http.TimeFormat), a.ContentType, len(a.Body))
	return append(answer, a.Body...)
}
