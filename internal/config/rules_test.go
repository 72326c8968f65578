package config_test

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"countersign.dev/internal/config"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// settingsOnly compares what configurations say, not where it stands.
var settingsOnly = []cmp.Option{cmpopts.IgnoreUnexported(config.Config{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}

const second = `
  sandbox:
    hosts: [sandbox.example.com]
    listeners:
      - address: 127.0.0.1:444
        tls: {certificate: /tls/c.pem, key: /tls/k.pem}
    apis:
      login:
        token: {endpoint: /login/v1}
        base_paths: [/login]
        upstream: {url: "http://127.0.0.1:82"}
`

// TestSettingsThatDoNotFitTogether: one line for each rule, and beside it what is right.
func TestSettingsThatDoNotFitTogether(t *testing.T) {
	const tls = "{certificate: /tls/c.pem, key: /tls/k.pem}"
	two := strings.TrimSuffix(small, "\n") + second
	for _, c := range []struct {
		name string
		file string
		edit []string
		want string // empty: right
	}{
		{"as it is", two, nil, ""},
		{"two listeners on one address", two, []string{":444", ":443"}, `sandbox.listeners[0].address: "127.0.0.1:443" takes the address of environments.production.listeners[0].address`},
		{"a wildcard over an address", two, []string{"127.0.0.1:444", "0.0.0.0:443"}, `"0.0.0.0:443" takes the address of`},
		{"all addresses over one", two, []string{"127.0.0.1:444", `":443"`}, `":443" takes the address of`},
		{"the other family", two, []string{"127.0.0.1:444", `"[::1]:443"`}, ""},
		{"free ports never clash", two, []string{"127.0.0.1:443", "127.0.0.1:0", "127.0.0.1:444", "127.0.0.1:0"}, ""},
		{"one address and one host", two, []string{":444", ":443", "sandbox.example.com", "API.example.com"}, `"api.example.com" could not tell them apart`},
		{"the operators' address", small, []string{"127.0.0.1:443", "127.0.0.1:9900"}, "takes the address of ops.listen"},
		{"ops off", small, []string{"127.0.0.1:443", "127.0.0.1:9900", "data: /data", "data: /data\nops: {listen: off}"}, ""},
		{"ops for strangers", small, []string{"data: /data", "data: /data\nops: {listen: \"0.0.0.0:9900\"}"}, "add allow_remote: true"},
		{"ops for others on purpose", small, []string{"data: /data", "data: /data\nops: {listen: \"0.0.0.0:9900\", allow_remote: true}"}, ""},
		{"no listeners", small, []string{"- address: 127.0.0.1:443\n        tls: " + tls, "[]"}, "production.listeners is empty"},
		{"no listener key", small, []string{"    listeners:\n      - address: 127.0.0.1:443\n        tls: " + tls + "\n", ""}, ""},
		{"no APIs", two, []string{"      login:\n        token: {endpoint: /login/v1}\n        base_paths: [/login]\n        upstream: {url: \"http://127.0.0.1:82\"}\n", "      {}\n"}, "sandbox.apis is empty"},
		{"a key without a value", small, []string{"hosts: [api.example.com]", "hosts:"}, "c.yaml:5:5: environments.production.hosts has no value"},
		{"a name in upper case", two, []string{"  sandbox:", "  Sandbox:"}, `c.yaml:14:3: "Sandbox" is not a name for environments`},
		{"a host with a port", small, []string{"api.example.com", "\"api.example.com:443\""}, "has a port"},
		{"a host with a wildcard", small, []string{"api.example.com", "\"*.example.com\""}, "list every host name"},
		{"a host twice", small, []string{"api.example.com", "api.example.com, API.example.com"}, "is listed twice"},
		{"one base path for two", small, []string{"apis:", "apis:\n      other:\n        profile: finci\n        base_paths: [/api/v1]\n        upstream: {url: \"http://127.0.0.1:83\"}"}, `"/api/v1" is a base path of API other`},
		{"a base path below another", small, []string{"apis:", "apis:\n      other:\n        profile: finci\n        base_paths: [/api]\n        upstream: {url: \"http://127.0.0.1:83\"}"}, ""},
		{"a base path with an escape", small, []string{"/api/v1", "/api/%76"}, "is not a plain path"},
		{"a base path with a dot segment", small, []string{"/api/v1", "/api/../v1"}, "is not a plain path"},
		{"the whole host", small, []string{"/api/v1", "/"}, "the whole host is no base path"},
		{"an endpoint elsewhere", two, []string{"/login/v1", "/loginv1"}, "is under none of the API's base paths"},
		{"both protocols", small, []string{"profile: finci", "profile: finci\n        token: {endpoint: /api/v1/login}"}, "card.token: not beside profile"},
		{"no protocol", small, []string{"profile: finci\n        ", ""}, "neither profile nor token"},
		{"replay without a signature", two, []string{"/login/v1}", "/login/v1}\n        replay: all"}, "login.replay: only with profile"},
		{"a profile file and a name", small, []string{"profile: finci", "profile: {name: finci, file: x.yaml}"}, "card.profile.file: not beside name"},
		{"a file for a name", small, []string{"profile: finci", "profile: ours.yaml"}, "write {file: ours.yaml}"},
		{"an alternative that is not there", small, []string{"profile: finci", "profile: {name: finci, alternative: lv}"}, "no such alternative"},
		{"an upstream with a path", small, []string{"127.0.0.1:81", "127.0.0.1:81/v2"}, "more than scheme and host"},
		{"an upstream with a password", small, []string{"127.0.0.1:81", "u:p@127.0.0.1:81"}, "credentials do not belong into this file"},
		{"half a client certificate", small, []string{"81\"", "81\", cert_file: x"}, "upstream.cert_file: without key_file"},
		{"authorities for plain HTTP", small, []string{"81\"", "81\", ca_file: x"}, "has no meaning for an http upstream"},
		{"more idle than there are", small, []string{"81\"", "81\", max_idle: 5, max_connections: 4"}, "more than max_connections"},
		{"host kept without hosts", small, []string{"81\"", "81\", host: keep", "    hosts: [api.example.com]\n", ""}, "keep without hosts"},
		{"dropping where lists are optional", small, []string{"tls:", "drop_unlisted: true\n        tls:", "base_paths", "addresses: optional\n        base_paths"}, "API card does not require an address list"},
		{"dropping where lists only warn", small, []string{"tls:", "drop_unlisted: true\n        tls:", "base_paths", "address_mismatch: warn\n        base_paths"}, "API card does not require an address list"},
		{"dropping where lists are required", small, []string{"tls:", "drop_unlisted: true\n        tls:"}, ""},
		{"certificates that nobody asks for", small, []string{"base_paths", "client_certificate: required\n        base_paths"}, "not every listener of production asks for certificates"},
		{"certificates that are asked for", small, []string{"base_paths", "client_certificate: required\n        base_paths", "tls:", "client_certificates: {ca_file: ca.pem}\n        tls:"}, ""},
		{"no certificate", small, []string{tls, "{min_version: 1.3}"}, "tls: no certificate"},
		{"half a pair", small, []string{tls, "{certificate: c.pem}"}, "tls.certificate: without key"},
		{"files beside the authority", small, []string{tls, "{certificate: c.pem, key: k.pem, acme: {accept_terms: true}}"}, "certificates come from files or from the authority"},
		{"the authority without terms", small, []string{tls, "{acme: {accept_terms: false}}"}, "the authority's terms are not accepted"},
		{"the authority without names", small, []string{tls, "{acme: {accept_terms: true}}", "    hosts: [api.example.com]\n", ""}, "no names to get certificates for"},
		{"the authority", small, []string{tls, "{acme: {accept_terms: true}}"}, ""},
		{"an old TLS", small, []string{tls, "{certificate: c.pem, key: k.pem, min_version: \"1.1\"}"}, `"1.1" is none of 1.2, 1.3`},
		{"two sources of keys", small, []string{"data: /data", "data: /data\nkeys: {file: k, env: K}"}, "keys.env: not beside file"},
		{"two sources of an environment's keys", small, []string{"hosts:", "key_file: k\n    key_env: K\n    hosts:"}, "key_env: not beside key_file"},
		{"a secret for a variable's name", small, []string{"data: /data", "data: /data\nkeys: {env: \"countersign keys 1\"}"}, "keep the secret out of this file"},
		{"a variable in a path", small, []string{"/data", "${HOME}/data"}, "variables are not replaced"},
		{"segments that never live", small, []string{"records: {", "records: {decisions: {keep: 2h}, "}, "shorter than segment_age"},
		{"lines that go before they are signed", small, []string{"records: {", "records: {decisions: {keep: 2h, segment_age: 1h}, ", "checkpoints: {", "checkpoints: {every: 3h, "}, "shorter than records.checkpoints.every"},
		{"a record in the data folder itself", small, []string{"records: {", "records: {decisions: {dir: /data/}, "}, "give the record a folder of its own"},
		{"a record among the replay journal", small, []string{"records: {", "records: {decisions: {dir: /data/replay/x}, "}, "give the record a folder of its own"},
		{"the record in clear", small, []string{"records: {", "records: {stream: {syslog: {address: \"siem.example:514\", plain: true}}, "}, "to another machine in clear"},
		{"the record in clear to this machine", small, []string{"records: {", "records: {stream: {syslog: {address: \"127.0.0.1:514\", plain: true}}, "}, ""},
		{"half a certificate for the receiver", small, []string{"records: {", "records: {stream: {syslog: {address: \"siem.example:6514\", key_file: k}}, "}, "without cert_file"},
		{"a stream among the segments", small, []string{"records: {", "records: {stream: {file: /data/decisions/x}, "}, "lies in the folder of the decision record"},
		{"a request line beyond the head", small, []string{"tls:", "max_head: 4KiB\n        tls:"}, "more than max_head"},
	} {
		got := told(edited(t, c.file, c.edit...))
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// TestWarnings are what is allowed and seldom meant.
func TestWarnings(t *testing.T) {
	base := edited(t, small, "data: /data", "data: /data\nkeys: {file: /keys/m}")
	for _, c := range []struct {
		name string
		edit []string
		want string
	}{
		{"nothing", nil, ""},
		{"no word about keys", []string{"\nkeys: {file: /keys/m}", ""}, "the key lies in the data folder"},
		{"the master key beside the register", []string{"/keys/m", "/data/m"}, "the key lies in the data folder"},
		{"the checkpoint key beside the checkpoints", []string{"/keys/c", "/else/c"}, "who gets at them there can sign others"},
		{"checkpoints among the segments", []string{"records: {", "records: {decisions: {dir: /var/decisions}, ", "dir: /else", "dir: /var/decisions/checkpoints"}, "who can alter it can alter them too"},
		{"an address list that only warns", []string{"base_paths", "address_mismatch: warn\n        base_paths"}, "callers are let in from every address"},
		{"certificates that only warn", []string{"base_paths", "certificate_mismatch: warn\n        base_paths"}, "without the client certificate"},
		{"no checkpoints", []string{"records: {checkpoints: {dir: /else, key_file: /keys/c}}\n", ""}, "no checkpoints"},
		{"checkpoints beside the records", []string{"/else", "/data/checkpoints"}, "who can alter the records can alter them too"},
		{"the checkpoint key beside the records", []string{"/keys/c", "/data/c"}, "can sign for them"},
		{"no hosts", []string{"    hosts: [api.example.com]\n", ""}, "a request for any Host is taken"},
		{"a remote upstream in clear", []string{"127.0.0.1:81", "10.0.0.1:81"}, "go to another machine in clear"},
		{"a folder whose name only begins alike", []string{"/else", "/data2"}, ""},
	} {
		w := parsed(t, edited(t, base, c.edit...)).Warnings()
		if c.want == "" && len(w) > 0 || c.want != "" && (len(w) != 1 || !strings.Contains(w.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, w)
		}
	}
}

// TestWhatIsToldIsBounded: a file in which every word is wrong neither fills the memory nor the screen.
func TestWhatIsToldIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"hosts":     edited(t, small, "[api.example.com]", "["+strings.Repeat("a.b, ", 5000)+"c]"),
		"listeners": edited(t, small, "    listeners:\n", "    listeners:\n"+strings.Repeat("      - {address: \"127.0.0.1:1\"}\n", 2000)),
		"keys":      "data: /d\n" + strings.Join(numbered("key%d: 1", 3000), "\n"),
	} {
		_, err := config.Parse("c.yaml", []byte(text), nil)
		if n := len(config.AsProblems(err)); n < 500 || n > 1000 {
			t.Errorf("%s: %d problems", name, n)
		}
	}
}

func numbered(form string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strings.ReplaceAll(form, "%d", strconv.Itoa(i))
	}
	return all
}

// TestTextsOfTheFileCannotDisguiseAMessage: what is quoted from the file is escaped, so that a terminal or a log shows it as it is.
func TestTextsOfTheFileCannotDisguiseAMessage(t *testing.T) {
	for _, text := range []string{
		edited(t, small, "/data", `"/da\nta"`),
		edited(t, small, "127.0.0.1:443", `"[fe80::1%e\nx]:443"`),
		edited(t, small, "data: /data", `"da\nta": /data`),
		edited(t, small, "api.example.com", `"a\e[31m"`),
		edited(t, small, "finci", `"fin\nci"`),
		edited(t, small, "  production", `  "pro\nd"`),
	} {
		_, err := config.Parse("c.yaml", []byte(text), nil)
		if problems := config.AsProblems(err); len(problems) == 0 || strings.Count(err.Error(), "\n") != len(problems)-1 || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q", err)
		}
	}
}

// TestAHostThatIsAnAddress is kept as the Host of a request is compared: without brackets, in its one short form.
func TestAHostThatIsAnAddress(t *testing.T) {
	c := parsed(t, edited(t, small, "[api.example.com]", `["[2001:DB8:0::1]", 192.0.2.1, API.example.com]`))
	if got := strings.Join(c.Environments[0].Hosts, " "); got != "2001:db8::1 192.0.2.1 api.example.com" {
		t.Errorf("got %s", got)
	}
}
