package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// units are what is shipped for systemd.
var units = []string{"countersign.service", "countersign@.service", "countersign-backup.service", "countersign-backup.timer"}

func unit(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("systemd", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryUnitIsKnown(t *testing.T) {
	found, err := filepath.Glob("systemd/*.*")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		if name := filepath.Base(f); name != "README.md" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff(slices.Sorted(slices.Values(units)), names); diff != "" {
		t.Error(diff)
	}
}

// directives are the lines of a unit that say something.
func directives(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestTheUnitsAgree: the one for several servers is the one for one server, with another name in every path.
func TestTheUnitsAgree(t *testing.T) {
	one := strings.NewReplacer("Countersign,", "Countersign %i,", "/etc/countersign/countersign.yaml", "/etc/countersign/%i.yaml",
		"StateDirectory=countersign", "StateDirectory=countersign-%i", "LogsDirectory=countersign", "LogsDirectory=countersign-%i", "RuntimeDirectory=countersign", "RuntimeDirectory=countersign-%i",
		"elsewhere/countersign", "elsewhere/countersign-%i").Replace(strings.Join(directives(unit(t, "countersign.service")), "\n"))
	if diff := cmp.Diff(one, strings.Join(directives(unit(t, "countersign@.service")), "\n")); diff != "" {
		t.Error(diff)
	}
}

// TestTheUnitMakesTheFolderOfTheDoors: the examples of proxies have their sockets there, and nothing else makes it.
func TestTheUnitMakesTheFolderOfTheDoors(t *testing.T) {
	lines := directives(unit(t, "countersign.service"))
	for _, file := range []string{"nginx/countersign.conf", "nginx/auth_request.conf", "haproxy/haproxy.cfg", "caddy/Caddyfile"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "/run/countersign/") && !(slices.Contains(lines, "RuntimeDirectory=countersign") && slices.Contains(lines, "RuntimeDirectoryMode=0750")) {
			t.Errorf("%s asks a socket in /run/countersign, and the unit makes no such folder that a group can enter", file)
		}
	}
}

// placed writes the units as systemd would have them, with a program that is there in the place of ours.
func placed(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range units {
		text := strings.ReplaceAll(unit(t, name), "/usr/local/bin/countersign", "/bin/true")
		text = regexp.MustCompile(`(?m)^Documentation=.*\n`).ReplaceAllString(text, "")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSystemdTakesTheUnits asks systemd itself: a directive that it does not know would be no protection.
func TestSystemdTakesTheUnits(t *testing.T) {
	analyze, dir := tool(t, "systemd-analyze"), placed(t)
	for _, name := range units {
		file := filepath.Join(dir, strings.Replace(name, "@.", "@one.", 1))
		out, err := exec.CommandContext(t.Context(), analyze, "verify", "--recursive-errors=no", "--man=no", file).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "countersign") && !strings.Contains(line, "Failed to") {
				t.Errorf("%s: %v\n%s", name, err, line)
			}
		}
		t.Logf("%s: %v\n%s", name, err, out)
	}
	spoilt := filepath.Join(dir, "countersign.service")
	text := strings.Replace(unit(t, "countersign.service"), "ProtectHome=yes", "ProtectHorne=yes", 1)
	if err := os.WriteFile(spoilt, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _ := exec.CommandContext(t.Context(), analyze, "verify", "--recursive-errors=no", "--man=no", spoilt).CombinedOutput(); !strings.Contains(string(out), "ProtectHorne") {
		t.Errorf("a directive that nobody knows is taken:\n%s", out)
	}
}

// TestTheUnitsAreAsHardAsTheDocumentationSays: the exposure that systemd computes, from 0 to 10, is at most what the table tells.
func TestTheUnitsAreAsHardAsTheDocumentationSays(t *testing.T) {
	analyze, dir := tool(t, "systemd-analyze"), placed(t)
	text, err := os.ReadFile("systemd/README.md")
	if err != nil {
		t.Fatal(err)
	}
	told := regexp.MustCompile("(?m)^\\| `(countersign[^`]*\\.service)` \\|.*\\| ([0-9.]+) \\|$").FindAllStringSubmatch(string(text), -1)
	if len(told) != 3 {
		t.Fatalf("the table has %d services, want 3", len(told))
	}
	for _, row := range told {
		out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--no-pager", filepath.Join(dir, row[1])).CombinedOutput()
		found := regexp.MustCompile(`Overall exposure level for [^:]+: ([0-9.]+) `).FindSubmatch(out)
		if err != nil || found == nil {
			t.Fatalf("%v\n%s", err, out)
		}
		got, _ := strconv.ParseFloat(string(found[1]), 64)
		want, _ := strconv.ParseFloat(row[2], 64)
		if got > want || got == 0 {
			t.Errorf("%s: exposure %v, the documentation says %v", row[1], got, want)
		}
	}
}

// TestTheBackupUnitMakesBackups runs its lines as systemd would, over a register of this test: a new folder each time, and what is old goes
// after one that succeeded.
func TestTheBackupUnitMakesBackups(t *testing.T) {
	binary, dir, backups := program(t), filepath.Join(t.TempDir(), "etc"), t.TempDir()
	if out, err := exec.CommandContext(t.Context(), binary, "init", "--dir", dir, "--self-signed", "--checkpoints", filepath.Join(dir, "else")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	old, foreign := filepath.Join(backups, "20200101T000000Z"), filepath.Join(backups, "lost+found")
	for _, f := range []string{old, foreign} {
		past := time.Now().Add(-1000 * time.Hour)
		if err := os.Mkdir(f, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(f, past, past); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"ExecStart=", "ExecStartPost="} {
		line := regexp.MustCompile(`(?m)^` + key + `(.*)$`).FindStringSubmatch(unit(t, "countersign-backup.service"))[1]
		line = strings.NewReplacer("/etc/countersign", dir, "/var/backups/countersign", backups, "/usr/local/bin/countersign", binary, "%%", "%").Replace(line)
		if out, err := exec.CommandContext(t.Context(), "sh", "-ec", line).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	found, err := filepath.Glob(filepath.Join(backups, "*Z", "manifest.json"))
	if err != nil || len(found) != 1 {
		t.Errorf("%d manifests, %v", len(found), err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the old backup is there: %v", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("what is no backup: %v", err)
	}
}
