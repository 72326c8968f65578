package doortest_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"countersign.dev/internal/edge/doortest"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/doors.md")

// TestPageOfDoors: docs/doors.md is what the table says.
func TestPageOfDoors(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "doors.md")
	if *update {
		must(t, os.WriteFile(path, []byte(doortest.Page()), 0o644))
	}
	if diff := cmp.Diff(string(read(t, path)), doortest.Page()); diff != "" {
		t.Errorf("docs/doors.md is not what the table says; run: go test ./internal/edge/doortest -run Page -update\n%s", diff)
	}
}
