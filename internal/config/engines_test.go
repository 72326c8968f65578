package config_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/config"
)

// with adds settings to a configuration.
func with(settings string) string { return settings + "\n" + small }

// TestEnginesThatDoNotFitTogether: one line for each rule, and beside it what is right.
func TestEnginesThatDoNotFitTogether(t *testing.T) {
	const cache = "valkey: {addresses: [/run/valkey.sock]}\n"
	for _, c := range []struct{ name, settings, want string }{
		{"nothing said", "", ""},
		{"everything on one machine", "register: {engine: sqlite}\nreplay: {engine: memory, durability: sync}\nlimits: {engine: memory}", ""},
		{"everything shared", cache + "register: {engine: postgres, url_file: u, connections: 20}\nreplay: {engine: valkey, unreachable: allow, max_drift: 2s, wait_replicas: 1}\nlimits: {engine: valkey, unreachable: allow}", ""},
		{"a database without its URL", "register: {engine: postgres}", "c.yaml:1:11: register: postgres without url_file"},
		{"a URL in the file", "register: {engine: postgres, url: \"postgres://u:p@h/d\"}", `c.yaml:1:30: unknown key "url" (known here: engine, url_file, connections)`},
		{"a URL for a file", "register: {url_file: u}", "c.yaml:1:22: register.url_file: has no meaning with the engine sqlite"},
		{"connections of a file", "register: {connections: 9}", "register.connections: has no meaning with the engine sqlite"},
		{"one connection", "register: {engine: postgres, url_file: u, connections: 1}", `register.connections: "1" is out of bounds`},
		{"another engine", "register: {engine: mysql}", `register.engine: "mysql" is none of sqlite, postgres`},
		{"a cache that is nowhere", "replay: {engine: valkey}", "replay.engine: valkey, but the file does not say where that is"},
		{"limits in a cache that is nowhere", "limits: {engine: valkey}", "limits.engine: valkey, but the file does not say where that is"},
		{"a cache without an address", "valkey: {}", `c.yaml:1:9: valkey lacks "addresses"`},
		{"a journal that is not kept", cache + "replay: {engine: valkey, durability: sync}", "replay.durability: has no meaning with the engine valkey"},
		{"a choice that nobody has", "replay: {unreachable: allow}", "replay.unreachable: has no meaning with the engine memory"},
		{"a choice that no limiter has", "limits: {unreachable: allow}", "limits.unreachable: has no meaning with the engine memory"},
		{"drift of a journal", "replay: {max_drift: 9s}", "replay.max_drift: has no meaning with the engine memory"},
		{"replicas of a journal", "replay: {wait_replicas: 1}", "replay.wait_replicas: has no meaning with the engine memory"},
		{"half a second", cache + "replay: {engine: valkey, max_drift: 1s500ms}", `replay.max_drift: "1s500ms" has a part of a second`},
		{"drift beyond all clocks", cache + "replay: {engine: valkey, max_drift: 2m}", "out of bounds"},
		{"several single servers", "valkey: {addresses: [\"127.0.0.1:1\", \"127.0.0.1:2\"]}", "each server would remember something else"},
		{"one server twice", "valkey: {mode: cluster, addresses: [\"127.0.0.1:1\", \"127.0.0.1:1\"]}", `valkey.addresses[1]: "127.0.0.1:1" is listed twice`},
		{"a cluster", "valkey: {mode: cluster, addresses: [\"127.0.0.1:1\", \"127.0.0.1:2\"]}\nreplay: {engine: valkey}", ""},
		{"sentinels without a name", "valkey: {mode: sentinel, addresses: [\"127.0.0.1:1\"]}", "valkey: sentinel without master"},
		{"a name without sentinels", "valkey: {master: m, addresses: [\"127.0.0.1:1\"]}", "valkey.master: has no meaning with the mode single"},
		{"a cluster on a socket", "valkey: {mode: cluster, addresses: [/s]}", "is a socket, which is one server, not a cluster"},
		{"TLS on a socket", "valkey: {addresses: [/s], tls: {}}", "is a socket, over which no TLS is spoken"},
		{"another machine in clear", "valkey: {addresses: [\"cache.example:6379\"]}", `c.yaml:1:22: valkey.addresses[0]: "cache.example:6379" is another machine, and TLS is off`},
		{"another machine in clear on purpose", "valkey: {addresses: [\"cache.example:6379\"], plain: true}\nreplay: {engine: valkey}", ""},
		{"another machine", "valkey: {addresses: [\"cache.example:6379\"], tls: {ca_file: ca.pem}}\nreplay: {engine: valkey}", ""},
		{"in clear and not", "valkey: {addresses: [\"cache.example:6379\"], tls: {}, plain: true}", "valkey.plain: not beside tls"},
		{"half a certificate", "valkey: {addresses: [\"cache.example:6379\"], tls: {cert_file: c}}", "valkey.tls.cert_file: without key_file"},
		{"a user without a password", "valkey: {addresses: [\"127.0.0.1:1\"], username: u}", "valkey.username: without password_file"},
		{"a password in the file", "valkey: {addresses: [\"127.0.0.1:1\"], password: p}", `unknown key "password" (known here: `},
		{"no port", "valkey: {addresses: [cache.example]}", `"cache.example" is neither HOST:PORT nor the path of a socket`},
		{"a brace in a prefix", "valkey: {addresses: [/s], prefix: \"a{b}\"}", `valkey.prefix: "a{b}" cannot begin the name of a key`},
		{"a patience without end", "valkey: {addresses: [/s], timeout: 1m}", "valkey.timeout: \"1m\" is out of bounds"},
	} {
		got := told(with(c.settings))
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// TestEnginesHaveDefaults: what is not said is one machine's, and a cache has its bounds.
func TestEnginesHaveDefaults(t *testing.T) {
	c, err := config.Parse("c.yaml", []byte(with("valkey: {addresses: [\"[::1]:6379\"]}")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Register != (config.Register{Engine: "sqlite", Connections: 8}) || c.SharedRegister() || c.UsesValkey() ||
		c.Replay != (config.Replay{Engine: "memory", Durability: "buffered", Unreachable: "refuse", MaxDrift: 5 * time.Second}) ||
		c.Limits != (config.Counting{Engine: "memory", Unreachable: "refuse"}) || c.Valkey.Timeout != 50*time.Millisecond || c.Valkey.Prefix != "countersign:" || c.Valkey.Mode != "single" {
		t.Errorf("%+v %+v %+v %+v", c.Register, c.Replay, c.Limits, c.Valkey)
	}
}

// TestEnginesThatAreSeldomMeant: several nodes on one register, each with a memory of its own, is allowed and said.
func TestEnginesThatAreSeldomMeant(t *testing.T) {
	const cache, postgres = "valkey: {addresses: [/s]}\n", "register: {engine: postgres, url_file: u}\n"
	limited := strings.Replace(small, "base_paths", "limits: {total: {rate: 5/s}}\n        base_paths", 1)
	token := strings.NewReplacer("profile: finci", "token: {endpoint: /api/v1/login}").Replace(small)
	for _, c := range []struct {
		name, file string
		want       []string
	}{
		{"one machine", small, nil},
		{"a database and own memories", postgres + limited, []string{"register.engine: many nodes can share the register, and with replay.engine memory", "register.engine: many nodes can share the register, and with limits.engine memory"}},
		{"a database, and nothing is limited", postgres + small, []string{"register.engine: many nodes can share the register, and with replay.engine memory"}},
		{"a database, and nothing is guarded", postgres + token, nil},
		{"a database and one cache", cache + postgres + "replay: {engine: valkey}\nlimits: {engine: valkey}\n" + limited, nil},
		{"a cache for nobody", cache + small, []string{"valkey: nothing uses it"}},
		{"a URL in the data folder", "register: {engine: postgres, url_file: /data/u}\n" + token, []string{"register.url_file: the file lies in the data folder"}},
	} {
		parsed, err := config.Parse("c.yaml", []byte("keys: {file: /keys/m}\n"+c.file), nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		warnings := parsed.Warnings()
		for i, w := range warnings {
			if i >= len(c.want) || !strings.Contains(w.String(), c.want[i]) {
				t.Errorf("%s: %s", c.name, w)
			}
		}
		if len(warnings) != len(c.want) {
			t.Errorf("%s: %d warnings, want %d", c.name, len(warnings), len(c.want))
		}
	}
}

// TestRule39FilesOfEnginesArePrivate: and rule 33: nothing of what stands in them is told.
func TestRule39FilesOfEnginesArePrivate(t *testing.T) {
	const good = "postgres://u:hunter2@db.example/d?sslmode=verify-full\n"
	for _, c := range []struct {
		name, url, problem, warning string
		mode                        uint32
	}{
		{"good", good, "", "", 0o600},
		{"read by others", good, "register.url_file: u holds a secret but has mode 0640", "", 0o640},
		{"none", "", "u does not hold one line", "", 0o600},
		{"two lines", good + good, "u does not hold one line", "", 0o600},
		{"something else", "hunter2", "u does not hold the URL of a PostgreSQL database", "", 0o600},
		{"of another kind", "mysql://u:hunter2@h/d", "u does not hold the URL of a PostgreSQL database", "", 0o600},
		{"a stranger may answer", "postgres://u:hunter2@db.example/d", "", "its sslmode is not verify-full", 0o600},
		{"a stranger with any certificate", "postgres://u:hunter2@db.example/d?sslmode=require", "", "its sslmode is not verify-full", 0o600},
		{"this machine", "postgres://u:hunter2@127.0.0.1:5432/d", "", "", 0o600},
		{"this machine, IPv6", "postgres://u:hunter2@[::1]:5432/d", "", "", 0o600},
		{"a socket", "postgres:///d?host=/run/postgresql&user=u&password=hunter2", "", "", 0o600},
		{"in words", "host=/run/postgresql user=u password=hunter2 dbname=d", "", "", 0o600},
		{"in words, elsewhere", "host='db.example' user=u password=hunter2 sslmode=disable", "", "its sslmode is not verify-full", 0o600},
		{"in words, proved", "host=db.example user=u password=hunter2 sslmode=verify-full", "", "", 0o600},
	} {
		s := newSite(t)
		s.write("c.yaml", "register: {engine: postgres, url_file: u}\nvalkey: {addresses: [/s], password_file: p}\nreplay: {engine: valkey}\n"+siteText, 0o600)
		s.write("u", c.url, os.FileMode(c.mode))
		s.write("p", "hunter2", 0o600)
		problems, warnings := s.check(s.variables())
		if !strings.Contains(problems, c.problem) || c.problem == "" && problems != "" || !strings.Contains(warnings, c.warning) || c.warning == "" && strings.Contains(warnings, "sslmode") {
			t.Errorf("%s: problems %q, warnings %q", c.name, problems, warnings)
		}
		if strings.Contains(problems+warnings, "hunter2") {
			t.Errorf("%s: the password is told", c.name)
		}
	}
	s := newSite(t)
	s.write("c.yaml", strings.Replace(siteText, "records: {", "records: {ship: {to: postgres, url_file: u}, ", 1), 0o600)
	s.write("u", "postgres://u:hunter2@db.example/records?sslmode=prefer", 0o600)
	if problems, warnings := s.check(s.variables()); !strings.Contains(warnings, "records.ship.url_file: the URL in u lets a stranger answer") || strings.Contains(problems+warnings, "hunter2") {
		t.Errorf("the depot of records: problems %q, warnings %q", problems, warnings)
	}
	s = newSite(t)
	s.write("c.yaml", "valkey: {addresses: [\"cache.example:1\"], username: u, password_file: p, tls: {ca_file: ca, cert_file: c.pem, key_file: k.pem}}\nreplay: {engine: valkey}\n"+siteText, 0o600)
	s.write("p", "hunter2", 0o644)
	s.write("ca", "nothing", 0o644)
	problems, _ := s.check(s.variables())
	for _, want := range []string{"valkey.password_file: p holds a secret but has mode 0644", "valkey.tls.ca_file: ca holds no certificate"} {
		if !strings.Contains(problems, want) {
			t.Errorf("%q is not in %q", want, problems)
		}
	}
	s.write("k.pem", "none", 0o644)
	if problems, _ := s.check(s.variables()); !strings.Contains(problems, "valkey.tls.key_file: k.pem holds a secret but has mode 0644") {
		t.Errorf("a loose key: %q", problems)
	}
}
