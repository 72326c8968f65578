package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// proxyNames are the proxies of these tests, as docs/guide/proxies.md calls them, in its order.
var proxyNames = []string{"nginx", "nginx, auth_request", "HAProxy", "Caddy"}

// proxies starts countersign and every proxy of Debian with the example of deploy/, in front of one recorder.
func proxies(t *testing.T, change ...func(*site)) (*dev, map[string]*proxied) {
	t.Helper()
	s := newSite(t)
	for _, f := range change {
		f(s)
	}
	at := s.doors(t)
	server := s.serveAs(t, exec.Command(binary(t)))
	return server, map[string]*proxied{
		"nginx":               s.nginx(t, server, "countersign.conf", at["nginx"], "nginx.sock"),
		"nginx, auth_request": s.nginx(t, server, "auth_request.conf", at["nginx_auth_request"], "nginx-auth.sock"),
		"HAProxy":             s.haproxy(t, server, at["haproxy"]),
		"Caddy":               s.caddy(t, server, at["caddy"]),
	}
}

// carried is one line of the table: what a caller sends, and how a cell says what came of it.
type carried struct {
	what string
	send func(t *testing.T, p *proxied) string
}

// sent sends raw bytes and says what came of them: "yes" where they arrived as they were, "through" the gateway where the proxy
// passed them on to it, else the reason of the refusal.
func (p *proxied) sent(t *testing.T, raw, method, target, body string) string {
	t.Helper()
	requests, size := p.upstream.mark()
	a, err := p.try(sandbox, raw)
	if err != nil {
		t.Fatalf("%v\n%s", err, p.log)
	}
	return p.outcome(t, a, requests, size, method, target, body)
}

func (p *proxied) outcome(t *testing.T, a *answer, requests, size int, method, target, body string) string {
	t.Helper()
	got, text := p.upstream.since(requests, size)
	if a.status != 200 {
		if len(got) != 0 || text != "" {
			t.Errorf("refused, and yet the upstream saw %q", text)
		}
		return p.reason(t, a)
	}
	if len(got) != 1 || got[0].method != method || got[0].target != target || string(got[0].body) != body {
		t.Errorf("sent %s %s with %q, arrived as %q", method, target, body, text)
	}
	p.known(t, got[0], a)
	return "yes"
}

// reason is that of the decision line of a refusal.
func (p *proxied) reason(t *testing.T, a *answer) string {
	t.Helper()
	if a.requestID() == "" {
		return strconv.Itoa(a.status) + " of its own"
	}
	return p.server.line(t, a).text("reason")
}

// known checks that the upstream was told who called, by the record's own words, and got no credential (rules 19 and 33).
func (p *proxied) known(t *testing.T, got *seen, a *answer) {
	t.Helper()
	l := p.server.line(t, a)
	want := map[string]string{"countersign-partner": l.text("partner"), "countersign-credential": l.text("credential"), "countersign-environment": sandbox,
		"countersign-api": l.text("api"), "countersign-request-id": a.requestID(), "countersign-client-address": "127.0.0.1"}
	for name, value := range want {
		if values := got.values(name); len(values) != 1 || values[0] != value || value == "" {
			t.Errorf("%s: %q instead of %q", name, values, value)
		}
	}
	for _, h := range got.header {
		name := strings.ToLower(h[0])
		if strings.HasPrefix(name, "countersign-") && want[name] == "" || strings.HasPrefix(name, "x-auth-") || strings.HasPrefix(name, "finicity-") || strings.HasPrefix(name, "x-original-") {
			t.Errorf("arrived although nobody may: %q", h)
		}
	}
	if l.text("door") == "" || l.text("decision") != "allow" || l.text("address") != "127.0.0.1" {
		t.Errorf("the record says %v", l)
	}
}

// table is what docs/guide/proxies.md says of each proxy.
var table = []carried{
	{"a signed request without a body", func(t *testing.T, p *proxied) string {
		c := get("carried")
		c.target += "?a=%2f;b&&c=%20"
		return p.sent(t, c.raw(p.Environments[sandbox]), c.method, c.target, "")
	}},
	{"the same over HTTP/2", func(t *testing.T, p *proxied) string {
		if p.without2(t) {
			return "not offered"
		}
		return p.over2(t, get("h2"))
	}},
	{"a signed request with a body and its length", func(t *testing.T, p *proxied) string {
		c := patch("carried")
		return p.sent(t, c.raw(p.Environments[sandbox]), c.method, c.target, c.body)
	}},
	{"the same over HTTP/2", func(t *testing.T, p *proxied) string {
		if p.without2(t) {
			return "not offered"
		}
		return p.over2(t, patch("h2"))
	}},
	{"a signed request with a body in chunks", func(t *testing.T, p *proxied) string {
		c := patch("chunks")
		c.bare, c.extra = true, []string{"Transfer-Encoding: chunked"}
		raw := c.head(p.Environments[sandbox]) + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(c.body), c.body)
		return p.sent(t, raw, c.method, c.target, c.body)
	}},
	{"a signed body of 900 KiB", func(t *testing.T, p *proxied) string {
		c := patch("long")
		c.body = `{"a":"` + strings.Repeat("x", 900<<10) + `"}`
		return p.sent(t, c.raw(p.Environments[sandbox]), c.method, c.target, c.body)
	}},
	{"a token call without a body", func(t *testing.T, p *proxied) string {
		c := tokenCall{method: "GET", path: "/v1/customers", token: p.server.token(t, sandbox)}
		e := p.Environments[sandbox]
		return p.sent(t, c.raw(e), "GET", e.Aggregation.BasePath+c.path, "")
	}},
	{"a token call with a body", func(t *testing.T, p *proxied) string {
		c := tokenCall{method: "POST", path: "/v1/customers", token: p.server.token(t, sandbox), kind: jsonType, body: `{"a":1}`}
		e := p.Environments[sandbox]
		return p.sent(t, c.raw(e), "POST", e.Aggregation.BasePath+c.path, c.body)
	}},
	{"the token endpoint", func(t *testing.T, p *proxied) string {
		a := p.called(t, sandbox, authentication(p.Environments[sandbox], ""))
		l := p.server.line(t, a.want(t, 200))
		if !strings.Contains(string(a.body), `"token"`) {
			t.Errorf("no token: %v", a)
		}
		if l.text("door") == "" {
			return "by the gateway"
		}
		return "yes"
	}},
	{"status of a refusal", func(t *testing.T, p *proxied) string {
		a := p.signed(t, sandbox, call{method: "GET", target: "/api/v1/a%2fb"})
		if p.reason(t, a) != "malformed_target" {
			t.Errorf("refused for %s", p.reason(t, a))
		}
		if a.status == 400 {
			return "yes"
		}
		return fmt.Sprintf("401 or %d", a.status)
	}},
	{"body of a refusal", func(t *testing.T, p *proxied) string {
		a := p.signed(t, sandbox, call{method: "GET", target: "/api/v1/a%2fb"})
		ours := p.server.signed(t, sandbox, call{method: "GET", target: "/api/v1/a%2fb"})
		if plainRefusal(a) == plainRefusal(ours) {
			return "yes"
		}
		return "no"
	}},
	{"`Connection` and `Upgrade` of the caller are judged", func(t *testing.T, p *proxied) string {
		c := get("hops")
		c.extra = []string{"Connection: X-Auth-Token"}
		return p.told(t, c, "hop_by_hop_header")
	}},
	{"Countersign does not answer", nil}, // filled in below, last of all
}

// plainRefusal is the body of an answer without what differs between two equal ones.
func plainRefusal(a *answer) string {
	text := strings.ReplaceAll(string(a.body), a.requestID(), "ID")
	return strings.ReplaceAll(text, a.header.Get("Countersign-Server-Time"), "TIME")
}

// told is "yes" where a request is refused for a reason.
func (p *proxied) told(t *testing.T, c call, reason string) string {
	t.Helper()
	if got := p.sent(t, c.raw(p.Environments[sandbox]), c.method, c.target, c.body); got != reason {
		return "no: " + got
	}
	return "yes"
}

// without2 reports whether a proxy does not speak HTTP/2.
func (p *proxied) without2(t *testing.T) bool {
	t.Helper()
	w, err := p.connect(sandbox, "h2")
	if err == nil {
		_ = w.Close()
	}
	return err != nil
}

func (p *proxied) over2(t *testing.T, c call) string {
	t.Helper()
	requests, size := p.upstream.mark()
	req := c.request(t, p.Environments[sandbox])
	if c.body == "" {
		req.Body, req.ContentLength = nil, 0
	}
	resp, err := p.client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return p.outcome(t, &answer{proto: resp.Proto, status: resp.StatusCode, header: resp.Header}, requests, size, c.method, c.target, c.body)
}

// TestDoorsCarryWhatTheDocsSay runs the examples of deploy/ in Debian's nginx, HAProxy and Caddy, and holds the table of
// docs/guide/proxies.md to what they do.
func TestDoorsCarryWhatTheDocsSay(t *testing.T) {
	t.Parallel()
	server, all := proxies(t)
	cells := make([][]string, len(table))
	for i, row := range table {
		for _, name := range proxyNames {
			if row.send != nil {
				cells[i] = append(cells[i], row.send(t, all[name]))
			}
		}
	}
	if err := server.stop(); err != nil {
		t.Fatal(err)
	}
	requests, size := all["nginx"].upstream.mark()
	for _, name := range proxyNames { // security rule 28: the examples fail closed
		a := all[name].signed(t, sandbox, get("closed"))
		if a.status < 500 {
			t.Errorf("%s without countersign: %v", name, a)
		}
		cells[len(table)-1] = append(cells[len(table)-1], strconv.Itoa(a.status))
	}
	if _, text := all["nginx"].upstream.since(requests, size); text != "" {
		t.Errorf("without countersign the upstream sees %q", text)
	}
	inDocs(t, cells)
}

// inDocs compares the cells with the table of the guide.
func inDocs(t *testing.T, cells [][]string) {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "| what | %s |\n|%s\n", strings.Join(proxyNames, " | "), strings.Repeat(" --- |", len(proxyNames)+1))
	for i, row := range table {
		for j, cell := range cells[i] {
			if strings.Contains(cell, "_") {
				cells[i][j] = "`" + cell + "`"
			}
		}
		fmt.Fprintf(&b, "| %s | %s |\n", row.what, strings.Join(cells[i], " | "))
	}
	text, err := os.ReadFile(filepath.Join("..", "docs", "guide", "proxies.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, b.Bytes()) {
		t.Errorf("docs/guide/proxies.md does not have the table as it is:\n%s", b.String())
	}
}
