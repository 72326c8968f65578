package webhook_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/heldport"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/webhook"
)

func clockOf() time.Time { return now }

// strict is the client of an operator who has listed nothing.
func strict(names *names) func(*webhook.Config) {
	return func(cfg *webhook.Config) { cfg.Allow, cfg.Resolver = nil, names }
}

func TestRule32AddressesThatAreNeverDialled(t *testing.T) {
	s := serve(t, proving(key1))
	for name, address := range map[string]string{
		"loopback": "127.0.0.1", "loopback of IPv6": "::1", "unspecified": "0.0.0.0", "private 10": "10.1.2.3", "private 172": "172.16.0.1",
		"private 192": "192.168.1.1", "unique local": "fd12::1", "link-local": "169.254.1.1", "link-local of IPv6": "fe80::1",
		"carrier": "100.64.0.1", "metadata": "169.254.169.254", "metadata in IPv6": "fd00:ec2::254", "metadata of a carrier address": "100.100.100.200",
		"platform": "168.63.129.16", "mapped loopback": "::ffff:127.0.0.1", "mapped private": "::ffff:10.0.0.1", "translated": "64:ff9b::a00:1",
		"6to4": "2002:a00:1::", "multicast": "224.0.0.1", "broadcast": "255.255.255.255", "documentation": "192.0.2.1", "a zone": "fe80::1%eth0",
	} {
		t.Run(name, func(t *testing.T) {
			h := client(t, s, strict(always(address))).Handshake(t.Context(), s.target())
			if h.Result != partner.HandshakeForbidden && h.Result != partner.HandshakeUnresolved {
				t.Errorf("ended with %+v", h)
			}
			if want := netip.MustParseAddr(address).Unmap(); h.Result == partner.HandshakeForbidden && h.Address != want {
				t.Errorf("recorded %s, not %s", h.Address, want)
			}
		})
	}
	if n := len(s.got()); n != 0 {
		t.Errorf("%d calls arrived", n)
	}
}

func TestRule32AnAddressInTheURLIsNoWayAround(t *testing.T) {
	s := serve(t, proving(key1))
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	ends(t, client(t, s, strict(always())), at("https://127.0.0.1:"+port+"/"), partner.HandshakeForbidden)
	for _, host := range []string{"[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "127.1", "0177.0.0.1", "[::1%25lo]"} {
		ends(t, client(t, s, strict(always("127.0.0.1"))), at("https://"+host+":"+port+"/"), partner.HandshakeURL)
	}
}

// TestRule32ANameThatChangesItsAddress: the second answer of the resolver would be dialled by a check that looks up on its own.
func TestRule32ANameThatChangesItsAddress(t *testing.T) {
	s := serve(t, proving(key1))
	rebinding := &names{answers: [][]string{{"127.0.0.1"}, {"10.0.0.1"}}}
	ends(t, client(t, s, func(cfg *webhook.Config) { cfg.Resolver = rebinding }), s.target(), partner.HandshakeProved)
	if rebinding.asked != 1 {
		t.Errorf("the name was looked up %d times for one call", rebinding.asked)
	}
	h := ends(t, client(t, s, func(cfg *webhook.Config) { cfg.Resolver = rebinding }), s.target(), partner.HandshakeForbidden)
	if h.Address != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("recorded %s", h.Address)
	}
}

// TestRule32ANameIsLookedUpAsItIs: a search list of the system would make another name of it, in somebody's own network.
func TestRule32ANameIsLookedUpAsItIs(t *testing.T) {
	s := serve(t, proving(key1))
	resolver := always("127.0.0.1")
	ends(t, client(t, s, func(cfg *webhook.Config) { cfg.Resolver = resolver }), s.target(), partner.HandshakeProved)
	if resolver.last != "example.com." {
		t.Errorf("looked up %q", resolver.last)
	}
}

// TestRule32OneForbiddenAddressAmongGoodOnes: a name that has both is how a check of the first one is got around.
func TestRule32OneForbiddenAddressAmongGoodOnes(t *testing.T) {
	s := serve(t, proving(key1))
	ends(t, client(t, s, func(cfg *webhook.Config) { cfg.Resolver = always("127.0.0.1", "10.0.0.1") }), s.target(), partner.HandshakeForbidden)
	if n := len(s.got()); n != 0 {
		t.Errorf("%d calls arrived", n)
	}
}

func TestRule32AnOperatorMayListANetwork(t *testing.T) {
	s := serve(t, proving(key1))
	ends(t, client(t, s, func(cfg *webhook.Config) { cfg.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }), s.target(), partner.HandshakeForbidden)
	ends(t, client(t, s, func(cfg *webhook.Config) { cfg.Allow = loopback }), s.target(), partner.HandshakeProved)
}

func TestRule32NoRedirectIsFollowed(t *testing.T) {
	other := serve(t, proving(key1))
	for _, status := range []int{301, 302, 303, 307, 308, 300} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		})
		if h := ends(t, client(t, s), s.target(), partner.HandshakeRedirect); h.Status != status {
			t.Errorf("recorded the status %d", h.Status)
		}
	}
	if n := len(other.got()); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

func TestRule32NoProxyOfTheEnvironment(t *testing.T) {
	proxy := serve(t, saying(200, ""))
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("https_proxy", proxy.URL)
	s := serve(t, proving(key1))
	ends(t, client(t, s), s.target(), partner.HandshakeProved)
	if n := len(proxy.got()); n != 0 {
		t.Errorf("%d calls went to the proxy", n)
	}
}

func TestRule32PlainHTTPOutsideDev(t *testing.T) {
	got := 0
	plain := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got++ })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: plain}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	defer func() { _ = server.Close(); <-done }()
	here := "http://" + l.Addr().String() + "/"
	ends(t, client(t, nil), at(here), partner.HandshakeURL)
	dev := func(cfg *webhook.Config) {
		cfg.Allow, cfg.Plain = nil, func(environment string) bool { return environment == "production" }
	}
	ends(t, client(t, nil, dev), at("http://example.com/"), partner.HandshakeURL)
	ends(t, client(t, nil, dev), at(here), partner.HandshakeMalformed) // it was called, and proved nothing
	if got != 1 {
		t.Errorf("%d calls arrived", got)
	}
	ends(t, client(t, nil), at("https"+strings.TrimPrefix(here, "http")), partner.HandshakeTLS)
}

func TestRule32ACertificateThatNobodyTrusts(t *testing.T) {
	s := serve(t, proving(key1))
	ends(t, client(t, nil), s.target(), partner.HandshakeTLS)
	target := s.target()
	target.URL = strings.Replace(target.URL, "example.com", "example.net", 1)
	ends(t, client(t, s), target, partner.HandshakeTLS)
	if n := len(s.got()); n != 0 {
		t.Errorf("%d calls arrived", n)
	}
}

// TestRule32AnAnswerThatNeverEnds gives out a byte at a time until nobody listens any more.
func TestRule32AnAnswerThatNeverEnds(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, " "); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	ends(t, client(t, s, func(cfg *webhook.Config) { cfg.Timeout = 300 * time.Millisecond }), s.target(), partner.HandshakeTimeout)
}

func TestRule32AnAnswerThatNeverBegins(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request, _ string) { <-release })
	defer close(release)
	ends(t, client(t, s, func(cfg *webhook.Config) { cfg.Timeout = 200 * time.Millisecond }), s.target(), partner.HandshakeTimeout)
}

func TestRule32AnAnswerWithoutBounds(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		for block := strings.Repeat(" ", 8<<10); ; {
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
	})
	ends(t, client(t, s), s.target(), partner.HandshakeTooLarge)
	head := serve(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("X-Long", strings.Repeat("a", 200<<10))
	})
	ends(t, client(t, head), head.target(), partner.HandshakeUnreachable)
	packed := serve(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("a packed answer was asked for")
		}
		w.WriteHeader(204)
	})
	ends(t, client(t, packed), packed.target(), partner.HandshakeMalformed)
}

func TestAnEndpointThatIsNotThere(t *testing.T) {
	s := serve(t, proving(key1))
	ends(t, client(t, s, func(cfg *webhook.Config) { cfg.Resolver = always() }), s.target(), partner.HandshakeUnresolved)
	ends(t, client(t, s), at(fmt.Sprintf("https://example.com:%d/", heldport.Number(t))), partner.HandshakeUnreachable)
	gone := serve(t, func(http.ResponseWriter, *http.Request, string) { panic(http.ErrAbortHandler) })
	ends(t, client(t, gone), gone.target(), partner.HandshakeUnreachable)
}

func TestCallsGoOutFromTheAddressThatIsSet(t *testing.T) {
	s := serve(t, proving(key1))
	ends(t, client(t, s, func(cfg *webhook.Config) { cfg.LocalAddr = netip.MustParseAddr("127.0.0.1") }), s.target(), partner.HandshakeProved)
	ends(t, client(t, s, func(cfg *webhook.Config) { cfg.LocalAddr = netip.MustParseAddr("::1") }), s.target(), partner.HandshakeUnresolved)
}

func TestSourcesArePublishedAsACopy(t *testing.T) {
	c := client(t, nil, func(cfg *webhook.Config) { cfg.Sources = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28")} })
	c.Sources()[0] = netip.Prefix{}
	if got := c.Sources(); len(got) != 1 || got[0].String() != "192.0.2.0/28" {
		t.Errorf("published %v", got)
	}
}
