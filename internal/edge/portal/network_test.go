package portal_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/portal"
)

// TestAddressesAreAskedFor: every registration waits for an operator; what is wrong stands beside its field with what was typed.
func TestAddressesAreAskedFor(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	for name, c := range map[string]struct{ environment, prefix, api, text string }{
		"no address":       {"sandbox", "nonsense", "", "Write an address or a network"},
		"bits behind":      {"sandbox", "203.0.113.9/24", "", "Did you mean 203.0.113.0/24?"},
		"everything":       {"sandbox", "0.0.0.0/0", "", "every address there is"},
		"a zone":           {"sandbox", "fe80::1%eth0", "", "Write an address or a network"},
		"no environment":   {"nowhere", "203.0.113.9", "", "Choose an environment in which"},
		"not asked for":    {"production", "203.0.113.9", "card", "Choose an environment in which"},
		"another API":      {"sandbox", "203.0.113.9", "nothing", "has no such API"},
		"inner, for real":  {"production", "10.0.0.1", "", "one of an inner network"},
		"mapped with bits": {"sandbox", "::ffff:203.0.113.9/120", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.post("ann", "/portal/addresses", key("environment", c.environment, "prefix", c.prefix, "api", c.api, "note", "typed"))
			a.is(http.StatusUnprocessableEntity, c.text, `value="typed"`)
		})
	}
	if n := len(w.view(id).Proposals); n != 0 {
		t.Fatalf("%d proposals", n)
	}
	form := key("environment", "sandbox", "prefix", "203.0.113.0/24", "api", "card", "note", "data centre")
	w.post("ann", "/portal/addresses", form).leads("/portal/addresses?done=asked")
	w.post("ann", "/portal/addresses", form).leads("/portal/addresses?done=asked")
	own := w.view(id)
	if len(own.Proposals) != 1 || len(own.Networks) != 0 {
		t.Fatalf("%d proposals, %d rules", len(own.Proposals), len(own.Networks))
	}
	w.get("ann", "/portal/addresses?done=asked").is(http.StatusOK, "Waits for an operator", "203.0.113.0/24", "API card", "Your request was sent")
}

// TestOwnAddressesAreRemoved: what narrows is done at once.
func TestOwnAddressesAreRemoved(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	w.rule(id, "sandbox", "203.0.113.0/24")
	second := w.rule(id, "sandbox", "198.51.100.0/24")
	w.post("ann", "/portal/addresses/"+second.ID+"/remove", key()).leads("/portal/addresses?done=removed")
	if n := w.view(id).Networks; len(n) != 1 {
		t.Fatalf("%d rules", len(n))
	}
	w.post("ann", "/portal/addresses/"+second.ID+"/remove", key()).is(http.StatusNotFound)
}

// TestSeenAddressesStandBesideTheRules: what really calls, and whether it is registered; a failing count is no failing page.
func TestSeenAddressesStandBesideTheRules(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	w.rule(id, "sandbox", "198.51.100.0/24")
	c := w.credential(id, "sandbox")
	w.used(id, c)
	w.get("ann", "/portal/addresses").is(http.StatusOK, "203.0.113.7", "not registered", "/portal/addresses?environment=sandbox&amp;prefix=203.0.113.7#propose")
	w.get("ann", "/portal/addresses?environment=sandbox&prefix=203.0.113.7").is(http.StatusOK, `value="203.0.113.7"`)
	w.usage.err = errAway
	w.get("ann", "/portal/addresses").is(http.StatusOK, "not known at the moment")
	w.get("ann", "/portal/credentials/"+c.ID).is(http.StatusOK, "not known")
}

// TestWhatIsMyAddress tells the derivation with its hops, and what the rules would make of it.
func TestWhatIsMyAddress(t *testing.T) {
	seen := portal.Seen{Address: netip.MustParseAddr("203.0.113.9"), Known: true, Peer: netip.MustParseAddr("192.0.2.1"), Why: "It is the first hop that is not ours."}
	seen.Hops = append(seen.Hops, hop("192.0.2.2", true), hop(`203.0.113.9"><script>`+strings.Repeat("x", 500), false))
	w := newWorld(t, func(c *portal.Config) { c.Address = func(*http.Request) portal.Seen { return seen } })
	id := w.partner("Acme", "ann")
	w.get("ann", "/portal/address").is(http.StatusOK, "203.0.113.9", "the nearest address on the way", "a proxy of ours", "&lt;script&gt;").lacks("<script>x", "Let in")
	w.approve(id, "sandbox")
	w.get("ann", "/portal/address").is(http.StatusOK, "Let in", "passes the check").lacks("production")
	seen.Address = netip.MustParseAddr("192.0.2.9")
	w.get("ann", "/portal/address").is(http.StatusOK, "Refused", "Register this address")
	seen = portal.Seen{Why: "A hop is no address."}
	w.get("ann", "/portal/address").is(http.StatusOK, "could not be found out")
}

// TestAnEndingSecretIsWarnedOf: the newest one that ends with nothing behind it, and an old one that is still in use.
func TestAnEndingSecretIsWarnedOf(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	c := w.credential(id, "sandbox")
	w.used(id, c)
	w.post("ann", "/portal/credentials/"+c.ID+"/rotate", key("overlap", "7")).is(http.StatusOK)
	w.get("ann", "/portal/credentials").is(http.StatusOK, "was used in the last 30 days")
	w.must(w.RetireVersion(ctx, alice, c.ID, 2, "test"))
	w.get("ann", "/portal/credentials").is(http.StatusOK, "Ends soon", "replace it now")
	w.clock.pass(8 * 24 * time.Hour)
	w.get("ann", "/portal/credentials/"+c.ID).is(http.StatusOK, "No secret of it counts any more")
}
