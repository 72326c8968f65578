package config_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/config"
)

// TestTracingIsHeldToARightWay: where spans go, and what of them goes over which network.
func TestTracingIsHeldToARightWay(t *testing.T) {
	for _, c := range []struct{ what, text, want string }{
		{"a receiver of this machine", `{endpoint: "http://127.0.0.1:4318/v1/traces"}`, ""},
		{"a receiver", `{endpoint: "https://collector.example/v1/traces", sample: 0.5%, ca_file: /ca.pem}`, ""},
		{"plain, as it was said", `{endpoint: "http://collector.example:4318/v1/traces", plain: true}`, ""},
		{"plain", `{endpoint: "http://collector.example:4318/v1/traces"}`, "c.yaml:1:21: tracing.endpoint: \"http://collector.example:4318/v1/traces\" is not https"},
		{"no path", `{endpoint: "https://collector.example"}`, "take traces at https://collector.example/v1/traces"},
		{"a password", `{endpoint: "https://a:hush@collector.example/v1/traces"}`, "name a file with headers_file"},
		{"a query", `{endpoint: "https://collector.example/v1/traces?a=hush"}`, "not the URL of a receiver"},
		{"another scheme", `{endpoint: "grpc://collector.example:4317/x"}`, "not the URL of a receiver"},
		{"nowhere", `{sample: 1%}`, `tracing lacks "endpoint"`},
		{"too much", `{endpoint: "https://c.example/x", sample: 101%}`, `"101%" is not a share`},
		{"a share without its unit", `{endpoint: "https://c.example/x", sample: 0.5}`, `"0.5" is not a share`},
		{"an authority for nothing", `{endpoint: "http://127.0.0.1:1/x", ca_file: /ca.pem}`, "endpoint is http"},
	} {
		_, err := config.Parse("c.yaml", []byte("tracing: "+c.text+"\n"+small), nil)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.what, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		case err != nil && strings.Contains(err.Error(), "hush"):
			t.Errorf("%s: a secret is told: %v", c.what, err)
		}
	}
	c, err := config.Parse("c.yaml", []byte("tracing: {endpoint: \"https://c.example/x\", sample: 0.07%}\n"+small), nil)
	if err != nil || math.Abs(c.Tracing.Sample-0.0007) > 1e-12 || c.Tracing.Queue != 4096 || c.Tracing.Service != "countersign" {
		t.Errorf("%+v, %v", c.Tracing, err)
	}
}

// TestRule39HeadersOfTheReceiverAreASecret: a file that others can read is told by config check.
func TestRule39HeadersOfTheReceiverAreASecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "headers")
	if err := errors.Join(os.WriteFile(file, []byte("Authorization: hush\n"), 0o600), os.Chmod(file, 0o644)); err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("c.yaml", []byte("tracing: {endpoint: \"https://c.example/x\", headers_file: "+file+", ca_file: /nowhere/ca.pem}\n"+small), nil)
	if err != nil {
		t.Fatal(err)
	}
	problems, _ := c.Check(config.Scope{Now: time.Now()})
	text := problems.Error()
	for _, want := range []string{"tracing.headers_file: " + file + " holds a secret but has mode 0644", "tracing.ca_file: "} {
		if !strings.Contains(text, want) || strings.Contains(text, "hush") {
			t.Errorf("%s, want %q", text, want)
		}
	}
}
