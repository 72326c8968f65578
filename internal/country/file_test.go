package country_test

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/country"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

func code(f *country.File, address string) string {
	iso, _ := f.Country(netip.MustParseAddr(address))
	return iso
}

// one is a file in which 1.0.0.0/8 belongs to one country.
func one(t *testing.T, iso string) []byte {
	t.Helper()
	return build(t, "Test-Country", 4, map[string]mmdbtype.DataType{"1.0.0.0/8": entry(iso, "")})
}

// TestRule28AFormerTableStaysWhileTheFileIsBad: it is told, once in the log, and the next good file counts.
func TestRule28AFormerTableStaysWhileTheFileIsBad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "country.mmdb")
	publish := func(content []byte) {
		t.Helper()
		next := path + ".next"
		if err := os.WriteFile(next, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, path); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	cfg := country.WatchConfig{Path: path, Log: slog.New(slog.NewTextHandler(&log, nil))}
	if _, err := country.Watch(cfg); err == nil {
		t.Fatal("a missing file is no error")
	}
	publish(one(t, "CA"))
	f, err := country.Watch(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if f.Poll() || code(f, "1.2.3.4") != "CA" || f.Problem() != nil {
		t.Fatal("a file that did not change")
	}
	publish([]byte("junk"))
	for range 3 {
		if f.Poll() || code(f, "1.2.3.4") != "CA" || f.Problem() == nil {
			t.Fatal("junk: the former table must go on, and be told")
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors in the log, want one", n)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if f.Poll() || code(f, "1.2.3.4") != "CA" || f.Problem() == nil {
		t.Fatal("no file: the former table must go on, and be told")
	}
	publish(one(t, "US"))
	if !f.Poll() || code(f, "1.2.3.4") != "US" || f.Problem() != nil {
		t.Fatalf("a good file does not count: %v", f.Problem())
	}
}

func TestAWatchNeedsItsParts(t *testing.T) {
	if _, err := country.Watch(country.WatchConfig{Path: "x"}); err == nil {
		t.Error("without a log")
	}
}
