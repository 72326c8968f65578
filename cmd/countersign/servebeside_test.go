package main

import (
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/config"
)

// TestRecordsBesideComeWithTheirCounts: a use that the record of another server has and no counts have looks like counts that are
// behind, and no version would ever be retired.
func TestRecordsBesideComeWithTheirCounts(t *testing.T) {
	cfg, err := config.Parse("c.yaml", []byte(strings.Replace(scopedConfig, "admin: ADMIN", "admin: {}", 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(&serveOptions{environments: []string{"sandbox"}, admin: true}, cfg, new(lockedBuffer))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	beside, err := s.besides()
	if err != nil || len(beside) != 1 || filepath.Base(beside[0].dir) != "decisions-production" || beside[0].rollups != filepath.Join(s.dir, "rollups-production") {
		t.Fatalf("%+v, %v", beside, err)
	}
}
