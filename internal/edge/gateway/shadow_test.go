package gateway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/registry"
	"countersign.dev/profile"
)

const stronger = `profile: stronger
language: 1
title: What the card API shall ask for one day
source: tests
algorithm: hmac-sha256
message: join('\n', ts, method, target, hex(sha256(body)))
key: secret
signature: hex(mac)
wire:
  X-New-Token: "{key_id}"
  X-New-Time: "{ts}"
  X-New-Signature: "{sig}"
time: {from: ts, format: unix, window: 60s}
`

func shadow(t *testing.T) func(*settings) {
	t.Helper()
	p, err := profile.Parse("test.yaml", []byte(stronger))
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return func(set *settings) {
		set.api = func(a *access.API) {
			if a.Protocol == access.Signed {
				a.Shadow = s
			}
		}
	}
}

// twice is c signed by the shadow profile as well.
func (d *door) twice(c call, key registry.Issued) call {
	ts := fmt.Sprint(d.clock.Load())
	sum := sha256.Sum256([]byte(c.body))
	mac := hmac.New(sha256.New, key.Secret.Bytes())
	mac.Write([]byte(strings.Join([]string{ts, c.method, c.target, hex.EncodeToString(sum[:])}, "\n")))
	return c.with("X-New-Token: "+key.KeyID, "X-New-Time: "+ts, "X-New-Signature: "+hex.EncodeToString(mac.Sum(nil)))
}

// TestAShadowIsInTheRecordAndNowhereElse: an answer with a shadow is, byte for byte, the one without; neither profile's
// credentials reach the upstream (security rule 33).
func TestAShadowIsInTheRecordAndNowhereElse(t *testing.T) {
	w := newWorld(t)
	bare, d := w.open(t), w.open(t, shadow(t))
	good, other := w.keys["good"], w.keys["canada"]
	forged := good
	forged.Secret = other.Secret
	for _, c := range []struct {
		what string
		call call
		want string
	}{
		{"both good", d.twice(d.signed(good, "POST", "/api/v1/cards", `{"a":1}`), good), `"shadow":"ok","shadow_profile":"stronger"`},
		{"nothing for the shadow", d.signed(good, "POST", "/api/v1/cards", `{"a":2}`), `"shadow":"missing_header","shadow_profile":"stronger"`},
		{"forged for the shadow", d.twice(d.signed(good, "POST", "/api/v1/cards", `{"a":3}`), forged), `"shadow":"bad_signature","shadow_profile":"stronger"`},
		{"forged, but for the shadow", d.twice(d.signed(forged, "POST", "/api/v1/cards", `{"a":4}`), good), `"tried":[1],"shadow":"ok","shadow_profile":"stronger"`},
		{"another's for the shadow", d.twice(d.signed(good, "POST", "/api/v1/cards", `{"a":5}`), other), `"shadow":"other_key"`},
	} {
		t.Run(c.what, func(t *testing.T) {
			d, bare := d.in(t), bare.in(t)
			got := d.do(c.call)
			if _, line := d.records.line(); !strings.Contains(line, c.want) {
				t.Errorf("the record says %s", line)
			}
			if got.status == 200 {
				for _, field := range d.upstream.next().fields {
					if strings.HasPrefix(field, "X-New-") || strings.HasPrefix(field, "X-Auth-") {
						t.Errorf("%q reached the upstream", field)
					}
				}
				return // the same write a second time would be a replay
			}
			if want := bare.do(c.call); plain(got.raw+got.body) != plain(want.raw+want.body) {
				t.Errorf("with a shadow\n%s\nwithout\n%s", got.raw+got.body, want.raw+want.body)
			}
		})
	}
}
