package config_test

import (
	"strings"
	"testing"

	"countersign.dev/internal/config"
)

// envoyDoor is the small configuration with one door for Envoy.
func envoyDoor(door string) string {
	return strings.Replace(small, "    apis:\n", "    doors:\n      - {"+door+"}\n    apis:\n", 1)
}

func TestDoorsForEnvoy(t *testing.T) {
	c, err := config.Parse("c.yaml", []byte(envoyDoor(`kind: ext_authz, address: "127.0.0.1:9910", proxies: [127.0.0.1/32], max_body: 2MiB, envoy: {with_request_body: true, client_certificates: true}`)), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := c.Environments[0].Doors[0]
	if d.Kind != config.DoorExtAuthz || d.Asks() != "envoy" || d.MaxBody != 2<<20 || d.Envoy == nil || !d.Envoy.WithRequestBody || !d.Envoy.ClientCertificates || d.Envoy.EncodeRawHeaders {
		t.Errorf("%+v, %+v", d, d.Envoy)
	}
}

func TestSettingsOfDoorsForEnvoyThatDoNotFit(t *testing.T) {
	for what, one := range map[string]struct{ door, want string }{
		"for another proxy":       {`kind: forward_auth, proxy: nginx, address: "127.0.0.1:9910", proxies: [127.0.0.1/32], envoy: {with_request_body: true}`, "is for the doors that Envoy asks at"},
		"raw headers over gRPC":   {`kind: ext_authz, address: "127.0.0.1:9910", proxies: [127.0.0.1/32], envoy: {encode_raw_headers: true}`, "its check requests show it"},
		"certificates over HTTP":  {`kind: ext_authz_http, address: "127.0.0.1:9910", proxies: [127.0.0.1/32], envoy: {client_certificates: true}`, "carries no certificate"},
		"a misspelt key":          {`kind: ext_authz, address: "127.0.0.1:9910", proxies: [127.0.0.1/32], envoy: {with_request_bodies: true}`, "with_request_bodies"},
		"no truth":                {`kind: ext_authz, address: "127.0.0.1:9910", proxies: [127.0.0.1/32], envoy: {with_request_body: perhaps}`, "with_request_body"},
		"another proxy's name":    {`kind: ext_authz, proxy: nginx, address: "127.0.0.1:9910", proxies: [127.0.0.1/32]`, "is what Envoy speaks"},
		"nobody may ask":          {`kind: ext_authz, address: "127.0.0.1:9910"`, "nobody may ask"},
		"in clear over a network": {`kind: ext_authz, address: "192.0.2.1:9910", proxies: [192.0.2.0/24]`, "there is no TLS"},
	} {
		if _, err := config.Parse("c.yaml", []byte(envoyDoor(one.door)), nil); err == nil || !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: %v, want %q", what, err, one.want)
		}
	}
}
