package e2e_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// page fetches from the operations listener.
func (d *dev) page(t *testing.T, path string) (int, string) {
	t.Helper()
	client := &http.Client{Timeout: wireLimit, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(d.OpsURL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

var labelled = regexp.MustCompile(`(?m)^[a-z_]+\{[^}]*reason="([a-z_]+)"[^}]*\} ([0-9.e+]+)$`)

// reasons are the counters by reason, all other labels summed up.
func (d *dev) reasons(t *testing.T) map[string]float64 {
	t.Helper()
	status, text := d.page(t, "/metrics")
	if status != 200 {
		t.Fatalf("/metrics answers %d", status)
	}
	sums := map[string]float64{}
	for _, found := range labelled.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseFloat(found[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		sums[found[1]] += n
	}
	return sums
}

// TestRule23OperationsListener: alive, ready, counters by reason; on loopback, apart from the APIs in both directions.
func TestRule23OperationsListener(t *testing.T) {
	r := onRecorder(t)
	u, err := url.Parse(r.OpsURL)
	if err != nil {
		t.Fatal(err)
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		t.Errorf("operations listen on %s", u.Host)
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if status, body := r.page(t, path); status != 200 {
			t.Errorf("%s: %d %q", path, status, body)
		}
		c := get("ops")
		c.target, c.extra = path, []string{"User-Agent: kube-probe/1.30"}
		r.untouched(t, func() { r.refused(t, r.signed(t, sandbox, c), 404, "unknown_api", "unknown_api") })
	}
	c := get("ops")
	r.untouched(t, func() {
		if status, _ := r.page(t, c.target); status != 404 {
			t.Errorf("the operations listener answers %d for %s", status, c.target)
		}
	})
}

// TestCountersByReason: each refusal and each success moves its own counter.
func TestCountersByReason(t *testing.T) {
	r := recording(t, folder(t)) // of its own: what came before to a shared one may be counted after "before" was read
	e := r.Environments[sandbox]
	missing, forged := get("counted"), get("counted")
	missing.omit, forged.signature = "X-Auth-Token", strings.Repeat("0", 64)
	before := r.reasons(t)
	r.signed(t, sandbox, missing).want(t, 401)
	r.signed(t, sandbox, forged).want(t, 401)
	r.signed(t, sandbox, forged).want(t, 401)
	r.ask(t, sandbox, edit(get("counted").raw(e), "\r\nX-Auth-Token", "\nX-Auth-Token")).want(t, 400)
	r.signed(t, sandbox, get("counted")).want(t, 200)
	want := map[string]float64{"missing_header": 1, "bad_signature": 2, "allowed": 1, "malformed_framing": 1}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) { // counted soon after the answer
		after, whole := r.reasons(t), true
		for reason, n := range want {
			whole = whole && after[reason]-before[reason] == n
		}
		if whole {
			return
		}
		if time.Since(begun) > startLimit {
			t.Fatalf("before %v\nafter  %v\nwant more by %v", before, after, want)
		}
	}
}

// TestDecisionLines: one for every request, with what an operator needs.
func TestDecisionLines(t *testing.T) {
	r := onRecorder(t)
	c := patch("recorded")
	c.target += "?note=" + querySentinel
	a := r.signed(t, production, c).want(t, 200)
	l := r.line(t, a)
	path, _, _ := strings.Cut(c.target, "?")
	for key, want := range map[string]any{
		"environment": production, "decision": "allow", "reason": "allowed", "method": "PATCH", "path": path, "status": 200.0,
		"address": "127.0.0.1", "bytes_in": float64(len(c.body)), "bytes_out": float64(len(success)),
	} {
		if l[key] != want {
			t.Errorf("%s is %v instead of %v", key, l[key], want)
		}
	}
	for _, key := range []string{"time", "partner", "credential", "api", "query_digest", "peer", "protocol", "duration_us"} {
		if l[key] == nil || l[key] == "" {
			t.Errorf("%s is missing: %v", key, l)
		}
	}
	other := r.line(t, r.signed(t, production, call{method: "GET", target: path + "?note=" + querySentinel + "2"}).want(t, 200))
	if other.text("query_digest") == l.text("query_digest") {
		t.Errorf("two queries have one digest: %v, %v", l, other)
	}
}
