package scheme_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"countersign.dev/scheme"
)

// unproven is a definition that Compile refuses: its parts run together and most of the request is not signed.
func unproven() scheme.Definition {
	name := func(n string) scheme.Expr { return scheme.Expr{Kind: scheme.Name, Text: n} }
	call := func(fn string, arg scheme.Expr) scheme.Expr {
		return scheme.Expr{Kind: scheme.Call, Text: fn, Args: []scheme.Expr{arg}}
	}
	return scheme.Definition{Name: "unproven", Algorithm: "hmac-sha256",
		Message: scheme.Expr{Kind: scheme.Concat, Args: []scheme.Expr{call("lower", name("target")), {Kind: scheme.Literal, Text: "."}, call("hex", call("sha256", name("body")))}},
		Wire:    []scheme.WireHeader{{Name: "X-Sig", Template: "{sig}"}}}
}

func guessed(t *testing.T, input string) (*scheme.Guess, *scheme.Key, *scheme.Request, *scheme.Presented, []byte) {
	t.Helper()
	g, err := scheme.Suppose(unproven())
	if err != nil {
		t.Fatal(err)
	}
	k, err := g.NewKey([]byte("secret"), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, []byte("secret"))
	h.Write([]byte(input))
	sum := h.Sum(nil)
	r := &scheme.Request{Method: "GET", Target: "/A b", Body: []byte("x"), Header: map[string][]string{"X-Sig": {hex.EncodeToString(sum)}}}
	p := new(scheme.Presented)
	if f := g.Parse(r, p); f != nil {
		t.Fatal(f)
	}
	return g, &k, r, p, sum
}

func TestGuessReproducesWhatWasSigned(t *testing.T) {
	digest := sha256.Sum256([]byte("x"))
	input := "/a b." + hex.EncodeToString(digest[:])
	g, k, r, p, sum := guessed(t, input)
	if _, err := scheme.Compile(unproven()); err == nil {
		t.Fatal("the definition is proven after all")
	}
	got, ok := g.Input(r, p)
	if !ok || string(got) != input {
		t.Errorf("input %q, want %q", got, input)
	}
	other := *r
	other.Body = []byte("y")
	zero := new(scheme.Presented)
	for what, got := range map[string]bool{
		"the request": g.Reproduces(k, r, p), "not another one": !g.Reproduces(k, &other, p), "not what another guess parsed": !g.Reproduces(k, r, zero),
		"the bytes": g.Matches(k, []byte(input), r, p), "not other bytes": !g.Matches(k, []byte(input+"\n"), r, p), "not without a key": !g.Matches(new(scheme.Key), []byte(input), r, p),
		"the MAC": p.Proves(sum), "no other MAC": !p.Proves(append(bytes.Clone(sum[:31]), sum[31]^1)), "no part of it": !p.Proves(sum[:16]), "nothing": !p.Proves(nil), "nothing of nothing": !zero.Proves(nil),
	} {
		if !got {
			t.Error(what)
		}
	}
}

func TestPartsCoverTheInput(t *testing.T) {
	g, _, r, p, _ := guessed(t, "")
	input, _ := g.Input(r, p)
	parts, ok := g.Parts(r, p)
	want := []string{"lower(target)", "", "hex(sha256(body))"}
	end := 0
	for i, part := range parts {
		if part.Start != end || i >= len(want) || part.Name != want[i] {
			t.Errorf("part %d: %+v", i, part)
		}
		end = part.End
	}
	if !ok || end != len(input) || len(parts) != len(want) {
		t.Errorf("%d parts up to byte %d of %d", len(parts), end, len(input))
	}
}

// TestRule4InputHidesTheSecret: the secret of a keyed plain hash stands in the message, and not in what is shown.
func TestRule4InputHidesTheSecret(t *testing.T) {
	d := unproven()
	d.Language, d.Algorithm = 2, "sha256"
	d.Message = scheme.Expr{Kind: scheme.Concat, Args: []scheme.Expr{{Kind: scheme.Name, Text: "secret"}, {Kind: scheme.Name, Text: "body"}}}
	g, err := scheme.Suppose(d)
	if err != nil {
		t.Fatal(err)
	}
	k, err := g.NewKey([]byte("s3cret"), nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("s3cretx"))
	r := &scheme.Request{Method: "GET", Target: "/", Body: []byte("x"), Header: map[string][]string{"X-Sig": {hex.EncodeToString(sum[:])}}}
	var p scheme.Presented
	if f := g.Parse(r, &p); f != nil {
		t.Fatal(f)
	}
	if input, ok := g.Input(r, &p); !ok || string(input) != "[secret]x" {
		t.Errorf("%q", input)
	}
	if !g.Reproduces(&k, r, &p) || !g.Matches(&k, []byte("s3cretx"), r, &p) {
		t.Error("the hash is not reproduced")
	}
}

func TestKeyBytesAreWhatTheExpressionMakes(t *testing.T) {
	d := unproven()
	d.Key = scheme.Expr{Kind: scheme.Call, Text: "unhex", Args: []scheme.Expr{{Kind: scheme.Name, Text: "secret"}}}
	g, err := scheme.Suppose(d)
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := g.KeyBytes([]byte("6162")); !ok || string(key) != "ab" {
		t.Errorf("%q %v", key, ok)
	}
	if _, ok := g.KeyBytes([]byte("no hex")); ok {
		t.Error("a secret that does not fit has bytes")
	}
}
