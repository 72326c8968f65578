package door_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/door"
	"github.com/google/go-cmp/cmp"
)

// TestChecks is the policy of a door: one line for each thing that it has to tell apart.
func TestChecks(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		what string
		q    *door.Request
		want access.Reason
	}{
		{"a signed GET", signed("GET", "/api/v1/a?x=%2f", ""), access.Allowed},
		{"a signed POST with its body", signed("POST", "/api/v1/b", `{"a":1}`), access.Allowed},
		{"the same once more", signed("POST", "/api/v1/b", `{"a":1}`), access.Replayed},
		{"another body than the signed one", with(signed("POST", "/api/v1/c", `{"a":1}`), func(q *door.Request) { q.Body = []byte(`{"a":2}`) }), access.BadSignature},
		{"a GET with a body that nobody signed", with(signed("GET", "/api/v1/d", ""), func(q *door.Request) { *q = *with(q, addBody) }), access.BadSignature},
		{"a token call", w.withToken("GET", "/aggregation/v1/x", ""), access.Allowed},
		{"no token", with(w.withToken("GET", "/aggregation/v1/x", ""), func(q *door.Request) { delete(q.Header, access.AppTokenHeader) }), access.MissingHeader},
		{"no host", with(signed("GET", "/api/v1/e", ""), func(q *door.Request) { q.Host = "" }), access.HostMismatch},
		{"two hosts", with(signed("GET", "/api/v1/e", ""), func(q *door.Request) { q.Header["Host"] = []string{"other"} }), access.HostMismatch},
		{"a host that is none", with(signed("GET", "/api/v1/e", ""), func(q *door.Request) { q.Host = "a b" }), access.HostMismatch},
		{"a dot segment", signed("GET", "/api/v1/../b", ""), access.MalformedTarget},
		{"an escaped slash", signed("GET", "/api/v1/a%2fb", ""), access.MalformedTarget},
		{"an upgrade", with(signed("GET", "/api/v1/e", ""), func(q *door.Request) { q.Upgrade = true }), access.UpgradeNotAllowed},
		{"what the proxy found wrong", with(signed("GET", "/api/v1/e", ""), func(q *door.Request) { q.Framing = "two_lengths" }), access.MalformedFraming},
		{"no peer", with(signed("GET", "/api/v1/e", ""), func(q *door.Request) { q.Peer = netip.Addr{} }), access.AddressUnknown},
		{"an address that is not listed", with(signed("GET", "/api/v1/e", ""), func(q *door.Request) { q.Peer = netip.MustParseAddr("203.0.113.1") }), access.AddressNotListed},
		{"a body over the API's cap", signed("POST", "/api/v1/f", strings.Repeat(" ", 2000)), access.BodyTooLarge},
		{"nothing at all", &door.Request{}, access.MethodNotAllowed},
	} {
		t.Run(c.what, func(t *testing.T) {
			o := w.check(c.q)
			if o.reason != c.want {
				t.Fatalf("%s (%s), want %s", o.reason, o.body, c.want)
			}
			if o.allowed != (len(o.identity) == 6) || o.record.Door != "nginx" || o.header.Get("Countersign-Request-Id") != o.record.RequestID {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestAnEmptyPostOverHTTP2 needs no Content-Length where an API is strict about it: the end of its headers says that it is empty.
func TestAnEmptyPostOverHTTP2(t *testing.T) {
	w := newWorld(t, func(w *world) { w.apis[0].StrictEmptyPost = true })
	for protocol, want := range map[string]access.Reason{"HTTP/1.1": access.LengthRequired, "HTTP/2.0": access.Allowed, "": access.LengthRequired} {
		q := with(signed("POST", "/api/v1/a"+protocol, ""), func(q *door.Request) { q.Protocol, q.ContentLength = protocol, -1 })
		if o := w.check(q); o.reason != want {
			t.Errorf("%q: %s, want %s", protocol, o.reason, want)
		}
	}
}

func addBody(q *door.Request) {
	q.State, q.Body, q.ContentLength, q.LengthStated = door.BodyWhole, []byte("{}"), 2, true
}

// TestABodyThatWasNotSeenNeverPasses: whatever is said of it, and however good the signature is over what was said; before
// anything stored is consulted, so that nobody learns from it which keys there are (security rules 2, 9 and 26).
func TestABodyThatWasNotSeenNeverPasses(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*door.Request){
		"nothing is known":      func(q *door.Request) { q.State, q.ContentLength = door.BodyUnknown, -1 },
		"unknown, although 0":   func(q *door.Request) { q.State, q.ContentLength = door.BodyUnknown, 0 },
		"there is one":          func(q *door.Request) { q.State, q.ContentLength = door.BodyUnseen, -1 },
		"none, but with length": func(q *door.Request) { q.State, q.ContentLength = door.BodyNone, 1 },
		"cut":                   func(q *door.Request) { addBody(q); q.ContentLength = 3 },
		"longer than declared":  func(q *door.Request) { addBody(q); q.ContentLength = 1 },
		"declared, and empty":   func(q *door.Request) { addBody(q); q.Body = nil },
	} {
		t.Run(name, func(t *testing.T) {
			for what, q := range map[string]*door.Request{"a known key": signed("POST", "/api/v1/x", ""), "an unknown key": with(signed("POST", "/api/v1/x", ""), func(q *door.Request) {
				q.Header["X-Auth-Token"] = []string{strings.Repeat("f", 32)}
			})} {
				o := w.check(with(q, change))
				if o.reason != access.BodyNotSeen || o.status != 400 || o.record.Partner != "" {
					t.Errorf("%s: %s %d, partner %q", what, o.reason, o.status, o.record.Partner)
				}
			}
			// Nothing of a token call covers the body: it passes, up to the token endpoint, which needs it.
			if o := w.check(with(w.withToken("POST", "/aggregation/v1/x", ""), change)); o.reason != access.Allowed {
				t.Errorf("a token call: %s", o.reason)
			}
			if o := w.check(with(with(w.withToken("POST", tokenEndpoint, ""), change), func(q *door.Request) { q.CanAnswer = true })); o.reason != access.BodyNotSeen {
				t.Errorf("the token endpoint: %s", o.reason)
			}
		})
	}
}

// TestTheTokenEndpoint is served where the answer can be passed on, and else refused with a reason of its own.
func TestTheTokenEndpoint(t *testing.T) {
	w := newWorld(t)
	ask := func() *door.Request { return w.withToken("POST", tokenEndpoint, `{"partnerId":"1"}`) }
	if o := w.check(ask()); o.reason != access.TokenEndpointElsewhere || o.status != 421 || o.allowed {
		t.Errorf("a holder that cannot answer: %+v", o)
	}
	o := w.check(with(ask(), func(q *door.Request) { q.CanAnswer = true }))
	if !o.exchanged || o.allowed || o.status != 200 || o.body != `token for {"partnerId":"1"}` || len(o.identity) != 0 {
		t.Errorf("a holder that can: %+v", o)
	}
	w = newWorld(t, func(w *world) { w.cfg.Exchange = nil })
	if o := w.check(with(ask(), func(q *door.Request) { q.CanAnswer = true })); o.reason != access.TokenEndpointElsewhere {
		t.Errorf("no exchange: %s", o.reason)
	}
}

// TestRule19IdentityOfTheCaller: what a holder removes by name is listed for it; what it cannot remove is refused.
func TestRule19IdentityOfTheCaller(t *testing.T) {
	w := newWorld(t)
	own := func(name string) *door.Request {
		return with(signed("GET", "/api/v1/"+strings.ToLower(name), ""), func(q *door.Request) { q.Header[name] = []string{"forged"} })
	}
	for _, name := range []string{"Countersign-Partner", "Countersign-Other", "COUNTERSIGN-PARTNER"} {
		a := w.door.Check(context.Background(), own(name))
		removed := a.AppendRemove(nil)
		clean := map[string][]string{}
		a.Clean(clean)
		if !a.Allowed || !contains(removed, name) || !contains(removed, "X-Auth-Token") || clean["Countersign-Partner"][0] != "ptn_good" || len(clean["Countersign-Partner"]) != 1 || clean["Countersign-Other"] != nil {
			t.Errorf("%s: allowed %t, removed %v, clean %v", name, a.Allowed, removed, clean)
		}
		a.End(0, 0)
		fixed := w.check(with(own(name), func(q *door.Request) { q.FixedRemoval = true }))
		if want := name == "Countersign-Partner"; fixed.allowed != want || fixed.record.Address != netip.MustParseAddr("192.0.2.7") {
			t.Errorf("%s at a holder that removes a fixed list: %s, recorded of %s", name, fixed.reason, fixed.record.Address)
		}
	}
	w = newWorld(t, func(w *world) { w.apis[0].WarnHeaderNames = true })
	if o := w.check(own("X_Odd")); !o.allowed {
		t.Errorf("a warning mode refuses: %s", o.reason)
	}
	if o := w.check(with(own("X_Odd"), func(q *door.Request) { q.FixedRemoval = true })); o.reason != access.MalformedHeader {
		t.Errorf("an odd name that would be passed on: %s", o.reason)
	}
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// TestRefusalsAreRecorded: what a translator could not read is answered and recorded like everything else.
func TestRefusalsAreRecorded(t *testing.T) {
	w := newWorld(t)
	for _, reason := range []access.Reason{access.MalformedCheck, access.UnknownProxy} {
		o := w.ended(w.door.Refuse(&door.Request{Proxy: netip.MustParseAddr("203.0.113.9")}, reason, "for the tests"))
		if o.reason != reason || o.allowed || o.record.Where != "for the tests" || o.record.Peer.String() != "203.0.113.9" || o.status < 400 {
			t.Errorf("%+v", o)
		}
	}
	if o := w.ended(w.door.Refuse(&door.Request{}, access.Allowed, "")); o.allowed || o.reason != access.Internal || o.status != 503 {
		t.Errorf("a refusal that allows: %+v", o)
	}
}

// TestRecordOfACheck: the line of one that passed.
func TestRecordOfACheck(t *testing.T) {
	w := newWorld(t)
	o := w.check(signed("POST", "/api/v1/x?q=1", `{}`))
	want := audit.Decision{Time: at, RequestID: o.who.RequestID, Environment: "sandbox", API: "card", Door: "nginx", Allowed: true, Reason: "allowed", Status: 200,
		Method: "POST", Path: "/api/v1/x", Query: "q=1", Protocol: "HTTP/1.1", Partner: "ptn_good", Credential: "crd_key", Version: 1, Proved: true,
		Address: netip.MustParseAddr("192.0.2.7"), Peer: netip.MustParseAddr("127.0.0.1"), BytesIn: 2, Timed: true}
	if diff := cmp.Diff(want, o.record, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if line := string(o.record.AppendOpen(nil, audit.Form{})); !strings.Contains(line, `,"protocol":"HTTP/1.1","door":"nginx",`) {
		t.Error(line)
	}
	id := door.Identity{Partner: "ptn_good", Credential: "crd_key", Environment: "sandbox", API: "card", RequestID: o.record.RequestID, Address: netip.MustParseAddr("192.0.2.7")}
	if o.who != id {
		t.Errorf("%+v", o.who)
	}
}

// TestRule28AFaultOfOursRefuses: a panic below, and a record that takes no admission.
func TestRule28AFaultOfOursRefuses(t *testing.T) {
	w := newWorld(t)
	if o := w.check(with(signed("POST", "/api/v1/x", "{}"), func(q *door.Request) { q.Source = broken{} })); o.reason != access.Internal || o.status != 503 || !strings.Contains(o.record.Cause, "no body today") {
		t.Errorf("a panic: %+v", o)
	}
	w = newWorld(t, func(w *world) {
		w.cfg.Admit = func(context.Context, *audit.Decision) error { return errors.New("full") }
	})
	if o := w.check(signed("GET", "/api/v1/x", "")); o.reason != access.Unavailable || o.status != 503 || !strings.Contains(o.record.Cause, "full") {
		t.Errorf("a record that is full: %+v", o)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	a := w.door.Check(gone, signed("GET", "/api/v1/y", ""))
	if a.Reason() != access.ClientGone || a.Status != 499 {
		t.Errorf("a caller that left: %s", a.Reason())
	}
	a.End(0, 0)
}

type broken struct{}

func (broken) ReadBody(int64) ([]byte, access.Reason) { panic("no body today") }

// TestRule16HostsNameEnvironments as at the gateway.
func TestRule16HostsNameEnvironments(t *testing.T) {
	w := newWorld(t, func(w *world) { w.cfg.Hosts = []string{"API.example.com", "::1"} })
	for host, want := range map[string]access.Reason{"api.example.com": access.Allowed, "API.EXAMPLE.COM:8443": access.Allowed, "[::1]": access.Allowed, "[::1]:1": access.Allowed,
		"other.example.com": access.UnknownHost, "": access.UnknownHost} {
		if o := w.check(with(signed("GET", "/api/v1/x", ""), func(q *door.Request) { q.Host = host })); o.reason != want {
			t.Errorf("%q: %s, want %s", host, o.reason, want)
		}
	}
}

// TestNewRefuses what would not decide as the gateway does.
func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(*door.Config){
		"no environment":     func(c *door.Config) { c.Environment = "" },
		"no kind":            func(c *door.Config) { c.Kind = "" },
		"no decider":         func(c *door.Config) { c.Decider = nil },
		"no address":         func(c *door.Config) { c.Address = nil },
		"no record":          func(c *door.Config) { c.Record = nil },
		"no clock":           func(c *door.Config) { c.Now = nil },
		"an API that is nil": func(c *door.Config) { c.APIs = []*access.API{nil} },
		"another's API":      func(c *door.Config) { c.Environment = "production" },
	} {
		cfg := newWorld(t).cfg
		change(&cfg)
		if _, err := door.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestAnswersAreNotMixedUp: one door, many at once, each with its own answer.
func TestAnswersAreNotMixedUp(t *testing.T) {
	w := newWorld(t, func(w *world) { w.cfg.Record = nobody{} })
	done := make(chan error)
	for i := range 8 {
		go func() {
			for j := range 200 {
				target := fmt.Sprintf("/api/v1/%d/%d", i, j)
				q := signed("GET", target, "")
				if j%2 == 1 {
					q.Target += "x"
				}
				a := w.door.Check(context.Background(), q)
				if a.Allowed != (j%2 == 0) {
					done <- fmt.Errorf("%s: %s", q.Target, a.Reason())
					return
				}
				a.End(0, 0)
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

type nobody struct{}

func (nobody) Record(*audit.Decision) {}
