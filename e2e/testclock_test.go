package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// clockVariable names the file that a binary of the build tag testclock follows.
const clockVariable = "COUNTERSIGN_TEST_CLOCK"

// TestTheTestClockIsInNoOtherBuild: a variable that moves the clock of a server would be a way around every time window. The
// program that is shipped does not know it; the one of the build tag does, and follows it.
func TestTheTestClockIsInNoOtherBuild(t *testing.T) {
	program, err := stepped()
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]bool{binary(t): false, program: true} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(clockVariable)) != want {
			t.Errorf("%s knows %s: %t", filepath.Base(file), clockVariable, !want)
		}
	}
	clock := filepath.Join(t.TempDir(), "clock")
	year := 366 * 24 * time.Hour
	for _, c := range []struct{ program, file, says string }{
		{program, "", "now"}, {program, year.String() + "\n", "ahead"}, {program, "no span", "now"}, {program, "-1h", "now"}, {binary(t), year.String() + "\n", "now"},
	} {
		if err := os.WriteFile(clock, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		want := time.Now()
		if c.says == "ahead" {
			want = want.Add(year)
		}
		if got := signedAt(t, c.program, clock); got.Sub(want).Abs() > time.Minute {
			t.Errorf("%s with a clock file of %q says %s, want %s", filepath.Base(c.program), c.file, got, want)
		}
	}
}

var timestampLine = regexp.MustCompile(`(?m)^X-Auth-Timestamp: (\d+)\r?$`)

// signedAt is the time by which a command signs.
func signedAt(t *testing.T, program, clock string) time.Time {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "sign", "--key-id", "k", "-t", "/x")
	cmd.Env = append(os.Environ(), clockVariable+"="+clock, "COUNTERSIGN_SECRET=s")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := timestampLine.FindSubmatch(out)
	if found == nil {
		t.Fatalf("no timestamp in\n%s", out)
	}
	seconds, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(seconds, 0)
}
