package webhook

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

type nothing struct{}

func (nothing) Read(b []byte) (int, error) { return len(b), nil }

// TestRule32TheSocketIsJudgedAsItConnects, without the check that comes before it: a listener that is there is not reached.
func TestRule32TheSocketIsJudgedAsItConnects(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	to := netip.MustParseAddrPort(listener.Addr().String())
	for _, c := range []struct {
		allow     []netip.Prefix
		plain     bool
		forbidden bool
	}{
		{nil, false, true},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.2/32"), netip.MustParsePrefix("::/1")}, false, true},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, false, false},
		{nil, true, false},
	} {
		client, err := New(Config{Allow: c.allow, Plain: func(string) bool { return c.plain }, Now: time.Now, Rand: nothing{}})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := client.dialler("sandbox").one(t.Context(), to)
		if errors.Is(err, errForbidden) != c.forbidden || (err == nil) == c.forbidden {
			t.Errorf("with %v, dev %v: %v", c.allow, c.plain, err)
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
}
