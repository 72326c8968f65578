package extauthz_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/extauthz"
	"github.com/google/go-cmp/cmp"
)

// budget counts what is taken and not given back.
type budget struct{ left atomic.Int64 }

func newBudget(n int64) *budget {
	b := new(budget)
	b.left.Store(n)
	return b
}

func (b *budget) Take(n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	return true
}

func (b *budget) Give(n int64) { b.left.Add(n) }

const roomForBodies = 1 << 20

// askHTTP has c checked over a real connection, as a synthetic filter with an HTTP service asks: the check request is c itself,
// with the length of what was buffered, and without c's own Content-Length and Transfer-Encoding.
func askHTTP(w *world, c call, f syntheticFilter, fields ...string) outcome {
	w.Helper()
	server := httptest.NewServer(w.checker)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	w.must(err)
	defer func() { _ = conn.Close() }()
	peer := f.peer
	if peer == "" {
		peer = listed
	}
	var b strings.Builder
	b.WriteString(c.method + " " + c.target + " HTTP/1.1\r\nHost: " + c.host + "\r\n")
	for _, one := range syntheticFields(c) {
		switch one[0] {
		case ":authority", ":path", ":method", ":scheme", "content-length", "transfer-encoding", "x-original-peer":
		default:
			b.WriteString(one[0] + ": " + one[1] + "\r\n")
		}
	}
	for _, field := range append(fields, "x-original-peer: "+peer) {
		b.WriteString(field + "\r\n")
	}
	body := c.body
	if f.noBody {
		body = ""
	} else if body != "" {
		partial := "false"
		if f.maxBody > 0 && len(body) > f.maxBody {
			body, partial = body[:f.maxBody], "true"
		}
		b.WriteString("x-envoy-auth-partial-body: " + partial + "\r\n")
	}
	b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	_, err = conn.Write([]byte(b.String()))
	w.must(err)
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: c.method})
	w.must(err)
	o := outcome{status: r.StatusCode, allowed: r.StatusCode == http.StatusOK, header: r.Header}
	text := make([]byte, max(r.ContentLength, 0))
	_, _ = r.Body.Read(text)
	o.body = string(text)
	if o.allowed {
		o.upstream = http.Header{}
		for name, values := range c.header {
			o.upstream[name] = values
		}
		for name, values := range r.Header { // allowed_upstream_headers of the example
			if strings.HasPrefix(name, "Countersign-") {
				o.upstream[name] = values
			}
		}
		for name := range strings.SplitSeq(r.Header.Get("X-Envoy-Auth-Headers-To-Remove"), ",") {
			for mine := range o.upstream {
				if strings.EqualFold(mine, name) {
					delete(o.upstream, mine)
				}
			}
		}
	}
	return o
}

func httpWorld(t *testing.T, change func(*extauthz.Config)) (*world, *budget) {
	t.Helper()
	room := newBudget(roomForBodies)
	return newWorld(t, settings{checker: func(c *extauthz.Config) {
		c.Bodies = room
		if change != nil {
			change(c)
		}
	}}), room
}

func (w *world) http(reason access.Reason, what string, c call, f syntheticFilter, fields ...string) outcome {
	w.Helper()
	o := askHTTP(w, c, f, fields...)
	if line := w.line(); line["reason"] != reason.String() || o.allowed != (reason == access.Allowed) || line["door"] != "envoy" {
		w.Errorf("%s: %d %s (%v %v), want %s", what, o.status, o.body, line["reason"], line["where"], reason)
	}
	return o
}

func TestSyntheticChecksOverHTTP(t *testing.T) {
	w, room := httpWorld(t, nil)
	forged, swapped := w.get("/api/v1/cards/1"), w.post("/api/v1/cards/1", "{}")
	forged.target, swapped.body = "/api/v1/cards/2", "[]"
	w.http(access.Allowed, "a signed GET", w.get("/api/v1/cards/1?a=b!"), syntheticFilter{})
	w.http(access.Allowed, "a signed POST", w.post("/api/v1/cards/1", `{"a":1}`), syntheticFilter{})
	w.http(access.Allowed, "a body of bytes", w.post("/api/v1/cards/1", "{\x00\xff!"), syntheticFilter{})
	w.http(access.Allowed, "an empty POST", w.post("/api/v1/cards/2", ""), syntheticFilter{})
	w.http(access.Allowed, "a token", w.withToken("/aggregation/v1/customers"), syntheticFilter{})
	w.http(access.BadSignature, "another target", forged, syntheticFilter{})
	w.http(access.BadSignature, "another body", swapped, syntheticFilter{})
	w.http(access.BadSignature, "a body that is not sent, where it is said that it always is", w.post("/api/v1/cards/3", "{}"), syntheticFilter{noBody: true})
	w.http(access.BodyNotSeen, "a body that is cut", w.post("/api/v1/cards/3", `{"a":1}`), syntheticFilter{maxBody: 2})
	w.http(access.MalformedCheck, "two words on the body", w.post("/api/v1/cards/3", `{}`), syntheticFilter{}, "x-envoy-auth-partial-body: true")
	w.http(access.MalformedCheck, "an unknown word on the body", w.get("/api/v1/cards/3"), syntheticFilter{}, "x-envoy-auth-partial-body: perhaps")
	w.http(access.MalformedTarget, "an encoded slash", w.get("/api/v1/cards%2f1"), syntheticFilter{})
	w.http(access.DuplicateHeader, "a doubled authentication header", w.get("/api/v1/cards/1").with("X-Auth-Token", goodKey), syntheticFilter{})
	w.http(access.AddressNotListed, "an unlisted address", w.get("/api/v1/cards/1"), syntheticFilter{peer: "203.0.113.9"})
	w.http(access.MalformedCheck, "no address", w.get("/api/v1/cards/1"), syntheticFilter{peer: "backend"})
	w.http(access.MalformedCheck, "two addresses", w.get("/api/v1/cards/1"), syntheticFilter{}, "x-original-peer: 192.0.2.1")
	w.http(access.UpgradeNotAllowed, "an upgrade", w.get("/api/v1/cards/1").with("Upgrade", "websocket"), syntheticFilter{})
	if left := room.left.Load(); left != roomForBodies {
		t.Errorf("%d bytes of the budget were not given back", roomForBodies-left)
	}
}

func TestOverHTTPAnAnswerOf200LetsIn(t *testing.T) {
	w, _ := httpWorld(t, nil)
	c := w.get("/api/v1/cards/1").with("Countersign-Partner", "ptn_forged").with("Countersign-Else", "x").with("X-Forwarded-For", "198.51.100.1").with("X-Kept", "1")
	o := w.http(access.Allowed, "with an identity of its own", c, syntheticFilter{})
	want := http.Header{"Accept": {"application/json"}, "User-Agent": {"backend/1.0"}, "X-Kept": {"1"},
		"Countersign-Partner": {"ptn_good"}, "Countersign-Credential": {"crd_" + goodKey}, "Countersign-Environment": {"sandbox"}, "Countersign-Api": {"card"},
		"Countersign-Request-Id": o.header["Countersign-Request-Id"], "Countersign-Client-Address": {listed}}
	if diff := cmp.Diff(want, o.upstream); diff != "" {
		t.Errorf("the upstream gets (-want +got):\n%s", diff)
	}
	exchange := newWorld(t, settings{door: func(c *door.Config) { c.Exchange = fakeExchange{} }, checker: func(c *extauthz.Config) { c.Bodies = newBudget(1 << 20) }})
	token := call{method: "POST", target: tokenPath, host: "api.example.com", body: `{}`, header: http.Header{access.AppKeyHeader: {goodApp}}}
	exchange.http(access.TokenEndpointElsewhere, "the token endpoint", token, syntheticFilter{})
}

func TestOverHTTPWhatNobodySaysIsNotSeen(t *testing.T) {
	w, _ := httpWorld(t, func(c *extauthz.Config) { c.Buffered, c.RawHeaders = false, false })
	w.http(access.BodyNotSeen, "no body, and no word on whether there is one", w.get("/api/v1/cards/1"), syntheticFilter{})
	w.http(access.Allowed, "a body that came", w.post("/api/v1/cards/1", "{}"), syntheticFilter{})
	w.http(access.MalformedCheck, "a target that may have been mended", w.post("/api/v1/cards/1?a=!", "{}"), syntheticFilter{})
	joined := w.post("/api/v1/cards/1", "{}")
	joined.header["X-Auth-Token"] = []string{goodKey + "," + goodKey}
	w.http(access.MalformedCheck, "a header that may have been joined", joined, syntheticFilter{})
}

func TestOverHTTPBodiesAreBounded(t *testing.T) {
	w, room := httpWorld(t, func(c *extauthz.Config) { c.MaxBody = 16 })
	w.http(access.BodyTooLarge, "longer than the door takes", w.post("/api/v1/cards/1", `{"a":"`+strings.Repeat("x", 64)+`"}`), syntheticFilter{})
	room.left.Store(1)
	w.http(access.Overloaded, "no room", w.post("/api/v1/cards/1", "{}"), syntheticFilter{})
}

func TestOverHTTPOnlyProxiesMayAsk(t *testing.T) {
	w, _ := httpWorld(t, func(c *extauthz.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	if o := w.http(access.UnknownProxy, "a stranger", w.get("/api/v1/cards/1"), syntheticFilter{}); o.status != http.StatusForbidden {
		t.Errorf("status %d", o.status)
	}
	w, _ = httpWorld(t, func(c *extauthz.Config) { c.Secret = []byte("a secret of the tests") })
	w.http(access.UnknownProxy, "no secret", w.get("/api/v1/cards/1"), syntheticFilter{})
	w.http(access.UnknownProxy, "the secret twice", w.get("/api/v1/cards/1"), syntheticFilter{}, "countersign-door-secret: a secret of the tests", "countersign-door-secret: x")
	o := w.http(access.Allowed, "the secret", w.get("/api/v1/cards/1"), syntheticFilter{}, "countersign-door-secret: a secret of the tests")
	if o.upstream.Get("Countersign-Door-Secret") != "" {
		t.Error("the secret goes on to the upstream")
	}
	if names := o.header.Get("X-Envoy-Auth-Headers-To-Remove"); !strings.Contains(names, "countersign-door-secret") {
		t.Errorf("a caller's own secret, in whose place the filter has put ours, is not removed: %q", names)
	}
}

// TestNoRefusalOverHTTPReadsAsAllowed, whatever is in the table of reasons.
func TestNoRefusalOverHTTPReadsAsAllowed(t *testing.T) {
	w, _ := httpWorld(t, nil)
	for _, reason := range access.Reasons() {
		a := w.door.Refuse(&door.Request{}, reason, "")
		recorder := httptest.NewRecorder()
		extauthz.Write(w.checker, recorder, a)
		if w.line(); recorder.Code == http.StatusOK {
			t.Errorf("%s is answered with 200", reason)
		}
	}
}
