package e2e_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// publishCountries writes a country file in which the networks are of one country, and gives it its name by renaming.
func publishCountries(t *testing.T, path, country string, networks ...string) {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-Country", RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range networks {
		_, block, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(block, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(country)}}); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.OpenFile(path+".next", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.WriteTo(file); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".next", path); err != nil {
		t.Fatal(err)
	}
}

// TestCountriesAreJudgedByTheFileOfTheMoment: behind a trusted proxy, a partner with a rule for one country is let in from there
// alone; a new file counts by itself, a damaged one does not; "network test" says the same from the same configuration.
func TestCountriesAreJudgedByTheFileOfTheMoment(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	path := filepath.Join(s.dir, "country.mmdb")
	publishCountries(t, path, "DE", "198.51.100.0/24")
	s.settings["PROXIES"] = "trusted_proxies: [127.0.0.0/8]"
	d := s.with(t, "environments:", "countries: {file: "+path+"}\nenvironments:",
		"base_paths: [/api/v1]", "base_paths: [/api/v1]\n        addresses: optional")
	partner := d.Environments[production].Card.APIToken
	for line := range strings.Lines(s.must(t, "network", "list", partner)) {
		if id, _, _ := strings.Cut(line, " "); strings.HasPrefix(id, "net_") && strings.Contains(line, production) {
			s.must(t, "network", "remove", id)
		}
	}
	s.must(t, "network", "allow", partner, "--environment", production, "--country", "DE", "--wait")

	from := func(address string) call {
		c := get("country")
		c.extra = []string{"X-Forwarded-For: " + address}
		return c
	}
	explained := func(address string, code int, text string) {
		t.Helper()
		said, got := s.operate(t, "network", "test", "--partner", partner, "--environment", production, "--peer", "127.0.0.1", "--forwarded", address)
		if got != code || !strings.Contains(said, text) {
			t.Errorf("network test of %s: exit code %d, want %d, and %q in\n%s", address, got, code, text, said)
		}
	}
	d.signed(t, production, from("198.51.100.7")).want(t, 200)
	explained("198.51.100.7", 0, "DE")
	a := d.signed(t, production, from("203.0.113.9")).want(t, 403)
	if !strings.Contains(string(a.body), "203.0.113.9") || d.line(t, a).text("reason") != "country_not_allowed" {
		t.Errorf("from elsewhere: %s", a)
	}
	explained("203.0.113.9", 1, "203.0.113.9")

	await := func(address string, status int) {
		t.Helper()
		for begun := time.Now(); d.signed(t, production, from(address)).status != status; time.Sleep(20 * time.Millisecond) {
			if time.Since(begun) > startLimit {
				t.Fatalf("from %s it never becomes %d", address, status)
			}
		}
	}
	publishCountries(t, path, "DE", "203.0.113.0/24")
	await("203.0.113.9", http.StatusOK)
	d.signed(t, production, from("198.51.100.7")).want(t, 403)
	if err := os.WriteFile(path+".next", []byte("no such table"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".next", path); err != nil {
		t.Fatal(err)
	}
	d.until(t, "/readyz", 200, `"name":"country_file","state":"failing"`)
	d.signed(t, production, from("203.0.113.9")).want(t, 200)
	publishCountries(t, path, "DE", "198.51.100.0/24")
	await("198.51.100.7", http.StatusOK)
	d.until(t, "/readyz", 200, `"name":"country_file","state":"ok"`)
}
