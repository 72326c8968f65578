package forwardauth_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"countersign.dev/internal/edge/forwardauth"
)

// TestHonestQuestions: what passes is handed back with the identity; what a kind cannot carry is refused as such.
func TestHonestQuestions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		out, record := w.ask(w.question(signed("GET", "/api/v1/a?x=%2f&y", "")))
		if !passed(out) || record.Path != "/api/v1/a" || record.Query != "x=%2f&y" || record.Address.String() != "192.0.2.7" || record.Door != w.kind.String() {
			t.Fatalf("a signed GET: %d %v %+v", out.Code, out.Header(), record)
		}
		for name, want := range map[string]string{"Countersign-Partner": "ptn_good", "Countersign-Credential": "crd_key", "Countersign-Environment": "sandbox", "Countersign-Api": "card",
			"Countersign-Request-Id": record.RequestID, "Countersign-Client-Address": "192.0.2.7"} {
			if got := out.Header()[name]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if got := out.Header().Get("X-Accel-Redirect"); (got != "") != (w.kind == forwardauth.NginxHandOver) {
			t.Errorf("X-Accel-Redirect: %q", got)
		}
		want := "allowed"
		if w.kind == forwardauth.NginxAuthRequest || w.kind == forwardauth.Caddy {
			want = "body_not_seen"
		}
		if _, record := w.ask(w.question(signed("POST", "/api/v1/b", `{"a":1}`))); record.Reason != want || want == "allowed" && record.BytesIn != 7 {
			t.Errorf("a signed POST: %s, %d bytes, want %s", record.Reason, record.BytesIn, want)
		}
	})
}

// TestRefusalsInTheFormOfTheProxy: status and body are the gateway's, but where a proxy shows 401 and 403 alone.
func TestRefusalsInTheFormOfTheProxy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		out, _ := w.ask(w.question(signed("GET", "/api/v1/a%2fb", "")))
		want := 400
		if w.kind == forwardauth.NginxAuthRequest {
			want = 403
		}
		if out.Code != want || !strings.Contains(out.Body.String(), `"errors":["malformed_target"]`) || out.Header().Get("Countersign-Server-Time") == "" {
			t.Errorf("%d %s", out.Code, out.Body)
		}
		c := signed("GET", "/api/v1/a", "")
		c.header.Set("X-Auth-Signature", strings.Repeat("0", 64))
		if out, record := w.ask(w.question(c)); out.Code != 401 || record.Reason != "bad_signature" || out.Header().Get("Www-Authenticate") == "" {
			t.Errorf("%d %s", out.Code, record.Reason)
		}
	})
}

// TestTokenEndpoint is answered where the proxy passes on every answer, and never as something that lets a request pass.
func TestTokenEndpoint(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := caller{method: "POST", target: endpoint, body: `{"partnerId":"1"}`, length: "body", header: http.Header{"Finicity-App-Key": {appKey}}}
		out, record := w.ask(w.question(c))
		if passed(out) {
			t.Fatal("the answer of the token endpoint lets a request pass")
		}
		switch w.kind {
		case forwardauth.NginxHandOver, forwardauth.HAProxy:
			if out.Code != 200 || out.Body.String() != "token for "+c.body {
				t.Errorf("%d %s", out.Code, out.Body)
			}
		case forwardauth.Traefik:
			if out.Code != 421 || record.Reason != "token_endpoint_elsewhere" {
				t.Errorf("%d %s", out.Code, record.Reason)
			}
		default:
			if out.Code/100 != 4 || record.Reason != "body_not_seen" {
				t.Errorf("%d %s", out.Code, record.Reason)
			}
		}
	})
}

// TestOnlyProxiesMayAsk: by address, and by secret where there is one; everybody else gets 403, is recorded, and learns nothing.
func TestOnlyProxiesMayAsk(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, peer := range []string{"203.0.113.9:1", "[::1]:1", "127.0.0.2:1", "", "@", "not an address"} {
			r := w.question(signed("GET", "/api/v1/a", ""))
			r.RemoteAddr = peer
			out, record := w.ask(r)
			if out.Code != 403 || record.Reason != "unknown_proxy" || record.Partner != "" || record.API != "" {
				t.Errorf("%q: %d %+v", peer, out.Code, record)
			}
		}
		r := w.question(signed("GET", "/api/v1/a", ""))
		r.RemoteAddr = "[::ffff:127.0.0.1]:1"
		if out, _ := w.ask(r); !passed(out) {
			t.Error("a mapped address of the proxy is refused")
		}
	})
	const text = "a secret of the door"
	each(t, func(t *testing.T, w *world) {
		for name, values := range map[string][]string{"none": nil, "another": {"a secret of a door"}, "empty": {""}, "twice": {text, text}, "longer": {text + "x"}} {
			r := w.question(signed("GET", "/api/v1/a", ""))
			if values != nil {
				r.Header["Countersign-Door-Secret"] = values
			}
			if out, record := w.ask(r); out.Code != 403 || record.Reason != "unknown_proxy" {
				t.Errorf("%s: %d %s", name, out.Code, record.Reason)
			}
		}
		r := w.question(signed("GET", "/api/v1/a", ""))
		r.Header["Countersign-Door-Secret"] = []string{text}
		if out, _ := w.ask(r); !passed(out) {
			t.Error("the secret is refused")
		}
	}, func(w *world) { w.cfg.Secret = []byte(text) })
}

// TestRule19ACallersOwnDoorSecret does not arrive: where the door asks for none, it is one more name of the identity name space.
func TestRule19ACallersOwnDoorSecret(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.question(signed("GET", "/api/v1/a", ""))
		r.Header["Countersign-Door-Secret"] = []string{"a caller's own"}
		out, record := w.ask(r)
		if w.kind == forwardauth.HAProxy {
			if !passed(out) || !strings.Contains(out.Header().Get("Countersign-Remove"), "Countersign-Door-Secret") {
				t.Errorf("%d, removed %q", out.Code, out.Header().Get("Countersign-Remove"))
			}
		} else if passed(out) || record.Reason != "malformed_header" {
			t.Errorf("%d %s", out.Code, record.Reason)
		}
	})
}

// TestASocketNeedsNoAddress: who may open it, may ask.
func TestASocketNeedsNoAddress(t *testing.T) {
	w := newWorld(t, forwardauth.NginxHandOver, func(w *world) { w.cfg.Proxies, w.cfg.Socket = nil, true })
	r := w.question(signed("GET", "/api/v1/a", ""))
	r.RemoteAddr = "@"
	if out, record := w.ask(r); !passed(out) || record.Peer.IsValid() {
		t.Errorf("%d %+v", out.Code, record)
	}
}

// TestRule21TheAddressOfACaller is what the proxy says of its connection, and behind trusted proxies of the environment what
// these say; nothing that a caller writes itself counts.
func TestRule21TheAddressOfACaller(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct{ peer, forwarded, want string }{
			{"192.0.2.7", "", "192.0.2.7"},
			{"192.0.2.7", "192.0.2.99", "192.0.2.7"},
			{"203.0.113.1", "192.0.2.7", "203.0.113.1"},
			{"10.0.0.1", "192.0.2.7", "192.0.2.7"},
			{"10.0.0.1", "198.51.100.1, 192.0.2.7, 10.0.0.2", "192.0.2.7"},
			{"::ffff:192.0.2.7", "", "192.0.2.7"},
		} {
			r := w.question(signed("GET", "/api/v1/a", ""))
			if w.kind == forwardauth.Traefik {
				all := c.peer
				if c.forwarded != "" {
					all = c.forwarded + ", " + c.peer
				}
				r.Header["X-Forwarded-For"] = []string{all}
			} else {
				r.Header["X-Original-Peer"] = []string{c.peer}
				if c.forwarded != "" {
					r.Header["X-Forwarded-For"] = []string{c.forwarded}
				}
			}
			if _, record := w.ask(r); record.Address != netip.MustParseAddr(c.want) {
				t.Errorf("%+v: %s", c, record.Address)
			}
		}
	})
}

// TestNewRefuses what could not be asked, or would believe everybody.
func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(*forwardauth.Config){
		"no kind":        func(c *forwardauth.Config) { c.Kind = 0 },
		"no door":        func(c *forwardauth.Config) { c.Door = nil },
		"another's door": func(c *forwardauth.Config) { c.Kind = forwardauth.Caddy },
		"no budget":      func(c *forwardauth.Config) { c.Bodies = nil },
		"no proxies":     func(c *forwardauth.Config) { c.Proxies = nil },
		"a word for it":  func(c *forwardauth.Config) { c.WholeBody = true },
		"a short secret": func(c *forwardauth.Config) { c.Secret = []byte("short") },
	} {
		cfg := newWorld(t, forwardauth.NginxHandOver).cfg
		change(&cfg)
		if _, err := forwardauth.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
