package capture_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/explain/capture"
)

func TestBounds(t *testing.T) {
	f := open(t, func(c *capture.Config) { c.PerCredential, c.Total, c.MaxRequest, c.AsksPerMinute = 2, 3, 100, 2 })
	for n := range 3 {
		f.now = start.Add(time.Duration(n) * time.Second)
		keep(t, f, owner, f.refused(n, "{}"))
	}
	if files, _ := os.ReadDir(f.cfg.Dir); len(files) != 2 {
		t.Errorf("%d files of one credential", len(files))
	}
	keep(t, f, capture.Owner{Environment: "sandbox", Credential: "crd_2"}, f.refused(7, "{}"))
	if err := f.Keep(capture.Owner{Environment: "sandbox", Credential: "crd_3"}, f.refused(8, "{}")); !errors.Is(err, capture.ErrFull) {
		t.Errorf("over the total: %v", err)
	}
	if err := f.Keep(owner, f.refused(9, strings.Repeat("x", 200))); !errors.Is(err, capture.ErrFull) {
		t.Errorf("too long: %v", err)
	}
	for n, want := range []error{nil, capture.ErrNone, capture.ErrTooOften} {
		if _, err := f.Explain(owner, id(2-2*min(n, 1)), question(t)); err != want {
			t.Errorf("question %d: %v, want %v", n, err, want)
		}
	}
	f.now = f.now.Add(time.Minute)
	if _, err := f.Explain(owner, id(2), question(t)); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	f.now = f.now.Add(2 * time.Hour)
	f.reopen(t)
	if files, _ := os.ReadDir(f.cfg.Dir); len(files) != 0 {
		t.Errorf("%d files are left after their time", len(files))
	}
}

func TestNamesThatLeaveTheFolderAreRefused(t *testing.T) {
	f := open(t, nil)
	for _, o := range []capture.Owner{{}, {"../x", "crd_1"}, {"sandbox", "a/b"}, {"sandbox", "a.b"}, {"sandbox", strings.Repeat("x", 65)}} {
		if err := f.Keep(o, f.refused(1, "{}")); err == nil {
			t.Errorf("%+v is kept", o)
		}
	}
	r := f.refused(1, "{}")
	r.ID = "../../../../tmp/0123456789abcdef"
	if err := f.Keep(owner, r); err == nil {
		t.Error("such an id is kept")
	}
}

func TestConfigIsComplete(t *testing.T) {
	for _, change := range []func(*capture.Config){
		func(c *capture.Config) { c.Dir = "" }, func(c *capture.Config) { c.Sealer = nil }, func(c *capture.Config) { c.Clock = nil },
		func(c *capture.Config) { c.Keep = 48 * time.Hour }, func(c *capture.Config) { c.Total = -1 }, func(c *capture.Config) { c.MaxRequest = 1 << 30 },
	} {
		c := capture.Config{Dir: filepath.Join(t.TempDir(), "c"), Sealer: plainSealer{}, Clock: time.Now}
		change(&c)
		if _, err := capture.Open(c); err == nil {
			t.Errorf("%+v is opened", c)
		}
	}
}

// TestRule39AFolderOfOthersIsRefused, and so is a symbolic link.
func TestRule39AFolderOfOthersIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, link} {
		if _, err := capture.Open(capture.Config{Dir: d, Sealer: plainSealer{}, Clock: time.Now}); err == nil {
			t.Errorf("%s is opened", d)
		}
	}
}

func TestAnswersOfRefusals(t *testing.T) {
	for err, status := range map[error]int{capture.ErrNone: 404, capture.ErrTooOften: 429, errors.New("disk"): 503} {
		w := httptest.NewRecorder()
		capture.Answer(w, nil, err)
		if w.Code != status || strings.Contains(w.Body.String(), "disk") {
			t.Errorf("%v: %d %s", err, w.Code, w.Body)
		}
	}
}
