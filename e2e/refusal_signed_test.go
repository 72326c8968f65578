package e2e_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// refusal is the body of a refusal of the signed family.
type refusal struct {
	Status     string   `json:"status"`
	Errors     []string `json:"errors"`
	Message    string   `json:"message"`
	RequestID  string   `json:"request_id"`
	ServerTime int64    `json:"server_time"`
}

// refused checks that a is a refusal of the signed family with a code, and that the decision line has the reason.
func (r *rig) refused(t testing.TB, a *answer, status int, code, reason string) {
	t.Helper()
	var body refusal
	a.want(t, status).decode(t, &body)
	if body.Status != "error" || len(body.Errors) != 1 || body.Errors[0] != code || body.Message == "" {
		t.Errorf("code %s expected: %v", code, a)
	}
	if body.RequestID != a.requestID() || strconv.FormatInt(body.ServerTime, 10) != a.header.Get("Countersign-Server-Time") {
		t.Errorf("body and headers disagree about id or time: %v", a)
	}
	if skew := time.Since(time.Unix(body.ServerTime, 0)); skew < -5*time.Second || skew > wireLimit {
		t.Errorf("server_time is %s off: %v", skew, a)
	}
	if got := a.header.Get("Content-Type"); got != jsonType {
		t.Errorf("Content-Type %q", got)
	}
	r.decided(t, a, reason)
}

// decided checks the decision line of a refusal.
func (r *rig) decided(t testing.TB, a *answer, reasons ...string) {
	t.Helper()
	l := r.line(t, a)
	for _, reason := range reasons {
		want := "refuse"
		if strings.HasPrefix(reason, "upstream_") {
			want = "allow" // it was let in; what came of it is another matter
		}
		if l.text("reason") == reason && l.text("decision") == want && l["status"] == float64(a.status) {
			return
		}
	}
	t.Errorf("decision line: reason %v expected, with its decision and status %d: %v", reasons, a.status, l)
}

// refusedSigned says what a caller of the card API does and how it is refused. Each case is otherwise a good request.
type refusedSigned struct {
	name         string
	call         call
	status       int
	code, reason string
}

func shift(seconds int64) string { return strconv.FormatInt(time.Now().Unix()+seconds, 10) }

func signedRefusals(e environment) []refusedSigned {
	with := func(change func(*call)) call {
		c := patch("refused")
		change(&c)
		return c
	}
	signature := func(s string) call { return with(func(c *call) { c.signature = s }) }
	ts := func(s string) call { return with(func(c *call) { c.ts = s }) }
	good := strings.Repeat("0a", 32)
	return []refusedSigned{
		{"no token", with(func(c *call) { c.omit = "X-Auth-Token" }), 401, "missing_header", "missing_header"},
		{"no timestamp", with(func(c *call) { c.omit = "X-Auth-Timestamp" }), 401, "missing_header", "missing_header"},
		{"no signature", with(func(c *call) { c.omit = "X-Auth-Signature" }), 401, "missing_header", "missing_header"},
		{"odd-length signature", signature(good[1:]), 400, "malformed_header", "malformed_header"},
		{"short signature", signature(good[2:]), 400, "malformed_header", "malformed_header"},
		{"long signature", signature(good + "0a"), 400, "malformed_header", "malformed_header"},
		{"non-hex signature", signature("zz" + good[2:]), 400, "malformed_header", "malformed_header"},
		{"forged signature", signature(good), 401, "unauthorized", "bad_signature"},
		{"wrong secret", with(func(c *call) { c.secret = "not the secret" }), 401, "unauthorized", "bad_signature"},
		{"unknown token", with(func(c *call) { c.token = strings.Repeat("0", 31) + "1" }), 401, "unauthorized", "unknown_credential"},
		{"token of no form", with(func(c *call) { c.token = "partner-one" }), 401, "unauthorized", "unknown_credential"},
		{"stale", ts(shift(-400)), 401, "stale_timestamp", "stale_timestamp"},
		{"future", ts(shift(400)), 401, "stale_timestamp", "future_timestamp"},
		{"milliseconds", ts(now() + "000"), 400, "malformed_timestamp", "malformed_timestamp"},
		{"nine digits", ts("999999999"), 400, "malformed_timestamp", "malformed_timestamp"},
		{"signed time", ts("+" + now()), 400, "malformed_timestamp", "malformed_timestamp"},
		{"fraction", ts(now() + ".5"), 400, "malformed_timestamp", "malformed_timestamp"},
		{"ambiguous body", call{method: "POST", target: unique("x") + "?x=", body: "x"}, 400, "ambiguous_body", "ambiguous_body"},
		{"brackets in the target", call{method: "GET", target: unique("x") + "?x=[1]"}, 400, "malformed_target", "malformed_target"},
		{"origin", with(func(c *call) { c.extra = []string{"Origin: https://shop.example"} }), 403, "browser_request", "browser_request"},
		{"fetch metadata", with(func(c *call) { c.extra = []string{"Sec-Fetch-Site: same-origin"} }), 403, "browser_request", "browser_request"},
		{"no API", call{method: "GET", target: "/nothing"}, 404, "unknown_api", "unknown_api"},
		{"half a segment", call{method: "GET", target: "/api/v10/cards"}, 404, "unknown_api", "unknown_api"},
		{"trace", call{method: "TRACE", target: unique("x")}, 405, "method_not_allowed", "method_not_allowed"},
		{"lower-case method", call{method: "get", target: unique("x")}, 405, "method_not_allowed", "method_not_allowed"},
	}
}

// TestSignedRefusals provokes what can be told about a signed request, and that nothing of it is forwarded.
func TestSignedRefusals(t *testing.T) {
	r := onRecorder(t)
	for _, c := range signedRefusals(r.Environments[sandbox]) {
		t.Run(c.name, func(t *testing.T) {
			r.untouched(t, func() {
				r.refused(t, r.signed(t, sandbox, c.call), c.status, c.code, c.reason)
			})
		})
	}
}

// TestRule6EmptyAuthenticationHeaders: an empty header is 400 or 401, never 200 or 500.
func TestRule6EmptyAuthenticationHeaders(t *testing.T) {
	r := onRecorder(t)
	for _, name := range []string{"X-Auth-Token", "X-Auth-Timestamp", "X-Auth-Signature"} {
		t.Run(name, func(t *testing.T) {
			r.untouched(t, func() {
				c := patch("empty")
				c.omit, c.extra = name, []string{name + ":"}
				if a := r.signed(t, sandbox, c); a.status != 400 && a.status != 401 {
					t.Errorf("%v", a)
				}
			})
		})
	}
}

// TestStaleTellsTheClock: the answer to a stale request holds the server's time, so that a caller can see its clock is off.
func TestStaleTellsTheClock(t *testing.T) {
	r := onRecorder(t)
	c := get("stale")
	c.ts = shift(-1000)
	var body refusal
	begun := time.Now()
	r.signed(t, sandbox, c).want(t, 401).decode(t, &body)
	least, most := 999, 1001+int(time.Since(begun).Seconds())
	off := 0
	if found := regexp.MustCompile(`\b(\d+) seconds\b`).FindStringSubmatch(body.Message); found != nil {
		off, _ = strconv.Atoi(found[1]) // digits
	}
	if off < least || off > most || !strings.Contains(body.Message, "300") {
		t.Errorf("the message does not tell by how much, %d to %d seconds, or not the window: %q", least, most, body.Message)
	}
}

// TestReplays: an equal write is refused, an equal GET is not, and spelling the signature in capitals changes nothing.
func TestReplays(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	write := patch("replay").raw(e)
	r.ask(t, sandbox, write).want(t, 200)
	r.untouched(t, func() { r.refused(t, r.ask(t, sandbox, write), 409, "replayed", "replayed") })
	at := strings.Index(write, "X-Auth-Signature: ") + len("X-Auth-Signature: ")
	upper := write[:at] + strings.ToUpper(write[at:at+64]) + write[at+64:]
	r.untouched(t, func() { r.refused(t, r.ask(t, sandbox, upper), 409, "replayed", "replayed") })
	for _, method := range []string{"GET", "HEAD"} {
		read := call{method: method, target: unique("read")}.raw(e)
		r.ask(t, sandbox, read).want(t, 200)
		r.ask(t, sandbox, read).want(t, 200)
	}
}
