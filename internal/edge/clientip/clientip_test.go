package clientip_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"countersign.dev/internal/edge/clientip"
)

// trusted is the deployment of most tests: two proxy networks.
var trusted = []string{"10.1.0.0/16", "2001:db8:1::/48"}

func deriver(t testing.TB, header clientip.Header, prefixes ...string) *clientip.Deriver {
	t.Helper()
	config := clientip.Config{Header: header}
	for _, p := range prefixes {
		config.Trusted = append(config.Trusted, netip.MustParsePrefix(p))
	}
	d, err := clientip.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func lines(values ...string) []string { return values }

func TestRule21ForwardingHeadersCountOnlyFromTrustedProxies(t *testing.T) {
	const unknown = ""
	d := deriver(t, "", trusted...)
	for _, c := range []struct {
		name   string
		peer   string
		header []string
		want   string
	}{
		{"untrusted peer without header", "203.0.113.9", nil, "203.0.113.9"},
		{"untrusted peer claims another address", "203.0.113.9", lines("192.0.2.1"), "203.0.113.9"},
		{"untrusted peer claims a proxy", "203.0.113.9", lines("192.0.2.1, 10.1.0.1"), "203.0.113.9"},
		{"untrusted peer sends rubbish", "203.0.113.9", lines("\x00,,,"), "203.0.113.9"},
		{"neighbour of the trusted network", "10.2.0.1", lines("192.0.2.1"), "10.2.0.1"},
		{"one proxy", "10.1.0.1", lines("192.0.2.1"), "192.0.2.1"},
		{"what the client wrote at the left does not count", "10.1.0.1", lines("198.51.100.1, 192.0.2.1"), "192.0.2.1"},
		{"nor if it is a trusted address", "10.1.0.1", lines("10.1.0.7, 192.0.2.1"), "192.0.2.1"},
		{"nor if it is rubbish", "10.1.0.1", lines("unknown, , \xff, 192.0.2.1"), "192.0.2.1"},
		{"two proxies", "10.1.0.1", lines("192.0.2.1, 10.1.0.2"), "192.0.2.1"},
		{"proxies of both families", "10.1.0.1", lines("2001:db8:9::1,2001:db8:1::2,\t10.1.0.3 "), "2001:db8:9::1"},
		{"several lines count as one, in order", "10.1.0.1", lines("198.51.100.1, 192.0.2.1", "10.1.0.2"), "192.0.2.1"},
		{"the last line is nearest", "10.1.0.1", lines("198.51.100.1", "192.0.2.1"), "192.0.2.1"},
		{"all trusted: the leftmost", "10.1.0.1", lines("10.1.0.9, 10.1.0.2"), "10.1.0.9"},
		{"no header from a trusted proxy", "10.1.0.1", nil, unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			check(t, d, c.peer, http.Header{"X-Forwarded-For": c.header}, c.want)
		})
	}
}

// check derives and expects want; "" is an unknown address.
func check(t *testing.T, d *clientip.Deriver, peer string, header http.Header, want string) {
	t.Helper()
	for name, values := range header {
		if values == nil {
			delete(header, name)
		}
	}
	out := clientip.Derivation{Address: netip.MustParseAddr("192.0.2.200"), Known: true, Hops: make([]clientip.Hop, 3)}
	d.Derive(netip.MustParseAddr(peer), header, &out)
	if want == "" {
		if out.Known || out.Address.IsValid() || !strings.HasPrefix(out.Why, "unknown: ") {
			t.Fatalf("address %v (%s), want it unknown", out.Address, out.Why)
		}
		return
	}
	if !out.Known || out.Address != netip.MustParseAddr(want) || out.Why == "" {
		t.Fatalf("address %v (%s), want %s", out.Address, out.Why, want)
	}
}

func TestRule22UnreadableHopEndsTheWalkAsUnknown(t *testing.T) {
	d := deriver(t, "", trusted...)
	for _, hop := range []string{
		"", " ", "unknown", "_hidden", "localhost", "192.0.2", "192.0.2.1.5", "192.0.2.256", "0192.0.2.1", "010.1.1.1", "0xc0.0.2.1", "3221225985",
		"192.0.2.1/32", "192.0.2.1;", "\"192.0.2.1\"", "192.0.2.1 192.0.2.2", "192.0.2.1:", "192.0.2.1:http", "192.0.2.1:123456", "192.0.2.1:-1", ":80",
		"[192.0.2.1]", "[192.0.2.1]:80", "[2001:db8::1", "2001:db8::1]", "[2001:db8::1]80", "[2001:db8::1]:", "[]", "[]:80", "[[2001:db8::1]]",
		"fe80::1%eth0", "[fe80::1%eth0]:80", "2001:db8::1%25eth0", "::ffff:192.0.2.1%1", "1:2:3:4:5:6:7:8:9", ":::", "2001:db8::1::2",
		"0.0.0.0", "::", "::ffff:0.0.0.0", "224.0.0.1", "ff02::1", "192.0.2.1\x00", "\u00a0192.0.2.1", "１92.0.2.1", strings.Repeat("1", 100),
	} {
		for _, values := range [][]string{
			lines(hop), lines("192.0.2.1," + hop), lines("192.0.2.1, " + hop + ", 10.1.0.2"), lines("192.0.2.1", hop), lines("192.0.2.1", hop, "10.1.0.2"),
		} {
			check(t, d, "10.1.0.1", http.Header{"X-Forwarded-For": values}, "")
		}
	}
}

func TestRule22AddressesHaveOneForm(t *testing.T) {
	d := deriver(t, "", trusted...)
	for hop, want := range map[string]string{
		"192.0.2.1":                   "192.0.2.1",
		" \t192.0.2.1\t ":             "192.0.2.1",
		"192.0.2.1:443":               "192.0.2.1",
		"::ffff:192.0.2.1":            "192.0.2.1",
		"::FFFF:C000:0201":            "192.0.2.1",
		"[::ffff:192.0.2.1]:443":      "192.0.2.1",
		"2001:DB8:9::1":               "2001:db8:9::1",
		"[2001:db8:9:0::1]":           "2001:db8:9::1",
		"[2001:db8:9::0001]:65535":    "2001:db8:9::1",
		"2001:db8:9::1, 10.1.0.2:80":  "2001:db8:9::1",
		"192.0.2.1, ::ffff:10.1.0.2":  "192.0.2.1",
		"192.0.2.1,[2001:db8:1::5]:1": "192.0.2.1",
	} {
		check(t, d, "10.1.0.1", http.Header{"X-Forwarded-For": lines(hop)}, want)
	}
	check(t, d, "::ffff:10.1.0.1", http.Header{"X-Forwarded-For": lines("192.0.2.1")}, "192.0.2.1")
	check(t, d, "::ffff:203.0.113.9", http.Header{"X-Forwarded-For": lines("192.0.2.1")}, "203.0.113.9")
	check(t, d, "fe80::1%eth0", nil, "")
	check(t, d, "0.0.0.0", nil, "")
	var out clientip.Derivation
	if d.Derive(netip.Addr{}, nil, &out); out.Known {
		t.Error("a peer without an address is known")
	}
}

func TestLongChainsAreUnknown(t *testing.T) {
	d := deriver(t, "", trusted...)
	chain := func(proxies int) http.Header {
		return http.Header{"X-Forwarded-For": lines("192.0.2.1" + strings.Repeat(",10.1.0.2", proxies))}
	}
	check(t, d, "10.1.0.1", chain(clientip.MaxHops-1), "192.0.2.1")
	check(t, d, "10.1.0.1", chain(clientip.MaxHops), "")
	check(t, d, "10.1.0.1", chain(100_000), "")
}

func TestOnlyTheConfiguredHeaderCounts(t *testing.T) {
	header := func() http.Header {
		return http.Header{
			"X-Forwarded-For": lines("192.0.2.1"), "Forwarded": lines("for=192.0.2.2"), "X-Real-Ip": lines("192.0.2.3"), "x-forwarded-for": lines("192.0.2.4"),
		}
	}
	check(t, deriver(t, "", trusted...), "10.1.0.1", header(), "192.0.2.1")
	check(t, deriver(t, clientip.Forwarded, trusted...), "10.1.0.1", header(), "192.0.2.2")
	only := header()
	delete(only, "Forwarded")
	check(t, deriver(t, clientip.Forwarded, trusted...), "10.1.0.1", only, "")
	if _, err := clientip.New(clientip.Config{Header: "X-Real-Ip"}); err == nil {
		t.Error("an unknown header was accepted")
	}
}

func TestRule21WidePrefixesRefuseToStart(t *testing.T) {
	for _, prefix := range []string{
		"0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/7", "::/1", "2000::/3", "2000::/15", "::ffff:0.0.0.0/96", "::ffff:10.0.0.0/104", "10.1.2.3/16", "2001:db8::1/48",
	} {
		if _, err := clientip.New(clientip.Config{Trusted: []netip.Prefix{netip.MustParsePrefix(prefix)}}); err == nil || !strings.Contains(err.Error(), prefix) {
			t.Errorf("%s: error %v; want a refusal that names it", prefix, err)
		}
	}
	if _, err := clientip.New(clientip.Config{Trusted: []netip.Prefix{{}}}); err == nil {
		t.Error("the zero prefix was accepted")
	}
	deriver(t, "", "10.0.0.0/8", "2001::/16", "192.0.2.1/32", "::1/128")
}

func TestExplainTellsHopByHop(t *testing.T) {
	d := deriver(t, "", trusted...)
	for _, c := range []struct {
		peer, header, want string
	}{
		{"203.0.113.9", "192.0.2.1", "connection from 203.0.113.9: not a trusted proxy\n" +
			"client address 203.0.113.9: the connection's peer is not a trusted proxy, so it is the client; forwarding headers do not count\n"},
		{"10.1.0.1", "1.1.1.1, 192.0.2.1:5, 10.1.0.2", "connection from 10.1.0.1: a trusted proxy\n" +
			"hop 1 from the right: 10.1.0.2: a trusted proxy\n" +
			"hop 2 from the right: 192.0.2.1: not a trusted proxy\n" +
			"client address 192.0.2.1: the first hop from the right that is not a trusted proxy\n"},
		{"10.1.0.1", "a\nb\x1b[31m" + strings.Repeat("x", 100), "connection from 10.1.0.1: a trusted proxy\n" +
			`hop 1 from the right: "a\nb\x1b[31m` + strings.Repeat("x", 56) + "\" (and 44 bytes more): not readable\n" +
			"client address unknown: a hop cannot be read as an address\n"},
	} {
		var out clientip.Derivation
		d.Derive(netip.MustParseAddr(c.peer), http.Header{"X-Forwarded-For": lines(c.header)}, &out)
		if got := out.Explain(); got != c.want {
			t.Errorf("explanation\n%s\nwant\n%s", got, c.want)
		}
	}
	var silent clientip.Derivation
	d.Derive(netip.MustParseAddr("10.1.0.1"), nil, &silent)
	if got := silent.Explain(); got != "connection from 10.1.0.1: a trusted proxy\nclient address unknown: the trusted proxy sent no forwarding header\n" {
		t.Errorf("explanation %q", got)
	}
	if got := new(clientip.Derivation).Explain(); !strings.Contains(got, "unknown") {
		t.Errorf("explanation of nothing: %q", got)
	}
}

func TestDeriveAllocatesNothingWithoutTrust(t *testing.T) {
	d := deriver(t, "")
	peer := netip.MustParseAddr("203.0.113.9")
	header := http.Header{"X-Forwarded-For": lines("192.0.2.1, 10.1.0.1")}
	var out clientip.Derivation
	if n := testing.AllocsPerRun(100, func() { d.Derive(peer, header, &out) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	behind := deriver(t, "", trusted...)
	proxy := netip.MustParseAddr("10.1.0.1")
	if n := testing.AllocsPerRun(100, func() { behind.Derive(proxy, header, &out) }); n != 0 {
		t.Errorf("%v allocations behind a proxy with reused memory, want 0", n)
	}
}

func FuzzDerive(f *testing.F) {
	f.Add("192.0.2.1, 10.1.0.2", "10.1.0.3")
	f.Add("[2001:db8::1]:80", "")
	f.Add(`for="[2001:db8:cafe::17]:4711";proto=http;by=203.0.113.43`, "for=10.1.0.2")
	f.Add(`for="a,b`, `for="_x"`)
	f.Add("fe80::1%1", ",")
	list, forwarded := deriver(f, "", trusted...), deriver(f, clientip.Forwarded, trusted...)
	f.Fuzz(func(t *testing.T, first, second string) {
		header := map[string][]string{"X-Forwarded-For": {first, second}, "Forwarded": {first, second}}
		for _, d := range []*clientip.Deriver{list, forwarded} {
			var out clientip.Derivation
			d.Derive(netip.MustParseAddr("10.1.0.1"), header, &out)
			if out.Known != out.Address.IsValid() || out.Address.Zone() != "" || out.Address.Is4In6() || len(out.Hops) > clientip.MaxHops+1 {
				t.Fatalf("%+v", out)
			}
			if text := out.Explain(); strings.ContainsAny(strings.ReplaceAll(text, "\n", ""), "\x00\x1b\r") {
				t.Fatalf("raw control bytes in %q", text)
			}
			// What an untrusted caller writes in front changes nothing, once the walk
			// has ended at an untrusted hop.
			if d == list && out.Known && !out.Hops[len(out.Hops)-1].Trusted {
				longer := map[string][]string{"X-Forwarded-For": {"198.51.100.77, rubbish", first, second}}
				var again clientip.Derivation
				d.Derive(netip.MustParseAddr("10.1.0.1"), longer, &again)
				if again.Address != out.Address {
					t.Fatalf("%v became %v", out.Address, again.Address)
				}
			}
		}
	})
}
