package country_test

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"countersign.dev/internal/country"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// entry is the record of one network: country and registered country.
func entry(iso, registered string) mmdbtype.Map {
	m := mmdbtype.Map{"continent": mmdbtype.Map{"code": mmdbtype.String("EU")}}
	if iso != "" {
		m["country"] = mmdbtype.Map{"iso_code": mmdbtype.String(iso), "geoname_id": mmdbtype.Uint32(7)}
	}
	if registered != "" {
		m["registered_country"] = mmdbtype.Map{"iso_code": mmdbtype.String(registered)}
	}
	return m
}

func build(t testing.TB, kind string, version int, networks map[string]mmdbtype.DataType) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: kind, IPVersion: version, IncludeReservedNetworks: true, BuildEpoch: 1_763_625_600, RecordSize: 24,
	})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, data := range networks {
		_, network, err := net.ParseCIDR(prefix)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(network, data); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if _, err := tree.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func sample(t testing.TB) []byte {
	return build(t, "Test-Country", 6, map[string]mmdbtype.DataType{
		"192.0.2.0/24":    entry("SE", "DE"),
		"198.51.100.0/25": entry("fi", ""),
		"203.0.113.0/24":  entry("", "US"),
		"2001:db8:1::/48": entry("NO", ""),
		"10.1.0.0/16":     entry("ZZ", ""),
		"10.2.0.0/16":     entry("XX", ""),
		"10.3.0.0/16":     entry("T1", ""),
		"10.4.0.0/16":     entry("SWE", ""),
		"10.5.0.0/16":     entry("S", ""),
		"10.6.0.0/16":     entry("Å", ""),
		"10.7.0.0/16":     mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.Uint32(46)}},
		"10.8.0.0/16":     mmdbtype.Map{"country": mmdbtype.String("SE")},
		"10.9.0.0/16":     mmdbtype.Map{},
	})
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "country.mmdb")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCountryOfAnAddress(t *testing.T) {
	table, err := country.Open(write(t, sample(t)))
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"192.0.2.1": "SE", "192.0.2.255": "SE", "::ffff:192.0.2.1": "SE", "198.51.100.1": "FI", "2001:db8:1::1": "NO",
	} {
		if iso, ok := table.Country(netip.MustParseAddr(address)); !ok || iso != want {
			t.Errorf("%s: %q, %v; want %s", address, iso, ok, want)
		}
	}
	if table.Kind() != "Test-Country" || table.Built() != 1_763_625_600 {
		t.Errorf("kind %q, built %d", table.Kind(), table.Built())
	}
}

func TestRule38UnknownCountryIsNotOk(t *testing.T) {
	table, err := country.Parse(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{
		"198.51.100.200", "8.8.8.8", "2001:db8:2::1", "::1", "0.0.0.0", // no entry
		"203.0.113.1", // only a registered country: no fallback
		"10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1", "10.5.0.1", "10.6.0.1", "10.7.0.1", "10.8.0.1", "10.9.0.1",
		"2001:db8:1::1%eth0", "::ffff:192.0.2.1%eth0",
	} {
		if iso, ok := table.Country(netip.MustParseAddr(address)); ok || iso != "" {
			t.Errorf("%s: %q, %v; want it unknown", address, iso, ok)
		}
	}
	if iso, ok := table.Country(netip.Addr{}); ok || iso != "" {
		t.Errorf("no address: %q, %v", iso, ok)
	}
	four, err := country.Parse(build(t, "Test-Country", 4, map[string]mmdbtype.DataType{"192.0.2.0/24": entry("SE", "")}))
	if err != nil {
		t.Fatal(err)
	}
	if iso, ok := four.Country(netip.MustParseAddr("2001:db8:1::1")); ok {
		t.Errorf("IPv6 in an IPv4 table: %q", iso)
	}
	if iso, ok := four.Country(netip.MustParseAddr("::ffff:192.0.2.1")); !ok || iso != "SE" {
		t.Errorf("mapped IPv4 in an IPv4 table: %q, %v", iso, ok)
	}
}

func TestRule28UnreadableCountryFileIsAnError(t *testing.T) {
	good := sample(t)
	refuse := func(name, path, cause string) {
		t.Helper()
		table, err := country.Open(path)
		if err == nil || table != nil {
			t.Errorf("%s: it opened", name)
			return
		}
		if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), cause) {
			t.Errorf("%s: error %q does not name %s and %q", name, err, path, cause)
		}
	}
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	refuse("missing", filepath.Join(dir, "none.mmdb"), "no such file")
	refuse("folder", dir, "not a regular file")
	refuse("pipe", pipe, "not a regular file")
	refuse("empty", write(t, nil), "not a readable MaxMind DB")
	refuse("text", write(t, []byte("country,iso_code\n")), "not a readable MaxMind DB")
	refuse("first half", write(t, good[:len(good)/2]), "not a readable MaxMind DB")
	refuse("second half", write(t, good[len(good)/2:]), "")
	asn := build(t, "Test-ASN", 6, map[string]mmdbtype.DataType{"192.0.2.0/24": mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(64496)}})
	refuse("no countries", write(t, asn), `"Test-ASN" holds no country.iso_code`)
	large := write(t, good)
	if err := os.Truncate(large, country.MaxFileSize+1); err != nil {
		t.Fatal(err)
	}
	refuse("too large", large, "bound")
}

func TestTableOutlivesItsFile(t *testing.T) {
	path := write(t, sample(t))
	table, err := country.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if iso, ok := table.Country(netip.MustParseAddr("192.0.2.1")); !ok || iso != "SE" {
		t.Errorf("%q, %v", iso, ok)
	}
}

func TestCountryAllocatesNothing(t *testing.T) {
	table, err := country.Parse(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"192.0.2.1", "198.51.100.1", "2001:db8:1::1", "8.8.8.8"} {
		address := netip.MustParseAddr(text)
		if n := testing.AllocsPerRun(200, func() { table.Country(address) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", text, n)
		}
	}
}

// FuzzParse feeds damaged tables: no panic, and only two upper-case letters.
func FuzzParse(f *testing.F) {
	good := sample(f)
	f.Add(good)
	f.Add(good[:len(good)-40])
	f.Add([]byte("\xab\xcd\xefMaxMind.com"))
	addresses := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.8.0.1"), netip.MustParseAddr("2001:db8:1::1")}
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := country.Parse(data)
		if err != nil {
			return
		}
		for _, address := range addresses {
			iso, ok := table.Country(address)
			if ok != (len(iso) == 2) || strings.Trim(iso, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
				t.Fatalf("%s: %q, %v", address, iso, ok)
			}
		}
	})
}

func BenchmarkCountry(b *testing.B) {
	table, err := country.Parse(sample(b))
	if err != nil {
		b.Fatal(err)
	}
	address := netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		table.Country(address)
	}
}
