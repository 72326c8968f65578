package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/rate"
	"countersign.dev/internal/rate/memory"
)

// limiter counts for one door, by the clock of the world.
func (w *world) limiter(t testing.TB) access.Limiter {
	t.Helper()
	l, err := memory.Open(memory.Config{Now: w.now})
	w.must(err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func limited(l access.APILimits) func(*settings) {
	return func(s *settings) { s.api = func(a *access.API) { a.Limits = l } }
}

// once lets the call through, so that the next one is beyond its limit.
func once(c func(*door) call) func(*door) {
	return func(d *door) {
		if a := d.do(c(d)); a.status != 200 {
			d.t.Fatalf("the first: %d %s", a.status, a.body)
		}
		d.records.line()
		d.upstream.drain()
	}
}

// drain forgets what has arrived, and says how many that was.
func (u *rawUpstream) drain() (n int) {
	for {
		select {
		case <-u.arrivals:
			n++
		default:
			return n
		}
	}
}

// limitRows are refused after proof, by what the register and the API say of client certificates and limits.
func limitRows() []refusal {
	perMinute := &access.Rate{Rate: 1, Per: time.Minute, Burst: 1}
	row := func(reason access.Reason, what string, status int, text, where string, door func(*settings), c func(*door) call, extra ...string) refusal {
		r := refusal{reason: reason, what: what, status: status, family: "signed", code: reason.String(), text: text, where: where, extra: extra, call: c, door: door,
			api: "card", who: "good", credential: key("good"), proved: true}
		if status == 429 {
			r.before, r.forwarded = once(c), true // the first one was
		}
		return r
	}
	midnight := "Retry-After: 57600" // base is 08:00 UTC
	day := row(access.QuotaExceeded, "a second one on one day", 429, "The quota of the day of this credential on this API is used up.", "credential_api",
		limited(access.APILimits{PerCredential: &access.Rate{Daily: 1}}), get("good"), midnight, `Ratelimit: "credential_api_day";r=0;t=57600`, `Ratelimit-Policy: "credential_api_day";q=1;w=86400`)
	token := row(access.RateLimited, "with a token, in XML", 429, "Too many requests: the rate of this partner on this API is used up.", "partner_api",
		limited(access.APILimits{PerPartner: &access.Rate{Rate: 1, Per: time.Minute, Burst: 2}}), func(d *door) call {
			return withToken(d.apps["good"], d.token(d.apps["good"]), "GET", "/aggregation/v1/x?"+needle, "", "Accept: text/xml")
		}, "Retry-After: 60", `Ratelimit: "partner_api";r=0;t=60`, `Ratelimit-Policy: "partner_api";q=2;w=120`)
	token.family, token.code, token.api, token.credential = "xml", "14020", "aggregation", app("good")
	var issued string // one token for both calls: making one counts, too
	token.call = func(d *door) call {
		if issued == "" {
			issued = d.token(d.apps["good"])
		}
		return withToken(d.apps["good"], issued, "GET", "/aggregation/v1/x?"+needle, "", "Accept: text/xml")
	}
	token.before = once(token.call)
	exchange := row(access.RateLimited, "a further token", 429, "Too many requests: the rate of this partner on this API is used up.", "partner_api",
		limited(access.APILimits{PerPartner: perMinute}), enter("good", `{"partnerId":"LOGIN","partnerSecret":"SECRET"}`), "Retry-After: 60", `Ratelimit: "partner_api";r=0;t=60`, `Ratelimit-Policy: "partner_api";q=1;w=60`)
	exchange.family, exchange.code, exchange.api, exchange.credential = "json", "14020", "aggregation", app("good")
	certificate := row(access.ClientCertificate, "none", 403, "The connection has no client certificate that this credential is bound to.", "",
		func(s *settings) {
			s.api = func(a *access.API) { a.ClientCertificate = access.ClientCertificateRequired }
		}, get("good"))
	failing := row(access.Unavailable, "the limiter fails", 503, "The service cannot decide at the moment.", "",
		func(s *settings) { limited(access.APILimits{Total: perMinute})(s); s.access.Limiter = brokenLimiter{} }, get("good"), again5)
	unrecorded := failing
	unrecorded.what, unrecorded.door = "the admission cannot be written down", func(s *settings) { s.gateway.Admit = refuseAll }
	untold := unrecorded
	untold.what, untold.call, untold.family, untold.code, untold.api, untold.credential = "nor that of a token", enter("good", `{"partnerId":"LOGIN","partnerSecret":"SECRET"}`), "json", "14020", "aggregation", app("good")
	return []refusal{
		row(access.RateLimited, "a second one in a minute", 429, "Too many requests: the rate of this partner on this API is used up.", "partner_api",
			limited(access.APILimits{PerPartner: perMinute}), get("good"), "Retry-After: 60", `Ratelimit: "partner_api";r=0;t=60`, `Ratelimit-Policy: "partner_api";q=1;w=60`),
		row(access.RateLimited, "of all callers together", 429, "Too many requests: the rate of this API is used up.", "api",
			limited(access.APILimits{Total: perMinute}), get("good"), "Retry-After: 60"),
		day, token, exchange, certificate, failing, unrecorded, untold,
	}
}

type brokenLimiter struct{}

func (brokenLimiter) Take([]rate.Bucket) (bool, error) { return true, errBroken }

func refuseAll(context.Context, *audit.Decision) error { return errBroken }

// TestRateLimitFieldsOfAnswers: ours take the place of an upstream's where a limit applies and is told; where none does,
// the upstream's pass.
func TestRateLimitFieldsOfAnswers(t *testing.T) {
	w := newWorld(t)
	theirs := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRateLimit: \"theirs\";r=1;t=1\r\nRateLimit-Policy: \"theirs\";q=1;w=1\r\n\r\nok"
	for what, row := range map[string]struct {
		door          func(*settings)
		limit, policy string
	}{
		"none":   {func(*settings) {}, `"theirs";r=1;t=1`, `"theirs";q=1;w=1`},
		"shared": {limited(access.APILimits{Total: &access.Rate{Daily: 5}}), `"theirs";r=1;t=1`, `"theirs";q=1;w=1`},
		"ours": {limited(access.APILimits{PerPartner: &access.Rate{Rate: 2, Per: time.Second, Burst: 10, Daily: 1000}, PerCredential: &access.Rate{Daily: 500}}),
			`"partner_api";r=9;t=1`, `"partner_api";q=10;w=5, "partner_api_day";q=1000;w=86400, "credential_api_day";q=500;w=86400`},
	} {
		d := w.open(t, row.door)
		d.upstream.says(theirs)
		a := d.do(get("good")(d))
		if a.status != 200 || strings.Join(a.header["Ratelimit"], "|") != row.limit || strings.Join(a.header["Ratelimit-Policy"], "|") != row.policy {
			t.Errorf("%s: %d %q %q", what, a.status, a.header["Ratelimit"], a.header["Ratelimit-Policy"])
		}
	}
}

// TestALimitOfTheRegister reaches the door with the next snapshot.
func TestALimitOfTheRegister(t *testing.T) {
	d := newWorld(t).open(t)
	_, err := d.register.SetLimit(ctx, alice, partner.Limit{PartnerID: d.partner("good"), Environment: "sandbox", Daily: 2})
	d.must(err)
	d.reload()
	for _, want := range []int{200, 200, 429} {
		if a := d.do(get("good")(d)); a.status != want || a.header.Get("Ratelimit-Policy") != `"partner_day";q=2;w=86400` {
			t.Errorf("%d %s %q, want %d", a.status, a.body, a.header["Ratelimit-Policy"], want)
		}
	}
	if a := d.do(get("stray")(d)); a.header["Ratelimit-Policy"] != nil {
		t.Errorf("another partner hears %q", a.header["Ratelimit-Policy"])
	}
}

// TestAdmitComesBetweenTheChecksAndTheUpstream: once for each request that is let on, never for one that is refused, with
// what is known by then, and before a byte reaches the upstream.
func TestAdmitComesBetweenTheChecksAndTheUpstream(t *testing.T) {
	var order []string
	seen := map[string]audit.Decision{}
	d := newWorld(t).open(t, func(s *settings) {
		s.gateway.Admit = func(_ context.Context, line *audit.Decision) error {
			order = append(order, "admit "+line.RequestID)
			seen[line.RequestID] = *line
			return nil
		}
		s.doers = func(all map[*access.API]upstream.Doer) {
			for api := range all {
				all[api] = fakeDoer{do: func(ctx context.Context, r *upstream.Request, resp *upstream.Response) error {
					order = append(order, "forward "+r.Header.Get("Countersign-Request-Id"))
					return instantly(ctx, r, resp)
				}}
			}
		}
	})
	d.do(get("pending")(d))
	d.do(get("good")(d).without("X-Auth-Signature"))
	if len(order) != 0 {
		t.Errorf("asked for a request that was refused: %q", order)
	}
	d.records.line()
	d.records.line()
	a := d.do(post("good", `{"a":1}`)(d))
	id := a.header.Get("Countersign-Request-Id")
	if a.status != 200 || strings.Join(order, ", ") != "admit "+id+", forward "+id {
		t.Errorf("%d %q", a.status, order)
	}
	line := seen[id]
	if !line.Allowed || line.Reason != "allowed" || line.Status != 0 || line.Partner != d.partner("good") || !line.Proved || line.Method != "POST" || line.API != "card" || line.BytesOut != 0 {
		t.Errorf("%+v", line)
	}
	if fields, _ := d.records.line(); fields["request_id"] != id || fields["decision"] != "allow" || fields["status"] != float64(200) {
		t.Errorf("the final line: %v", fields)
	}
	order = nil
	app := d.apps["good"]
	a = d.do(authentication(app, "wrong"))
	if a.status != 401 || order != nil {
		t.Errorf("a wrong secret: %d %q", a.status, order)
	}
	d.records.line()
	d.token(app)
	if len(order) != 1 || !seen[order[0][len("admit "):]].Proved {
		t.Errorf("an exchange: %q %+v", order, seen)
	}
}

// TestAdmitThatIsRefusedLeavesNothingBehind: nothing is forwarded, the secret is not changed, and who had left is said to be gone.
func TestAdmitThatIsRefusedLeavesNothingBehind(t *testing.T) {
	refuse := true
	d := newWorld(t).open(t, func(s *settings) {
		s.gateway.Admit = func(context.Context, *audit.Decision) error {
			if refuse {
				return errors.New("the disk is full")
			}
			return nil
		}
	})
	app := d.apps["good"]
	c := authentication(app, string(app.Secret.Bytes()))
	c.method, c.body = "PUT", strings.TrimSuffix(c.body, "}")+`,"newPartnerSecret":"another-secret-1"}`
	if a := d.do(c); a.status != 503 {
		t.Errorf("a change: %d %s", a.status, a.body)
	}
	if line, text := d.records.line(); line["reason"] != "unavailable" || line["decision"] != "refuse" || !strings.Contains(text, "the disk is full") {
		t.Errorf("record %s", text)
	}
	refuse = false
	d.token(app) // with the old secret
	if a := d.do(c); a.status != 204 {
		t.Errorf("the change again: %d %s", a.status, a.body)
	}
	d.records.line()
	refuse = true
	gone, cancel := context.WithCancel(ctx)
	cancel()
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("somebody who has left was answered")
		}
		if line, text := d.records.line(); line["reason"] != "client_gone" {
			t.Errorf("record %s", text)
		}
		d.upstream.untouched()
	}()
	d.gateway.ServeHTTP(&sink{header: http.Header{}}, d.inHand(get("good")(d)).WithContext(gone))
}
