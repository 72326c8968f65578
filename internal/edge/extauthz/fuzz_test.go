package extauthz_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"countersign.dev/internal/edge/extauthz"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// FuzzCheckRequest: whatever bytes come as a check request, there is one answer of the protocol and one decision line, and what
// is let in carries a signature by a key of the register over exactly its method, its target and its whole body, as the
// generated messages read the same bytes.
func FuzzCheckRequest(f *testing.F) {
	seeds := newWorld(f, settings{})
	for _, c := range []call{seeds.get("/api/v1/cards/1?a=b"), seeds.post("/api/v1/cards/1", `{"a":"b"}`), seeds.post("/api/v1/cards/1", "\xff"),
		seeds.withToken("/aggregation/v1/customers"), seeds.get("/api/v1/cards/1").with("X-Auth-Token", "1")} {
		for _, filter := range []syntheticFilter{{}, {mended: true}, {text: true}, {noBody: true}, {maxBody: 4}, {peer: "::1"}} {
			f.Add(wire(f, syntheticCheck(c, filter)))
		}
	}
	f.Add([]byte(nil))
	f.Add(protowire.AppendTag(nil, 1, protowire.StartGroupType))
	f.Fuzz(func(t *testing.T, message []byte) {
		seeds.TB = t // one at a time in a process
		o := applied(t, call{}, seeds.checker.Check(context.Background(), message, envoy))
		line := seeds.line()
		if o.allowed != (line["reason"] == "allowed") {
			t.Fatalf("allowed=%v, and the record says %v", o.allowed, line["reason"])
		}
		check, generated := readTwice(t, message)
		if !o.allowed {
			return
		}
		if check.Mended && !generated || check.Fields["finicity-app-token"] != "" {
			return // a token is sealed, and covers no request
		}
		if check.Method != check.Fields[":method"] || check.Path != check.Fields[":path"] || check.Fields["x-envoy-auth-partial-body"] == "true" {
			t.Fatalf("let in: %v", check)
		}
		mac := hmac.New(sha256.New, []byte(secretText))
		mac.Write([]byte(check.Fields["x-auth-timestamp"] + check.Method + check.Path + check.Body))
		if hex.EncodeToString(mac.Sum(nil)) != check.Fields["x-auth-signature"] {
			t.Fatalf("let in without a right signature: %v", check)
		}
	})
}

// readTwice reads a check request as this package does and, where the generated messages can read it, as they do; both must
// have read the same. They refuse more: what this package passes over they read, too.
func readTwice(t *testing.T, message []byte) (own extauthz.Parsed, generated bool) {
	t.Helper()
	own, fault := extauthz.Parse(message)
	check := new(authv3.CheckRequest)
	if fault != "" || proto.Unmarshal(message, check) != nil {
		return own, false
	}
	h := check.GetAttributes().GetRequest().GetHttp()
	theirs := extauthz.Parsed{Method: h.GetMethod(), Path: h.GetPath(), Host: h.GetHost(), Body: string(h.GetRawBody()) + h.GetBody(), Size: h.GetSize(),
		Address: check.GetAttributes().GetSource().GetAddress().GetSocketAddress().GetAddress(), Fields: map[string]string{}, Mended: len(h.GetHeaders()) > 0}
	for _, one := range h.GetHeaderMap().GetHeaders() {
		theirs.Fields[one.GetKey()] = string(one.GetRawValue()) + one.GetValue()
	}
	for name, value := range h.GetHeaders() {
		theirs.Fields[name] = value
	}
	if diff := cmp.Diff(theirs, own); diff != "" {
		t.Fatalf("read otherwise than by the generated messages (-generated +own):\n%s", diff)
	}
	return own, true
}

// TestEveryByteOfACheckRequestCounts: of an honest check request, none of the prefixes and none of the bytes changed lets in
// anything else than what was signed.
func TestEveryByteOfACheckRequestCounts(t *testing.T) {
	w := newWorld(t, settings{})
	honest := wire(t, syntheticCheck(w.post("/api/v1/cards/1", "{}"), syntheticFilter{}))
	signed := map[string]bool{"POST": true, "/api/v1/cards/1": true, "{}": true}
	for i := range honest {
		for _, message := range [][]byte{honest[:i], flipped(honest, i)} {
			w := newWorld(t, settings{})
			o := applied(t, call{}, w.checker.Check(context.Background(), message, envoy))
			if w.line(); !o.allowed {
				continue
			}
			check, _ := readTwice(t, message)
			if !signed[check.Method] || !signed[check.Path] || !signed[check.Body] {
				t.Errorf("byte %d: let in %v", i, check)
			}
		}
	}
}

func flipped(b []byte, i int) []byte {
	c := append([]byte(nil), b...)
	c[i] ^= 1
	return c
}
