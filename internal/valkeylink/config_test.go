package valkeylink_test

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"countersign.dev/internal/redistest"
	"countersign.dev/internal/valkeylink"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// open opens a link with so much time that a busy machine does not matter.
func open(t testing.TB, cfg valkeylink.Config) *valkeylink.Link {
	t.Helper()
	l, err := valkeylink.Open(ready(cfg))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func ready(cfg valkeylink.Config) valkeylink.Config {
	cfg.Now, cfg.Log = time.Now, quiet()
	if cfg.Timeout == 0 {
		cfg.Timeout = valkeylink.MaxTimeout
	}
	return cfg
}

// refuses opens and wants an error that says every word.
func refuses(t *testing.T, cfg valkeylink.Config, words ...string) error {
	t.Helper()
	l, err := valkeylink.Open(cfg)
	if err == nil {
		_ = l.Close()
		t.Fatalf("%+v opens", cfg)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
	return err
}

func TestConfigRefuses(t *testing.T) {
	const here = "127.0.0.1:1"
	for word, cfg := range map[string]valkeylink.Config{
		"0 addresses":      {},
		"33 addresses":     {Addresses: make([]string, 33)},
		"HOST:PORT":        {Addresses: []string{"localhost"}},
		`":6379"`:          {Addresses: []string{":6379"}},
		"TLS is off":       {Addresses: []string{"cache.example:6379"}},
		"trusted":          {Addresses: []string{"10.0.0.1:6379"}},
		"timeout":          {Addresses: []string{here}, Timeout: valkeylink.MaxTimeout + 1},
		"mode":             {Addresses: []string{here}, Mode: "ring"},
		"several":          {Addresses: []string{here, here}},
		"primary":          {Addresses: []string{here}, Mode: valkeylink.Sentinel},
		"belongs":          {Addresses: []string{here}, Master: "one"},
		"a socket is one":  {Addresses: []string{"/run/s"}, Mode: valkeylink.Cluster},
		"password":         {Addresses: []string{here}, Username: "one"},
		"no such file":     {Addresses: []string{here}, PasswordFile: "/nowhere/password"},
		"cache.example:64": {Addresses: []string{"cache.example:64"}, Mode: valkeylink.Cluster},
	} {
		refuses(t, ready(cfg), word)
	}
	refuses(t, valkeylink.Config{Addresses: []string{here}, Log: quiet()}, "clock")
	refuses(t, valkeylink.Config{Addresses: []string{here}, Now: time.Now}, "log")
	for _, cfg := range []valkeylink.Config{
		{Addresses: []string{here}}, {Addresses: []string{"[::1]:1"}}, {Addresses: []string{"localhost:1"}}, {Addresses: []string{here}, Plain: true},
	} {
		if err := open(t, cfg).Ready(); !errors.Is(err, valkeylink.ErrUnreachable) {
			t.Errorf("%v: %v, want it unreachable", cfg.Addresses, err)
		}
	}
}

// TestRule39PasswordFile: what others can read, a symbolic link and what is no single line are refused, by the file's name
// and without what is in it.
func TestRule39PasswordFile(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good", "sesame\n", 0o600)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	for path, word := range map[string]string{
		file("group", "sesame", 0o640): "chmod 600", file("all", "sesame", 0o604): "chmod 600", link: "symbolic link", dir: "regular",
		file("empty", "", 0o600): "one line", file("two", "sesame\nsesame\n", 0o600): "one line", file("long", strings.Repeat("sesame", 1000), 0o600): "one line",
	} {
		err := refuses(t, ready(valkeylink.Config{Addresses: []string{"127.0.0.1:1"}, PasswordFile: path}), word, path)
		if !errors.Is(err, valkeylink.ErrPasswordFile) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", path, err)
		}
	}
	open(t, valkeylink.Config{Addresses: []string{"127.0.0.1:1"}, PasswordFile: good})
}

// TestWhatWaitingDoesNotMend: a server that asks for a password, has another one, or is no cluster, is told at the start.
func TestWhatWaitingDoesNotMend(t *testing.T) {
	locked, single := redistest.Start(t, "--requirepass", "sesame"), redistest.Start(t)
	refuses(t, ready(valkeylink.Config{Addresses: []string{locked.Address}}), "NOAUTH")
	single.Do(t, "PING")
	cluster := redistest.StartCluster(t, 1)
	refuses(t, ready(valkeylink.Config{Addresses: []string{cluster[0].Address}, Mode: valkeylink.Sentinel, Master: "one"}))
}

func TestTLSConfigIsRaised(t *testing.T) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS10}
	open(t, valkeylink.Config{Addresses: []string{"127.0.0.1:1"}, TLS: cfg})
	if cfg.MinVersion != tls.VersionTLS10 {
		t.Error("the caller's settings were changed")
	}
}

func TestPrefixesAndTags(t *testing.T) {
	for prefix, want := range map[string]bool{"": true, "a": true, "Az09-_.:": true, "{": false, "}": false, "a b": false, "é": false, "\x00": false, "@": false, "`": false} {
		if got := valkeylink.ValidPrefix(prefix); got != want {
			t.Errorf("%q: %v", prefix, got)
		}
	}
	seen := map[string]bool{}
	for n := range 2 * valkeylink.Lanes {
		seen[valkeylink.Tag(n)] = true
	}
	if len(seen) != valkeylink.Lanes || !seen["{0}"] || !seen["{f}"] || valkeylink.Tag(17) != "{1}" {
		t.Errorf("tags: %v", seen)
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add("# Memory\r\nrole:master\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\nconnected_slaves:2\r\nmaxmemory:7\r\nredis_version:7.0.15\r\n")
	f.Add("role:slave\n:::\nmaxmemory:99999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		s, primary := valkeylink.ParseInfo(text)
		if primary && !strings.Contains(text, "role:master") || s.Policy != "" && !strings.Contains(text, "maxmemory_policy:") || len(s.Policy) > 300 || len(s.Version) > 300 {
			t.Errorf("%+v of %q", s, text)
		}
	})
}

func TestParseInfo(t *testing.T) {
	got, primary := valkeylink.ParseInfo("# Memory\r\nrole:master\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\nconnected_slaves:2\r\nmaxmemory:7\r\nredis_version:7.0.15\r\n")
	if want := (valkeylink.Server{Version: "7.0.15", Policy: valkeylink.NoEviction, Memory: 7, AOF: true, Replicas: 2}); got != want || !primary {
		t.Errorf("%+v, %v", got, primary)
	}
}

// TestRule34CausesAreOneBoundedLine: what a server says cannot break a line of the log.
func TestRule34CausesAreOneBoundedLine(t *testing.T) {
	for _, text := range []string{"a\nb\r\x00\x7f", strings.Repeat("é", 400), "\xff\xfe"} {
		if got := valkeylink.Plain(text); strings.ContainsAny(got, "\n\r\x00\x7f") || len(got) > 300 || !utf8.ValidString(got) {
			t.Errorf("%q", got)
		}
	}
}
