package config_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/config"
	"github.com/google/go-cmp/cmp"
)

const portalFile = `portal: {listen: "10.0.0.2:9903", allow_remote: true, public_url: "https://partners.example.com", tls: {certificate: c.pem, key: k.pem}}`

// TestRule31ThePortalIsOnLoopback: it is open to other machines only where the operator says so and gives it TLS.
func TestRule31ThePortalIsOnLoopback(t *testing.T) {
	for _, c := range []struct{ name, keys, want string }{
		{"the default", "portal: {}", ""},
		{"another address", `portal: {listen: "10.0.0.2:9903"}`, `portal.listen: "10.0.0.2:9903" is not a loopback address (add allow_remote: true, tls and public_url if partners`},
		{"every address", `portal: {listen: ":9903"}`, "is not a loopback address"},
		{"in clear", `portal: {listen: "0.0.0.0:9903", allow_remote: true, public_url: "https://p.example"}`, "there is no TLS: sessions and tokens would be sent in clear"},
		{"remote without a name", `portal: {listen: "0.0.0.0:9903", allow_remote: true, tls: {certificate: c, key: k}}`, "no public_url, which allow_remote needs"},
		{"whole", portalFile, ""},
		{"a public URL in clear", strings.Replace(portalFile, "https:", "http:", 1), "is not https"},
		{"a public URL that is an address", `portal: {public_url: "https://192.0.2.7"}`, "passkeys belong to a host name"},
		{"TLS behind http", `portal: {public_url: "http://localhost", tls: {certificate: c, key: k}}`, "is http, but the listener has TLS"},
		{"the address of the operators", "admin: {}\nportal: {listen: \"127.0.0.1:9901\"}", "takes the address of admin.listen"},
		{"the address of ops", `portal: {listen: "127.0.0.1:9900"}`, "takes the address of ops.listen"},
		{"the address of an environment", `portal: {listen: "127.0.0.1:443"}`, "takes the address of portal.listen"},
		{"the name of the operators", "admin: {public_url: \"https://a.example\"}\nportal: {public_url: \"https://a.example\"}", "browsers could not tell the two apart"},
		{"sessions that end before they idle", "portal: {sessions: {idle: 2h, absolute: 1h}}", "longer than absolute"},
		{"a proxy that is everybody", "portal: {trusted_proxies: [0.0.0.0/0]}", "too wide to be trusted"},
		{"passkeys are no choice", "portal: {passkeys: {enabled: false}}", `unknown key "passkeys"`},
	} {
		got := told(plane(t, c.keys))
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// TestThePortalWithoutItsKeyIsNone: who does not ask for a portal gets none.
func TestThePortalWithoutItsKeyIsNone(t *testing.T) {
	if c := parsed(t, small); c.Portal != nil {
		t.Errorf("%+v", c.Portal)
	}
	want := &config.Portal{Listen: "127.0.0.1:9903", ForwardingHeader: "X-Forwarded-For", Sessions: config.Sessions{Idle: 30 * time.Minute, Absolute: 12 * time.Hour}}
	if diff := cmp.Diff(want, parsed(t, plane(t, "portal: {}")).Portal); diff != "" {
		t.Error(diff)
	}
}

// TestTheTesterNeverReachesProduction: nor whatever else is the last environment in the order of reviews, and by default nothing
// but a sandbox.
func TestTheTesterNeverReachesProduction(t *testing.T) {
	two := strings.TrimSuffix(small, "\n") + second
	named := func(production, sandbox string) string {
		return strings.NewReplacer("  production:\n", "  "+production+":\n", "  sandbox:\n", "  "+sandbox+":\n").Replace(two)
	}
	for _, c := range []struct {
		name, file, keys, want string // want: what is wrong, or "= " and the environments
	}{
		{"the default", two, "portal: {}", "= sandbox"},
		{"the default without a sandbox", small, "portal: {}", "= "},
		{"none", two, "portal: {tester: []}", "= "},
		{"production", two, "portal: {tester: [production]}", "portal.tester[0]: \"production\" is where partners' real traffic goes"},
		{"the last one under another name", named("live", "stage"), "portal: {tester: [live]}\nreviews: {live: {after: stage}}", "real traffic"},
		{"the one before the last", named("live", "stage"), "portal: {tester: [stage]}\nreviews: {live: {after: stage}}", "= stage"},
		{"one without an order", named("live", "stage"), "portal: {tester: [stage, live]}", "= stage live"},
		{"a sandbox that is the last", two, "portal: {}\nreviews: {sandbox: {after: production}}", "= "},
		{"a sandbox that is the last, on purpose", two, "portal: {tester: [sandbox]}\nreviews: {sandbox: {after: production}}", "real traffic"},
		{"one that is not there", two, "portal: {tester: [staging]}", `there is no environment "staging"`},
		{"one twice", two, "portal: {tester: [sandbox, sandbox]}", "is listed twice"},
	} {
		text := edited(t, c.file, "data: /data", "data: /data\n"+c.keys)
		if want, ok := strings.CutPrefix(c.want, "= "); ok {
			if got := strings.Join(parsed(t, text).Portal.Tester, " "); got != want {
				t.Errorf("%s: the tester reaches %q, want %q", c.name, got, want)
			}
		} else if got := told(text); !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// TestAPortalBehindAnUnknownProxyIsWarnedOf: all its visitors would have one address, which is a part of what the tester shows.
func TestAPortalBehindAnUnknownProxyIsWarnedOf(t *testing.T) {
	const here = `portal: {public_url: "https://partners.example.com"`
	for text, want := range map[string]bool{here + "}": true, here + ", trusted_proxies: [127.0.0.1/32]}": false, "portal: {}": false,
		`portal: {public_url: "http://localhost:9903"}`: false, here + ", tls: {certificate: c.pem, key: k.pem}}": false} {
		told := false
		for _, w := range parsed(t, plane(t, text)).Warnings() {
			told = told || strings.Contains(w.String(), "no trusted_proxies")
		}
		if told != want {
			t.Errorf("%s: warned %v", text, told)
		}
	}
}

func TestWherePartnersCallIsTold(t *testing.T) {
	warned := func(keys ...string) string {
		var all []string
		for _, w := range parsed(t, edited(t, plane(t, "portal: {}"), keys...)).Warnings() {
			all = append(all, w.String())
		}
		return strings.Join(all, "\n")
	}
	if got := warned(); !strings.Contains(got, "environments.production: no base_url") {
		t.Errorf("without one: %q", got)
	}
	if got := warned("    hosts:", "    base_url: https://api.example.com\n    hosts:"); strings.Contains(got, "base_url") {
		t.Errorf("with one: %q", got)
	}
	if got := warned("    hosts:", "    base_url: https://other.example.com\n    hosts:"); !strings.Contains(got, "its host is none of hosts") {
		t.Errorf("with one that is refused: %q", got)
	}
	if got := told(edited(t, small, "    hosts:", "    base_url: https://api.example.com/v1\n    hosts:")); !strings.Contains(got, "more than scheme and host") {
		t.Errorf("with a path: %q", got)
	}
}
