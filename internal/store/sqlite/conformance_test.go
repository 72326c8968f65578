package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"countersign.dev/internal/registry"
	"countersign.dev/internal/store/sqlite"
	"countersign.dev/internal/store/storetest"
)

func open(t testing.TB, cfg sqlite.Config) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) registry.Store {
		return registry.Adapt(open(t, sqlite.Config{Path: filepath.Join(t.TempDir(), "register.db")}))
	})
}
