package e2e_test

import (
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// with starts a server over the configuration with pieces of its text replaced, old and new in turn.
func (s *site) with(t *testing.T, pairs ...string) *dev {
	t.Helper()
	text := s.text()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("no %q in the configuration", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	s.writeText(t, text)
	return s.serveAs(t, exec.Command(binary(t)))
}

// operate runs an operator's command on the site and returns what it said, and its exit code.
func (s *site) operate(t *testing.T, args ...string) (said string, code int) {
	t.Helper()
	out, err := exec.Command(binary(t), append(args, "--config", s.file())...).CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		t.Fatal(err)
	}
	return string(out), exitCode(err)
}

func exitCode(err error) int {
	if e, ok := err.(*exec.ExitError); ok {
		return e.ExitCode()
	}
	return 0
}

// must is operate for a command that has to succeed.
func (s *site) must(t *testing.T, args ...string) string {
	t.Helper()
	said, code := s.operate(t, args...)
	if code != 0 {
		t.Fatalf("countersign %s: exit code %d\n%s", strings.Join(args, " "), code, said)
	}
	return said
}

// limited checks an answer that a limit refused.
func limited(t *testing.T, a *answer, policy string) {
	t.Helper()
	a.want(t, http.StatusTooManyRequests)
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > 86400 {
		t.Errorf("Retry-After %q, want whole seconds", a.header.Get("Retry-After"))
	}
	if got := a.header.Get("RateLimit-Policy"); !strings.Contains(got, policy) {
		t.Errorf("RateLimit-Policy %q, want %q in it", got, policy)
	}
	if got := a.header.Get("RateLimit"); !strings.Contains(got, "r=0") {
		t.Errorf("RateLimit %q of a refused answer", got)
	}
}

// onOneDay waits where the day of UTC is about to end: what is counted by the day must not begin anew within a test.
func onOneDay() {
	if now := time.Now(); now.Add(time.Minute).UTC().Day() != now.UTC().Day() {
		time.Sleep(time.Until(now.Add(time.Minute).UTC().Truncate(24 * time.Hour)))
	}
}

// TestLimitsOnBothProtocols: a burst is let in up to its bound and refused behind it, with the fields that tell the caller when to
// come back, in each API's own format; what a command sets is live at once; what is refused never reaches the upstream.
func TestLimitsOnBothProtocols(t *testing.T) {
	s := newSite(t)
	onOneDay()
	const burst = "limits: {per_partner: {rate: 1/h, burst: 3}}"
	d := s.with(t, "max_body: 1MiB", "max_body: 1MiB\n        "+burst,
		"base_paths: [/aggregation]", "base_paths: [/aggregation]\n        limits: {per_credential: {daily: 4}}")

	for i := range 3 {
		a := d.signed(t, sandbox, get("burst")).want(t, 200)
		if got, want := a.header.Get("RateLimit"), "r="+strconv.Itoa(2-i); !strings.Contains(got, want) {
			t.Errorf("request %d: RateLimit %q, want %s", i+1, got, want)
		}
	}
	requests, bytes := s.upstream.mark()
	a := d.signed(t, sandbox, get("burst"))
	limited(t, a, "q=3")
	if seen, _ := s.upstream.since(requests, bytes); len(seen) > 0 {
		t.Error("a request beyond the burst was forwarded")
	}
	if !strings.Contains(string(a.body), `"rate_limited"`) || d.line(t, a).text("reason") != "rate_limited" {
		t.Errorf("the refusal: %s", a)
	}
	d.signed(t, production, get("other")).want(t, 200) // its own world

	// The quota counts the exchange, too.
	token := d.token(t, sandbox)
	call := tokenCall{method: "GET", path: "/v1/customers", token: token, accept: "application/xml"}
	for range 3 {
		d.called(t, sandbox, call).want(t, 200)
	}
	a = d.called(t, sandbox, call)
	limited(t, a, "q=4")
	if !strings.Contains(string(a.body), "<code>14020</code>") || d.line(t, a).text("reason") != "quota_exceeded" {
		t.Errorf("the quota's refusal: %s", a)
	}

	// An operator gives the partner more, and the next request is let in.
	s.must(t, "limit", "set", d.Environments[sandbox].Card.APIToken, "--environment", sandbox, "--api", "card", "--rate", "100/s", "--wait")
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) { // what is used up is used up of the new rate, too: one of its spans at most
		a := d.signed(t, sandbox, get("more"))
		if got := a.header.Get("RateLimit-Policy"); !strings.Contains(got, "q=100") {
			t.Fatalf("RateLimit-Policy %q after the limit was set", got)
		}
		if a.status == 200 {
			break
		}
		if time.Since(begun) > startLimit {
			t.Fatalf("the higher limit lets nobody in: %s", a)
		}
	}
	mustStop(t, d)
	// The day's count outlives the process.
	d = s.serveAs(t, exec.Command(binary(t)))
	limited(t, d.called(t, sandbox, call), "q=4")
}
