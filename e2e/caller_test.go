package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCallersOwnTools: `call` and `signing-proxy` of the real binary against the real gateway, with both protocols, and tokens that
// end again and again, by a clock of the gateway that is set forward.
func TestCallersOwnTools(t *testing.T) {
	t.Parallel()
	program, err := stepped()
	if err != nil {
		t.Fatal(err)
	}
	clock := filepath.Join(t.TempDir(), "clock")
	gateway := exec.Command(program)
	gateway.Env = append(os.Environ(), clockVariable+"="+clock)
	d := startAs(t, gateway, folder(t), "--token-lifetime", "5m")
	defer mustStop(t, d)
	e := d.Environments[sandbox]
	callers := filepath.Join(t.TempDir(), "callers.yaml")
	tool := func(in string, args ...string) string {
		t.Helper()
		return pipe(t, in, 0, append(args, "--callers", callers)...)
	}
	tool(e.Card.APISecret+"\n", "caller", "add", "card", "--base", e.BaseURL, "--profile", "finci", "--key-id", e.Card.APIToken, "--ca-file", d.CAFile)
	tool(e.Aggregation.PartnerSecret+"\n", "caller", "add", "agg", "--base", e.BaseURL, "--token-endpoint", "/aggregation/v2/partners/authentication",
		"--app-key", e.Aggregation.AppKey, "--partner-id", e.Aggregation.PartnerID, "--ca-file", d.CAFile)
	card := "/api/v1/cards/10031000000000000001"
	if out := tool("", "call", "GET", card, "--as", "card", "-f"); !strings.Contains(out, `"token_id":"10031000000000000001"`) {
		t.Errorf("call: %s", out)
	}
	change := "/api/v1/update-card-status/10031000000000000001"
	tool("", "call", "PATCH", change, "--as", "card", "-f", "--json", `{"token_status":"blocked","note":"Zoë €"}`)
	if out := tool("", "call", "GET", "/aggregation/v1/institutions?limit=1", "--as", "agg", "-f", "-H", "Accept: application/json"); !strings.Contains(out, `"institutions"`) {
		t.Errorf("call with a token: %s", out)
	}

	proxy := startProxy(t, "--callers", callers, "--as", "card")
	for _, step := range []struct{ method, path, body string }{{"GET", card + "?a=%2f&&b", ""}, {"PATCH", change, `{"token_status":"active","note":"Zoë €"}`}} {
		req, _ := http.NewRequest(step.method, proxy+step.path, strings.NewReader(step.body))
		req.Header.Set("Content-Type", "application/json")
		sent(t, req)
	}
	renewing := startProxy(t, "--callers", callers, "--as", "agg")
	for i := range 3 {
		req, _ := http.NewRequest("POST", renewing+"/aggregation/v1/customers/testing", strings.NewReader(fmt.Sprintf(`{"username":"caller-%d","firstName":"A","lastName":"B"}`, i)))
		req.Header.Set("Content-Type", "application/json")
		sent(t, req)
		d.ends(t, d.token(t, sandbox), clock, time.Duration(i+1)*6*time.Minute)
	}
}

// ends sets the clock of a gateway forward by as much, and waits until a token has ended by it.
func (d *dev) ends(t *testing.T, token, clock string, ahead time.Duration) {
	t.Helper()
	put(t, clock+".next", ahead.String()+"\n")
	if err := os.Rename(clock+".next", clock); err != nil {
		t.Fatal(err)
	}
	list := tokenCall{method: "GET", path: "/v1/customers", token: token, accept: jsonType}
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		a := d.called(t, sandbox, list)
		if a.status == 401 && a.code(t) == 10023 {
			return
		}
		if a.status != 200 && a.status != 503 || time.Since(begun) > startLimit { // 503: by this clock the register was read too long ago
			t.Fatalf("with a clock that is %s ahead: %v", ahead, a)
		}
	}
}

// sent sends a request that has to be answered with a status below 400.
func sent(t *testing.T, req *http.Request) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode >= 400 {
		t.Fatalf("%s %s: %d %s", req.Method, req.URL, resp.StatusCode, body)
	}
}

// startProxy starts a signing proxy on a free port and returns its URL. It has to end well when it is interrupted.
func startProxy(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary(t), append([]string{"signing-proxy", "--listen", "127.0.0.1:0"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the signing proxy: %v\n%s", err, &log)
		}
	})
	line := make([]byte, 200)
	n, err := out.Read(line)
	if err != nil {
		t.Fatalf("the signing proxy said nothing: %v\n%s", err, &log)
	}
	_, url, _ := strings.Cut(strings.TrimSpace(string(line[:n])), "calls ")
	return url
}
