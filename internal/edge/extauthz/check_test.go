package extauthz_test

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/extauthz"
	"countersign.dev/internal/edge/problem"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/google/go-cmp/cmp"
)

var envoy = netip.MustParseAddr("127.0.0.1")

// ask has c checked, as a synthetic filter asks.
func (w *world) ask(c call, f syntheticFilter) outcome {
	w.Helper()
	return applied(w, c, w.checker.Check(context.Background(), wire(w, syntheticCheck(c, f)), envoy))
}

func (w *world) allow(what string, c call, f syntheticFilter) outcome {
	w.Helper()
	o := w.ask(c, f)
	if line := w.line(); !o.allowed || line["reason"] != "allowed" {
		w.Errorf("%s: %d %s (%v)", what, o.status, o.body, line)
	}
	return o
}

func (w *world) refuse(reason access.Reason, what string, c call, f syntheticFilter) outcome {
	w.Helper()
	o := w.ask(c, f)
	line := w.line()
	if o.allowed || line["reason"] != reason.String() || line["door"] != "envoy" {
		w.Errorf("%s: allowed=%v, %v (%v), want %s", what, o.allowed, line["reason"], line["where"], reason)
	}
	if o.metadata["reason"] != reason.String() || o.metadata["request_id"] != line["request_id"] {
		w.Errorf("%s: metadata %v", what, o.metadata)
	}
	return o
}

func TestSyntheticChecksOfHonestRequestsAreLetIn(t *testing.T) {
	w := newWorld(t, settings{})
	overHTTP2 := func(c call) call { c.protocol, c.noLength = "HTTP/2", true; return c }
	w.allow("a signed GET", w.get("/api/v1/cards/1?page=2"), syntheticFilter{})
	w.allow("a signed POST with a body", w.post("/api/v1/cards/1", `{"status":"active"}`), syntheticFilter{})
	w.allow("a signed POST without a body", w.post("/api/v1/cards/2", ""), syntheticFilter{})
	w.allow("a body of bytes", w.post("/api/v1/cards/3", "\x00\xff\xfe!"), syntheticFilter{})
	w.allow("over HTTP/2, without a length", overHTTP2(w.post("/api/v1/cards/4", "{}")), syntheticFilter{})
	w.allow("over HTTP/2, without a body", overHTTP2(w.get("/api/v1/cards/5")), syntheticFilter{})
	w.allow("a token", w.withToken("/aggregation/v1/customers"), syntheticFilter{})
	w.allow("with an exclamation mark in the target", w.get("/api/v1/cards/6?a=!"), syntheticFilter{})
	w.allow("headers that the filter has joined, of which none counts", w.get("/api/v1/cards/7").with("Via", "1.1 a", "1.1 b"), syntheticFilter{mended: true})
	w.allow("a body as text, which is the same bytes", w.post("/api/v1/cards/8", `{"a":"ü"}`), syntheticFilter{mended: true, text: true})
}

func TestSyntheticChecksOfHostileRequestsAreRefused(t *testing.T) {
	w := newWorld(t, settings{})
	forged := w.get("/api/v1/cards/1")
	forged.target = "/api/v1/cards/2"
	swapped := w.post("/api/v1/cards/1", "{}")
	swapped.body = "[]"
	old := w.get("/api/v1/cards/1")
	w.clock.Add(3600)
	w.refuse(access.StaleTimestamp, "an old one", old, syntheticFilter{})
	w.clock.Add(-3600)
	w.refuse(access.BadSignature, "another target", forged, syntheticFilter{})
	w.refuse(access.BadSignature, "another body", swapped, syntheticFilter{})
	w.refuse(access.UnknownCredential, "an unknown key", w.signed(strings.Repeat("f", 32), "GET", "/api/v1/cards/1", ""), syntheticFilter{})
	w.refuse(access.Suspended, "a suspended partner", w.signed(suspendedKey, "GET", "/api/v1/cards/1", ""), syntheticFilter{})
	w.refuse(access.AddressNotListed, "an unlisted address", w.get("/api/v1/cards/1"), syntheticFilter{peer: "203.0.113.9"})
	w.refuse(access.UnknownAPI, "no API", w.get("/elsewhere"), syntheticFilter{})
	w.refuse(access.MissingHeader, "not signed", call{method: "GET", target: "/api/v1/cards/1", host: "api.example.com", protocol: "HTTP/1.1"}, syntheticFilter{})
	w.refuse(access.MalformedTarget, "dot segments", w.get("/api/v1/../v1/cards/1"), syntheticFilter{})
	w.refuse(access.MalformedTarget, "an encoded slash", w.get("/api/v1/cards%2f1"), syntheticFilter{})
	w.refuse(access.MalformedTarget, "two slashes", w.get("/api/v1//cards/1"), syntheticFilter{})
	w.refuse(access.UpgradeNotAllowed, "an upgrade", w.get("/api/v1/cards/1").with("Upgrade", "websocket"), syntheticFilter{})
	w.refuse(access.UpgradeNotAllowed, "an upgrade over HTTP/2", w.get("/api/v1/cards/1"), syntheticFilter{change: func(r *authv3.CheckRequest) {
		add(r.Attributes.Request.Http, ":protocol", "websocket")
	}})
	w.refuse(access.UpgradeNotAllowed, "CONNECT", w.signed(goodKey, "CONNECT", "api.example.com:443", ""), syntheticFilter{})
	w.refuse(access.MalformedHeader, "a name with an underscore", w.get("/api/v1/cards/1").with("X_auth_token", "1"), syntheticFilter{})

	once := w.post("/api/v1/cards/9", "{}")
	w.allow("the first time", once, syntheticFilter{})
	w.refuse(access.Replayed, "again", once, syntheticFilter{})
}

func TestRule20SyntheticChecksWithDoubledAuthenticationHeaders(t *testing.T) {
	w := newWorld(t, settings{})
	for _, name := range []string{"X-Auth-Token", "X-Auth-Timestamp", "X-Auth-Signature"} {
		c := w.get("/api/v1/cards/1")
		doubled := c.with(name, c.header[name][0])
		w.refuse(access.DuplicateHeader, name+" twice", doubled, syntheticFilter{})
		w.refuse(access.MalformedCheck, name+" twice, joined by the filter", doubled, syntheticFilter{mended: true})
		w.refuse(access.MalformedCheck, name+" with a byte that the filter mends", c.with(name, "\xff"), syntheticFilter{mended: true})
	}
}

// TestABodyThatWasNotSeenIsRefused: a body that a signature covers passes only when every byte of it reached the check.
func TestABodyThatWasNotSeenIsRefused(t *testing.T) {
	w := newWorld(t, settings{})
	post := func() call { return w.post("/api/v1/cards/1", `{"status":"active"}`) }
	size := func(n int64) syntheticFilter {
		return syntheticFilter{change: func(c *authv3.CheckRequest) { c.Attributes.Request.Http.Size = n }}
	}
	w.refuse(access.BodyNotSeen, "the filter sends no bodies", post(), syntheticFilter{noBody: true})
	w.refuse(access.BodyNotSeen, "the filter cuts bodies", post(), syntheticFilter{maxBody: 8})
	w.refuse(access.BodyNotSeen, "the size says more", post(), size(4096))
	w.refuse(access.BodyNotSeen, "the size says less", post(), size(3))
	w.allow("the size is not known", post(), size(-1))
	w.refuse(access.BodyNotSeen, "a body that the filter mends", w.post("/api/v1/cards/2", "\xff"), syntheticFilter{text: true})
	w.refuse(access.BodyNotSeen, "a body that it may have mended", w.post("/api/v1/cards/2", "wow!"), syntheticFilter{text: true})
	w.refuse(access.BodyNotSeen, "a length that says more", w.post("/api/v1/cards/3", "{}").with("Content-Length", "3"), syntheticFilter{})
	w.refuse(access.MalformedFraming, "two lengths", w.post("/api/v1/cards/3", "{}").with("Content-Length", "2", "2"), syntheticFilter{})
	w.refuse(access.MalformedFraming, "a length that is none", w.post("/api/v1/cards/3", "{}").with("Content-Length", "+2"), syntheticFilter{})
	chunked := w.signed(goodKey, "POST", "/api/v1/cards/4", "").with("Transfer-Encoding", "chunked")
	chunked.noLength = true
	w.refuse(access.BodyNotSeen, "chunks of which nothing came", chunked, syntheticFilter{})
	empty := w.post("/api/v1/cards/5", "")
	w.refuse(access.BodyNotSeen, "bytes without a word on whether they are all", empty, syntheticFilter{change: func(c *authv3.CheckRequest) {
		c.Attributes.Request.Http.RawBody = []byte("put behind it")
	}})
}

// TestABodyThatNobodySpeaksOf: unless it is known that the filter buffers bodies, only a stated length of 0 says that there is none.
// Over HTTP/1, too: Envoy takes Transfer-Encoding away before it asks, so that chunks look like no body.
func TestABodyThatNobodySpeaksOf(t *testing.T) {
	w := newWorld(t, settings{checker: func(c *extauthz.Config) { c.Buffered = false }})
	w.allow("a length of 0", w.post("/api/v1/cards/1", ""), syntheticFilter{})
	for _, protocol := range []string{"HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3", ""} {
		c := w.get("/api/v1/cards/1")
		c.protocol = protocol
		w.refuse(access.BodyNotSeen, "a GET over "+protocol, c, syntheticFilter{})
		w.allow("with a length of 0", c.with("Content-Length", "0"), syntheticFilter{})
	}
	w.allow("a body that came", w.post("/api/v1/cards/2", "{}"), syntheticFilter{})
}

func TestRule13TheTargetIsTheOneThatIsForwarded(t *testing.T) {
	w := newWorld(t, settings{})
	for what, change := range map[string]func(h *authv3.AttributeContext_HttpRequest){
		"path and :path differ":      func(h *authv3.AttributeContext_HttpRequest) { h.Path = "/api/v1/cards/2" },
		"method and :method differ":  func(h *authv3.AttributeContext_HttpRequest) { h.Method = "DELETE" },
		"host and :authority differ": func(h *authv3.AttributeContext_HttpRequest) { h.Host = "other.example.com" },
		"a query beside the path":    func(h *authv3.AttributeContext_HttpRequest) { h.Query = "a=b" },
		"a fragment beside the path": func(h *authv3.AttributeContext_HttpRequest) { h.Fragment = "a" },
		"an unknown protocol":        func(h *authv3.AttributeContext_HttpRequest) { h.Protocol = "HTTP/0.9" },
		"headers in two forms":       func(h *authv3.AttributeContext_HttpRequest) { h.Headers = map[string]string{"a": "b"} },
		"headers in none":            func(h *authv3.AttributeContext_HttpRequest) { h.HeaderMap = nil },
		"a body in two forms":        func(h *authv3.AttributeContext_HttpRequest) { h.Body, h.RawBody = "a", []byte("a") },
		":path twice":                again(":path"),
		":method twice":              again(":method"),
		"the word on the body twice": func(h *authv3.AttributeContext_HttpRequest) {
			add(h, "x-envoy-auth-partial-body", "false")
			add(h, "x-envoy-auth-partial-body", "true")
		},
		"an empty word on the body":   func(h *authv3.AttributeContext_HttpRequest) { add(h, "x-envoy-auth-partial-body", "") },
		"an unknown word on the body": func(h *authv3.AttributeContext_HttpRequest) { add(h, "x-envoy-auth-partial-body", "perhaps") },
		"no :path":                    without(":path"),
		"no :authority":               without(":authority"),
		"a name in upper case":        func(h *authv3.AttributeContext_HttpRequest) { add(h, "X-Upper", "1") },
		"a header without a name":     func(h *authv3.AttributeContext_HttpRequest) { add(h, "", "1") },
		"a value that is not raw": func(h *authv3.AttributeContext_HttpRequest) {
			h.HeaderMap.Headers[4].Value, h.HeaderMap.Headers[4].RawValue = "1", nil
		},
		"a value in both forms": func(h *authv3.AttributeContext_HttpRequest) { h.HeaderMap.Headers[4].Value = "1" },
		"more headers than anybody has": func(h *authv3.AttributeContext_HttpRequest) {
			for range 513 {
				add(h, "x-many", "1")
			}
		},
	} {
		c := w.get("/api/v1/cards/1")
		w.refuse(access.MalformedCheck, what, c, syntheticFilter{change: func(r *authv3.CheckRequest) { change(r.Attributes.Request.Http) }})
	}
	mark := w.get("/api/v1/cards/1?a=!")
	w.refuse(access.MalformedCheck, "a target that the filter may have mended", mark, syntheticFilter{mended: true})
	raw := w.get("/api/v1/cards/1?a=!")
	raw.target = "/api/v1/cards/1?a=\xff"
	w.refuse(access.MalformedCheck, "a target that it has mended, beside the raw one", raw, syntheticFilter{})
}

func add(h *authv3.AttributeContext_HttpRequest, name, value string) {
	h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
}

func again(name string) func(*authv3.AttributeContext_HttpRequest) {
	return func(h *authv3.AttributeContext_HttpRequest) {
		for _, f := range h.HeaderMap.Headers {
			if f.Key == name {
				add(h, name, string(f.RawValue))
				return
			}
		}
	}
}

func without(name string) func(*authv3.AttributeContext_HttpRequest) {
	return func(h *authv3.AttributeContext_HttpRequest) {
		h.HeaderMap.Headers = slices.DeleteFunc(h.HeaderMap.Headers, func(f *corev3.HeaderValue) bool { return f.Key == name })
	}
}

func TestRule19IdentityIsOursAlone(t *testing.T) {
	w := newWorld(t, settings{api: func(a *access.API) { a.WarnHeaderNames = true }})
	c := w.get("/api/v1/cards/1").with("Countersign-Partner", "ptn_forged").with("Countersign-Secret-Door", "x").with("Countersign_partner", "ptn_forged").
		with("X-Http-Method-Override", "DELETE").with("X-Forwarded-For", "198.51.100.1").with("X-Kept", "1")
	o := w.allow("with an identity of its own", c, syntheticFilter{})
	want := http.Header{"Accept": {"application/json"}, "User-Agent": {"backend/1.0"}, "X-Kept": {"1"},
		"Countersign-Partner": {"ptn_good"}, "Countersign-Credential": {"crd_" + goodKey}, "Countersign-Environment": {"sandbox"}, "Countersign-Api": {"card"},
		"Countersign-Request-Id": {o.metadata["request_id"]}, "Countersign-Client-Address": {listed}}
	if diff := cmp.Diff(want, o.upstream); diff != "" {
		t.Errorf("the upstream gets (-want +got):\n%s", diff)
	}
	if o.metadata["partner"] != "ptn_good" || o.metadata["api"] != "card" || len(o.metadata["request_id"]) != 32 {
		t.Errorf("metadata %v", o.metadata)
	}
	if o.header.Get("Countersign-Request-Id") != o.metadata["request_id"] {
		t.Errorf("the caller is not told the request id: %v", o.header)
	}
}

func TestRule33CredentialsDoNotReachTheUpstream(t *testing.T) {
	w := newWorld(t, settings{})
	both := w.withToken("/aggregation/v1/customers")
	for name, values := range w.get("/api/v1/cards/1").header { // another API's, by mistake
		both = both.with(name, values...)
	}
	for _, c := range []call{w.get("/api/v1/cards/1"), both} {
		o := w.allow(c.String(), c, syntheticFilter{})
		for name := range o.upstream {
			if strings.HasPrefix(name, "X-Auth-") || strings.HasPrefix(name, "Finicity-") {
				t.Errorf("%s: %s reaches the upstream", c, name)
			}
		}
	}
}

func TestRule21TheAddressIsDerivedFromTheSource(t *testing.T) {
	w := newWorld(t, settings{address: clientip.Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}})
	c := w.get("/api/v1/cards/1")
	address := func(o outcome) string { return o.upstream.Get("Countersign-Client-Address") }
	if got := address(w.allow("direct", c.with("X-Forwarded-For", "192.0.2.99"), syntheticFilter{peer: "192.0.2.8"})); got != "192.0.2.8" {
		t.Errorf("a caller's own header was believed: %s", got)
	}
	if got := address(w.allow("through a load balancer", c.with("X-Forwarded-For", "192.0.2.9, 10.1.1.1"), syntheticFilter{peer: "10.1.1.1"})); got != "192.0.2.9" {
		t.Errorf("derived %s", got)
	}
	if got := address(w.allow("as IPv6", c, syntheticFilter{peer: "::ffff:192.0.2.8"})); got != "192.0.2.8" {
		t.Errorf("derived %s", got)
	}
	w.refuse(access.AddressUnknown, "a trusted proxy that says nothing", c, syntheticFilter{peer: "10.1.1.1"})
	for what, change := range map[string]func(*authv3.AttributeContext){
		"no source":    func(a *authv3.AttributeContext) { a.Source = nil },
		"no address":   func(a *authv3.AttributeContext) { a.Source.Address = nil },
		"a name":       func(a *authv3.AttributeContext) { a.Source.Address = socketAddress("backend.example.com", 1) },
		"an empty one": func(a *authv3.AttributeContext) { a.Source.Address = socketAddress("", 1) },
		"a pipe": func(a *authv3.AttributeContext) {
			a.Source.Address = &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/run/x"}}}
		},
	} {
		w.refuse(access.AddressUnknown, what, c, syntheticFilter{change: func(r *authv3.CheckRequest) { change(r.Attributes) }})
	}
}

// TestRefusalsAreAsTheGatewayRendersThem: status, fields and body come from the one table.
func TestRefusalsAreAsTheGatewayRendersThem(t *testing.T) {
	w := newWorld(t, settings{})
	c := w.get("/api/v1/cards/1")
	c.target = "/api/v1/cards/2"
	o := w.refuse(access.BadSignature, "forged", c, syntheticFilter{})
	want := problem.Render(&access.Decision{Reason: access.BadSignature, API: w.apis[0]}, problem.JSON, o.metadata["request_id"], w.now())
	if o.status != want.Status || o.body != string(want.Body) || o.header.Get("Content-Type") != want.ContentType {
		t.Errorf("%d %s %q, want %d %s", o.status, o.header, o.body, want.Status, want.Body)
	}
	if o.header.Get("Countersign-Request-Id") == "" || o.header.Get("Countersign-Server-Time") == "" {
		t.Errorf("header %v", o.header)
	}
}

// TestEveryStatusIsOneOfTheProtocol: the filter's enumeration of statuses has no others.
func TestEveryStatusIsOneOfTheProtocol(t *testing.T) {
	for _, row := range problem.Rows() {
		if _, has := typev3.StatusCode_name[int32(extauthz.HTTPStatus(row.Status))]; !has {
			t.Errorf("%s: %d", row.Reason, row.Status)
		}
	}
}

// TestTheTokenEndpointIsAnswered: an answer of ours with status 200 ends a request at Envoy like any other.
func TestTheTokenEndpointIsAnswered(t *testing.T) {
	w := newWorld(t, settings{door: func(c *door.Config) { c.Exchange = fakeExchange{} }})
	c := call{method: "POST", target: tokenPath, host: "api.example.com", protocol: "HTTP/1.1", body: `{}`,
		header: http.Header{access.AppKeyHeader: {goodApp}, "Content-Type": {"application/json"}}}
	o := w.ask(c, syntheticFilter{})
	if w.line(); o.allowed || o.status != 200 || o.body != string(tokenAnswer.Body) || o.header.Get("Content-Type") != "application/json" {
		t.Errorf("%+v", o)
	}
	w.refuse(access.BodyNotSeen, "without its body", c, syntheticFilter{noBody: true})
}

func (fakeExchange) Serve(_ context.Context, _ string, _ http.Header, _ []byte, d *access.Decision, _ func(context.Context) access.Reason) problem.Answer {
	d.Reason = access.Allowed
	return tokenAnswer
}
