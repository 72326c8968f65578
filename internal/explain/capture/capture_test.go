package capture_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/explain"
	"countersign.dev/internal/explain/capture"
	"countersign.dev/internal/secret"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

// plainSealer binds to the row and hides nothing but by turning bits, so that a test can see what is bound and that bytes are sealed.
type plainSealer struct{}

func flip(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= 0x5a
	}
	return out
}

func (plainSealer) Seal(row, plain []byte) ([]byte, error) {
	sum := sha256.Sum256(row)
	return append(sum[:], flip(plain)...), nil
}

func (plainSealer) Open(row, sealed []byte) (secret.Value, error) {
	sum := sha256.Sum256(row)
	if len(sealed) < 32 || !bytes.Equal(sum[:], sealed[:32]) {
		return secret.Value{}, errors.New("sealed to another row")
	}
	return secret.NewValue(flip(sealed[32:])), nil
}

const key = "the secret of the tests"

var start = time.Unix(1763625600, 0)

// fixture is a store with a clock that the test turns.
type fixture struct {
	*capture.Store
	cfg capture.Config
	now time.Time
}

func open(t *testing.T, change func(*capture.Config)) *fixture {
	t.Helper()
	f := &fixture{now: start}
	f.cfg = capture.Config{Dir: filepath.Join(t.TempDir(), "captures"), Sealer: plainSealer{}, Clock: func() time.Time { return f.now }}
	if change != nil {
		change(&f.cfg)
	}
	f.reopen(t)
	return f
}

func (f *fixture) reopen(t *testing.T) {
	t.Helper()
	s, err := capture.Open(f.cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.Store = s
}

func id(n int) string { return fmt.Sprintf("%032x", n) }

// refused is a request whose body was signed with a line feed at its end.
func (f *fixture) refused(n int, body string) *capture.Request {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte("1763625600POST/x" + body + "\n"))
	return &capture.Request{ID: id(n), At: f.now, Whole: true, Scheme: scheme.Request{Method: "POST", Target: "/x", Scheme: "https", Host: "a.example", Body: []byte(body),
		Header: map[string][]string{"X-Auth-Token": {"token-1"}, "X-Auth-Timestamp": {"1763625600"}, "X-Auth-Signature": {hex.EncodeToString(h.Sum(nil))}}}}
}

func question(t *testing.T) explain.Question {
	t.Helper()
	p, err := library.Profile("finci")
	if err != nil {
		t.Fatal(err)
	}
	return explain.Question{Profile: p, Secrets: []explain.Secret{{Label: "the secret", Text: []byte(key)}}}
}

var owner = capture.Owner{Environment: "sandbox", Credential: "crd_1"}

func keep(t *testing.T, f *fixture, o capture.Owner, r *capture.Request) {
	t.Helper()
	if err := f.Keep(o, r); err != nil {
		t.Fatal(err)
	}
}

func TestACaptureIsExplainedToItsOwnerAfterARestart(t *testing.T) {
	f := open(t, nil)
	keep(t, f, owner, f.refused(1, "{\"a\":\"\xff\"}"))
	f.reopen(t)
	f.now = start.Add(20 * time.Minute)
	r, err := f.Explain(owner, id(1), question(t))
	if err != nil || r.Verdict != explain.Explained || r.Findings[0].Steps[0].Name != "newline-added" {
		t.Fatalf("%v, %+v", err, r)
	}
	if !strings.Contains(string(r.Input), "\xff") {
		t.Error("a byte of the body was changed")
	}
	if r.Fault.Kind != "mismatch" {
		t.Errorf("judged by another time than that at which it came: %+v", r.Fault)
	}
}

// TestRule9NobodyElseLearnsOfACapture: another credential, another environment, an unknown id and an expired capture are one answer.
func TestRule9NobodyElseLearnsOfACapture(t *testing.T) {
	f := open(t, nil)
	keep(t, f, owner, f.refused(1, "{}"))
	for name, ask := range map[string]func() error{
		"another credential": func() error {
			_, err := f.Explain(capture.Owner{Environment: "sandbox", Credential: "crd_2"}, id(1), question(t))
			return err
		},
		"another environment": func() error {
			_, err := f.Explain(capture.Owner{Environment: "production", Credential: "crd_1"}, id(1), question(t))
			return err
		},
		"an unknown id":  func() error { _, err := f.Explain(owner, id(2), question(t)); return err },
		"no id":          func() error { _, err := f.Explain(owner, "../../etc/passwd", question(t)); return err },
		"an expired one": func() error { f.now = start.Add(time.Hour); _, err := f.Explain(owner, id(1), question(t)); return err },
	} {
		f.now = start
		if err := ask(); name == "an expired one" {
			if !errors.Is(err, capture.ErrNone) {
				t.Errorf("%s: %v", name, err)
			}
			keep(t, f, owner, f.refused(1, "{}"))
		} else if err != capture.ErrNone {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRule4NoMACInAFileOrAReport: files are sealed and 0600, and an answer holds no signature.
func TestRule4NoMACInAFileOrAReport(t *testing.T) {
	f := open(t, nil)
	r := f.refused(1, `{"name":"Ann Example"}`)
	keep(t, f, owner, r)
	files, err := os.ReadDir(f.cfg.Dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	info, err := files[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(filepath.Join(f.cfg.Dir, files[0].Name()))
	if err != nil || bytes.Contains(text, []byte("Ann Example")) || bytes.Contains(text, []byte(r.Scheme.Header["X-Auth-Signature"][0])) {
		t.Errorf("the file is not sealed (%v)", err)
	}
	report, err := f.Explain(owner, id(1), question(t))
	w := httptest.NewRecorder()
	capture.Answer(w, report, err)
	if w.Code != 200 || strings.Contains(w.Body.String(), r.Scheme.Header["X-Auth-Signature"][0]) || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestAMovedFileDoesNotOpen: a capture is sealed to its owner, so that renaming the file gives it to nobody.
func TestAMovedFileDoesNotOpen(t *testing.T) {
	f := open(t, nil)
	keep(t, f, owner, f.refused(1, "{}"))
	files, _ := os.ReadDir(f.cfg.Dir)
	from := files[0].Name()
	if err := os.Rename(filepath.Join(f.cfg.Dir, from), filepath.Join(f.cfg.Dir, strings.Replace(from, "crd_1", "crd_2", 1))); err != nil {
		t.Fatal(err)
	}
	f.reopen(t)
	if r, err := f.Explain(capture.Owner{Environment: "sandbox", Credential: "crd_2"}, id(1), question(t)); err == nil {
		t.Errorf("opened: %+v", r)
	}
}
