//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
)

// workload is one kind of traffic.
type workload struct {
	name  string
	title string
	form  form // copied for each turn
	load  load
	tool  func(*site, context.Context, *peer, *form, load) (outcome, error) // nil: call
	fits  func(*peer) bool                                                  // nil: every peer
	half  bool                                                              // latency at half of countersign's peak
	extra bool                                                              // measured only where -workloads names it
}

func checking(p *peer) bool { return p.checks }
func bodies(p *peer) bool   { return p.body || !p.checks }
func passing(p *peer) bool  { return p.tokens || !p.checks }
func ours(p *peer) bool     { return p.tokens }

// workloads are all of them, in the order of the tables. length and rate are set by measure.
func (s *site) workloads() []*workload {
	get := func(title string, conns int) *workload {
		return &workload{name: fmt.Sprintf("get-%d", conns), title: title, form: form{method: "GET", target: cardTarget}, load: load{conns: conns, want: 200}, tool: (*site).wrk}
	}
	post := func(name, title string, size int) *workload {
		return &workload{name: name, title: title, form: form{method: "POST", target: cardTarget, size: size}, load: load{conns: 32, want: 200}, fits: bodies}
	}
	refused := func(name, title string, spoil spoiling, from net.Addr, status int, fits func(*peer) bool) *workload {
		return &workload{name: name, title: title, form: form{method: "GET", target: cardTarget, spoil: spoil}, load: load{conns: 32, want: status, from: from}, fits: fits}
	}
	elsewhere := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}
	grows := func(conns int) *workload {
		w := get(fmt.Sprintf("Signed GET, %d connections, of the row that docs/charts shows", conns), conns)
		w.name, w.extra = fmt.Sprintf("connections-%d", conns), true
		return w
	}
	return []*workload{
		get("Signed GET, 32 connections", 32),
		get("Signed GET, 1 connection", 1),
		get("Signed GET, 256 connections", 256),
		{name: "get-h2", title: "Signed GET over HTTP/2, 32 connections with 10 streams each", form: form{method: "GET", target: cardTarget}, load: load{conns: 32, want: 200}, tool: (*site).h2load},
		{name: "get-token", title: "GET with an access token, 32 connections", form: form{method: "GET", target: tokenTarget, kind: withToken}, load: load{conns: 32, want: 200}, tool: (*site).wrk, fits: passing},
		post("post-1k", "Signed POST of 1 KiB, every signature unlike all others, 32 connections", 1<<10),
		post("post-64k", "Signed POST of 64 KiB, every signature unlike all others, 32 connections", 64<<10),
		{name: "issue", title: "An access token is issued, 8 connections", form: form{method: "POST", target: tokenIssue, kind: issuing}, load: load{conns: 8, want: 200}, fits: ours},
		refused("refuse-forged", "Refused: signed with another secret", forged, nil, 401, checking),
		refused("refuse-key", "Refused: an unknown key", strangerKey, nil, 401, checking),
		refused("refuse-address", "Refused: from an address that is not listed", honest, elsewhere, 403, func(p *peer) bool { return p.body }),
		{name: "handshakes", title: "A new TLS connection for every signed GET, 16 at once", form: form{method: "GET", target: cardTarget, close: true}, load: load{conns: 16, want: 200}, tool: (*site).renew},
		grows(1), grows(4), grows(16), grows(64), grows(256), grows(1024),
		{name: "latency-get", title: "Latency of signed GETs, 64 connections", form: form{method: "GET", target: cardTarget}, load: load{conns: 64, want: 200}, tool: (*site).wrk, half: true},
		{name: "latency-post", title: "Latency of signed POSTs of 1 KiB, 64 connections", form: form{method: "POST", target: cardTarget, size: 1 << 10}, load: load{conns: 64, want: 200}, fits: bodies, half: true},
	}
}

// exchange gets an access token from countersign; the other peers pass on what they get.
func (s *site) exchange(p *peer) (string, error) {
	c, err := dial(p.address, s.trust, nil)
	if err != nil {
		return "", err
	}
	defer c.close()
	if _, err := c.tls.Write((&form{site: s, method: "POST", target: tokenIssue, kind: issuing}).maker().next(nil)); err != nil {
		return "", err
	}
	var body bytes.Buffer
	status, err := c.answer(&body)
	var said struct {
		Token string `json:"token"`
	}
	if err == nil {
		err = json.Unmarshal(body.Bytes(), &said)
	}
	if err != nil || status != 200 || said.Token == "" {
		return "", fmt.Errorf("no token: %d, %w, %.300s", status, err, body.String())
	}
	return said.Token, nil
}
