package datafolder_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/datafolder"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestRule39AFolderIsPrivate: made so, and refused where others can write into it, with what to do.
func TestRule39AFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	must(t, datafolder.Open(dir))
	info, err := os.Stat(dir)
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("mode %04o", info.Mode().Perm())
	}
	must(t, os.WriteFile(filepath.Join(dir, "x"), nil, 0o600))
	must(t, os.Chmod(dir, 0o722))
	fault := (*datafolder.Fault)(nil)
	if err := datafolder.Open(dir); !errors.As(err, &fault) || fault.Next != "chmod 700 "+dir {
		t.Errorf("others may write: %v", err)
	}
}

// TestRule39FilesWithSecrets: others can read them, or they are links: refused.
func TestRule39FilesWithSecrets(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	key, err := datafolder.Key(path)
	if err != nil || len(key) != 32 {
		t.Fatalf("%d bytes, %v", len(key), err)
	}
	if again, err := datafolder.Key(path); err != nil || string(again) != string(key) {
		t.Errorf("a second reading: %v", err)
	}
	must(t, os.Symlink(path, path+"-link"))
	if _, err := datafolder.ReadPrivate(path + "-link"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a link: %v", err)
	}
	must(t, os.Chmod(path, 0o640))
	if _, err := datafolder.Key(path); err == nil || !strings.Contains(err.Error(), "holds secrets but has mode 0640") {
		t.Errorf("readable by others: %v", err)
	}
	if err := datafolder.Create(path, nil, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that is there: %v", err)
	}
}

// TestOneLockForOneEnvironment.
func TestOneLockForOneEnvironment(t *testing.T) {
	dir := t.TempDir()
	first, err := datafolder.Lock(dir, "sandbox")
	must(t, err)
	fault := (*datafolder.Fault)(nil)
	if _, err := datafolder.Lock(dir, "sandbox"); !errors.As(err, &fault) || !strings.Contains(err.Error(), "another countersign serves") {
		t.Errorf("a second one: %v", err)
	}
	other, err := datafolder.Lock(dir, "production")
	must(t, err)
	must(t, other.Close())
	must(t, first.Close())
	again, err := datafolder.Lock(dir, "sandbox")
	must(t, err)
	must(t, again.Close())
}

// TestRule8JournalsOfOthersAreNotForgotten: of a server with an environment in common, until its last claim has ended.
func TestRule8JournalsOfOthersAreNotForgotten(t *testing.T) {
	for name, one := range map[string]struct {
		folder, scope string
		minute        string
		want          int64
		own           bool
	}{
		"of all, for one":       {"replay", "-sandbox", "30000000", 30000000*60 + 59, false},
		"of one, for all":       {"replay-sandbox", "", "30000000", 30000000*60 + 59, false},
		"of two, one in common": {"replay-production+sandbox", "-sandbox", "30000000", 30000000*60 + 59, false},
		"of another one":        {"replay-production", "-sandbox", "30000000", 0, false},
		"its own":               {"replay-sandbox", "-sandbox", "30000000", 0, false},
		"its own, not read":     {"replay-sandbox", "-sandbox", "30000000", 30000000*60 + 59, true},
		"no segment":            {"replay", "-sandbox", "mark", 0, false},
		"a number of no minute": {"replay", "-sandbox", "99999999999999", 0, false},
	} {
		dir := t.TempDir()
		must(t, os.Mkdir(filepath.Join(dir, one.folder), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, one.folder, one.minute+".seg"), nil, 0o600))
		if until, err := datafolder.Remembered(dir, one.scope, one.own); err != nil || until != one.want {
			t.Errorf("%s: %d, %v; want %d", name, until, err, one.want)
		}
	}
}

// TestWhatIsSaidIsWhole, and taken away without a complaint where it was never said.
func TestWhatIsSaidIsWhole(t *testing.T) {
	dir := t.TempDir()
	must(t, datafolder.Say(dir, datafolder.Serving{PID: 1, Environment: "sandbox", Revision: 7}))
	text, err := os.ReadFile(datafolder.ServingFile(dir, "sandbox"))
	must(t, err)
	var one map[string]any
	must(t, json.Unmarshal(text, &one))
	if one["environment"] != "sandbox" || one["revision"] != 7.0 {
		t.Errorf("%s", text)
	}
	must(t, datafolder.Unsay(dir, "sandbox"))
	must(t, datafolder.Unsay(dir, "sandbox"))
}
