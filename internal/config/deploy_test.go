package config_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func unit(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "systemd", "countersign.service"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// directive is a number in the unit.
func directive(t *testing.T, name string) int {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + `=(\d+)s?$`).FindStringSubmatch(unit(t))
	if found == nil {
		t.Fatalf("the unit has no %s", name)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTheServiceFitsTheDefaults: systemd waits longer than a drain takes, and lets as many files be open as there are
// connections.
func TestTheServiceFitsTheDefaults(t *testing.T) {
	c := parsed(t, small)
	if stop, drain := time.Duration(directive(t, "TimeoutStopSec"))*time.Second, c.Drain.Deadline+c.Drain.Lameduck; stop < drain+30*time.Second {
		t.Errorf("the service is killed after %s, a drain takes up to %s", stop, drain)
	}
	if files, connections := directive(t, "LimitNOFILE"), c.Environments[0].Listeners[0].MaxConnections; files < 3*connections {
		t.Errorf("%d files for %d connections", files, connections)
	}
	for _, line := range []string{"ExecReload=/bin/kill -HUP $MAINPID", "NoNewPrivileges=yes", "ProtectSystem=strict", "LimitCORE=0", "UMask=0077", "Restart=on-failure"} {
		if !strings.Contains(unit(t), "\n"+line+"\n") {
			t.Errorf("the unit lacks %s", line)
		}
	}
}

// TestTheServiceIsOneForSystemd asks systemd itself, with a program that is there in the place of ours.
func TestTheServiceIsOneForSystemd(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("systemd-analyze is not installed, and CI=true allows no skipping")
		}
		t.Skip("systemd-analyze is not installed")
	}
	file := filepath.Join(t.TempDir(), "countersign.service")
	text := strings.NewReplacer("/usr/local/bin/countersign", "/bin/true", "Documentation=man:countersign(1)\n", "").Replace(unit(t))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), tool, "verify", "--recursive-errors=no", file).CombinedOutput()
	if strings.Contains(string(out), "countersign.service") || err != nil && strings.Contains(string(out), "nknown") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%v %s", err, out)
}
