package strict_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/strict"
)

// TestMaxPerPeer is the policy of one source, with two places for each and
// thirteen in all.
func TestMaxPerPeer(t *testing.T) {
	a := openArrivals(t, func(cfg *strict.Config) {
		cfg.MaxPerPeer, cfg.MaxConns = 2, 13
		cfg.Exempt = func(addr netip.Addr) bool {
			if !addr.IsValid() {
				t.Error("asked about an address that cannot be read")
			}
			return addr == netip.MustParseAddr("192.0.2.200")
		}
	})
	for _, tc := range []struct {
		why, from string
		want      strict.Fault
	}{
		{"first of an address", "192.0.2.1", strict.None},
		{"second", "192.0.2.1", strict.None},
		{"third", "192.0.2.1", strict.TooManyFromPeer},
		{"the same address in IPv6 form", "::ffff:192.0.2.1", strict.TooManyFromPeer},
		{"its neighbour in IPv4", "192.0.2.2", strict.None},
		{"an IPv6 address that only looks like the first", "::192.0.2.1", strict.None},
		{"first of a /64", "2001:db8:0:1::1", strict.None},
		{"second, another host", "2001:db8:0:1:ffff::2", strict.None},
		{"third, yet another", "2001:db8:0:1:8000::3", strict.TooManyFromPeer},
		{"the /64 beside it", "2001:db8::1", strict.None},
		{"no readable address", "", strict.None},
		{"another without", "", strict.None},
		{"these count as one", "", strict.TooManyFromPeer},
		{"a trusted proxy", "192.0.2.200", strict.None},
		{"is not bounded", "192.0.2.200", strict.None},
		{"by its address", "::ffff:192.0.2.200", strict.None},
		{"the last place of all", "192.0.2.2", strict.None},
		{"but a trusted proxy is bounded by the sum", "192.0.2.200", strict.TooManyConns},
		{"as is everybody", "192.0.2.3", strict.TooManyConns},
		{"the nearer bound is told", "192.0.2.2", strict.TooManyFromPeer},
	} {
		if _, _, got := a.arrive(tc.from); got != tc.want {
			t.Fatalf("%s, from %q: %v, want %v", tc.why, tc.from, got, tc.want)
		}
	}
}

// TestMaxPerPeerDefault: 1,024 from one address, and room for others after that.
func TestMaxPerPeerDefault(t *testing.T) {
	a := openArrivals(t, func(*strict.Config) {})
	for i := range 1024 {
		if _, _, got := a.arrive("192.0.2.1"); got != strict.None {
			t.Fatalf("connection %d: %v", i+1, got)
		}
	}
	if _, _, got := a.arrive("192.0.2.1"); got != strict.TooManyFromPeer {
		t.Errorf("connection 1025: %v", got)
	}
	if _, _, got := a.arrive("192.0.2.2"); got != strict.None {
		t.Errorf("another address: %v", got)
	}
}

// TestPlaceOfAPeerComesBackOnce, however the connection ends; and the refused
// ones give back nothing, since they took nothing.
func TestPlaceOfAPeerComesBackOnce(t *testing.T) {
	for name, end := range map[string]func(a *arrivals, mine *pipe, theirs net.Conn){
		"handshake fails": func(a *arrivals, _ *pipe, theirs net.Conn) {
			_ = theirs.Close()
			if f := <-a.told; f != strict.HandshakeFailed {
				a.t.Errorf("told %v", f)
			}
		},
		"not TLS": func(a *arrivals, _ *pipe, theirs net.Conn) {
			_, _ = theirs.Write([]byte("GET"))
			if f := <-a.told; f != strict.NotTLS {
				a.t.Errorf("told %v", f)
			}
		},
		"closed twice, and as idle": func(a *arrivals, mine *pipe, theirs net.Conn) {
			c := accept(a, theirs)
			a.l.CloseIdle()
			_ = c.Close()
			_ = c.Close()
			<-mine.shut // by CloseIdle
			<-mine.shut // by the goodbye of the first Close
		},
		"after a fault": func(a *arrivals, mine *pipe, theirs net.Conn) {
			c := accept(a, theirs, "GET /x HTTP/9.9\r\n")
			if _, err := c.Read(make([]byte, 4096)); !errors.Is(err, <-a.told) {
				a.t.Errorf("read: %v", err)
			}
			_ = c.Close()
			<-mine.shut
		},
		"closed": func(a *arrivals, mine *pipe, theirs net.Conn) {
			_ = accept(a, theirs).Close()
			<-mine.shut
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := openArrivals(t, func(cfg *strict.Config) { cfg.MaxPerPeer = 2 })
			mine, theirs, _ := a.arrive("2001:db8::1")
			_, _, _ = a.arrive("2001:db8::2")
			if _, _, got := a.arrive("2001:db8::3"); got != strict.TooManyFromPeer {
				t.Fatalf("third: %v", got)
			}
			end(a, mine, theirs)
			if conns, sources := strict.Held(a.l); conns != 1 || sources != 1 {
				t.Fatalf("%d connections of %d sources are counted, want 1 of 1", conns, sources)
			}
			for i, want := range []strict.Fault{strict.None, strict.TooManyFromPeer} {
				if _, _, got := a.arrive("2001:db8::4"); got != want {
					t.Errorf("newcomer %d: %v, want %v", i+1, got, want)
				}
			}
			_ = a.l.Close()
			if conns, sources := strict.Held(a.l); conns != 0 || sources != 0 {
				t.Errorf("%d connections of %d sources are counted after Close", conns, sources)
			}
		})
	}
}

// TestExemptIsAskedOnce per connection: an answer that changes while it is open
// gives back no place that was not taken.
func TestExemptIsAskedOnce(t *testing.T) {
	exempt := true
	a := openArrivals(t, func(cfg *strict.Config) {
		cfg.MaxPerPeer = 1
		cfg.Exempt = func(netip.Addr) bool { return exempt }
	})
	_, free, _ := a.arrive("192.0.2.1")
	exempt = false
	_, bound, _ := a.arrive("192.0.2.1")
	_ = free.Close()
	<-a.told
	if _, _, got := a.arrive("192.0.2.1"); got != strict.TooManyFromPeer {
		t.Errorf("the place of the exempt connection was given away: %v", got)
	}
	exempt = true
	_ = bound.Close()
	<-a.told
	if conns, sources := strict.Held(a.l); conns != 0 || sources != 0 {
		t.Errorf("%d connections of %d sources are counted", conns, sources)
	}
}

// TestMaxPerPeerOnTheNetwork: the peer of a real connection is the one bounded,
// over HTTP/2 as well, and it can call again once its connection has ended.
func TestMaxPerPeerOnTheNetwork(t *testing.T) {
	d := openDoor(t, func(cfg *strict.Config, _ *http.Server) { cfg.MaxPerPeer = 1 })
	first, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	second, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	_ = second.SetDeadline(time.Now().Add(20 * time.Second))
	if f := <-d.told; f != strict.TooManyFromPeer {
		t.Errorf("told %v", f)
	}
	if _, err := second.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the second connection is open: %v", err)
	}
	_ = first.Close()
	// As in TestMaxConns: until the server has closed it, others are shed.
	for {
		c, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool})
		if err == nil {
			_ = c.Close()
			return
		}
		if f := <-d.told; f != strict.TooManyFromPeer {
			t.Fatalf("told %v", f)
		}
	}
}
