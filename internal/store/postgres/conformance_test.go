package postgres_test

import (
	"crypto/rand"
	"os"
	"testing"

	"countersign.dev/internal/registry"
	"countersign.dev/internal/store/postgres"
	"countersign.dev/internal/store/postgrestest"
	"countersign.dev/internal/store/storetest"
)

var server *postgrestest.Server

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Run(m, func(s *postgrestest.Server) { server = s }))
}

func open(t testing.TB, url string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url, Rand: rand.Reader})
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
	postgrestest.Need(t, server)
	storetest.Run(t, func(t *testing.T) registry.Store { return registry.Adapt(open(t, server.Database(t))) })
}
