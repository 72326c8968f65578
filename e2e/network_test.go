package e2e_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// TestRule21TrustedProxy: behind a trusted proxy the forwarding header decides, walked right to left; the refusal tells the
// address that was derived.
func TestRule21TrustedProxy(t *testing.T) {
	r := recording(t, folder(t), "--trusted-proxy", "127.0.0.1/32")
	r.hops = []string{"X-Forwarded-For: 127.0.0.2"}
	from := func(lines ...string) call {
		c := get("proxied")
		c.extra = lines
		return c
	}
	r.signed(t, sandbox, from("X-Forwarded-For: 127.0.0.2")).want(t, 200)
	r.signed(t, sandbox, from("X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 127.0.0.2, 127.0.0.1")).want(t, 200)
	r.untouched(t, func() {
		a := r.signed(t, sandbox, from("X-Forwarded-For: 203.0.113.9"))
		r.refused(t, a, 403, "address_not_listed", "address_not_listed")
		if !strings.Contains(string(a.body), "203.0.113.9") || r.line(t, a).text("address") != "203.0.113.9" {
			t.Errorf("the derived address is not told: %v", a)
		}
	})
	r.untouched(t, func() {
		a := r.signed(t, sandbox, from("X-Forwarded-For: 127.0.0.2, 203.0.113.9, 127.0.0.1"))
		r.refused(t, a, 403, "address_not_listed", "address_not_listed")
	})
	for _, hop := range []string{"unknown", "203.0.113.9:99999", "1.2.3", "fe80::1%eth0", "127.0.0.2, unknown", "127.0.0.2,", ""} {
		r.untouched(t, func() {
			a := r.signed(t, sandbox, from("X-Forwarded-For: "+hop)).want(t, 403)
			r.decided(t, a, "address_unknown", "address_not_listed")
		})
	}
}

// TestRule9ListedAddressIsNoOracle: from an address that is not listed a wrong signature is answered as from any other.
func TestRule9ListedAddressIsNoOracle(t *testing.T) {
	r := recording(t, folder(t), "--trusted-proxy", "127.0.0.1/32")
	e := r.Environments[sandbox]
	forged := get("oracle")
	forged.signature = strings.Repeat("0", 64)
	forged.extra = []string{"X-Forwarded-For: 127.0.0.2"}
	here := r.bytesOf(t, sandbox, forged.raw(e))
	forged.extra = []string{"X-Forwarded-For: 203.0.113.9"}
	if there := r.bytesOf(t, sandbox, forged.raw(e)); here != there {
		t.Errorf("from a listed address\n%q\nfrom another\n%q", here, there)
	}
}

// TestCountryFile: a readable file is taken; nothing is refused by country as long as no rule names one.
func TestCountryFile(t *testing.T) {
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-Country", RecordSize: 24})
	if err != nil {
		t.Fatal(err)
	}
	_, block, err := net.ParseCIDR("81.2.69.0/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Insert(block, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String("US")}}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "country.mmdb")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.WriteTo(file); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	d := start(t, folder(t), "--country-file", path)
	d.signed(t, sandbox, call{method: "GET", target: "/api/v1/cards/" + demoCard}).want(t, 200)
}
