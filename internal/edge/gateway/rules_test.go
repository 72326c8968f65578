package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/registry"
)

// TestRule12AFaultNeverLetsAnythingThrough: each collaborator of the gateway fails, or panics, in turn. No request is
// forwarded but one that was decided to be Allowed.
func TestRule12AFaultNeverLetsAnythingThrough(t *testing.T) {
	w := newWorld(t)
	write, enter := post("good", `{"fault":1}`), enter("good", `{"partnerId":"LOGIN","partnerSecret":"SECRET"}`)
	for name, row := range map[string]struct {
		door func(*settings)
		call func(*door) call
	}{
		"replay guard fails":      {func(s *settings) { s.access.Replay = brokenGuard{} }, write},
		"replay guard panics":     {func(s *settings) { s.access.Replay = panics{} }, write},
		"countries panic":         {func(s *settings) { s.access.Countries = panics{} }, get("canada")},
		"clock panics":            {func(s *settings) { s.access.Now = func() time.Time { panic(errBroken) } }, get("good")},
		"register was never read": {func(s *settings) { s.unread = true }, get("good")},
		"register fails":          {func(s *settings) { s.exchange.Registry = brokenRegistry{} }, enter},
		"register panics":         {func(s *settings) { s.exchange.Registry = panics{} }, enter},
		"register says nothing":   {func(s *settings) { s.exchange.Registry = silent{} }, enter},
		"issuer fails":            {func(s *settings) { s.exchange.Issuer = brokenIssuer{} }, enter},
		"issuer panics":           {func(s *settings) { s.exchange.Issuer = panics{} }, enter},
		"exchange panics":         {func(s *settings) { s.gateway.Exchange = panics{} }, enter},
		"address cannot be found": {trusting, get("good")},
	} {
		t.Run(name, func(t *testing.T) {
			d := w.open(t, func(s *settings) {
				if name == "clock panics" {
					s.unread = true // reading it asks no clock; deciding does
				}
				row.door(s)
			})
			k := d.dial()
			k.send(row.call(d).String())
			resp, err := http.ReadResponse(k.in, nil)
			if err == nil && resp.StatusCode < 400 {
				t.Errorf("answer %d", resp.StatusCode)
			}
			line, text := d.records.line()
			if line["decision"] != "refuse" || strings.Contains(name, "panic") && line["reason"] != "internal" {
				t.Errorf("record %s", text)
			}
			d.upstream.untouched()
			if d.bodies.Left() != budget {
				t.Errorf("%d bytes of the budget were not given back", budget-d.bodies.Left())
			}
			if strings.Contains(d.log.String(), string(d.apps["good"].Secret.Bytes())) {
				t.Error("the log holds a secret")
			}
		})
	}
}

// panics is every collaborator at once.
type panics struct{}

func (panics) Claim([32]byte, int64, int64) (bool, error)        { panic(errBroken) }
func (panics) Country(netip.Addr) (string, bool)                 { panic(errBroken) }
func (panics) Issue(*access.Decision, time.Time) (string, error) { panic(errBroken) }
func (panics) Admitted(*access.Decision) access.Reason           { panic(errBroken) }
func (panics) Authenticate(context.Context, string, string, []byte) (registry.Outcome, error) {
	panic(errBroken)
}

func (panics) ChangeSecret(context.Context, string, string, []byte, []byte, bool) (registry.Outcome, error) {
	panic(errBroken)
}

func (panics) Serve(context.Context, string, http.Header, []byte, *access.Decision, func(context.Context) access.Reason) problem.Answer {
	panic(errBroken)
}

// silent proves nothing and says nothing.
type silent struct{}

func (silent) Authenticate(context.Context, string, string, []byte) (registry.Outcome, error) {
	return 0, nil
}

func (silent) ChangeSecret(context.Context, string, string, []byte, []byte, bool) (registry.Outcome, error) {
	return 0, nil
}

// TestRule12OnlyTheAllowedAreForwarded: of every row of the policy that is refused, no upstream is even asked.
func TestRule12OnlyTheAllowedAreForwarded(t *testing.T) {
	w := newWorld(t)
	asked := 0
	d := w.open(t, func(s *settings) {
		s.doers = func(all map[*access.API]upstream.Doer) {
			for api := range all {
				all[api] = fakeDoer{do: func(context.Context, *upstream.Request, *upstream.Response) error {
					asked++
					return upstream.ErrUnreachable
				}}
			}
		}
	})
	for _, row := range refusals() {
		if row.door != nil || row.before != nil || row.send != nil || row.forwarded {
			continue
		}
		asked = 0
		d.do(row.call(d))
		if asked != 0 {
			t.Errorf("%s, %s: an upstream was asked", row.reason, row.what)
		}
	}
}

// TestRule24UncheckedConnectionsAreRefused: a gateway behind a listener that is not the strict one refuses HTTP/1.
func TestRule24UncheckedConnectionsAreRefused(t *testing.T) {
	d := newWorld(t).open(t)
	plain := httptest.NewServer(d.gateway)
	defer plain.Close()
	req, _ := http.NewRequest("GET", plain.URL+"/api/v1/cards", nil)
	for _, line := range d.signed(d.keys["good"], "GET", "/api/v1/cards", "").fields {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	d.must(err)
	_ = resp.Body.Close()
	if line, text := d.records.line(); resp.StatusCode != 400 || line["reason"] != "malformed_framing" {
		t.Errorf("%d, record %s", resp.StatusCode, text)
	}
	d.upstream.untouched()
}

// TestRule24HostileFramingNeverReachesTheUpstream: raw bytes, each signed as well as they can be.
func TestRule24HostileFramingNeverReachesTheUpstream(t *testing.T) {
	d := newWorld(t).open(t)
	smuggled := "GET /api/v1/smuggled HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
	sign := func(fields ...string) string {
		c := d.signed(d.keys["good"], "POST", "/api/v1/cards", "[1]", fields...)
		c.body, c.raw = "", true
		return c.String()
	}
	for name, text := range map[string]string{
		"length and chunks":      sign("Content-Length: 3", "Transfer-Encoding: chunked") + "3\r\n[1]\r\n0\r\n\r\n" + smuggled,
		"chunks and length":      sign("Transfer-Encoding: chunked", "Content-Length: 3") + "[1]" + smuggled,
		"two lengths":            sign("Content-Length: 3", "Content-Length: 3") + "[1]" + smuggled,
		"different lengths":      sign("Content-Length: 3", "Content-Length: 60") + "[1]" + smuggled,
		"two encodings":          sign("Transfer-Encoding: chunked", "Transfer-Encoding: identity") + "3\r\n[1]\r\n0\r\n\r\n",
		"odd encoding":           sign("Transfer-Encoding: xchunked") + "3\r\n[1]\r\n0\r\n\r\n" + smuggled,
		"space before the colon": sign("Content-Length : 3") + "[1]",
		"bare LF":                strings.ReplaceAll(sign("Content-Length: 3"), "\r\n", "\n") + "[1]",
		"bare CR":                sign("X: a\rContent-Length: 3", "Content-Length: 3") + "[1]",
		"folded":                 sign("X: a\r\n Content-Length: 60", "Content-Length: 3") + "[1]",
		"HTTP/1.0 with chunks":   strings.Replace(sign("Transfer-Encoding: chunked", "Connection: keep-alive"), "HTTP/1.1", "HTTP/1.0", 1) + "3\r\n[1]\r\n0\r\n\r\n" + smuggled,
		"chunk extension":        sign("Transfer-Encoding: chunked") + "3;a=b\r\n[1]\r\n0\r\n\r\n",
		"bad trailer":            sign("Transfer-Encoding: chunked") + "3\r\n[1]\r\n0\r\nX Y\r\n\r\n" + smuggled,
		"CONNECT":                "CONNECT evil.example.com:443 HTTP/1.1\r\nHost: evil.example.com:443\r\n\r\n" + smuggled,
		"absolute form":          "GET http://evil.example.com/api/v1/x HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
		"asterisk form":          "OPTIONS * HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
		"preface":                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"upgrade to h2c":         strings.Replace(sign("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), "POST", "GET", 1) + smuggled,
		"two hosts":              sign("Host: api.example.com", "Host: evil.example.com", "Content-Length: 3") + "[1]",
	} {
		k := d.dial()
		k.send(text)
		_ = k.CloseWrite()
		if all := k.rest(); !strings.HasPrefix(all[min(len(all), 8):], " 4") || strings.Count(all, "HTTP/1.") != 1 {
			t.Errorf("%s: answers %q", name, all)
		}
	}
	d.upstream.untouched()
}

// TestRule34RecordsAreEscapedAndCapped: whatever a caller or an upstream writes, a record is one line of plain JSON.
func TestRule34RecordsAreEscapedAndCapped(t *testing.T) {
	w := newWorld(t)
	d := w.open(t, func(s *settings) {
		s.doers = faulty(errors.New("evil\n{\"decision\":\"allow\"}\x1b[31m" + strings.Repeat("x", 5000)))
	})
	for _, c := range []call{d.signed(d.keys["good"], "GET", `/api/v1/%0a%22'/`+strings.Repeat("y", 5000)+"?"+needle, ""), d.signed(d.keys["good"], "GET", "/api/v1/\xff\xfe<script>?"+needle, "")} {
		d.do(c)
		_, text := d.records.line()
		var one map[string]any
		if json.Unmarshal([]byte(text), &one) != nil || strings.Count(text, "\n") != 1 || len(text) > 4000 || strings.ContainsAny(text, "\x1b<>\xff") || strings.Contains(text, needle) {
			t.Errorf("record %q", text)
		}
	}
}

// TestRecorderSeesEachRequestOnce, whichever way it ends, with the bytes that went each way.
func TestRecorderSeesEachRequestOnce(t *testing.T) {
	d := newWorld(t).open(t)
	for i, row := range []struct {
		c       call
		in, out int
	}{
		{post("good", `{"a":1}`)(d), 7, 2}, {get("good")(d), 0, 2}, {d.signed(d.keys["good"], "HEAD", "/api/v1/cards", ""), 0, 0},
		{strangers(d, "HEAD", "")["unknown"], 0, 0}, {authentication(d.apps["good"], string(d.apps["good"].Secret.Bytes())), -1, -1},
	} {
		if row.c.method == "HEAD" {
			d.upstream.says("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
		}
		a := d.do(row.c)
		d.upstream.says(okAnswer)
		if row.in < 0 {
			row.in, row.out = len(row.c.body), len(a.body)
		}
		if line, text := d.records.line(); line["bytes_in"] != float64(row.in) || line["bytes_out"] != float64(row.out) {
			t.Errorf("row %d: %s", i, text)
		}
		d.records.none()
	}
}
