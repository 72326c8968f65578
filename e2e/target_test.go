package e2e_test

import (
	"strings"
	"testing"
)

// hostileTargets are request targets that two programs could read in two ways. Each goes out correctly signed.
var hostileTargets = map[string]string{
	"absolute form":                "http://127.0.0.1/api/v1/cards",
	"absolute form, https":         "https://evil.example/api/v1/cards",
	"asterisk":                     "*",
	"authority form":               "127.0.0.1:443",
	"no slash at the start":        "api/v1/cards",
	"fragment":                     "/api/v1/cards#a",
	"fragment in the query":        "/api/v1/cards?a=b#c",
	"empty segment":                "/api/v1//cards",
	"empty segment at the start":   "//api/v1/cards",
	"empty segment at the end":     "/api/v1/cards//",
	"escaped slash":                "/api/v1/a%2fb",
	"escaped slash, capital":       "/api/v1/a%2Fb",
	"escaped slash in the base":    "/api%2fv1/cards",
	"dot segment":                  "/api/v1/./cards",
	"dot segments":                 "/api/v1/../v1/cards",
	"dot segments at the end":      "/api/v1/cards/..",
	"dot segments out of the base": "/api/v1/../../aggregation/v1/customers",
	"escaped dots":                 "/api/v1/%2e%2e/v1/cards",
	"escaped dots, mixed":          "/api/v1/.%2E/v1/cards",
	"escaped dot alone":            "/api/v1/a%2eb",
	"escaped backslash":            "/api/v1/a%5cb",
	"escaped backslash, capital":   "/api/v1/a%5Cb",
	"backslash":                    `/api/v1/a\b`,
	"backslash at the start":       `/\api/v1/cards`,
	"semicolon in the path":        "/api/v1/cards;a=b",
	"semicolon behind dots":        "/api/v1/..;/cards",
	"invalid escape":               "/api/v1/%zz",
	"half an escape":               "/api/v1/cards%2",
	"percent at the end":           "/api/v1/cards%",
	"invalid escape in the query":  "/api/v1/cards?a=%zz",
	"percent at the query's end":   "/api/v1/cards?a=%",
	"non-ASCII in the path":        "/api/v1/caf\xc3\xa9",
	"non-ASCII in the query":       "/api/v1/cards?a=\xc3\xa9",
	"high byte":                    "/api/v1/\xff",
	"NUL":                          "/api/v1/a\x00b",
	"escaped NUL":                  "/api/v1/a%00b",
	"DEL":                          "/api/v1/a\x7fb",
	"control byte":                 "/api/v1/a\x01b",
	"vertical tab":                 "/api/v1/a\x0bb",
	"space":                        "/api/v1/a b",
	"raw brackets":                 "/api/v1/cards?a[]=1",
	"raw braces":                   "/api/v1/cards?a={1}",
	"raw quote":                    `/api/v1/cards?a="1"`,
	"raw angle brackets":           "/api/v1/cards?a=<1>",
	"raw pipe":                     "/api/v1/cards?a=1|2",
	"raw caret":                    "/api/v1/cards?a=1^2",
	"raw backtick":                 "/api/v1/cards?a=`1`",
}

var targetReasons = []string{"malformed_target", "malformed_framing", "unknown_api"}

// TestRule13HostileTargets: refused with 400 before routing, in the body of a family, unseen by the upstream.
func TestRule13HostileTargets(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	for name, target := range hostileTargets {
		t.Run(name, func(t *testing.T) {
			r.untouched(t, func() {
				for _, method := range []string{"GET", "OPTIONS"} {
					r.repel(t, sandbox, attack{raw: call{method: method, target: target}.raw(e), reasons: targetReasons[:2]})
				}
			})
		})
	}
}

// TestRule13HostileTargetsOfTheTokenAPI: the same shapes under the other base path, with a good token.
func TestRule13HostileTargetsOfTheTokenAPI(t *testing.T) {
	r := onRecorder(t)
	token := r.token(t, sandbox)
	for name, target := range hostileTargets {
		if strings.HasPrefix(name, "raw ") || !strings.HasPrefix(target, "/api/v1/") {
			continue // legal where nothing is signed, or no path of an API
		}
		t.Run(name, func(t *testing.T) {
			r.untouched(t, func() {
				target := "/aggregation/v1/" + strings.TrimPrefix(target, "/api/v1/")
				a := r.called(t, sandbox, tokenCall{method: "GET", target: target, token: token, accept: jsonType}).want(t, 400)
				r.decided(t, a, targetReasons[:2]...)
				if strings.Contains(string(a.body), `"malformed_framing"`) {
					return // refused on the raw bytes, before there was an API to speak of
				}
				if a.code(t) != 14020 {
					t.Errorf("%v", a)
				}
			})
		})
	}
}

// TestRule24NoTunnels: CONNECT in both forms and upgrades are refused.
func TestRule24NoTunnels(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	upgrade := func(to string, extra ...string) string {
		c := get("upgrade")
		c.extra = append([]string{"Connection: Upgrade", "Upgrade: " + to}, extra...)
		return c.raw(e)
	}
	reasons := []string{"method_not_allowed", "upgrade_not_allowed", "malformed_target", "malformed_framing", "hop_by_hop_header"}
	for name, raw := range map[string]string{
		"CONNECT of a host":       call{method: "CONNECT", target: "127.0.0.1:443"}.raw(e),
		"CONNECT of a path":       call{method: "CONNECT", target: "/api/v1/cards"}.raw(e),
		"h2c":                     upgrade("h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
		"h2c with its connection": edit(upgrade("h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), ": Upgrade\r\n", ": Upgrade, HTTP2-Settings\r\n"),
		"websocket":               upgrade("websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
		"upgrade unannounced":     edit(upgrade("h2c"), "Connection: Upgrade\r\n", ""),
	} {
		t.Run(name, func(t *testing.T) {
			r.untouched(t, func() {
				r.repel(t, sandbox, attack{raw: raw, status: []int{400, 405, 501}, reasons: reasons})
			})
		})
	}
}

// TestRule25QueryPassesUntouched: in the query %2f, %5c, %2e and the semicolon are data, and every byte of it arrives.
func TestRule25QueryPassesUntouched(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	token := r.token(t, sandbox)
	for _, query := range []string{
		"?", "?a", "?a=b;c=d", "?;", "?a=%2f%2F%5c%2e%2E", "?b=1&a=2", "?a=1&a=2", "?&&=", "?a=b+c%20d", "?a=/../x//y", "??a?",
		"?a=%e2%82%ac", "?a=%E2%82%AC", "?~!$'()*,:@-._", "?" + querySentinel, "?a=%00",
	} {
		target := unique("query") + query
		if got, _ := r.forwarded(t, sandbox, call{method: "GET", target: target}.raw(e)); got.target != target {
			t.Errorf("signed: %q arrived as %q", target, got.target)
		}
		target = "/aggregation/v1/customers" + query
		got, a := r.forwarded(t, sandbox, tokenCall{method: "GET", target: target, token: token}.raw(e))
		if got.target != target {
			t.Errorf("token: %q arrived as %q", target, got.target)
		}
		if l := r.line(t, a); query != "?" && l.text("query_digest") == "" || l.text("path") != "/aggregation/v1/customers" {
			t.Errorf("path and query digest of the decision line: %v", l)
		}
	}
}

// TestHostRootPaths: newer clients of the aggregation family call paths at the root of the host; they are routed too, and
// nothing is served beside whole segments of a base path.
func TestHostRootPaths(t *testing.T) {
	r := onRecorder(t)
	token := r.token(t, sandbox)
	get := tokenCall{method: "GET", token: token, accept: jsonType}
	for _, target := range []string{"/institution/v2/institutions?start=1", "/aggregation", "/aggregation/"} {
		get.target = target
		if got, _ := r.forwarded(t, sandbox, get.raw(r.Environments[sandbox])); got.target != target {
			t.Errorf("%s arrived as %s", target, got.target)
		}
	}
	for _, target := range []string{"/", "/institutions", "/aggregations/v1/customers", "/Aggregation/v1/customers", "/api", "/api/v"} {
		get.target = target
		r.untouched(t, func() { r.decided(t, r.called(t, sandbox, get).want(t, 404), "unknown_api") })
	}
}
