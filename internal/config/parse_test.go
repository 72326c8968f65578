package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/profile/library"
	"github.com/google/go-cmp/cmp"
)

// small is the shortest file that says something: what is not in it has its default.
const small = `data: /data
records: {checkpoints: {dir: /else, key_file: /keys/c}}
environments:
  production:
    hosts: [api.example.com]
    listeners:
      - address: 127.0.0.1:443
        tls: {certificate: /tls/c.pem, key: /tls/k.pem}
    apis:
      card:
        profile: finci
        base_paths: [/api/v1]
        upstream: {url: "http://127.0.0.1:81"}
`

// edited replaces parts of a file: old, new, old, new.
func edited(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			t.Fatalf("%q stands %d times in the file", pairs[i], strings.Count(text, pairs[i]))
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("/etc/c.yaml", []byte(text), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// told is what Parse says; empty where the file is right.
func told(text string) string {
	c, err := config.Parse("c.yaml", []byte(text), nil)
	if err == nil {
		return ""
	}
	if c != nil {
		return "half a configuration beside an error: " + err.Error()
	}
	return err.Error()
}

func TestDefaultsAreInPlace(t *testing.T) {
	c := parsed(t, small)
	e := c.Environment("production")
	a, l := e.API("card"), e.Listeners[0]
	got := []any{c.Keys.File, c.Ops.Listen, c.Drain.Deadline, c.Records.Decisions.Dir, c.Records.Decisions.Keep, c.Records.Decisions.Compress,
		e.MaxStaleness, a.Addresses, a.Replay, a.MaxBody, a.Upstream.Host, a.Upstream.MaxIdle, a.ClientCertificate, l.MaxConnections, l.TLS.MinVersion,
		c.Sealing.RotateEvery, c.Memory.Bodies}
	want := []any{"/data/master.key", "127.0.0.1:9900", 45 * time.Second, "/data/decisions", 400 * 24 * time.Hour, true,
		15 * time.Minute, "required", "writes", int64(1 << 20), "keep", 512, "bound", 10000, "1.2",
		30 * 24 * time.Hour, int64(256 << 20)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDefaultsThatDependOnOthers(t *testing.T) {
	c := parsed(t, edited(t, small, "    hosts: [api.example.com]\n", "", "profile: finci", "token: {endpoint: /api/v1/login}", `"http://127.0.0.1:81"`, `"http://127.0.0.1:81", max_connections: 4`))
	a := c.Environments[0].API("card")
	if a.Signed() || a.Addresses != "off" || a.Replay != "off" || !a.AllowBrowser || a.Upstream.Host != "upstream" || a.Upstream.MaxIdle != 4 || a.Token.Lifetime != 2*time.Hour {
		t.Errorf("%+v %+v", a, a.Token)
	}
	c = parsed(t, edited(t, small, "profile: finci", "profile: finci/lf\n        limits: {total: {rate: 90/m}, per_partner: {daily: 5}}"))
	a = c.Environments[0].API("card")
	if *a.Profile != (config.Profile{Name: "finci", Alternative: "lf"}) || *a.Limits.Total != (config.Limit{Rate: config.Rate{Count: 90, Per: time.Minute}, Burst: 90}) || *a.Limits.PerPartner != (config.Limit{Daily: 5}) {
		t.Errorf("%+v %+v %+v", a.Profile, a.Limits.Total, a.Limits.PerPartner)
	}
}

func TestRelativePathsBeginAtTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.yaml")
	if err := os.WriteFile(path, []byte(edited(t, small, "/data", "var", "/tls/c.pem", "tls/../c.pem")), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != filepath.Join(dir, "var") || c.Environments[0].Listeners[0].TLS.Certificate != filepath.Join(dir, "c.pem") || c.Keys.File != filepath.Join(dir, "var", "master.key") {
		t.Errorf("%s, %+v, %s", c.Data, c.Environments[0].Listeners[0].TLS, c.Keys.File)
	}
}

// TestRule35EveryKeyIsKnown: a misspelt key is told with its place and the nearest known one.
func TestRule35EveryKeyIsKnown(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"address: 127.0.0.1:443", "adress: 127.0.0.1:443", `c.yaml:7:9: unknown key "adress" (did you mean "address"?)`},
		{"upstream: {url", "upstream: {timout: 3s, url", `c.yaml:13:20: unknown key "timout" (did you mean "timeout"?)`},
		{"data: /data", "data: /data\nwhatever: 1", `c.yaml:2:1: unknown key "whatever" (known here: data, keys, log, ops, admin, portal, countries, drain, memory, register, valkey, replay, limits, records, tracing, sealing, credentials, reviews, webhooks, environments)`},
		{"data: /data", "data: /data\ndata: /other", `c.yaml:2:1: "data" is given twice`},
		{"data: /data", "Data: /data", `c.yaml:1:1: unknown key "Data" (did you mean "data"?)`},
		{"hosts: [api.example.com]", "<<: {hosts: [x]}", `c.yaml:5:5: anchors, aliases, tags, directives and complex keys are not allowed`},
		{"hosts: [api.example.com]", "hosts: &h [x]", `c.yaml:5:12: anchors, aliases, tags`},
		{"hosts: [api.example.com]", "hosts: !!seq [x]", `c.yaml:5:12: anchors, aliases, tags`},
	} {
		if got := told(edited(t, small, c.old, c.new)); !strings.Contains(got, c.want) {
			t.Errorf("%s\n got: %s\nwant: %s", c.new, got, c.want)
		}
	}
}

func TestEveryProblemIsToldAtOnceByPlace(t *testing.T) {
	got := told(edited(t, small, "/data", "~/data", "hosts: [api.example.com]", "hostz: [1]", "127.0.0.1:443", "api:443", "finci", "fincy", "/api/v1", "/api/v1/", "http://127.0.0.1:81", "ftp://x"))
	want := `c.yaml:1:7: data: "~/data" begins with ~, which only a shell understands (write the whole path)
c.yaml:5:5: unknown key "hostz" (did you mean "hosts"?)
c.yaml:7:18: environments.production.listeners[0].address: "api" is not an IP address (a listener takes an address of this machine, or nothing before the colon for all of them)
c.yaml:11:18: environments.production.apis.card.profile: unknown profile: "fincy" (did you mean "finci"?) (shipped: ` + strings.Join(library.Names(), ", ") + `)
c.yaml:12:22: environments.production.apis.card.base_paths[0]: "/api/v1/" ends in a slash (write "/api/v1")
c.yaml:13:25: environments.production.apis.card.upstream.url: "ftp://x" is not the base of an HTTP server (write http://HOST:PORT or https://HOST:PORT)`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestRule21NobodyIsTrustedByAccident: a trusted prefix as wide as the internet refuses to start.
func TestRule21NobodyIsTrustedByAccident(t *testing.T) {
	for prefix, want := range map[string]string{
		"0.0.0.0/0":             "too wide to be trusted",
		`"::/0"`:                "too wide to be trusted",
		"10.0.0.0/7":            "too wide",
		"128.0.0.0/7":           "too wide",
		`"2000::/15"`:           "too wide",
		"10.0.0.1/24":           "write 10.0.0.0/24",
		`"::ffff:10.0.0.0/104"`: "IPv4 prefix in the form of an IPv6 one",
		"10.0.0.1":              "is not a prefix",
		"10.0.0.0/8":            "",
		`"2001:db8::/32"`:       "",
	} {
		got := told(edited(t, small, "hosts:", "trusted_proxies: ["+prefix+"]\n    hosts:"))
		if want == "" != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %s", prefix, got)
		}
	}
}

// TestRule36EveryNumberHasItsUnit: no unit is implied by a name.
func TestRule36EveryNumberHasItsUnit(t *testing.T) {
	for setting, want := range map[string]string{
		"window: 300":                                `"300" is not a duration`,
		"window: 300s":                               "",
		"window: 5m":                                 "",
		"window: 1m30s":                              "",
		"window: 30s1m":                              "not a duration",
		"window: 16m":                                "out of bounds",
		"window: 0s":                                 "out of bounds",
		"window: -5s":                                "not a duration",
		"window: 1.5m":                               "not a duration",
		"window: 99999999999d":                       "not a duration",
		"max_body: 1048576":                          `"1048576" is not a size`,
		"max_body: 1MB":                              "not a size",
		"max_body: 1MiB":                             "",
		"max_body: 999999999999TiB":                  "out of bounds",
		"max_body: 512MiB":                           "more than memory.bodies",
		"limits: {total: {rate: 5}}":                 "is not a rate",
		"limits: {total: {rate: 5/s}}":               "",
		"limits: {total: {rate: 5/w}}":               "is not a rate",
		"limits: {total: {rate: 1000001/s}}":         "out of bounds",
		"limits: {total: {burst: 5}}":                "neither rate nor daily",
		"limits: {total: {daily: 5, burst: 2}}":      "without rate",
		"limits: {total: {rate: 5/s, burst: 0x10}}":  "not a number",
		"limits: {total: {rate: 5/s, burst: \"5\"}}": "not a number",
		"limits: {total: {rate: 5/s, burst: 05}}":    "not a number",
	} {
		got := told(edited(t, small, "base_paths", setting+"\n        base_paths"))
		if want == "" != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", setting, got, want)
		}
	}
}

func TestLoadRefusesWhatOthersCanWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, nil); err != nil {
		t.Errorf("mode 0600: %v", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, nil); len(config.AsProblems(err)) != 1 || !strings.Contains(err.Error(), "others can write the file (mode 0666) (chmod 640 ") {
		t.Errorf("mode 0666: %v", err)
	}
	if _, err := config.Load(path+".missing", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := config.Load(filepath.Dir(path), nil); err == nil {
		t.Error("a folder was read")
	}
}

// TestTextIsReadBack: what is shown means what was read.
func TestTextIsReadBack(t *testing.T) {
	example, err := os.ReadFile(document("countersign.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{small, string(example), edited(t, small, "profile: finci", "token: {endpoint: /api/v1/login}", "127.0.0.1:443", `"[::1]:443"`)} {
		first := parsed(t, text)
		second := parsed(t, first.Text())
		if diff := cmp.Diff(first.Text(), second.Text()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(first, second, settingsOnly...); diff != "" {
			t.Errorf("%s\n%s", diff, first.Text())
		}
	}
}
