package forwardauth_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"countersign.dev/internal/edge/forwardauth"
)

// told are the headers of each kind's contract.
var told = map[forwardauth.Kind][]string{
	forwardauth.NginxHandOver:    {"X-Original-Method", "X-Original-Uri", "X-Original-Body", "X-Original-Peer"},
	forwardauth.NginxAuthRequest: {"X-Original-Method", "X-Original-Uri", "X-Original-Body", "X-Original-Peer"},
	forwardauth.Caddy:            {"X-Forwarded-Method", "X-Forwarded-Uri", "X-Original-Uri", "X-Original-Body", "X-Original-Peer"},
	forwardauth.Traefik:          {"X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Host"},
	forwardauth.HAProxy:          {"X-Original-Host", "X-Original-Method", "X-Original-Uri", "X-Original-Body", "X-Original-Peer"},
}

// TestQuestionsThatDoNotSayPlainly: each header of a contract missing, empty or doubled; and two that contradict each other.
func TestQuestionsThatDoNotSayPlainly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		refused := func(what string, change func(r *http.Request)) {
			t.Helper()
			r := w.question(signed("GET", "/api/v1/a", ""))
			change(r)
			if out, record := w.ask(r); record.Reason != "malformed_check" || passed(out) || out.Code/100 != 4 || record.Partner != "" {
				t.Errorf("%s: %d %s", what, out.Code, record.Reason)
			}
		}
		for _, name := range told[w.kind] {
			refused(name+" missing", func(r *http.Request) { delete(r.Header, name) })
			if !strings.HasSuffix(name, "-Host") {
				refused(name+" empty", func(r *http.Request) { r.Header[name] = []string{""} })
			}
			refused(name+" doubled", func(r *http.Request) { r.Header[name] = append(r.Header[name], r.Header[name][0]) })
		}
		for _, peer := range []string{"192.0.2.7:80", "unix:", "fe80::1%eth0", "192.0.2", "unknown"} {
			refused("the peer "+peer, func(r *http.Request) {
				r.Header["X-Original-Peer"], r.Header["X-Forwarded-For"] = []string{peer}, []string{peer}
			})
		}
		if w.kind == forwardauth.Traefik {
			refused("no forwarding header", func(r *http.Request) { delete(r.Header, "X-Forwarded-For") })
			return
		}
		for _, text := range []string{"HTTP/1.1", "HTTP/1.1 length=0", "HTTP/1.1 length=0 held=0", "HTTP/1.1 length=-1 held= encoding=", "HTTP/1.1 length=1,1 held= encoding=", "HTTP/1.1 length=01 held= encoding=",
			"HTTP/1.1 length=+1 held= encoding=", "HTTP/1.1 length= held=x encoding=", "HTTP/9 length= held= encoding=", " length= held= encoding=", "length=0 held=0 encoding=", "HTTP/1.1 length=99999999999999999999 held= encoding="} {
			refused("the body "+text, func(r *http.Request) { r.Header["X-Original-Body"] = []string{text} })
		}
	})
}

// TestRule13ALyingOriginalURI: a target that is another than the one the proxy itself asks for, or would forward, is refused;
// where a proxy's contract has no second witness, the header of the contract alone counts, and a caller's own changes nothing.
func TestRule13ALyingOriginalURI(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		lie := "/api/v1/public"
		for _, truth := range []string{"/api/v1/secret", "/api/v1/public/", "/api/v1/%70ublic", "/api/v1/public?", "/api/v1//public", "/api/v1/x/../public"} {
			r := w.question(signed("GET", lie, "")) // an honest signature over what the lie says
			switch w.kind {
			case forwardauth.NginxHandOver, forwardauth.NginxAuthRequest:
				r.RequestURI = truth
			case forwardauth.Caddy:
				r.Header["X-Forwarded-Uri"] = []string{truth}
			case forwardauth.Traefik:
				r.Header["X-Forwarded-Uri"], r.Header["X-Original-Uri"] = []string{truth}, []string{lie}
			case forwardauth.HAProxy:
				r.Header["X-Original-Uri"], r.Header["X-Forwarded-Uri"] = []string{truth}, []string{lie}
			}
			out, record := w.ask(r)
			if passed(out) {
				t.Errorf("%s passes for %s", truth, lie)
			}
			witnessed := w.kind == forwardauth.NginxHandOver || w.kind == forwardauth.NginxAuthRequest || w.kind == forwardauth.Caddy
			if witnessed && record.Reason != "malformed_check" {
				t.Errorf("%s: %s", truth, record.Reason)
			}
		}
	})
	w := newWorld(t, forwardauth.NginxHandOver)
	r := w.question(signed("GET", "/api/v1/a", ""))
	r.Method = "DELETE"
	if out, record := w.ask(r); record.Reason != "malformed_check" || passed(out) {
		t.Errorf("another method: %s", record.Reason)
	}
}

// TestRule16ACallerWithoutAHost is refused as at the gateway, where the proxy says that it named none.
func TestRule16ACallerWithoutAHost(t *testing.T) {
	for kind, name := range map[forwardauth.Kind]string{forwardauth.HAProxy: "X-Original-Host", forwardauth.Traefik: "X-Forwarded-Host"} {
		w := newWorld(t, kind)
		r := w.question(signed("GET", "/api/v1/a", ""))
		r.Header[name] = []string{""}
		if out, record := w.ask(r); record.Reason != "host_mismatch" || passed(out) {
			t.Errorf("%s: %s", kind, record.Reason)
		}
	}
}

// TestTargetsThatAProxyWouldMend are refused by what they are, whoever asks.
func TestTargetsThatAProxyWouldMend(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, target := range []string{"/api/v1//a", "/api/v1/a%2fb", "/api/v1/../v1/a", "/api/v1/./a", "/api/v1/%2e%2e/a", "/api/v1/a;b", "/api/v1/a\\b", "/api/v1/a#b", "https://api.example.com/api/v1/a", "*", "api/v1/a", "/api/v1/\xc3\xa9", "/api/v1/%zz"} {
			if out, record := w.ask(w.question(signed("GET", target, ""))); record.Reason != "malformed_target" || passed(out) {
				t.Errorf("%q: %s", target, record.Reason)
			}
		}
	})
}

// TestRule17ConnectionAndUpgradeOfTheCaller are judged where the proxy hands them on.
func TestRule17ConnectionAndUpgradeOfTheCaller(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if w.kind == forwardauth.Traefik {
			return // uses them up, and says nothing
		}
		for name, want := range map[string]string{"X-Original-Connection": "hop_by_hop_header", "X-Original-Upgrade": "upgrade_not_allowed"} {
			r := w.question(signed("GET", "/api/v1/a", ""))
			r.Header[name] = []string{"X-Auth-Token"}
			if _, record := w.ask(r); record.Reason != want {
				t.Errorf("%s: %s", name, record.Reason)
			}
			r = w.question(signed("GET", "/api/v1/a", ""))
			r.Header[name] = []string{"close", "close"}
			if _, record := w.ask(r); record.Reason != "malformed_check" {
				t.Errorf("%s twice: %s", name, record.Reason)
			}
		}
	})
}

// TestBodiesThatAreNotWhole never pass on a signed API: of every kind, and in every way in which a body can be lost.
func TestBodiesThatAreNotWhole(t *testing.T) {
	say := func(text string) func(*http.Request) {
		return func(r *http.Request) { r.Header["X-Original-Body"] = []string{text} }
	}
	drop := func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 }
	short := func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"a"`)) }
	stream := func(r *http.Request) { r.ContentLength = -1; delete(r.Header, "Content-Length") }
	ways := map[forwardauth.Kind]map[string]func(*http.Request){
		forwardauth.NginxHandOver: {"left out": drop, "cut": short, "streamed": stream, "left out, in chunks": func(r *http.Request) {
			drop(r)
			delete(r.Header, "Content-Length")
			say("HTTP/1.1 length= held= encoding=chunked")(r)
		}},
		forwardauth.NginxAuthRequest: {"with a length": say("HTTP/1.1 length=7 held= encoding="), "in chunks": say("HTTP/1.1 length= held= encoding=chunked"),
			"in odd chunks": say("HTTP/1.1 length= held= encoding=x encoding="), "HTTP/2 without a length": say("HTTP/2.0 length= held= encoding="), "HTTP/3": say("HTTP/3.0 length= held= encoding=")},
		forwardauth.Caddy:   {"read": say("HTTP/1.1 length= held= encoding=unseen"), "a length, nothing read": say("HTTP/1.1 length=7 held=0 encoding=")},
		forwardauth.Traefik: {"streamed": stream, "cut": short},
		forwardauth.HAProxy: {"part of it": say("HTTP/1.1 length=9 held=7 encoding="), "in chunks": say("HTTP/1.1 length= held=7 encoding=chunked"), "less than said": short,
			"more than said": say("HTTP/1.1 length=5 held=5 encoding="), "not said": say("HTTP/1.1 length=7 held= encoding=")},
	}
	each(t, func(t *testing.T, w *world) {
		for name, change := range ways[w.kind] {
			r := w.question(signed("POST", "/api/v1/b", `{"a":1}`))
			change(r)
			if out, record := w.ask(r); record.Reason != "body_not_seen" || passed(out) {
				t.Errorf("%s: %s", name, record.Reason)
			}
		}
	})
	each(t, func(t *testing.T, w *world) { // one that is longer than the door takes
		if _, record := w.ask(w.question(signed("POST", "/api/v1/b", strings.Repeat(" ", 2000)))); record.Reason != "body_not_seen" {
			t.Error(record.Reason)
		}
	}, func(w *world) { w.cfg.MaxBody = 1000 })
	each(t, func(t *testing.T, w *world) { // Traefik without forwardBody leaves open whether there is one
		if w.kind == forwardauth.Traefik {
			if _, record := w.ask(w.question(signed("GET", "/api/v1/b", ""))); record.Reason != "body_not_seen" {
				t.Error(record.Reason)
			}
		}
	}, func(w *world) { w.cfg.WholeBody = false })
	each(t, func(t *testing.T, w *world) { // and the budget of all bodies together counts
		if w.kind == forwardauth.HAProxy {
			if out, record := w.ask(w.question(signed("POST", "/api/v1/b", `{"a":1}`))); record.Reason != "overloaded" || out.Code != 503 {
				t.Error(record.Reason)
			}
		}
	}, func(w *world) { w.left = 3 })
}

// TestChunksOfHAProxy: its client sends what it holds in chunks, which say no length.
func TestChunksOfHAProxy(t *testing.T) {
	w := newWorld(t, forwardauth.HAProxy)
	r := w.question(signed("POST", "/api/v1/b", `{"a":1}`))
	r.ContentLength = -1
	if out, record := w.ask(r); !passed(out) {
		t.Error(record.Reason)
	}
}
