package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/registry"
	"github.com/google/go-cmp/cmp"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// TestASecondServerTouchesNothing of the folder and of the ready file that the first one uses.
func TestASecondServerTouchesNothing(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := startDev(t, data)
	file := filepath.Join(t.TempDir(), "ready.json")
	if err := os.WriteFile(file, []byte("of the first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(data, "dev.json")); err != nil { // whoever provisions issues credentials and writes it
		t.Fatal(err)
	}
	before := contents(t, data)
	var errOut bytes.Buffer
	args := []string{"dev", "--data", data, "--ready-file", file, "--listen-sandbox", "127.0.0.1:0", "--listen-production", "127.0.0.1:0"}
	if code := run(t.Context(), args, strings.NewReader(""), io.Discard, &errOut); code != exitFailed || !strings.Contains(errOut.String(), "another countersign serves from this data folder") {
		t.Errorf("exit code %d, said %q", code, errOut.String())
	}
	if diff := cmp.Diff(before, contents(t, data)); diff != "" {
		t.Errorf("the folder changed: %s", diff)
	}
	if text, err := os.ReadFile(file); string(text) != "of the first" {
		t.Errorf("the ready file holds %q, %v", text, err)
	}
	if status, _ := first.get(); status != http.StatusNotFound {
		t.Errorf("the first one answers %d", status)
	}
}

// contents are the files of a folder, those of the database by their size: it is read all the time.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if files[entry.Name()] = string(text); strings.HasPrefix(entry.Name(), "countersign.db") {
			files[entry.Name()] = fmt.Sprint(len(text), " bytes")
		}
	}
	return files
}

// TestACredentialThatNobodyKnowsIsRevoked: a run that ended between issuing and writing down leaves one behind.
func TestACredentialThatNobodyKnowsIsRevoked(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := startDev(t, data)
	first.stop()
	var orphan registry.Issued
	err := withRegister(t.Context(), data, func(r *registry.Registry) error {
		p, err := r.FindPartner(t.Context(), first.ready.Environments["sandbox"].Aggregation.PartnerID)
		if err != nil {
			return err
		}
		orphan, err = r.IssueSigningKey(t.Context(), devApprover, p.ID, "sandbox")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	second := startDev(t, data)
	if diff := cmp.Diff(first.ready.Environments["sandbox"].Card, second.ready.Environments["sandbox"].Card); diff != "" {
		t.Errorf("the known credential changed: %s", diff)
	}
	second.get()
	second.stop()
	if !strings.Contains(second.errOut.String(), orphan.Credential.ID) {
		t.Errorf("not in the log: %s", second.errOut)
	}
	err = withRegister(t.Context(), data, func(r *registry.Registry) error {
		changes, err := r.Changes(t.Context(), 0, 0)
		if err != nil {
			return err
		}
		var revoked []string
		for _, c := range changes {
			if c.Action == audit.CredentialRevoked {
				revoked = append(revoked, c.Actor+" "+c.Subject)
			}
		}
		if diff := cmp.Diff([]string{"system:dev " + orphan.Credential.ID}, revoked); diff != "" {
			t.Errorf("revoked: %s", diff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAStartSaysWhatItFound: what the replay journal gave back, and which country file counts.
func TestAStartSaysWhatItFound(t *testing.T) {
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-Country", RecordSize: 24, BuildEpoch: 1_700_000_000})
	if err != nil {
		t.Fatal(err)
	}
	_, network, err := net.ParseCIDR("1.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Insert(network, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String("CA")}}); err != nil {
		t.Fatal(err)
	}
	var countries bytes.Buffer
	if _, err := tree.WriteTo(&countries); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "country.mmdb")
	if err := os.WriteFile(file, countries.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	first := startDev(t, data, "--country-file", file)
	if status, body := first.call("PATCH", "/update-card-status/1", `{"token_status":"blocked"}`); status == http.StatusUnauthorized {
		t.Fatalf("%d %s", status, body)
	}
	first.stop()
	if log := first.errOut.String(); strings.Contains(log, "read back") || !strings.Contains(log, `"kind":"Test-Country","built":"2023-11-14T22:13:20Z"`) {
		t.Errorf("the first start says %s", log)
	}
	second := startDev(t, data)
	second.stop()
	if log := second.errOut.String(); !strings.Contains(log, `the replay journal was read back","segments":1,"entries":1,"torn_bytes_cut":0`) {
		t.Errorf("the second start says %s", log)
	}
}

func TestRule2WarningsOfASchemeAreLogged(t *testing.T) {
	open, err := loadScheme("finci/body-only")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := loadScheme("finci")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	logWarnings(slog.New(slog.NewTextHandler(&out, nil)), []*access.API{{Name: "whole", Scheme: whole}, {Name: "open", Scheme: open}, {Name: "again", Scheme: open}, {Name: "token"}})
	if log := out.String(); strings.Count(log, `warning="not signed: method"`) != 1 || !strings.Contains(log, "api=open") || strings.Contains(log, "whole") {
		t.Errorf("the log is %s", log)
	}
}

// failure is a listener that fails.
type failure struct{ net.Listener }

func (failure) Accept() (net.Conn, error) { return nil, errors.New("gone") }

// TestAnyListenerThatFailsEndsTheServer: the first is told, and those behind it do not wait for anybody.
func TestAnyListenerThatFailsEndsTheServer(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	failed, done := make(chan error, 1), make(chan struct{})
	serveOn("a model", &http.Server{}, failure{inner}, failed)
	if err := <-failed; err == nil || err.Error() != "serve a model: gone" {
		t.Errorf("told %v", err)
	}
	failed <- errors.New("before")
	go func() {
		for range 3 {
			serveOn("another", &http.Server{}, failure{inner}, failed)
		}
		close(done)
	}()
	<-done
}

func TestTheCollectorIsTunedUnlessItWasSet(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for set, want := range map[string]int{"": 400, "50": 100} {
		t.Setenv("GOGC", set)
		debug.SetGCPercent(100)
		tuneCollector()
		if got := debug.SetGCPercent(100); got != want {
			t.Errorf("GOGC=%q: %d %%, want %d", set, got, want)
		}
	}
}

// TestAnErrorIsToldToNobody without waiting for ever.
func TestAnErrorIsToldToNobody(t *testing.T) {
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	done := make(chan int)
	go func() {
		done <- run(t.Context(), []string{"nonsense"}, strings.NewReader(""), io.Discard, stuck{never})
	}()
	select {
	case code := <-done:
		if code != exitFailed {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(time.Minute):
		t.Fatal("does not end")
	}
}
