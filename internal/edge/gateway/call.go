package gateway

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway/fields"
	"countersign.dev/internal/edge/gateway/strict"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/edge/passage"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/tracing"
)

// call is one request on its way through the gateway. It is taken from a pool and goes back when the answer is done.
type call struct {
	g     *Gateway
	w     http.ResponseWriter
	r     *http.Request
	start time.Time
	peer  netip.Addr
	marks *strict.Marks

	request    access.Request
	decision   access.Decision
	derivation clientip.Derivation
	body       body

	out    upstream.Request
	answer upstream.Response
	head   fields.List // of the answer to the caller
	record audit.Decision
	place  tracing.Place // in a trace; zero: none, or nothing is traced

	ids    access.RequestIDs
	policy policy

	status   int
	received int64 // of the request's body
	written  int64
}

func (c *call) begin(g *Gateway, w http.ResponseWriter, r *http.Request) {
	c.g, c.w, c.r, c.start = g, w, r, g.cfg.Now()
	c.marks = strict.MarksOf(r.Context())
	c.decision.RequestID = c.ids.Next()
	c.peer = peerOf(r)
	g.cfg.Address.Derive(c.peer, r.Header, &c.derivation)
	c.body.reset(c)
	c.translate()
}

// translate fills the request that is decided on from the wire, byte for byte.
func (c *call) translate() {
	q, r := &c.request, c.r
	q.Environment, q.Method, q.Target, q.Host, q.Header = c.g.cfg.Environment, r.Method, r.RequestURI, r.Host, r.Header
	q.ContentLength = r.ContentLength
	_, q.LengthStated = r.Header["Content-Length"]
	q.LengthStated = q.LengthStated || r.ProtoMajor == 2 && r.ContentLength == 0
	if r.ContentLength != 0 || r.ProtoMajor == 2 && r.Body != nil && r.Body != http.NoBody {
		q.Body = &c.body // over HTTP/2 also where a length of 0 is stated but the stream goes on: it has to be seen to be empty
	}
	if c.derivation.Known {
		q.Address = c.derivation.Address
	}
	q.Derivation = &c.derivation
	q.ClientKey = c.clientKey()
	q.HostMismatch = hostMismatch(r)
	q.Framing = c.framing()
	q.Upgrade = c.upgrade()
}

// framing says what the strict reader found wrong with the bytes of this request; empty: nothing.
func (c *call) framing() string {
	if c.r.ProtoMajor == 1 && c.marks == nil && !c.g.cfg.unread() {
		return "the connection was not checked" // a fault of the wiring: fail closed
	}
	if c.marks == nil {
		if c.r.ProtoMajor == 1 {
			return unreadFault(c.r)
		}
		return lengthFault(c.r)
	}
	switch c.marks.Fault {
	case strict.None, strict.NonASCIITarget, strict.Connect, strict.H2CUpgrade: // these have reasons of their own
		return ""
	}
	return c.marks.Fault.String()
}

// lengthFault holds HTTP/2 requests to one Content-Length that says what the frames say (RFC 9113 §8.1.1); net/http compares
// it with the body that arrives, but lets two of them, a list, or one without any body through.
func lengthFault(r *http.Request) string {
	values := r.Header["Content-Length"]
	if len(values) == 0 {
		return ""
	}
	declared, err := strconv.ParseUint(values[0], 10, 62)
	if len(values) > 1 || err != nil || int64(declared) != r.ContentLength {
		return "bad_length"
	}
	return ""
}

// upgrade reports a request that wants something else than HTTP on this connection (security rule 24).
func (c *call) upgrade() bool {
	if c.marks != nil && (c.marks.Upgrade || c.marks.Fault == strict.H2CUpgrade || c.marks.Fault == strict.Connect) {
		return true
	}
	return c.r.Method == http.MethodConnect
}

// hostMismatch reports a request without exactly one host. HTTP/1 requests with two were refused by the strict reader;
// over HTTP/2, net/http keeps a Host beside :authority in the header.
func hostMismatch(r *http.Request) bool {
	if !passage.IsHost(r.Host) {
		return true
	}
	for _, host := range r.Header["Host"] {
		if !strings.EqualFold(host, r.Host) {
			return true
		}
	}
	return false
}

func (c *call) serve() {
	if !c.g.hosts.Serve(c.r.Host) {
		c.decision.Address = c.request.Address
		c.decision.Reason = access.UnknownHost
		c.refuse()
		return
	}
	if !c.g.cfg.Decider.Decide(&c.request, &c.decision) {
		c.nameFraming()
		if c.g.cfg.Captures != nil {
			c.refuseAndKeep()
			return
		}
		c.refuse()
		return
	}
	if c.asksWhy() {
		c.explain()
		return
	}
	if c.decision.IsExchange(&c.request) {
		answer := c.g.cfg.Exchange.Serve(c.r.Context(), c.r.Method, c.r.Header, c.body.bytes(), &c.decision, c.admitExchange)
		c.write(answer)
		return
	}
	c.forward()
}

// nameFraming adds to a framing refusal which fault it was, also where the body was the place of it.
func (c *call) nameFraming() {
	if d := &c.decision; d.Reason == access.MalformedFraming {
		if d.Detail == "" && c.marks != nil {
			d.Detail = c.marks.Fault.String()
		}
		d.Where = d.Detail
	}
}

// refuse renders c's decision.
func (c *call) refuse() {
	format := problem.Negotiate(c.r.Header["Accept"], c.r.Header["Content-Type"])
	c.write(problem.Render(&c.decision, format, c.decision.RequestID, c.g.cfg.Now()))
}

// peerOf is the other end of the connection.
func peerOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap()
}

// end records the request and gives everything that it held back.
func (c *call) end() {
	if c.status == 0 {
		c.decision.Reason = access.Internal // something panicked before there was an answer
	}
	c.body.release()
	c.remember()
	c.g.cfg.Record.Record(&c.record)
	if t := c.g.cfg.Trace; t != nil {
		c.traceDone(t)
	}
	g := c.g
	c.request.Reset()
	clear(c.out.Header)
	clear(c.head)
	header := c.answer.Header
	c.out, c.answer, c.record = upstream.Request{Header: c.out.Header[:0]}, upstream.Response{Header: header}, audit.Decision{}
	c.head = c.head[:0]
	c.decision, c.derivation = access.Decision{}, clientip.Derivation{}
	c.body = body{}
	c.g, c.w, c.r, c.marks, c.status, c.received, c.written = nil, nil, nil, nil, 0, 0, 0
	g.calls.Put(c)
}

func (c *call) remember() {
	d, q := &c.decision, &c.request
	path, query, _ := strings.Cut(q.Target, "?")
	c.record = audit.Decision{
		Time: c.start, RequestID: d.RequestID, Environment: q.Environment, Allowed: d.Reason == access.Allowed || d.Forwarded,
		Reason: d.Reason.String(), Where: d.Where, Status: c.status, Method: q.Method, Path: path, Query: query,
		Protocol: c.r.Proto, Version: d.Version, Proved: d.Proved, Address: d.Address, Peer: c.peer, Country: d.Country,
		Derivation: d.Derivation, Other: d.OtherEnvironment, Skew: d.Skew, Warnings: d.Warnings,
		Duration: c.g.cfg.Now().Sub(c.start), BytesIn: c.received, BytesOut: c.written,
		Timed: d.Timed, Lead: d.Lead, Shadow: string(d.Shadow),
	}
	if !d.Proved {
		c.record.Tried = d.Tried()
	}
	if !c.record.Allowed && d.Derivation == "" && d.Address.IsValid() && d.Address != c.peer {
		c.record.Derivation = c.derivation.Explain() // whoever asks why it was refused sees which proxies it came through
	}
	if d.Shadow != "" {
		c.record.ShadowProfile = d.API.Shadow.Name()
	}
	if d.API != nil {
		c.record.API = d.API.Name
	}
	if d.Credential != nil {
		c.record.Credential, c.record.Partner = d.Credential.ID, d.Partner.ID
	}
	if d.Cause != nil {
		c.record.Cause = d.Cause.Error()
	}
}
