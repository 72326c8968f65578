package archtest_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestAlertsNameMetricsThatAreThere: a rule over a metric that nobody publishes never fires, and nobody notices.
func TestAlertsNameMetricsThatAreThere(t *testing.T) {
	reference := read(t, filepath.Join(root, "docs", "reference", "metrics.md"))
	names := regexp.MustCompile(`\bcountersign_[a-z_]+\b`).FindAllString(read(t, filepath.Join(root, "deploy", "alerts", "countersign.rules.yml")), -1)
	if len(names) < 15 {
		t.Fatalf("found %d metrics in the rules; is the pattern still right?", len(names))
	}
	for _, name := range names {
		bare := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} { // of a histogram
			bare = strings.TrimSuffix(bare, suffix)
		}
		if !strings.Contains(reference, "| `"+name+"` |") && !strings.Contains(reference, "| `"+bare+"` |") {
			t.Errorf("deploy/alerts/countersign.rules.yml names %s, which docs/reference/metrics.md does not", name)
		}
	}
}

// TestEachAlertHasItsPageInTheRunbook, and each page its alert.
func TestEachAlertHasItsPageInTheRunbook(t *testing.T) {
	names := func(file, pattern string) (found []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, filepath.Join(root, filepath.FromSlash(file))), -1) {
			found = append(found, m[1])
		}
		slices.Sort(found)
		return found
	}
	alerts := names("deploy/alerts/countersign.rules.yml", `(?m)^ *- alert: (\S+)$`)
	pages := names("docs/guide/runbook.md", `(?m)^## (Countersign\S*)$`)
	if len(alerts) < 15 || !slices.Equal(alerts, pages) {
		t.Errorf("alerts %v\nrunbook %v", alerts, pages)
	}
}
