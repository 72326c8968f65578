package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadyAsksAServer: the exit code is what a health check looks at; the causes are for people, and cannot disguise a terminal.
func TestReadyAsksAServer(t *testing.T) {
	answers := map[string]struct {
		status int
		text   string
	}{
		"/readyz": {http.StatusServiceUnavailable, `{"ready":false,"checks":[{"name":"records","state":"failing","matters":true,"cause":"no \u001b[31mroom"},{"name":"stream","state":"failing","matters":false,"cause":"x"}]}`},
		"/livez":  {http.StatusOK, ""},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(answers[r.URL.Path].status)
		_, _ = w.Write([]byte(answers[r.URL.Path].text))
	}))
	defer server.Close()
	ask := func(want int, args ...string) string {
		t.Helper()
		code, out, errOut := command(t, append([]string{"ready"}, args...)...)
		if code != want {
			t.Errorf("%v: exit %d, want %d: %s%s", args, code, want, out, errOut)
		}
		return out
	}
	if out := ask(exitRefused, "--url", server.URL); !strings.Contains(out, "records: no ") || strings.Contains(out, "\x1b") || strings.Contains(out, "stream") {
		t.Errorf("%q", out)
	}
	ask(exitOK, "--url", server.URL, "--live")
	answers["/readyz"] = struct {
		status int
		text   string
	}{http.StatusOK, "{}"}
	if out := ask(exitOK, "--url", server.URL+"/"); out != "ready\n" {
		t.Errorf("%q", out)
	}
	answers["/readyz"] = struct {
		status int
		text   string
	}{http.StatusFound, ""}
	ask(exitFailed, "--url", server.URL)
	ask(exitFailed, "--url", "https://127.0.0.1:1")
	ask(exitFailed, "--url", server.URL+"/readyz")
	ask(exitFailed, "--url", server.URL, "--config", "x.yaml")
	server.Close()
	ask(exitFailed, "--url", server.URL)
}

func TestWhatListensOnAllAddressesIsAskedOnThisMachine(t *testing.T) {
	for listen, want := range map[string]string{":9900": "127.0.0.1:9900", "0.0.0.0:9900": "127.0.0.1:9900", "[::]:9900": "[::1]:9900", "10.0.0.5:9900": "10.0.0.5:9900",
		"localhost:9900": "localhost:9900"} {
		if got := reachable(listen); got != want {
			t.Errorf("%s is asked at %s, want %s", listen, got, want)
		}
	}
}

// volume is one of secrets as Kubernetes mounts it.
func volume(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "..2026_11_20")
	for _, err := range []error{os.Mkdir(data, 0o755), os.WriteFile(filepath.Join(data, "master.key"), []byte("hush"), 0o440),
		os.Symlink("..2026_11_20", filepath.Join(dir, "..data")), os.Symlink("..data/master.key", filepath.Join(dir, "master.key"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestRule39MountedSecretsBecomeOnesOwn: a volume as Kubernetes mounts it, links and all, becomes plain files with mode 0600; what leads
// out of it, what others can write and what is no file is refused.
func TestRule39MountedSecretsBecomeOnesOwn(t *testing.T) {
	t.Run("copied, also again", func(t *testing.T) {
		from, to := volume(t), filepath.Join(t.TempDir(), "own")
		for range 2 {
			if code, out, errOut := command(t, "own-secrets", from, to); code != exitOK || out != filepath.Join(to, "master.key")+"\n" {
				t.Fatalf("%d %s %s", code, out, errOut)
			}
		}
		text, err := readPrivate(filepath.Join(to, "master.key"))
		if err != nil || string(text) != "hush" {
			t.Errorf("%q, %v", text, err)
		}
		entries, err := os.ReadDir(to)
		if err != nil || len(entries) != 1 {
			t.Errorf("%v, %v", entries, err)
		}
	})
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("hush"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(from, to string) error{
		"a link out of it": func(from, _ string) error { return os.Symlink(outside, filepath.Join(from, "x")) },
		"a folder":         func(from, _ string) error { return os.Mkdir(filepath.Join(from, "x"), 0o700) },
		"a file others can write": func(from, _ string) error {
			err := os.WriteFile(filepath.Join(from, "x"), nil, 0o600)
			if err == nil {
				err = os.Chmod(filepath.Join(from, "x"), 0o666)
			}
			return err
		},
		"nothing": func(from, _ string) error { return os.Remove(filepath.Join(from, "master.key")) },
		"a target others can write": func(_, to string) error {
			err := os.Mkdir(to, 0o700)
			if err == nil {
				err = os.WriteFile(filepath.Join(to, "theirs"), nil, 0o600) // an empty one would be made private
			}
			if err == nil {
				err = os.Chmod(to, 0o777)
			}
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			from, to := volume(t), filepath.Join(t.TempDir(), "own")
			if err := spoil(from, to); err != nil {
				t.Fatal(err)
			}
			if code, _, errOut := command(t, "own-secrets", from, to); code != exitFailed || strings.Contains(errOut, "hush") {
				t.Errorf("exit %d: %s", code, errOut)
			}
		})
	}
}
