package postgres_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/audit/shipping/depottest"
	"countersign.dev/internal/audit/shipping/postgres"
	"countersign.dev/internal/store/postgrestest"
)

var server *postgrestest.Server

func TestMain(m *testing.M) {
	if os.Getenv(nodeFolder) != "" {
		os.Exit(m.Run())
	}
	os.Exit(postgrestest.Run(m, func(s *postgrestest.Server) { server = s }))
}

func open(t *testing.T, url string) *postgres.Depot {
	t.Helper()
	d, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestADepotInPostgreSQL(t *testing.T) {
	postgrestest.Need(t, server)
	urls := map[*testing.T]string{}
	depottest.Run(t, func(t *testing.T) shipping.Depot {
		if urls[t] == "" {
			urls[t] = server.Database(t)
		}
		return open(t, urls[t])
	})
}

// TestOldDaysAreDroppedWhole: a day is a partition, and goes as one; a stream that was silent since then is forgotten with it.
func TestOldDaysAreDroppedWhole(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	d := open(t, url)
	old, young := depottest.PieceOf("old", 1, 0, "x\n"), depottest.PieceOf("young", 1, 0, "y\n")
	for _, p := range []*shipping.Piece{old, young} {
		if err := d.Put(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	server.Do(t, url, `CREATE TABLE countersign_records.piece_20260101 PARTITION OF countersign_records.piece FOR VALUES FROM ('2026-01-01') TO ('2026-01-02')`)
	server.Do(t, url, `UPDATE countersign_records.piece SET day = '2026-01-01' WHERE node = 'old'`)
	server.Do(t, url, `UPDATE countersign_records.stream SET touched = '2026-01-01' WHERE node = 'old'`)
	if n, err := d.Drop(t.Context(), time.Date(2026, 1, 1, 23, 0, 0, 0, time.UTC)); n != 0 || err != nil {
		t.Errorf("within the day: %d, %v", n, err)
	}
	if n, err := d.Drop(t.Context(), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)); n != 1 || err != nil {
		t.Errorf("when it was over: %d, %v", n, err)
	}
	all, err := d.Streams(t.Context())
	if err != nil || len(all) != 1 || all[0] != young.Stream {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := d.Get(t.Context(), young.Stream, young.Place); err != nil {
		t.Error(err)
	}
	if n, err := d.Drop(t.Context(), time.Now().Add(24*365*time.Hour)); n != 0 || err != nil {
		t.Errorf("a clock that is a year ahead drops %d days: %v", n, err)
	}
}

// TestAForeignSchemaIsRefused, and one that a newer program made for its like alone.
func TestAForeignSchemaIsRefused(t *testing.T) {
	postgrestest.Need(t, server)
	for name, statement := range map[string]string{
		"another program's": "CREATE SCHEMA countersign_records",
		"a newer one":       "CREATE SCHEMA countersign_records; CREATE TABLE countersign_records.version AS SELECT 9 AS version, 2 AS least",
	} {
		t.Run(name, func(t *testing.T) {
			url := server.Database(t)
			server.Do(t, url, statement)
			if _, err := postgres.Open(t.Context(), postgres.Config{URL: url}); !errors.Is(err, shipping.ErrForeign) {
				t.Error(err)
			}
		})
	}
}

// TestANewerVersionThatOnlyAddedIsShared: a program of version 1 goes on beside one that has added something.
func TestANewerVersionThatOnlyAddedIsShared(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	open(t, url)
	server.Do(t, url, "ALTER TABLE countersign_records.piece ADD COLUMN note TEXT; UPDATE countersign_records.version SET version = 2")
	if err := open(t, url).Put(t.Context(), depottest.PieceOf("a", 1, 0, "x\n")); err != nil {
		t.Error(err)
	}
}

// TestARowOfAnotherPlaceIsRefused: whoever moves a row to another place has not moved the piece.
func TestARowOfAnotherPlaceIsRefused(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	d, p := open(t, url), depottest.PieceOf("a", 1, 0, "x\n")
	if err := d.Put(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	server.Do(t, url, "UPDATE countersign_records.piece SET place = 7")
	if _, err := d.Get(t.Context(), p.Stream, shipping.Place{Segment: 1, Offset: 7}); !errors.Is(err, shipping.ErrMalformed) {
		t.Error(err)
	}
}
