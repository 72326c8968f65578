package partner_test

import (
	"errors"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/partner"
)

func TestParseEndpointURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://hooks.example.com":                  "https://hooks.example.com/",
		"https://hooks.example.com/":                 "https://hooks.example.com/",
		"HTTPS://Hooks.Example.COM/Path":             "https://hooks.example.com/Path",
		"https://hooks.example.com:443/a":            "https://hooks.example.com/a",
		"https://hooks.example.com:8443/a?b=c&d=%2f": "https://hooks.example.com:8443/a?b=c&d=%2f",
		"https://hooks.example.com/a%2Fb/../c//d?":   "https://hooks.example.com/a%2Fb/../c//d?",
		"https://hooks.example.com?x":                "https://hooks.example.com/?x",
		"https://192.0.2.1/a":                        "https://192.0.2.1/a",
		"https://[2001:DB8:0:0::1]:444/a":            "https://[2001:db8::1]:444/a",
		"https://xn--bcher-kva.example/a":            "https://xn--bcher-kva.example/a",
		"https://localhost/a":                        "https://localhost/a",
		"https://a.1b/x":                             "",
		"http://hooks.example.com/":                  "", "http://127.0.0.1/": "", "http://localhost:80/": "", "ftp://hooks.example.com/": "",
		"hooks.example.com/a": "", "//hooks.example.com/a": "", "https:/hooks.example.com": "", "https:hooks.example.com": "", "": "", "https://": "", "https:///a": "",
		"https://user@hooks.example.com/": "", "https://user:pass@hooks.example.com/": "", "https://@hooks.example.com/": "", "https://:@hooks.example.com/": "",
		"https://hooks.example.com/#a": "", "https://hooks.example.com#": "", "https://hooks.example.com:/a": "", "https://hooks.example.com:0/": "",
		"https://hooks.example.com:65536/": "", "https://hooks.example.com:+443/": "", "https://hooks.example.com:0443/": "", "https://hooks.example.com:x/": "",
		"https://bücher.example/": "", "https://hooks.example.com/é": "", "https://hooks.example.com/a b": "", "https://hooks.example.com/a\nb": "",
		"https://hooks.example.com\\@evil.example/": "", "https://hooks.example.com/%zz": "", "https://hooks_1.example.com/": "", "https://-a.example.com/": "",
		"https://a..example.com/": "", "https://hooks.example.com./": "", "https://" + strings.Repeat("a", 64) + ".com/": "", "https://127.1/": "", "https://2130706433/": "",
		"https://0x7f000001/": "", "https://0x7f.1/": "", "https://0177.0.0.1/": "", "https://[::ffff:127.0.0.1]/": "", "https://[fe80::1%25eth0]/": "", "https://[127.0.0.1]/": "",
		"https://[::1/": "", "https://::1/": "", "https://%68ooks.example.com/": "", "https://hooks.example.com/" + strings.Repeat("a", 2000): "",
	} {
		got, err := partner.ParseEndpointURL(text, false)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for text, ok := range map[string]bool{"http://localhost:8080/a": true, "http://127.8.0.1/": true, "http://[::1]:80/": true, "http://10.0.0.1/": false,
		"http://localhost.example.com/": false, "http://0.0.0.0/": false, "http://[::ffff:127.0.0.1]/": false, "ws://localhost/": false} {
		if _, err := partner.ParseEndpointURL(text, true); (err == nil) != ok {
			t.Errorf("in dev %q: %v", text, err)
		}
	}
}

// FuzzParseEndpointURL: what is accepted is in its one form, and another reader finds the same host in it.
func FuzzParseEndpointURL(f *testing.F) {
	for _, text := range []string{"https://hooks.example.com:8443/a?b=c", "http://localhost/", "https://[2001:db8::1]/", "https://a@b/", "https://a/%2f?%zz", "https://A:443?"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, plain bool) {
		got, err := partner.ParseEndpointURL(text, plain)
		if err != nil {
			if got != "" || !errors.Is(err, partner.ErrInvalid) {
				t.Fatalf("%q: %q with %v", text, got, err)
			}
			return
		}
		again, err := partner.ParseEndpointURL(got, plain)
		if err != nil || again != got || len(got) > partner.MaxEndpointURL {
			t.Fatalf("%q became %q and then %q, %v", text, got, again, err)
		}
		u, err := url.Parse(got)
		if err != nil || u.User != nil || u.Fragment != "" || u.Opaque != "" || !strings.HasPrefix(u.EscapedPath(), "/") {
			t.Fatalf("%q became %q: %+v, %v", text, got, u, err)
		}
		if !plain && u.Scheme != "https" || strings.ContainsAny(got, " \t\r\n#@\\") && !strings.Contains(u.EscapedPath()+u.RawQuery, "@") {
			t.Fatalf("%q became %q", text, got)
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && (a.Is4In6() || a.Zone() != "") {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

func TestParseEvents(t *testing.T) {
	got, err := partner.ParseEvents([]string{"card.updated", "card.created", "card.updated", "x", "a1_b-c.d"})
	if want := []string{"a1_b-c.d", "card.created", "card.updated", "x"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := partner.ParseEvents([]string{}); got != nil || err != nil {
		t.Errorf("none are %q, %v", got, err)
	}
	for _, name := range []string{"", "Card", "card created", "1card", ".card", "card.", "é", "card\n", "*", "card.*", strings.Repeat("a", 101)} {
		if _, err := partner.ParseEvents([]string{name}); !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("%q was taken: %v", name, err)
		}
	}
	if _, err := partner.ParseEvents(make([]string, 101)); !errors.Is(err, partner.ErrInvalid) {
		t.Errorf("101 names: %v", err)
	}
}

func goodEndpoint() partner.Endpoint {
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	return partner.Endpoint{ID: "whe_1", PartnerID: "ptn_1", Environment: "sandbox", URL: "https://hooks.example.com/", State: partner.EndpointPending,
		Keys: []partner.EndpointKey{{ID: "whk_1", Sealed: []byte{1}, CreatedAt: at}}, CreatedAt: at}
}

func TestEndpointValidate(t *testing.T) {
	if err := goodEndpoint().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*partner.Endpoint){
		"no id":               func(e *partner.Endpoint) { e.ID = "" },
		"no partner":          func(e *partner.Endpoint) { e.PartnerID = "" },
		"no time":             func(e *partner.Endpoint) { e.CreatedAt = time.Time{} },
		"another form of URL": func(e *partner.Endpoint) { e.URL = "https://Hooks.example.com/" },
		"no state":            func(e *partner.Endpoint) { e.State = "" },
		"no key":              func(e *partner.Endpoint) { e.Keys = nil },
		"three keys":          func(e *partner.Endpoint) { e.Keys = append(e.Keys, e.Keys[0], e.Keys[0]) },
		"events out of order": func(e *partner.Endpoint) { e.Events = []string{"b", "a"} },
		"an event of no name": func(e *partner.Endpoint) { e.Events = []string{""} },
		"a long description":  func(e *partner.Endpoint) { e.Description = strings.Repeat("x", 501) },
	} {
		e := goodEndpoint()
		change(&e)
		if err := e.Validate(); !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAKeyCountsUntilItsLastMoment(t *testing.T) {
	end := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	k := partner.EndpointKey{NotAfter: end}
	if !k.Live(end) || k.Live(end.Add(time.Nanosecond)) || !(partner.EndpointKey{}).Live(end) {
		t.Error("an end is the last moment that counts, and no end is none")
	}
}

func TestACloneShowsNoSealedKeyAndSharesNothing(t *testing.T) {
	e := goodEndpoint()
	e.Events, e.LastHandshake = []string{"a"}, &partner.Handshake{Status: 200}
	c := e.Clone()
	if c.Keys[0].Sealed != nil || e.Keys[0].Sealed == nil {
		t.Error("a sealed key is shown, or was lost")
	}
	c.Events[0], c.Keys[0].ID, c.LastHandshake.Status = "b", "x", 1
	if e.Events[0] != "a" || e.Keys[0].ID != "whk_1" || e.LastHandshake.Status != 200 {
		t.Errorf("a change of the copy changed %+v", e)
	}
}
