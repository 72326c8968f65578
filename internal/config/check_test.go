package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/secret"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// site is a folder with everything that a configuration names.
type site struct {
	t   *testing.T
	dir string
}

const siteText = `data: data
keys: {file: master.key}
records: {checkpoints: {dir: else, key_file: checkpoint.key}}
environments:
  production:
    hosts: [api.example.com]
    listeners:
      - address: 127.0.0.1:443
        tls: {certificate: c.pem, key: k.pem}
    apis:
      card:
        profile: finci
        base_paths: [/api/v1]
        upstream: {url: "https://127.0.0.1:81", ca_file: c.pem}
  sandbox:
    key_env: SANDBOX_KEY
    hosts: [api.example.com]
    listeners:
      - address: 127.0.0.1:444
        tls: {certificate: c.pem, key: k.pem}
    apis:
      own:
        profile: {file: own.yaml}
        base_paths: [/own]
        upstream: {url: "http://127.0.0.1:82"}
`

const ownProfile = `profile: 1
name: own
headers:
  X-Key: {is: key_id}
`

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	for _, dir := range []string{"data", "else"} {
		if err := os.Mkdir(filepath.Join(s.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.pair("c.pem", "k.pem", now.Add(-time.Hour), now.AddDate(0, 2, 0), "api.example.com")
	key := secret.KeyFile{Path: filepath.Join(s.dir, "master.key"), Create: true, Rand: rand.Reader}
	if _, err := key.Keys(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.write("checkpoint.key", "a key", 0o600)
	shipped, err := os.ReadFile(filepath.Join("..", "..", "profile", "library", "finci.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("own.yaml", string(shipped), 0o644)
	s.write("c.yaml", siteText, 0o600)
	return s
}

func (s *site) write(name, text string, mode os.FileMode) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) pair(certFile, keyFile string, from, until time.Time, name string) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until, DNSNames: []string{name}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o644)
	s.write(keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})), 0o600)
}

// check loads and checks; env are the variables.
func (s *site) check(env map[string]string, environments ...string) (problems, warnings string) {
	s.t.Helper()
	c, err := config.Load(filepath.Join(s.dir, "c.yaml"), func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		s.t.Fatal(err)
	}
	p, w := c.Check(config.Scope{Environments: environments, Now: now})
	return strings.ReplaceAll(p.Error(), s.dir+"/", ""), strings.ReplaceAll(w.Error(), s.dir+"/", "")
}

// variables holds what the sandbox needs.
func (s *site) variables() map[string]string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "master.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	return map[string]string{"SANDBOX_KEY": string(text)}
}

func TestCheckOfWhatIsGood(t *testing.T) {
	s := newSite(t)
	problems, warnings := s.check(s.variables())
	if problems != "" || strings.Contains(warnings, "expires") {
		t.Errorf("problems: %s\nwarnings: %s", problems, warnings)
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, "data"))
	if err != nil || len(entries) != 0 {
		t.Errorf("the check left %v, %v", entries, err)
	}
}

// TestCheckFindsWhatIsBroken: one line for each thing that is taken from the site.
func TestCheckFindsWhatIsBroken(t *testing.T) {
	remove := func(name string) func(*site) {
		return func(s *site) {
			if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	mode := func(name string, mode os.FileMode) func(*site) {
		return func(s *site) {
			if err := os.Chmod(filepath.Join(s.dir, name), mode); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		do   func(*site)
		want string
	}{
		{"no master key", remove("master.key"), "c.yaml:2:14: keys.file: "},
		{"a master key that is none", func(s *site) { s.write("master.key", "x", 0o600) }, "not a complete key file"},
		{"no certificate", remove("c.pem"), "c.yaml:9:28: environments.production.listeners[0].tls.certificate: "},
		{"another key", func(s *site) { s.pair("x.pem", "k.pem", now, now.AddDate(1, 0, 0), "x") }, "are not a pair"},
		{"a certificate that has ended", func(s *site) { s.pair("c.pem", "k.pem", now.AddDate(-1, 0, 0), now.Add(-time.Hour), "api.example.com") }, "expired"},
		{"a certificate of tomorrow", func(s *site) { s.pair("c.pem", "k.pem", now.Add(time.Hour), now.AddDate(1, 0, 0), "api.example.com") }, "not valid"},
		{"authorities that are none", func(s *site) {
			s.write("ca.pem", "x", 0o644)
			s.write("c.yaml", strings.Replace(siteText, "ca_file: c.pem", "ca_file: ca.pem", 1), 0o600)
		}, "c.yaml:14:58: environments.production.apis.card.upstream.ca_file: ca.pem holds no certificate"},
		{"no profile", remove("own.yaml"), "environments.sandbox.apis.own.profile: read profile"},
		{"a profile with a misspelt key", func(s *site) { s.write("own.yaml", strings.Replace(ownProfile, "name:", "nmae:", 1), 0o644) }, "own.yaml:2:1:"},
		{"a data folder that others write into", mode("data", 0o777), "chmod 700"},
		{"no folder for checkpoints, and none around it", func(s *site) { s.write("c.yaml", strings.Replace(siteText, "dir: else", "dir: no/where", 1), 0o600) }, "neither does the folder around it"},
		{"a link for a folder", func(s *site) {
			if err := errors.Join(os.Rename(filepath.Join(s.dir, "else"), filepath.Join(s.dir, "real")), os.Symlink("real", filepath.Join(s.dir, "else"))); err != nil {
				s.t.Fatal(err)
			}
		}, "is a symbolic link, which a record does not follow"},
		{"a file for a folder", func(s *site) { remove("else")(s); s.write("else", "", 0o600) }, "is not a folder"},
		{"no country file", func(s *site) { s.write("c.yaml", "countries: {file: geo.mmdb}\n"+siteText, 0o600) }, "c.yaml:1:19: countries.file: "},
		{"no checkpoint key", remove("checkpoint.key"), "checkpoint.key does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			env := s.variables()
			c.do(s)
			problems, _ := s.check(env)
			if !strings.Contains(problems, c.want) {
				t.Errorf("got %q, want %q", problems, c.want)
			}
		})
	}
}

// TestRule39SecretsOfOthersAreRefused: a mode that lets others read a secret refuses to start, and a link is not followed.
func TestRule39SecretsOfOthersAreRefused(t *testing.T) {
	for name, want := range map[string]string{
		"master.key":     "keys.file: ",
		"checkpoint.key": "records.checkpoints.key_file: checkpoint.key holds a secret but has mode 0644",
		"k.pem":          "k.pem holds a key but has mode 0644",
	} {
		s := newSite(t)
		env := s.variables()
		if err := os.Chmod(filepath.Join(s.dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
		if problems, _ := s.check(env); !strings.Contains(problems, want) {
			t.Errorf("%s: got %q, want %q", name, problems, want)
		}
	}
	s := newSite(t)
	path := filepath.Join(s.dir, "checkpoint.key")
	if err := os.Rename(path, path+".real"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path+".real", path); err != nil {
		t.Fatal(err)
	}
	if problems, _ := s.check(s.variables()); !strings.Contains(problems, "symbolic links are not followed") {
		t.Errorf("a link: %s", problems)
	}
}

// TestCheckOfOneEnvironmentTouchesNoOther: a server of one environment has no access to the keys of another.
func TestCheckOfOneEnvironmentTouchesNoOther(t *testing.T) {
	s := newSite(t)
	if problems, _ := s.check(nil); !strings.Contains(problems, "the environment variable SANDBOX_KEY is not set") {
		t.Errorf("all of them: %s", problems)
	}
	if problems, _ := s.check(nil, "production"); problems != "" {
		t.Errorf("production: %s", problems)
	}
	env := s.variables()
	if err := os.Remove(filepath.Join(s.dir, "master.key")); err != nil {
		t.Fatal(err)
	}
	if problems, _ := s.check(env, "sandbox"); problems != "" {
		t.Errorf("sandbox: %s", problems)
	}
}

func TestCertificatesAreLookedAtBeforeCallersDo(t *testing.T) {
	s := newSite(t)
	s.pair("c.pem", "k.pem", now.Add(-time.Hour), now.Add(5*24*time.Hour), "other.example.com")
	problems, warnings := s.check(s.variables())
	if problems != "" || !strings.Contains(warnings, "c.pem expires in 5 days, at 2026-05-06T12:00:00Z") || !strings.Contains(warnings, `is for "api.example.com"`) {
		t.Errorf("problems: %s\nwarnings: %s", problems, warnings)
	}
}

// TestTheEndOfTheLastLineMayBeMissingInAVariable, since most of what sets one takes it away; nothing else may.
func TestTheEndOfTheLastLineMayBeMissingInAVariable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k")
	if _, err := secret.OpenRing(t.Context(), secret.KeyFile{Path: path, Create: true, Rand: rand.Reader}, rand.Reader); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for value, good := range map[string]bool{string(text): true, strings.TrimSuffix(string(text), "\n"): true, string(text) + "\n": false, "\n": false, strings.TrimSuffix(string(text), "\n") + " ": false} {
		c, err := config.Parse("/c.yaml", []byte(edited(t, small, "data: /data", "data: /data\nkeys: {env: KEYS}")), func(string) (string, bool) { return value, true })
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := c.KeySource(c.KeysOf("production")).Keys(t.Context()); (err == nil) != good || good && len(keys) != 1 {
			t.Errorf("%d bytes: %d keys, %v", len(value), len(keys), err)
		}
	}
}

// TestTheVariableIsReadWhenItIsNeeded: its text is in no error and in no print of the configuration.
func TestTheVariableIsReadWhenItIsNeeded(t *testing.T) {
	const leak = "very secret text"
	asked := 0
	c, err := config.Parse("/c.yaml", []byte(edited(t, small, "data: /data", "data: /data\nkeys: {env: KEYS}")), func(string) (string, bool) { asked++; return leak, true })
	if err != nil || asked != 0 {
		t.Fatalf("%v, asked %d times", err, asked)
	}
	_, err = c.KeySource(c.KeysOf("production")).Keys(t.Context())
	if err == nil || asked != 1 || strings.Contains(err.Error()+c.Text(), leak) {
		t.Errorf("%v, asked %d times", err, asked)
	}
}
