package config_test

import (
	"strings"
	"testing"

	"countersign.dev/internal/config"
)

// shipping is a configuration with these records.
func shipping(records string) string {
	return "data: /var/lib/countersign\nrecords:\n  checkpoints: {dir: /mnt/elsewhere, key_file: /etc/countersign/checkpoint.key}\n" + records +
		"environments:\n  production:\n    hosts: [api.example.com]\n    listeners: [{address: \"127.0.0.1:8443\", tls: {certificate: /c.pem, key: /k.pem}}]\n    apis:\n      card: {profile: finci, base_paths: [/api/v1], upstream: {url: \"http://127.0.0.1:8080\"}}\n"
}

// TestWhereRecordsAreShippedIsSaidWhole: what is missing, and what another depot would read, is told with its place.
func TestWhereRecordsAreShippedIsSaidWhole(t *testing.T) {
	bucket := "bucket: {endpoint: \"s3.example:443\", name: records, credentials_file: /etc/countersign/bucket}"
	for name, c := range map[string]struct{ records, says string }{
		"a database":                      {"  ship: {to: postgres, url_file: /etc/countersign/records.url, node: gateway-1}\n", ""},
		"a bucket":                        {"  ship: {to: bucket, " + bucket + "}\n", ""},
		"a bucket on this machine":        {"  ship: {to: bucket, bucket: {endpoint: \"127.0.0.1:9000\", name: records, credentials_file: /c, plain: true}}\n", ""},
		"keys of nodes":                   {"  ship: {to: bucket, " + bucket + "}\n  collect: {keys: [{node: gateway-2.example, files: [/etc/2.pub]}], known_only: true}\n", ""},
		"no depot":                        {"  ship: {node: a}\n", "4:9: records.ship lacks \"to\""},
		"a register in a file":            {"  ship: {to: register}\n", "records.ship.to: the register is not in a database"},
		"a database without a URL":        {"  ship: {to: postgres}\n", "records.ship: no url_file"},
		"a bucket without one":            {"  ship: {to: bucket}\n", "records.ship: no bucket"},
		"a URL beside a bucket":           {"  ship: {to: bucket, url_file: /u, " + bucket + "}\n", "records.ship.url_file: has no meaning with to: bucket"},
		"a bucket beside a database":      {"  ship: {to: postgres, url_file: /u, " + bucket + "}\n", "records.ship.bucket: has no meaning with to: postgres"},
		"another machine in clear":        {"  ship: {to: bucket, bucket: {endpoint: \"s3.example:80\", name: records, credentials_file: /c, plain: true}}\n", "in clear"},
		"authorities without TLS":         {"  ship: {to: bucket, bucket: {endpoint: \"127.0.0.1:9000\", name: records, credentials_file: /c, plain: true, ca_file: /c}}\n", "has no meaning without TLS"},
		"a name that leads out":           {"  ship: {to: bucket, node: ../a, " + bucket + "}\n", "is not the name of a node"},
		"two points":                      {"  ship: {to: bucket, node: a..b, " + bucket + "}\n", "is not the name of a node"},
		"a key of a name that leads out":  {"  ship: {to: bucket, " + bucket + "}\n  collect: {keys: [{node: ../a, files: [/etc/2.pub]}]}\n", "is not the name of a node"},
		"lines that go before they leave": {"  decisions: {keep: 1h, segment_age: 30m}\n  ship: {to: bucket, every: 10m, " + bucket + "}\n", "too long for records.decisions.keep"},
		"one node twice":                  {"  ship: {to: bucket, " + bucket + "}\n  collect: {keys: [{node: a, files: [/1]}, {node: a, files: [/2]}]}\n", "keys[1].node: \"a\" is listed twice"},
		"keys and no depot":               {"  collect: {keys: [{node: gateway-2.example, files: [/etc/2.pub]}]}\n", "without records.ship"},
		"one folder for both":             {"  ship: {to: bucket, " + bucket + "}\n  collect: {dir: /var/lib/countersign/decisions/others}\n", "lies in the folder of this node's own record"},
		"a misspelt key":                  {"  ship: {to: bucket, nod: a, " + bucket + "}\n", "nod"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := config.Parse("c.yaml", []byte(shipping(c.records)), nil)
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says == "" && cfg.Records.Collect.Dir != "/var/lib/countersign/collected":
				t.Errorf("others are collected in %q", cfg.Records.Collect.Dir)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "c.yaml:")):
				t.Errorf("it says %v, not %s", err, c.says)
			}
		})
	}
}
