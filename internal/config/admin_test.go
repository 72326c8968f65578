package config_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/partner"
	"github.com/google/go-cmp/cmp"
)

// plane puts the operators' plane, and what belongs to it, into the shortest file.
func plane(t *testing.T, keys string) string {
	t.Helper()
	return edited(t, small, "data: /data", "data: /data\n"+keys)
}

const adminFile = `admin: {listen: "10.0.0.2:9901", allow_remote: true, public_url: "https://admin.example.com", tls: {certificate: c.pem, key: k.pem}, oidc: {issuer: "https://login.example.com", client_id: us, client_secret_file: s, roles: [{group: staff, role: admin}]}}`

// TestRule31TheAdminPlaneIsOnLoopback: nothing of it is open to other machines unless the operator says so and gives it TLS.
func TestRule31TheAdminPlaneIsOnLoopback(t *testing.T) {
	for _, c := range []struct{ name, keys, want string }{
		{"the default", "admin: {}", ""},
		{"loopback", "admin: {listen: \"[::1]:0\"}", ""},
		{"another address", "admin: {listen: \"10.0.0.2:9901\"}", "admin.listen: \"10.0.0.2:9901\" is not a loopback address (add allow_remote: true, tls and public_url"},
		{"every address", "admin: {listen: \"0.0.0.0:9901\"}", "is not a loopback address"},
		{"every address without a host", "admin: {listen: \":9901\"}", "is not a loopback address"},
		{"every address on purpose, in clear", "admin: {listen: \"0.0.0.0:9901\", allow_remote: true, public_url: \"https://a.example\"}", "there is no TLS: sessions and tokens would be sent in clear"},
		{"every address on purpose", "admin: {listen: \"0.0.0.0:9901\", allow_remote: true, public_url: \"https://a.example\", tls: {certificate: c, key: k}}", ""},
		{"remote without a name", "admin: {listen: \"0.0.0.0:9901\", allow_remote: true, tls: {certificate: c, key: k}}", "no public_url, which allow_remote needs"},
		{"half a pair", "admin: {tls: {certificate: c}}", `admin.tls lacks "key"`},
		{"whole", adminFile, ""},
		{"the address of ops", "admin: {listen: \"127.0.0.1:9900\"}", "takes the address of ops.listen"},
		{"the address of an environment", "admin: {listen: \"127.0.0.1:443\"}", "takes the address of admin.listen"},
	} {
		got := told(plane(t, c.keys))
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// TestThePlaneWithoutItsKeyIsNone: who does not ask for an admin listener gets none.
func TestThePlaneWithoutItsKeyIsNone(t *testing.T) {
	if c := parsed(t, small); c.Admin != nil || c.Reviews != nil || c.Credentials.RetireSilent != 0 || c.Credentials.WarnBefore != 30*24*time.Hour {
		t.Errorf("%+v %+v %+v", c.Admin, c.Reviews, c.Credentials)
	}
	c := parsed(t, plane(t, "admin: {}"))
	want := &config.Admin{Listen: "127.0.0.1:9901", Passkeys: config.Passkeys{Enabled: true}, Sessions: config.Sessions{Idle: 30 * time.Minute, Absolute: 12 * time.Hour}}
	if diff := cmp.Diff(want, c.Admin); diff != "" {
		t.Error(diff)
	}
	if o := parsed(t, plane(t, adminFile)).Admin.OIDC; len(o.Scopes) != 0 || o.LoginClaim != "email" || o.GroupsClaim != "groups" {
		t.Errorf("%+v", o)
	}
}

// TestSignInSettings: what would let strangers in, or nobody.
func TestSignInSettings(t *testing.T) {
	for _, c := range []struct {
		name string
		edit []string
		want string
	}{
		{"a provider in clear", []string{"https://login", "http://login"}, `issuer: "http://login.example.com" is not https`},
		{"a provider of this machine", []string{"https://login.example.com", "http://127.0.0.1:99"}, ""},
		{"a provider with a query", []string{"login.example.com", "login.example.com/?x=1"}, "is not an issuer"},
		{"no groups", []string{"[{group: staff, role: admin}]", "[]"}, "admin.oidc.roles is empty"},
		{"a role that is not there", []string{"role: admin", "role: root"}, `"root" is none of viewer, operator, approver, auditor, admin`},
		{"a group twice", []string{"[{group: staff, role: admin}]", "[{group: staff, role: admin}, {group: staff, role: admin}]"}, `"staff" has the role admin already`},
		{"a group with two roles", []string{"[{group: staff, role: admin}]", "[{group: staff, role: admin}, {group: staff, role: viewer}]"}, ""},
		{"a group of two lines", []string{"group: staff", `group: "sta\nff"`}, "not a group"},
		{"openid asked twice", []string{"client_id: us", "client_id: us, scopes: [openid]"}, "openid is always asked for"},
		{"a public URL in clear", []string{"https://admin.example.com", "http://admin.example.com"}, `"http://admin.example.com" is not https`},
		{"a public URL with a path", []string{"https://admin.example.com", "https://admin.example.com/plane"}, "put it under another name instead of another path"},
		{"a public URL with a slash", []string{"https://admin.example.com", "https://admin.example.com/"}, `write "https://admin.example.com"`},
		{"a public URL with a password", []string{"https://admin.example.com", "https://a:b@admin.example.com"}, "a URL with a user name or password"},
		{"TLS behind http", []string{"https://admin.example.com", "http://localhost"}, "is http, but the listener has TLS"},
		{"no public URL for the provider", []string{`listen: "10.0.0.2:9901", allow_remote: true, public_url: "https://admin.example.com", `, ""}, "no public_url, which oidc needs"},
		{"sessions that end before they idle", []string{"tls: {certificate: c.pem", "sessions: {idle: 2h, absolute: 1h}, tls: {certificate: c.pem"}, "longer than absolute"},
		{"endless sessions", []string{"tls: {certificate: c.pem", "sessions: {absolute: 30d}, tls: {certificate: c.pem"}, "out of bounds"},
		{"no passkeys beside a provider", []string{"tls: {certificate: c.pem", "passkeys: {enabled: false}, tls: {certificate: c.pem"}, ""},
	} {
		got := told(edited(t, plane(t, adminFile), c.edit...))
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
	if got := told(plane(t, "admin: {passkeys: {enabled: false}}")); !strings.Contains(got, "nobody could sign in") {
		t.Errorf("neither passkeys nor a provider: %q", got)
	}
	for _, at := range []string{"http://127.0.0.1:9901", "http://[::1]:9901", "https://192.0.2.7"} {
		if got := told(plane(t, "admin: {public_url: \""+at+"\"}")); !strings.Contains(got, "passkeys belong to a host name") {
			t.Errorf("passkeys for an address: %q", got)
		}
	}
}

// TestReviewPolicies: they are for environments that there are, in an order that has a beginning.
func TestReviewPolicies(t *testing.T) {
	two := strings.TrimSuffix(small, "\n") + second
	const item = "{id: a, title: The word, evidence: file}"
	for _, c := range []struct{ name, keys, want string }{
		{"one after the other", "reviews: {production: {after: sandbox, checklist: [" + item + "]}, sandbox: {checklist: [" + item + "]}}", ""},
		{"an environment that is not there", "reviews: {staging: {checklist: [" + item + "]}}", `reviews.staging: there is no environment "staging"`},
		{"after one that is not there", "reviews: {production: {after: staging}}", `production.after: there is no environment "staging"`},
		{"after itself", "reviews: {production: {after: production}}", "nobody could begin"},
		{"in a circle", "reviews: {production: {after: sandbox}, sandbox: {after: production}}", "nobody could begin"},
		{"an id twice", "reviews: {production: {checklist: [" + item + ", " + item + "]}}", `"a" is there already`},
		{"no id", "reviews: {production: {checklist: [{title: x}]}}", `lacks "id"`},
		{"an id in capitals", "reviews: {production: {checklist: [{id: A, title: x}]}}", `"A" is not an id`},
		{"no title", "reviews: {production: {checklist: [{id: a}]}}", `lacks "title"`},
		{"evidence that nobody collects", "reviews: {production: {checklist: [{id: a, title: x, evidence: rumour}]}}", `"rumour" is none of manual`},
		{"no items", "reviews: {production: {checklist: []}}", "checklist is empty"},
	} {
		got := told(edited(t, two, "data: /data", "data: /data\n"+c.keys))
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
	r := parsed(t, edited(t, two, "data: /data", "data: /data\nreviews: {production: {after: sandbox, checklist: ["+item+"]}}")).ReviewOf("production")
	want := &config.Review{Name: "production", After: "sandbox", Checklist: []config.ChecklistItem{{ID: "a", Title: "The word", Evidence: "file", Required: true}}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	kinds := ""
	for _, kind := range []string{"manual", "file", "link", "addresses", "calls", "tls", "webhook"} {
		kinds += ", {id: of-" + kind + ", title: x, evidence: " + kind + "}"
	}
	c := parsed(t, edited(t, two, "data: /data", "data: /data\nreviews: {production: {after: sandbox, checklist: ["+item+kinds+"]}}"))
	if policies := c.ReviewPolicies(); partner.ValidateReviews(policies) != nil || len(policies["production"].Items) != 8 || policies["production"].After != "sandbox" {
		t.Errorf("%v: %+v", partner.ValidateReviews(policies), policies)
	}
	if got := told(edited(t, two, "data: /data", "data: /data\nreviews: {production: {checklist: ["+item+strings.Repeat(", "+item, 50)+"]}}")); !strings.Contains(got, "51 items (at most 50)") {
		t.Errorf("51 items: %s", got)
	}
}

// TestShadowProfiles: only where there is a profile to stand beside, and only one that could decide.
func TestShadowProfiles(t *testing.T) {
	for _, c := range []struct{ name, with, want string }{
		{"one alternative", "profile: finci\n        shadow: finci/lf", ""},
		{"a file", "profile: finci\n        shadow: {file: ours.yaml}", ""},
		{"with tokens", "token: {endpoint: /api/v1/t}\n        shadow: finci", "shadow: only with profile"},
		{"one that is not shipped", "profile: finci\n        shadow: fincy", "shadow"},
		{"two", "profile: finci\n        shadow: {name: finci, file: x}", "shadow.file: not beside name"},
		{"none", "profile: finci\n        shadow: {}", "names no profile"},
	} {
		got := told(edited(t, small, "profile: finci", c.with))
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
	c := parsed(t, edited(t, small, "profile: finci", "profile: finci\n        shadow: finci/lf"))
	if diff := cmp.Diff(&config.Profile{Name: "finci", Alternative: "lf"}, c.Environments[0].APIs[0].Shadow); diff != "" {
		t.Error(diff)
	}
	c = parsed(t, edited(t, small, "data: /data", "data: /data\nkeys: {file: /keys/m}", "profile: finci", "profile: finci\n        shadow: finci"))
	if w := c.Warnings(); len(w) != 1 || !strings.Contains(w.Error(), "the very profile that decides") {
		t.Errorf("the same profile twice: %v", w)
	}
}

// TestCallsToPartnersAndOldVersions: bounds of webhooks and credentials.
func TestCallsToPartnersAndOldVersions(t *testing.T) {
	for _, c := range []struct{ name, keys, want string }{
		{"sources", "webhooks: {source_addresses: [203.0.113.0/28, \"2001:db8::/64\"], allow: [10.0.0.0/8]}", ""},
		{"every address", "webhooks: {allow: [0.0.0.0/0]}", "is every address"},
		{"a mapped prefix", "webhooks: {allow: [\"::ffff:10.0.0.0/104\"]}", "IPv4 prefix in the form of an IPv6 one"},
		{"bits behind the length", "webhooks: {source_addresses: [203.0.113.7/28]}", "write 203.0.113.0/28"},
		{"no prefix", "webhooks: {source_addresses: [203.0.113.7]}", "is not a prefix"},
		{"retired too soon", "credentials: {retire_silent: 6d}", "out of bounds"},
		{"retired never", "credentials: {retire_silent: never, warn_before: 1d}", ""},
		{"a warning without a unit", "credentials: {warn_before: 30}", "is not a duration"},
		{"a receiver in clear", "records: {checkpoints: {dir: /else, key_file: /keys/c, url: \"http://a.example/x\"}}", "is not https"},
		{"a receiver with a password", "records: {checkpoints: {dir: /else, key_file: /keys/c, url: \"https://a:b@a.example/x\"}}", "name a file with url_token_file"},
		{"a token without a receiver", "records: {checkpoints: {dir: /else, key_file: /keys/c, url_token_file: /t}}", "url_token_file: without url"},
		{"a receiver", "records: {checkpoints: {dir: /else, key_file: /keys/c, url: \"https://a.example/x?tenant=1\", url_token_file: /t}}", ""},
	} {
		text := plane(t, c.keys)
		if strings.HasPrefix(c.keys, "records:") {
			text = edited(t, text, "\nrecords: {checkpoints: {dir: /else, key_file: /keys/c}}", "")
		}
		got := told(text)
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
	c := parsed(t, plane(t, "webhooks: {allow: [10.0.0.0/8]}\ncredentials: {retire_silent: 90d}"))
	if c.Webhooks.Allow[0] != netip.MustParsePrefix("10.0.0.0/8") || c.Credentials.RetireSilent != 90*24*time.Hour {
		t.Errorf("%+v %+v", c.Webhooks, c.Credentials)
	}
	c = parsed(t, edited(t, plane(t, "keys: {file: /keys/m}"), "dir: /else", "dir: /data/checkpoints, url: \"https://a.example\""))
	if w := c.Warnings(); len(w) > 0 {
		t.Errorf("the copy outside makes the folder beside the record good enough, but: %v", w)
	}
}

// TestCheckReadsTheFilesOfThePlane: secrets must be private (security rule 39), and certificates those of the name.
func TestCheckReadsTheFilesOfThePlane(t *testing.T) {
	const adminKeys = "admin: {listen: \"127.0.0.1:0\", public_url: \"https://admin.example.com\", tls: {certificate: c.pem, key: k.pem}, oidc: {issuer: \"https://login.example.com\", client_id: us, client_secret_file: secret, ca_file: c.pem, roles: [{group: staff, role: admin}]}}\n"
	s := newSite(t)
	text := strings.Replace(siteText, "keys:", adminKeys+"keys:", 1)
	text = strings.Replace(text, "key_file: checkpoint.key", "key_file: checkpoint.key, url: \"https://a.example\", url_token_file: token", 1)
	text = strings.Replace(text, "profile: finci", "profile: finci\n        shadow: {file: missing.yaml}", 1)
	file := filepath.Join(s.dir, "c.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.write("token", "t", 0o644)
	c, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	problems, warnings := c.Check(config.Scope{Now: now})
	for _, want := range []string{"admin.oidc.client_secret_file: ", "secret does not exist", "url_token_file: ", "token holds a secret but has mode 0644", "card.shadow: read profile"} {
		if !strings.Contains(problems.Error(), want) {
			t.Errorf("%q is not in\n%v", want, problems)
		}
	}
	if want := `no certificate of admin.tls is for "admin.example.com"`; !strings.Contains(warnings.Error(), want) {
		t.Errorf("%q is not in\n%v", want, warnings)
	}
}
