package e2e_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/doortest"
)

// corpusUnsent are the cases that need a second person, or a partner in a state that no command of one person makes. In the process
// they go through every door: internal/edge/doortest.
var corpusUnsent = []string{"suspended partner", "partner that is not approved", "address that is not listed"}

// doorKeys are what the corpus is made with here.
func doorKeys(t *testing.T, s *site, server *dev) doortest.Keys {
	t.Helper()
	box, prod := s.given.Environments[sandbox], s.given.Environments[production]
	k := doortest.Keys{Good: doortest.Signer{ID: box.Card.APIToken, Secret: box.Card.APISecret}, Other: doortest.Signer{ID: prod.Card.APIToken, Secret: prod.Card.APISecret},
		App: doortest.App{Key: box.Aggregation.AppKey, Login: box.Aggregation.PartnerID, Secret: box.Aggregation.PartnerSecret}}
	partner := regexp.MustCompile(`ptn_[a-z2-7]{26}`).FindString(s.must(t, "partner", "list"))
	type issued struct {
		ID            string `json:"credential_id"`
		KeyID         string `json:"key_id"`
		Login, Secret string
	}
	issue := func(kind string) (one issued) {
		text := s.must(t, "credential", "issue", partner, "-e", sandbox, "--kind", kind, "-o", "json", "--wait")
		if err := json.Unmarshal([]byte(strings.SplitN(text, "\n", 2)[0]), &one); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return one
	}
	revoked, clumsy := issue("signing-key"), issue("app")
	s.must(t, "credential", "revoke", revoked.ID, "--reason", "test", "--wait", "--yes")
	k.Revoked = doortest.Signer{ID: revoked.KeyID, Secret: revoked.Secret}
	k.Clumsy = doortest.App{Key: clumsy.KeyID, Login: clumsy.Login, Secret: clumsy.Secret}
	k.App.Token = server.tokenOf(t, k.App)
	return k
}

// tokenOf is an access token, made at the gateway.
func (d *dev) tokenOf(t *testing.T, app doortest.App) string {
	t.Helper()
	for _, c := range doortest.Corpus() {
		if c.Name != "token exchange" {
			continue
		}
		a := d.ask(t, sandbox, c.Raw(&doortest.Keys{Host: d.Environments[sandbox].address(), App: app}))
		var granted struct{ Token string }
		a.decode(t, &granted)
		return granted.Token
	}
	t.Fatal("the corpus has no exchange")
	return ""
}

// attempt sends one case through a door and says what became of it.
func (p *proxied) attempt(t *testing.T, c *doortest.Case, raw string) (status int, id string, arrived []*seen) {
	t.Helper()
	requests, size := p.upstream.mark()
	w, err := p.connect(sandbox, "http/1.1")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	go func() {
		_, _ = io.WriteString(w.Conn, raw)
		if c.Ends {
			_ = w.CloseWrite()
		}
	}()
	resp, err := answered(w, c.Method)
	if err == nil {
		status, id = resp.StatusCode, resp.Header.Get("Countersign-Request-Id")
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	arrived, _ = p.upstream.since(requests, size)
	p.upstream.forget(requests, size)
	return status, id, arrived
}

// answered reads answers up to the final one.
func answered(w *wire, method string) (*http.Response, error) {
	_ = w.SetDeadline(time.Now().Add(wireLimit))
	in := bufio.NewReader(w.Conn)
	for {
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil || resp.StatusCode >= 200 {
			return resp, err
		}
	}
}

// TestRule16EveryProxyDecidesTheCorpus: the corpus through the gateway and through each proxy of deploy/, with these very files.
func TestRule16EveryProxyDecidesTheCorpus(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.settings["DECISIONS"] = "{when_full: refuse, patience: 60s, flush_every: 10ms}"
	at := s.doors(t)
	server := s.serveAs(t, exec.Command(binary(t)))
	keys := doorKeys(t, s, server)
	now := time.Now().Unix()
	for i, one := range []struct {
		door string
		open func() *proxied
	}{
		{"", func() *proxied {
			return s.behind(t, server, server.Environments[sandbox].address(), server.stderr)
		}},
		{doortest.Nginx, func() *proxied { return s.nginx(t, server, "countersign.conf", at["nginx"], "nginx.sock") }},
		{doortest.NginxAuthRequest, func() *proxied {
			return s.nginx(t, server, "auth_request.conf", at["nginx_auth_request"], "nginx-auth.sock")
		}},
		{doortest.HAProxy, func() *proxied { return s.haproxy(t, server, at["haproxy"]) }},
		{doortest.Caddy, func() *proxied { return s.caddy(t, server, at["caddy"]) }},
	} {
		name := one.door
		if name == "" {
			name = "gateway"
		}
		t.Run(name, func(t *testing.T) {
			p, keys := one.open(), keys
			keys.Now = now + int64(20*i) // all doors share one memory of replays: no two send the same bytes
			p.corpus(t, one.door, keys)
		})
	}
}

// corpus sends everything through one door and compares it with the gateway and the listed differences.
func (p *proxied) corpus(t *testing.T, door string, keys doortest.Keys) {
	t.Helper()
	keys.Host = p.Environments[sandbox].address()
	listed := doortest.DifferencesOf(door)
	for _, c := range doortest.Corpus() {
		if slices.Contains(corpusUnsent, c.Name) {
			continue
		}
		raw := c.Raw(&keys)
		if c.Twice {
			p.attempt(t, &c, raw)
		}
		status, id, arrived := p.attempt(t, &c, raw)
		got := doortest.Outcome{Status: status, Passed: len(arrived) > 0}
		if id != "" {
			got.Reason = p.line(t, &answer{header: http.Header{"Countersign-Request-Id": {id}}}).text("reason")
		}
		want := c.AtGateway()
		if d := listed[c.Name]; d != nil {
			if d.Outcome == want {
				t.Errorf("%s: listed as a difference, but there is none", c.Name)
			}
			want = d.Outcome
		}
		if got != want {
			t.Errorf("CASE\t%s\t%d\t%s\t%v\t(gateway %+v)", c.Name, got.Status, got.Reason, got.Passed, c.AtGateway())
		}
		p.arrived(t, &c, arrived)
	}
	if t.Failed() {
		t.Logf("the proxy said:\n%s", p.log)
	}
}

// arrived: what arrives is the very request, with the identity of whoever made it and nothing that it said of itself.
func (p *proxied) arrived(t *testing.T, c *doortest.Case, arrived []*seen) {
	t.Helper()
	if len(arrived) > 1 {
		t.Errorf("%s: %d requests arrived", c.Name, len(arrived))
	}
	for _, s := range arrived {
		if c.Passes() && (s.method != c.Method || s.target != c.Target || string(s.body) != c.Body) {
			t.Errorf("%s: %s %.80q %.80q arrived", c.Name, s.method, s.target, s.body)
		}
		if partner := s.one("Countersign-Partner"); !strings.HasPrefix(partner, "ptn_") || partner == "ptn_evil" || s.one("Countersign-Environment") != sandbox || s.one("Countersign-Client-Address") != "127.0.0.1" {
			t.Errorf("%s: identity %q of %v", c.Name, partner, s.header)
		}
		for _, name := range []string{"X-Auth-Token", "X-Auth-Signature", "Finicity-App-Token", "Countersign-Anything", "X-Http-Method-Override", "X-Original-Uri", "X-Rewrite-Url"} {
			if values := s.values(name); len(values) > 0 {
				t.Errorf("LEAK\t%s\t%s arrived: %q", c.Name, name, values)
			}
		}
	}
}
