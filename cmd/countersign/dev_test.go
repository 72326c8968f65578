package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"countersign.dev/internal/registry"
	"github.com/google/go-cmp/cmp"
)

// devRun is one `countersign dev` inside the test's process.
type devRun struct {
	t      *testing.T
	ready  ready
	stop   func() (code int)
	errOut *lockedBuffer
	client *http.Client
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func startDev(t *testing.T, data string, more ...string) *devRun {
	t.Helper()
	return startDevOn(t, data, io.Discard, io.Discard, more...)
}

// startDevOn is startDev with outputs of the test's; what goes to standard error is kept as well.
func startDevOn(t *testing.T, data string, out, errOut io.Writer, more ...string) *devRun {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ready.json")
	args := append([]string{"dev", "--data", data, "--listen-sandbox", "127.0.0.1:0", "--listen-production", "127.0.0.1:0", "--ready-file", file}, more...)
	ctx, cancel := context.WithCancel(t.Context())
	d := &devRun{t: t, errOut: new(lockedBuffer)}
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, args, strings.NewReader(""), out, io.MultiWriter(d.errOut, errOut)) }()
	d.stop = func() int {
		cancel()
		code := <-ended
		ended <- code
		return code
	}
	t.Cleanup(func() { d.stop() })
	text := d.await(file, ended)
	if err := json.Unmarshal(text, &d.ready); err != nil {
		t.Fatal(err)
	}
	d.trust()
	return d
}

// trust makes the client that trusts the folder's authority.
func (d *devRun) trust() {
	d.t.Helper()
	ca, err := os.ReadFile(d.ready.CAFile)
	if err != nil {
		d.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	d.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	d.t.Cleanup(d.client.CloseIdleConnections)
}

// await reads the ready file as soon as it is there. It is written whole, so that what is read is complete.
func (d *devRun) await(file string, ended chan int) []byte {
	d.t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		text, err := os.ReadFile(file)
		if err == nil {
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				d.t.Errorf("ready file: mode %v, error %v, want 0600", info.Mode(), err)
			}
			return text
		}
		if !errors.Is(err, fs.ErrNotExist) {
			d.t.Fatal(err)
		}
		select {
		case code := <-ended:
			ended <- code
			d.t.Fatalf("dev ended with %d: %s", code, d.errOut.String())
		case <-poll.C:
		}
	}
}

// get makes a signed GET of the card API in the sandbox and returns status and body.
func (d *devRun) get() (int, string) {
	d.t.Helper()
	return d.call("GET", "/cards/1", "")
}

// call makes a request of the card API in the sandbox, signed by hand, and returns status and body.
func (d *devRun) call(method, path, content string) (int, string) {
	d.t.Helper()
	e := d.ready.Environments["sandbox"]
	target, ts := e.Card.BasePath+path, strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(e.Card.APISecret))
	mac.Write([]byte(ts + method + target + content))
	r, err := http.NewRequestWithContext(d.t.Context(), method, e.BaseURL+target, strings.NewReader(content))
	if err != nil {
		d.t.Fatal(err)
	}
	if content != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("X-Auth-Token", e.Card.APIToken)
	r.Header.Set("X-Auth-Timestamp", ts)
	r.Header.Set("X-Auth-Signature", hex.EncodeToString(mac.Sum(nil)))
	return d.fetch(d.client, r)
}

// page fetches from the operations listener.
func (d *devRun) page(path string) (int, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), "GET", d.ready.OpsURL+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.fetch(http.DefaultClient, r)
}

func (d *devRun) fetch(client *http.Client, r *http.Request) (int, string) {
	d.t.Helper()
	answer, err := client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestASecondStartKeepsEveryCredential(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := startDev(t, data)
	if status, body := first.get(); status != http.StatusNotFound || !strings.Contains(body, "card_not_found") {
		t.Errorf("a signed GET: %d %s, want the model's 404", status, body)
	}
	if code := first.stop(); code != exitOK {
		t.Errorf("stopped with %d, want 0: %s", code, first.errOut.String())
	}
	second := startDev(t, data)
	for name := range first.ready.Environments {
		was, is := first.ready.Environments[name], second.ready.Environments[name]
		if diff := cmp.Diff(was.Card, is.Card) + cmp.Diff(was.Aggregation, is.Aggregation); diff != "" {
			t.Errorf("%s changed: %s", name, diff)
		}
	}
	if status, _ := second.get(); status != http.StatusNotFound {
		t.Errorf("after a second start: %d", status)
	}
}

// TestAChangeMadeBesideTheServerIsLive changes the register as another process does, through its own connection, and waits
// until the server has noticed. How long that takes is measured elsewhere; here it must happen at all.
func TestAChangeMadeBesideTheServerIsLive(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	d := startDev(t, data)
	login := d.ready.Environments["sandbox"].Aggregation.PartnerID
	operator := registry.Actor{Kind: registry.Operator, Name: "test"}
	beside := func(change func(*registry.Registry, string) error) {
		t.Helper()
		err := withRegister(t.Context(), data, func(r *registry.Registry) error {
			p, err := r.FindPartner(t.Context(), login)
			if err != nil {
				return err
			}
			return change(r, p.ID)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	until := func(want int, code string) {
		t.Helper()
		for begun := time.Now(); ; {
			if status, body := d.get(); status == want && strings.Contains(body, code) {
				t.Logf("%s after %s", code, time.Since(begun).Round(time.Millisecond))
				return
			} else if status != http.StatusNotFound && status != http.StatusForbidden {
				t.Fatalf("%d %s", status, body)
			}
		}
	}
	until(http.StatusNotFound, "card_not_found")
	beside(func(r *registry.Registry, id string) error {
		return r.Suspend(t.Context(), operator, id, "sandbox", "test")
	})
	until(http.StatusForbidden, `"suspended"`)
	beside(func(r *registry.Registry, id string) error {
		return r.Resume(t.Context(), operator, id, "sandbox", "test")
	})
	until(http.StatusNotFound, "card_not_found")
}

func TestDevRefusesWhatItCannotServeFrom(t *testing.T) {
	used := filepath.Join(t.TempDir(), "data")
	startDev(t, used)
	stopped := filepath.Join(t.TempDir(), "stopped")
	startDev(t, stopped).stop()
	for _, c := range []struct {
		what   string
		data   string
		damage func(dir string) error
		want   string
	}{
		{"a folder that another server uses", used, func(string) error { return nil }, "another countersign serves from this data folder"},
		{"a damaged register", "", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "countersign.db"), bytes.Repeat([]byte("x"), 8192), 0o600)
		}, "countersign.db"},
		{"a master key that others can read", "", func(dir string) error { return os.Chmod(filepath.Join(dir, "master.key"), 0o644) }, "master.key"},
		{"a master key that is missing", "", func(dir string) error { return os.Remove(filepath.Join(dir, "master.key")) }, "master.key: no such file"},
		{"damaged credentials", "", func(dir string) error { return os.WriteFile(filepath.Join(dir, "dev.json"), []byte("{"), 0o600) }, "dev.json is damaged"},
		{"an authority without its key", "", func(dir string) error { return os.Remove(filepath.Join(dir, "ca-key.pem")) }, "ca-key.pem"},
		{"an authority's key that others can read", "", loosen("ca-key.pem"), "ca-key.pem holds secrets but has mode 0644"},
		{"a record that others can write", "", func(dir string) error { return os.Chmod(filepath.Join(dir, "decisions"), 0o777) }, "decisions"},
		{"a symbolic link for the record", "", link("decisions/00000001.jsonl"), "00000001.jsonl"},
		{"credentials that others can read", "", loosen("dev.json"), "dev.json holds secrets but has mode 0644"},
		{"a symbolic link for the credentials", "", link("dev.json"), "dev.json is not a regular file"},
		{"a digest key that others can read", "", loosen("digest.key"), "digest.key holds secrets but has mode 0644"},
		{"a symbolic link for the digest key", "", link("digest.key"), "digest.key is not a regular file"},
		{"half a digest key", "", func(dir string) error { return os.Truncate(filepath.Join(dir, "digest.key"), 16) }, "digest.key: not 32 bytes long"},
		{"a symbolic link for the lock", "", link("lock-sandbox"), "lock-sandbox is not a regular file"},
	} {
		dir := c.data
		if dir == "" {
			dir = filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(dir, os.DirFS(stopped)); err != nil {
				t.Fatal(err)
			}
			private(t, dir)
		}
		if err := c.damage(dir); err != nil {
			t.Fatal(err)
		}
		var errOut bytes.Buffer
		args := []string{"dev", "--data", dir, "--listen-sandbox", "127.0.0.1:0", "--listen-production", "127.0.0.1:0"}
		if code := run(t.Context(), args, strings.NewReader(""), io.Discard, &errOut); code != exitFailed || !strings.Contains(errOut.String(), c.want) {
			t.Errorf("%s: exit code %d, said %q, want %q in it", c.what, code, errOut.String(), c.want)
		}
	}
}

func loosen(name string) func(dir string) error {
	return func(dir string) error { return os.Chmod(filepath.Join(dir, name), 0o644) }
}

// link puts a symbolic link to it in a file's place.
func link(name string) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, name)
		return errors.Join(os.Rename(path, path+".away"), os.Symlink(path+".away", path))
	}
}

// private gives a copied folder the modes that it had.
func private(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDevTakesItsOwnCertificate(t *testing.T) {
	dir := t.TempDir()
	ca, err := openCA(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	d := startDev(t, filepath.Join(t.TempDir(), "data"), "--tls-cert", ca.certFile, "--tls-key", filepath.Join(dir, "ca-key.pem"))
	if d.ready.CAFile != ca.certFile {
		t.Errorf("ca_file %s, want the certificate that was given, %s", d.ready.CAFile, ca.certFile)
	}
}

func TestOpsListenerTellsStates(t *testing.T) {
	d := startDev(t, filepath.Join(t.TempDir(), "data"))
	d.get()
	for path, want := range map[string]string{
		"/livez": "live", "/readyz": "ready",
		"/metrics": `countersign_decisions_total{api="card",decision="allow",environment="sandbox",reason="allowed"} 1`,
	} {
		d.untilPage(path, http.StatusOK, want) // a request is counted behind its answer
	}
}

// TestNothingButAReadyFileIsRemoved: an empty file, a link and a pipe in the place of the ready file stay as they are.
func TestNothingButAReadyFileIsRemoved(t *testing.T) {
	dir := t.TempDir()
	empty, link, pipe := filepath.Join(dir, "empty"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.WriteFile(empty, nil, 0o600), os.Symlink(os.DevNull, link), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, link, pipe, os.DevNull} {
		if err := clearReadyFile(path); err == nil || !strings.Contains(err.Error(), "is no ready file") {
			t.Errorf("%s: %v, want a refusal", path, err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s is gone: %v", path, err)
		}
	}
}
