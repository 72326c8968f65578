package e2e_test

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestUpstreamFlaps: while an upstream is away callers get 502 at once; as soon as it is back they are served; the server is ready all
// along, since its other APIs are none the worse.
func TestUpstreamFlaps(t *testing.T) {
	s := newSite(t)
	s.upstream.close()
	address := freeAddress(t) // nobody else has it while the upstream is away
	s.upstream = again(t, address)
	d, quickest := s.serve(t), time.Hour
	for range 5 {
		d.signed(t, sandbox, get("up")).want(t, 200)
		d.signed(t, sandbox, patch("up")).want(t, 200)
		s.upstream.close()
		begun := time.Now()
		if l := d.line(t, d.signed(t, sandbox, get("down")).want(t, 502)); l.text("reason") != "upstream_unreachable" {
			t.Errorf("recorded as %v", l)
		}
		d.signed(t, sandbox, patch("down")).want(t, 502)
		quickest = min(quickest, time.Since(begun))
		d.until(t, "/readyz", 200, `"ready":true`)
		s.upstream = again(t, address)
	}
	if quickest > 8*time.Second {
		t.Errorf("two refusals took %s, and longer: the timeout of an upstream that answers is 10 s", quickest)
	}
	d.signed(t, sandbox, get("up")).want(t, 200)
}

// again is a recorder at an address that another one had.
func again(t *testing.T, address string) *recorder {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	u := &recorder{ln: ln, scripts: map[string]func(io.Writer, *seen){}, conns: map[net.Conn]bool{}}
	go u.accept()
	t.Cleanup(u.close)
	return u
}
