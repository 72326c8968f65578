package passage_test

import (
	"slices"
	"strings"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/passage"
	"countersign.dev/profile/library"
)

// TestRules15And19And33WhatPasses: what goes on to an upstream, name by name, at an API whose callers sign.
func TestRules15And19And33WhatPasses(t *testing.T) {
	finci, err := library.Load("finci")
	if err != nil {
		t.Fatal(err)
	}
	credentials := passage.CredentialsOf(slices.Values([]*access.API{{Name: "card", Scheme: finci}, {Name: "accounts"}}))
	for name, want := range map[string]bool{
		"Accept": true, "Content-Type": true, "User-Agent": true, "X-Anything": true, "Traceparent": true, "Cookie": true,
		"Connection": false, "Transfer-Encoding": false, "Content-Length": false, "Host": false, "Expect": false, "Upgrade": false, "Te": false, "Proxy-Authorization": false,
		"X-Http-Method-Override": false, "X-Http-Method": false, "X-Method-Override": false,
		"Countersign-Partner": false, "Countersign-Anything": false, "countersign-partner": false, "COUNTERSIGN-X": false,
		"X-Auth-Token": false, "X-Auth-Signature": false, "X-Auth-Timestamp": false, access.AppKeyHeader: false, access.AppTokenHeader: false,
		"X-Forwarded-For": false, "Forwarded": false, "X-Real-Ip": false, "X_Auth": false,
	} {
		if got := credentials.Passes(name); got != want {
			t.Errorf("%s: %t, want %t", name, got, want)
		}
	}
	for _, name := range passage.Names {
		if !passage.IsIdentity(name) || !passage.IsSet(name) || passage.IsSet(strings.ToLower(name)) {
			t.Errorf("%s is no name of identity in canonical form", name)
		}
	}
}

// TestRule16HostsNameAnEnvironment: without case, with or without a port, IPv6 in brackets; nothing is a name of its own part.
func TestRule16HostsNameAnEnvironment(t *testing.T) {
	hosts := passage.HostsOf([]string{"API.example.com", "2001:db8::1"})
	for host, want := range map[string]bool{
		"api.example.com": true, "API.EXAMPLE.COM:8443": true, "[2001:db8::1]": true, "[2001:db8::1]:443": true,
		"example.com": false, "api.example.com.": false, "x.api.example.com": false, "": false, "api.example.com:1:2": false,
	} {
		if got := hosts.Serve(host); got != want {
			t.Errorf("%q: %t, want %t", host, got, want)
		}
	}
	if any := passage.HostsOf(nil); !any.Serve("whatever") || passage.HostsOf([]string{}).Serve("whatever") {
		t.Error("no list is any host; an empty list is none")
	}
	for host, want := range map[string]bool{"a": true, "a-b_c.d:1": true, "[::1]": true, "": false, "a b": false, "a/b": false, "a@b": false, "ä": false, strings.Repeat("a", 264): true, strings.Repeat("a", 265): false} {
		if got := passage.IsHost(host); got != want {
			t.Errorf("%.20q: %t, want %t", host, got, want)
		}
	}
}
