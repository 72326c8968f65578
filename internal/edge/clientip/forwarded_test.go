package clientip_test

import (
	"net/http"
	"strings"
	"testing"

	"countersign.dev/internal/edge/clientip"
)

func TestRule21ForwardedIsWalkedRightToLeft(t *testing.T) {
	d := deriver(t, clientip.Forwarded, trusted...)
	for _, c := range []struct {
		name   string
		header []string
		want   string
	}{
		{"one element", lines("for=192.0.2.1"), "192.0.2.1"},
		{"name without case", lines("For=192.0.2.1"), "192.0.2.1"},
		{"other parameters", lines("proto=https;for=192.0.2.1;by=10.1.0.1;host=\"a,b;c\""), "192.0.2.1"},
		{"quoted with port", lines(`for="192.0.2.1:443"`), "192.0.2.1"},
		{"bare port, as balancers write it", lines(`for=192.0.2.1:443`), "192.0.2.1"},
		{"IPv6", lines(`for="[2001:db8:9::17]:4711"`), "2001:db8:9::17"},
		{"two elements", lines("for=192.0.2.1, for=10.1.0.2"), "192.0.2.1"},
		{"two lines", lines("for=198.51.100.1,for=192.0.2.1", "for=10.1.0.2"), "192.0.2.1"},
		{"the client's element does not count", lines("for=198.51.100.1, for=192.0.2.1"), "192.0.2.1"},
		{"a client's line with a bad grammar is not reached", lines(`for="`, "for=192.0.2.1"), "192.0.2.1"},
		{"all trusted", lines("for=10.1.0.9,for=10.1.0.2"), "10.1.0.9"},
		{"hidden by a name", lines("for=_secret"), ""},
		{"unknown", lines("for=unknown"), ""},
		{"unknown behind a proxy", lines("for=192.0.2.1, for=unknown, for=10.1.0.2"), ""},
		{"empty", lines(""), ""},
		{"no for", lines("proto=https"), ""},
		{"an element without for", lines("for=192.0.2.1, proto=https"), ""},
		{"doubled for", lines("for=192.0.2.1;for=192.0.2.2"), ""},
		{"doubled for in another case", lines("for=192.0.2.1;FOR=10.1.0.2"), ""},
		{"bare IPv6 brackets", lines("for=[2001:db8:9::17]"), ""},
		{"trailing comma", lines("for=192.0.2.1,"), ""},
		{"trailing semicolon", lines("for=192.0.2.1;"), ""},
		{"space around the equals sign", lines("for = 192.0.2.1"), ""},
		{"backslash in a quoted string", lines(`for="192.0.2.\1"`), ""},
		{"open quote", lines(`for="192.0.2.1`), ""},
		{"quote that swallows the proxy's element", lines(`for=198.51.100.1;x=", for="192.0.2.1"`), ""},
		{"quote that swallows a plain element", lines(`for=198.51.100.1;x=", for=192.0.2.1`), ""},
		{"bytes after a quoted string", lines(`for="192.0.2.1"x`), ""},
		{"zone", lines(`for="[fe80::1%eth0]"`), ""},
		{"too many elements", lines(strings.Repeat("for=10.1.0.2,", 40) + "for=10.1.0.2"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			check(t, d, "10.1.0.1", http.Header{"Forwarded": c.header}, c.want)
			check(t, d, "203.0.113.9", http.Header{"Forwarded": c.header}, "203.0.113.9")
		})
	}
}
