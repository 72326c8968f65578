package gateway_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/registry"
	"github.com/google/go-cmp/cmp"
)

// needle is the query of every request here; it must not be found in a record.
const needle = "needle-in-the-query"

// refusal is one row of the policy: what a caller does, and everything that comes of it.
type refusal struct {
	reason access.Reason
	what   string
	door   func(*settings) // nil: the door that all such rows share
	before func(*door)     // what has happened already; its decision lines are dropped
	call   func(*door) call
	send   func(*door, call) answer // nil: on a connection of its own

	status int
	family string   // "signed", or the token family's "json" or "xml"
	code   string   // of the signed family, or the number of the token family
	text   string   // message
	extra  []string // header lines beside those of every refusal

	api        string // in the decision line
	who        string // partner of the line, as the world names it; empty: none
	credential func(*door) registry.Issued
	proved     bool
	where      string
	forwarded  bool // the request was let in and the upstream, or its lack, is what the row is about
}

const (
	closed  = "Connection: close"
	again1  = "Retry-After: 1"
	again5  = "Retry-After: 5"
	uniform = "The request is not authorized."
)

func key(name string) func(*door) registry.Issued {
	return func(d *door) registry.Issued { return d.keys[name] }
}

func app(name string) func(*door) registry.Issued {
	return func(d *door) registry.Issued { return d.apps[name] }
}

// get is a signed GET with a key of the world.
func get(name string, fields ...string) func(*door) call {
	return func(d *door) call { return d.signed(d.keys[name], "GET", "/api/v1/cards?"+needle, "", fields...) }
}

func post(name, body string, fields ...string) func(*door) call {
	return func(d *door) call { return d.signed(d.keys[name], "POST", "/api/v1/cards?"+needle, body, fields...) }
}

// list is a GET of the token family with a good token.
func list(name string, fields ...string) func(*door) call {
	return func(d *door) call {
		return withToken(d.apps[name], d.token(d.apps[name]), "GET", "/aggregation/v1/customers?"+needle, "", append(fields, "Accept: application/json")...)
	}
}

// enter is Partner Authentication with a body of the row's own.
func enter(name, body string) func(*door) call {
	return func(d *door) call {
		c := withToken(d.apps[name], "", "POST", tokenEndpoint+"?"+needle, body, "Accept: application/json")
		c.body = strings.ReplaceAll(strings.ReplaceAll(body, "LOGIN", d.apps[name].Login), "SECRET", string(d.apps[name].Secret.Bytes()))
		return c
	}
}

func TestEveryReasonThroughTheDoor(t *testing.T) {
	w := newWorld(t)
	shared := w.open(t)
	provoked := map[access.Reason]bool{}
	for _, row := range refusals() {
		provoked[row.reason] = true
		t.Run(row.reason.String()+"/"+row.what, func(t *testing.T) {
			d := shared.in(t)
			if row.door != nil {
				d = w.open(t, row.door)
			}
			row.check(t, d)
		})
	}
	for _, reason := range access.Reasons() {
		switch reason { // of the doors for other proxies alone: internal/edge/door has a row for each
		case access.BodyNotSeen, access.TokenEndpointElsewhere, access.UnknownProxy, access.MalformedCheck:
			continue
		}
		if !provoked[reason] {
			t.Errorf("no row provokes %s", reason)
		}
	}
}

func (row *refusal) check(t *testing.T, d *door) {
	if row.before != nil {
		row.before(d)
	}
	c := row.call(d)
	send := row.send
	if send == nil {
		send = (*door).do
	}
	a := send(d, c)
	fields, text := d.records.line()
	if row.reason != access.Allowed && row.reason != access.ClientGone {
		row.checkAnswer(t, d, a, fmt.Sprint(fields["request_id"]))
	}
	row.checkLine(t, d, fields)
	checkSecrets(t, d, c, text)
	d.records.none()
	if !row.forwarded {
		d.upstream.untouched()
	} else if row.status == 429 && d.upstream.drain() > 0 {
		t.Error("what a limit refused was forwarded")
	}
}

func (row *refusal) checkAnswer(t *testing.T, d *door, a answer, id string) {
	t.Helper()
	at := d.set.gateway.Now().Unix()
	var body, media string
	switch row.family {
	case "signed":
		media, body = problem.TypeJSON, fmt.Sprintf(`{"status":"error","errors":["%s"],"message":"%s","request_id":"%s","server_time":%d}`, row.code, row.text, id, at)
	case "json":
		media, body = problem.TypeJSON, fmt.Sprintf(`{"code":%s,"message":"%s"}`, row.code, row.text)
	case "xml":
		media, body = problem.TypeXML, fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?><error><code>%s</code><message>%s</message></error>`, row.code, row.text)
	}
	if a.status != row.status || a.body != body {
		t.Errorf("answer %d %s\nwant   %d %s", a.status, a.body, row.status, body)
	}
	want := map[string]string{"Cache-Control": "no-store", "Content-Type": media, "Content-Length": strconv.Itoa(len(body)),
		"Countersign-Request-Id": id, "Countersign-Server-Time": strconv.FormatInt(at, 10)}
	if row.status == 401 {
		want["Www-Authenticate"] = "Countersign-Signature"
		if row.family != "signed" {
			want["Www-Authenticate"] = "Countersign-Token"
		}
	}
	for _, line := range row.extra {
		name, value, _ := strings.Cut(line, ": ")
		want[name] = value
	}
	got := map[string]string{}
	for name, values := range a.header {
		if name != "Date" {
			got[name] = strings.Join(values, " AND ")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func (row *refusal) checkLine(t *testing.T, d *door, line map[string]any) {
	t.Helper()
	want := map[string]any{"decision": "refuse", "reason": row.reason.String(), "environment": "sandbox", "peer": "127.0.0.1", "status": float64(row.status)}
	switch row.reason { // what was let in stays let in, whatever came of it
	case access.Allowed, access.UpstreamUnreachable, access.UpstreamTimeout, access.UpstreamInvalid:
		want["decision"] = "allow"
	case access.ClientGone:
		if row.forwarded {
			want["decision"] = "allow"
		}
	}
	if row.reason != access.AddressUnknown {
		want["address"] = "127.0.0.1"
		if len(d.set.address.Trusted) > 0 {
			want["address"] = "192.0.2.77"
		}
	}
	for name, value := range map[string]string{"api": row.api, "where": row.where} {
		if value != "" {
			want[name] = value
		}
	}
	if row.who != "" {
		want["partner"], want["credential"], want["proved"] = d.partner(row.who), row.credential(d).Credential.ID, row.proved
	}
	got := map[string]any{}
	for _, name := range []string{"decision", "reason", "environment", "peer", "status", "address", "api", "where", "partner", "credential", "proved"} {
		if value, ok := line[name]; ok {
			got[name] = value
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decision line (-want +got):\n%s", diff)
	}
}

// checkSecrets looks for anything of the call in the record and in the log: values of headers, the query, the body.
func checkSecrets(t *testing.T, d *door, c call, line string) {
	t.Helper()
	secrets := []string{needle}
	for _, field := range c.fields {
		if name, value, _ := strings.Cut(field, ": "); len(value) >= 16 && !strings.HasPrefix(name, "Accept") && !strings.HasPrefix(name, "X-Forwarded") {
			secrets = append(secrets, value)
		}
	}
	for _, all := range []map[string]registry.Issued{d.keys, d.apps} {
		for _, one := range all {
			secrets = append(secrets, string(one.Secret.Bytes()))
		}
	}
	if len(c.body) > 8 {
		secrets = append(secrets, c.body[:9])
	}
	for _, secret := range secrets {
		if strings.Contains(line, secret) || strings.Contains(d.log.String(), secret) {
			t.Errorf("%q stands in the record or in the log:\n%s%s", secret, line, d.log.String())
		}
	}
}

func trusting(s *settings) { s.address.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

func strictAPI(a *access.API) {
	a.StrictEmptyPost, a.StrictXMLContentType = a.Protocol == access.Token, a.Protocol == access.Token
}

// wrong makes n failed authentications.
func wrong(name string, n int) func(*door) {
	return func(d *door) {
		for range n {
			if a := d.do(authentication(d.apps[name], "wrong")); a.status != 401 {
				d.t.Fatalf("wrong secret: %d %s", a.status, a.body)
			}
			d.records.line()
		}
	}
}

// leave sends the call, waits until the upstream has it, and goes.
func leave(d *door, c call) answer {
	k := d.dial()
	k.send(c.String())
	d.upstream.next()
	_ = k.Close()
	return answer{}
}

// stall sends a part of the body and waits.
func stall(d *door, c call) answer {
	text := c.String()
	k := d.dial()
	k.send(text[:len(text)-2])
	return k.read(c.method)
}

func refusals() []refusal {
	return slices.Concat(shapeRows(), headerRows(), storedRows(), limitRows(), ourRows())
}

// closedUpstream is a port of loopback that nobody can listen on.
var closedUpstream = func(s *settings) { s.upstream.URL.Host = "127.0.0.1:0" }

func ourRows() []refusal {
	good := refusal{api: "card", who: "good", credential: key("good"), proved: true, family: "signed", call: get("good"), forwarded: true}
	row := func(reason access.Reason, what string, status int, text string, change func(*refusal), extra ...string) refusal {
		r := good
		r.reason, r.what, r.status, r.code, r.text, r.extra = reason, what, status, reason.String(), text, extra
		if change != nil {
			change(&r)
		}
		return r
	}
	stranger := func(r *refusal) { r.who, r.forwarded = "", false }
	return []refusal{
		row(access.Allowed, "a good GET", 200, "", nil),
		row(access.Overloaded, "no memory for a body", 503, "Too much work at the moment.", func(r *refusal) {
			r.call, r.proved, r.forwarded = post("good", `{"a":1}`), false, false
			r.door = func(s *settings) { s.gateway.Bodies = gateway.NewBudget(0) }
		}, again1),
		row(access.Overloaded, "no memory for a body in chunks", 503, "Too much work at the moment.", func(r *refusal) {
			r.call = func(d *door) call {
				c := d.signed(d.keys["good"], "POST", "/api/v1/cards?"+needle, `{"a":1}`, "Transfer-Encoding: chunked")
				c.body, c.raw = "7\r\n{\"a\":1}\r\n0\r\n\r\n", true
				return c
			}
			r.proved, r.forwarded = false, false
			r.door = func(s *settings) { s.gateway.Bodies = gateway.NewBudget(16) }
		}, again1),
		row(access.Overloaded, "no connection to the upstream is free", 503, "Too much work at the moment.", func(r *refusal) {
			r.door = func(s *settings) { s.doers = faulty(upstream.ErrOverloaded) }
		}, again1),
		row(access.Unavailable, "the register was never read", 503, "The service cannot decide at the moment.", func(r *refusal) {
			stranger(r)
			r.door = func(s *settings) { s.unread = true }
		}, again5),
		row(access.SnapshotStale, "the register is too old", 503, "This server has not heard from its register for too long, and decides nothing until it has.", func(r *refusal) {
			stranger(r)
			r.door = func(s *settings) {
				s.access.Now = func() time.Time { return time.Unix(base, 0).Add(15*time.Minute + time.Second) }
			}
			r.call = func(d *door) call { return d.signedAt(d.keys["good"], base+901, "GET", "/api/v1/cards?"+needle, "") }
		}, again5),
		row(access.Unavailable, "the replay guard fails", 503, "The service cannot decide at the moment.", func(r *refusal) {
			r.call, r.forwarded = post("good", `{"a":1}`), false
			r.door = func(s *settings) { s.access.Replay = brokenGuard{} }
		}, again5),
		row(access.Unavailable, "the store fails at the token endpoint", 503, "The service cannot decide at the moment.", func(r *refusal) {
			r.call, r.credential, r.api, r.family, r.code, r.proved, r.forwarded = enter("good", `{"partnerId":"LOGIN","partnerSecret":"SECRET"}`), app("good"), "aggregation", "json", "14020", false, false
			r.door = func(s *settings) { s.exchange.Registry = brokenRegistry{} }
		}, again5),
		row(access.Internal, "an API without an upstream", 503, "The service failed.", func(r *refusal) {
			r.door = func(s *settings) { s.doers = func(all map[*access.API]upstream.Doer) { clear(all) } }
			r.forwarded = false
		}),
		row(access.Internal, "no token can be sealed", 503, "The service failed.", func(r *refusal) {
			r.call, r.credential, r.api, r.family, r.code, r.forwarded = enter("good", `{"partnerId":"LOGIN","partnerSecret":"SECRET"}`), app("good"), "aggregation", "json", "14020", false
			r.door = func(s *settings) { s.exchange.Issuer = brokenIssuer{} }
		}),
		row(access.UpstreamUnreachable, "nobody listens", 502, "The API behind this gateway cannot be reached.", func(r *refusal) { r.door = closedUpstream }),
		row(access.UpstreamUnreachable, "token family in XML", 502, "The API behind this gateway cannot be reached.", func(r *refusal) {
			r.door, r.family, r.code, r.api, r.credential = closedUpstream, "xml", "14020", "aggregation", app("good")
			r.call = func(d *door) call {
				return withToken(d.apps["good"], d.token(d.apps["good"]), "GET", "/aggregation/v1/x?"+needle, "", "Accept: text/xml")
			}
		}),
		row(access.UpstreamTimeout, "the upstream stays silent", 504, "The API behind this gateway did not answer in time.", func(r *refusal) {
			r.door = func(s *settings) { s.upstream.Timeout = 50 * time.Millisecond }
			r.before = func(d *door) { d.upstream.says("") }
		}),
		row(access.UpstreamInvalid, "no HTTP", 502, "The API behind this gateway gave no usable answer.", func(r *refusal) {
			r.door = func(*settings) {}
			r.before = func(d *door) { d.upstream.says("SSH-2.0-nothing\r\n\r\n") }
		}),
		row(access.UpstreamInvalid, "two lengths", 502, "The API behind this gateway gave no usable answer.", func(r *refusal) {
			r.door = func(*settings) {}
			r.before = func(d *door) {
				d.upstream.says("HTTP/1.1 200 OK\r\nX-Left: over\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok")
			}
		}),
		row(access.ClientGone, "while the upstream works", 499, "", func(r *refusal) {
			r.door, r.send, r.family = func(*settings) {}, leave, "none"
			r.before = func(d *door) { d.upstream.says("") }
			r.status, r.text = 499, ""
		}),
	}
}

// faulty replaces every upstream by one that fails.
func faulty(err error) func(map[*access.API]upstream.Doer) {
	return func(all map[*access.API]upstream.Doer) {
		for api := range all {
			all[api] = fakeDoer{err: err}
		}
	}
}
