package deploy_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestAlertsFireWhenTheyShould has promtool read the rules and play each alert through a case in which it fires and one in which it does not.
func TestAlertsFireWhenTheyShould(t *testing.T) {
	promtool := tool(t, "promtool")
	rules, err := os.ReadFile("alerts/countersign.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := os.ReadFile("alerts/countersign.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`(?m)^ *- alert: (\S+)$`).FindAllStringSubmatch(string(rules), -1)
	for _, a := range alerts {
		for _, kind := range []string{"fires", "is quiet"} {
			if !strings.Contains(string(cases), "- name: "+a[1]+" "+kind+"\n") {
				t.Errorf("there is no case in which %s %s", a[1], kind)
			}
		}
	}
	if len(alerts) < 20 {
		t.Errorf("%d alerts were found", len(alerts))
	}
	for _, args := range [][]string{{"check", "rules", "alerts/countersign.rules.yml"}, {"test", "rules", "alerts/countersign.test.yml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
