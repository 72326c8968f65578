package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// program runs a stranger's client; it says "ok" or what went wrong.
func program(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil || string(out) != "ok\n" {
		t.Errorf("%s %v: %v\n%s", name, args[:1], err, out)
	}
}

// TestStrangersClients: the journeys of four clients that were written without a look at the product's code.
func TestStrangersClients(t *testing.T) {
	r := onModels(t)
	for _, c := range []struct{ name, tool, file, environment, mode string }{
		{"card, Python", "python3", "clients/card.py", sandbox, ""},
		{"card in production, Python", "python3", "clients/card.py", production, ""},
		{"card, Node", "node", "clients/card.mjs", sandbox, ""},
		{"aggregation in JSON, Python", "python3", "clients/aggregation.py", sandbox, "json"},
		{"aggregation in XML, Python", "python3", "clients/aggregation.py", production, "xml"},
		{"aggregation in JSON, Node", "node", "clients/aggregation.mjs", production, "json"},
		{"aggregation in XML, Node", "node", "clients/aggregation.mjs", sandbox, "xml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			need(t, c.tool)
			args := []string{c.file, r.readyFile, c.environment}
			if c.mode != "" {
				args = append(args, c.mode)
			}
			program(t, c.tool, args...)
		})
	}
}

// TestExpiredTokens: with tokens of two seconds, clients see 10023 and go on with a new one; a token that never was one is
// 10022 all the same.
func TestExpiredTokens(t *testing.T) {
	t.Parallel()
	d := start(t, folder(t), "--token-lifetime", "2s")
	for _, c := range []struct{ tool, file string }{{"python3", "clients/aggregation.py"}, {"node", "clients/aggregation.mjs"}} {
		t.Run(c.tool, func(t *testing.T) {
			need(t, c.tool)
			program(t, c.tool, c.file, d.readyFile, sandbox, "expiry")
		})
	}
	token := d.token(t, sandbox)
	list := tokenCall{method: "GET", path: "/v1/customers", token: token, accept: jsonType}
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		a := d.called(t, sandbox, list)
		if a.status == 401 {
			if string(a.body) != refusalJSON(10023, "Expired (Finicity-App-Token)") {
				t.Errorf("%v", a)
			}
			break
		}
		if a.status != 200 || time.Since(begun) > wireLimit {
			t.Fatalf("waiting for expiry: %v", a)
		}
	}
	list.token = flipped(token)
	if got := d.called(t, sandbox, list).want(t, 401).code(t); got != 10022 {
		t.Errorf("a changed token that is also old is %d", got)
	}
}

// TestNodeFetch: the fetch that is built into Node calls the signed API like any other backend's client.
func TestNodeFetch(t *testing.T) {
	need(t, "node")
	r := onModels(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "node", "clients/fetch.mjs", r.readyFile, sandbox)
	c.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+r.CAFile)
	if out, err := c.CombinedOutput(); err != nil || string(out) != "ok\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
