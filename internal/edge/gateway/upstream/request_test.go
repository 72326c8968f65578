package upstream_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"countersign.dev/internal/edge/gateway/fields"
	"countersign.dev/internal/edge/gateway/upstream"
	"github.com/google/go-cmp/cmp"
)

// sent returns the request as the upstream received it: the request line, the
// header lines in order of name, the body.
func sent(t *testing.T, standard bool, r *upstream.Request) (line string, fields []string, body string) {
	t.Helper()
	var head string
	u := serve(t, func(w *wire) { head, body = w.request(); w.send(ok("")); w.ended() })
	u.Host = strings.Replace(u.Host, "127.0.0.1", "localhost", 1)
	d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
	resp := open(t, d, t.Context(), r)
	_ = resp.Body.Close()
	_ = d.Close()
	lines := strings.Split(strings.TrimSuffix(head, "\r\n\r\n"), "\r\n")
	fields = lines[1:]
	for i, f := range fields {
		fields[i] = strings.Replace(f, u.Host, "upstream", 1)
	}
	slices.Sort(fields)
	return lines[0], fields, body
}

func TestRequestOnTheWire(t *testing.T) {
	tests := map[string]struct {
		request  upstream.Request
		fields   []string
		standard []string // if different
	}{
		"nothing is added": {
			upstream.Request{Method: "GET", Target: "/"},
			[]string{"Host: upstream"}, nil},
		"host": {
			upstream.Request{Method: "GET", Target: "/", Host: "api.example:8443"},
			[]string{"Host: api.example:8443"}, nil},
		"user agent is the caller's": {
			upstream.Request{Method: "GET", Target: "/", Header: fields.Of(http.Header{"User-Agent": {"curl"}, "Accept-Encoding": {"br"}})},
			[]string{"Accept-Encoding: br", "Host: upstream", "User-Agent: curl"}, nil},
		"body": {
			upstream.Request{Method: "PATCH", Target: "/", Body: []byte("{}"), Header: fields.Of(http.Header{"Content-Type": {"application/json"}})},
			[]string{"Content-Length: 2", "Content-Type: application/json", "Host: upstream"}, nil},
		"GET with a body": {
			upstream.Request{Method: "GET", Target: "/", Body: []byte("{}")},
			[]string{"Content-Length: 2", "Host: upstream"}, nil},
		"empty POST with a length": {
			upstream.Request{Method: "POST", Target: "/", HasLength: true},
			[]string{"Content-Length: 0", "Host: upstream"}, nil},
		"empty DELETE with a length": {
			upstream.Request{Method: "DELETE", Target: "/", HasLength: true},
			[]string{"Content-Length: 0", "Host: upstream"}, nil},
		"empty POST without": {
			upstream.Request{Method: "POST", Target: "/"},
			[]string{"Host: upstream"}, []string{"Content-Length: 0", "Host: upstream"}},
		"empty GET with a length": {
			upstream.Request{Method: "GET", Target: "/", HasLength: true},
			[]string{"Content-Length: 0", "Host: upstream"}, []string{"Host: upstream"}},
		"doubled values": {
			upstream.Request{Method: "GET", Target: "/", Header: fields.Of(http.Header{"A": {"1", "2"}, "Empty": {""}})},
			[]string{"A: 1", "A: 2", "Empty: ", "Host: upstream"}, nil},
		"idempotency key": {
			upstream.Request{Method: "POST", Target: "/", Body: []byte("x"), Header: fields.Of(http.Header{"Idempotency-Key": {"k"}})},
			[]string{"Content-Length: 1", "Host: upstream", "Idempotency-Key: k"},
			[]string{"Content-Length: 1", "Host: upstream", "idempotency-key: k"}},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, standard bool) {
				fields := want.fields
				if standard && want.standard != nil {
					fields = want.standard
				}
				line, got, body := sent(t, standard, &want.request)
				if line != want.request.Method+" / HTTP/1.1" || body != string(want.request.Body) {
					t.Errorf("line %q, body %q", line, body)
				}
				if diff := cmp.Diff(fields, got); diff != "" {
					t.Errorf("fields (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Framing and hop-by-hop fields that a caller left in are not sent, in any case.
func TestRule24CallersFramingIsNotSent(t *testing.T) {
	h := http.Header{"X-Kept": {"1"}}
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "transfer-encoding", "Host", "Connection", "Keep-Alive",
		"Proxy-Connection", "Proxy-Authorization", "Te", "Trailer", "Upgrade", "Http2-Settings", "Expect", "CONTENT-LENGTH"} {
		h[name] = []string{"100-continue"}
	}
	both(t, func(t *testing.T, standard bool) {
		_, got, body := sent(t, standard, &upstream.Request{Method: "POST", Target: "/", Header: fields.Of(h), Body: []byte("b")})
		if diff := cmp.Diff([]string{"Content-Length: 1", "Host: upstream", "X-Kept: 1"}, got); diff != "" || body != "b" {
			t.Errorf("body %q, fields (-want +got):\n%s", body, diff)
		}
	})
}

// Refused before a connection is made: serve allows none.
func TestRule24RefusesInjection(t *testing.T) {
	refuse := map[string]upstream.Request{
		"no method":            {Target: "/"},
		"method with space":    {Method: "GET /x", Target: "/"},
		"method with CRLF":     {Method: "GET\r\n", Target: "/"},
		"CONNECT":              {Method: "CONNECT", Target: "/"},
		"no target":            {Method: "GET"},
		"absolute target":      {Method: "GET", Target: "http://other/"},
		"asterisk for GET":     {Method: "GET", Target: "*"},
		"host with zone":       {Method: "GET", Target: "/", Host: "[fe80::1%eth0]"},
		"authority target":     {Method: "GET", Target: "other:80"},
		"target with CR":       {Method: "GET", Target: "/a\rb"},
		"target with LF":       {Method: "GET", Target: "/a\nb"},
		"target with NUL":      {Method: "GET", Target: "/a\x00b"},
		"target with space":    {Method: "GET", Target: "/a b"},
		"target with tab":      {Method: "GET", Target: "/a\tb"},
		"target with DEL":      {Method: "GET", Target: "/a\x7fb"},
		"target with fragment": {Method: "GET", Target: "/a#b"},
		"target not ASCII":     {Method: "GET", Target: "/ä"},
		"host with CRLF":       {Method: "GET", Target: "/", Host: "a\r\nB: c"},
		"host with space":      {Method: "GET", Target: "/", Host: "a b"},
		"host with path":       {Method: "GET", Target: "/", Host: "a/b"},
		"host with user":       {Method: "GET", Target: "/", Host: "u@a"},
		"value with CR":        {Method: "GET", Target: "/", Header: fields.Of(http.Header{"A": {"b\rc"}})},
		"value with LF":        {Method: "GET", Target: "/", Header: fields.Of(http.Header{"A": {"b\nc"}})},
		"value with CRLF":      {Method: "GET", Target: "/", Header: fields.Of(http.Header{"A": {"fine", "b\r\nC: d"}})},
		"value with NUL":       {Method: "GET", Target: "/", Header: fields.Of(http.Header{"A": {"b\x00c"}})},
		"name with CRLF":       {Method: "GET", Target: "/", Header: fields.Of(http.Header{"A: b\r\nC": {"d"}})},
		"name with space":      {Method: "GET", Target: "/", Header: fields.Of(http.Header{"A ": {"d"}})},
		"name with colon":      {Method: "GET", Target: "/", Header: fields.Of(http.Header{"A:": {"d"}})},
		"empty name":           {Method: "GET", Target: "/", Header: fields.Of(http.Header{"": {"d"}})},
		"dropped name, hidden": {Method: "GET", Target: "/", Header: fields.Of(http.Header{"Connection": {"a\r\nB: c"}})},
	}
	both(t, func(t *testing.T, standard bool) {
		d := client(t, upstream.Config{URL: serve(t), Standard: standard}, nil)
		for name, r := range refuse {
			var resp upstream.Response
			if err := d.Do(t.Context(), &r, &resp); !errors.Is(err, upstream.ErrInvalidRequest) {
				t.Errorf("%s: error %v, want an invalid request", name, err)
			}
		}
	})
}

// A request that is refused in the middle of its fields leaves nothing behind
// for the next one.
func TestRule24RefusedRequestLeavesNothingBehind(t *testing.T) {
	both(t, func(t *testing.T, standard bool) {
		var head string
		u := serve(t, func(w *wire) { head, _ = w.request(); w.send(ok("")); w.ended() })
		d := client(t, upstream.Config{URL: u, Standard: standard}, nil)
		var resp upstream.Response
		bad := fields.Of(http.Header{"A": {"left behind"}, "B": {"left behind"}, "C": {"left behind", "\n"}})
		if err := d.Do(t.Context(), &upstream.Request{Method: "GET", Target: "/", Header: bad}, &resp); !errors.Is(err, upstream.ErrInvalidRequest) {
			t.Fatalf("error %v, want an invalid request", err)
		}
		mustAsk(t, d, "GET", "/", "")
		_ = d.Close()
		if head != "GET / HTTP/1.1\r\nHost: "+u.Host+"\r\n\r\n" {
			t.Fatalf("sent %q", head)
		}
	})
}
