package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/desired"
	"countersign.dev/internal/registry"
)

// FuzzApplyFile: whatever the file holds, it is whole or refused with places, and it never panics.
func FuzzApplyFile(f *testing.F) {
	for _, seed := range []string{
		"partners:\n  - name: Example Bank\n    environments:\n      production:\n        review: requested\n        networks:\n          - 203.0.113.0/24\n          - {prefix: 198.51.100.7, api: card, note: x}\n          - {country: DE}\n        limits:\n          - {rate: 50/s, burst: 100, daily: 1000000}\n",
		"partners: [{name: A, closed: true}, {name: A}]", "partners:\n- name: 7\n  environments: {x: {networks: [], limits: []}}",
		"partners: {}", "partner: []", "- partners", "partners: [{}]", "partners:\n  - &a {name: x}\n  - *a", "partners: [{name: x, environments: {e: }}]",
		"partners: [{name: x, environments: {e: {limits: [{rate: 1/s, burst: 0}, {}, 7, {daily: -1}]}}}]", "\x00", "partners: [[[[[[[[[[[[[[",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want, file, err := parseDesired("file", text)
		if err != nil {
			problems, ok := err.(desired.Problems)
			if !ok || len(problems) == 0 || len(want.Partners) != 0 {
				t.Fatalf("%T with %d partners: %v", err, len(want.Partners), err)
			}
			return
		}
		for i, p := range want.Partners {
			if p.Name == "" || file.Locate(fmt.Sprintf("/desired/partners[%d]", i), "m").Line == 0 {
				t.Fatalf("partner %d: %+v has no name or no place", i, p)
			}
			for _, e := range p.Environments {
				for _, n := range e.Networks {
					if n.Prefix.IsValid() == (n.Country != "") {
						t.Fatalf("a rule that is none or two: %+v", n)
					}
				}
				for _, l := range e.Limits {
					if l.Rate == 0 && l.Daily == 0 || (l.Rate > 0) != (l.Burst > 0) {
						t.Fatalf("a limit that limits nothing: %+v", l)
					}
				}
			}
		}
	})
}

// manyPartners is a file of n partners with three rules each; the line of one of them is wrong when bad is not negative.
func manyPartners(n, bad int) string {
	var b strings.Builder
	b.WriteString("partners:\n")
	for i := range n {
		prefix := fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)
		if i == bad {
			prefix = "10.0.0.0/33"
		}
		fmt.Fprintf(&b, "  - name: Partner %d\n    environments:\n      production:\n        networks:\n          - %s\n          - {prefix: 192.0.2.%d, api: card}\n          - {country: DE}\n", i, prefix, i%256)
	}
	return b.String()
}

// TestTenThousandPartnersWithOneErrorChangeNothing, wherever the error is noticed: by the file's reader or by the registry.
func TestTenThousandPartnersWithOneErrorChangeNothing(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if err := collaborate(t.Context(), []string{data, "register"}); err != nil {
		t.Fatal(err)
	}
	const n = 10_000
	apply := func(text string, more ...string) (int, string, time.Duration) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "partners.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var errOut lockedText
		begun := time.Now()
		code := run(t.Context(), append([]string{"apply", "--data", data, "-f", file}, more...), strings.NewReader(""), io.Discard, &errOut)
		return code, errOut.String(), time.Since(begun)
	}
	for what, c := range map[string]struct{ text, want string }{
		"a prefix that is none":       {manyPartners(n, 6000), fmt.Sprintf("partners.yaml:%d:13: \"10.0.0.0/33\" is not a network", 1+7*6000+5)},
		"an environment that is none": {strings.Replace(manyPartners(n, -1), "Partner 7000\n    environments:\n      production:", "Partner 7000\n    environments:\n      Production:", 1), fmt.Sprintf("partners.yaml:%d:7: ", 1+7*7000+3)},
	} {
		code, said, took := apply(c.text)
		if code != exitFailed || !strings.Contains(said, c.want) || !strings.Contains(said, "nothing was changed") {
			t.Errorf("%s: exit code %d, said %.500q, want %q in it", what, code, said, c.want)
		}
		t.Logf("%s: refused after %s", what, took)
	}
	err := withRegister(t.Context(), data, func(r *registry.Registry) error {
		partners, err := r.Partners(t.Context())
		revision, err2 := r.Revision(t.Context())
		if len(partners) != 0 || revision != 0 || err2 != nil {
			t.Errorf("%d partners at revision %d, %v", len(partners), revision, err2)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if code, said, _ := apply(manyPartners(200, -1)); code != exitOK { // that all of them can be had is for the registry's own tests
		t.Fatalf("%d: %s", code, said)
	}
}

// TestRule35AMisspeltKeyChangesNothing, wherever in the file it is.
func TestRule35AMisspeltKeyChangesNothing(t *testing.T) {
	for text, want := range map[string]string{
		"partner: []":                        `f:1:1: unknown key "partner" (did you mean "partners"?)`,
		"partners: [{name: A, close: true}]": `f:1:22: unknown key "close" (did you mean "closed"?)`,
		"partners: [{name: A, environments: {e: {network: []}}}]":                             `unknown key "network" (did you mean "networks"?)`,
		"partners: [{name: A, environments: {e: {networks: [{prefx: 10.0.0.0/8}]}}}]":         `unknown key "prefx" (did you mean "prefix"?)`,
		"partners: [{name: A, environments: {e: {limits: [{rate: 1/s, brust: 2}]}}}]":         `unknown key "brust" (did you mean "burst"?)`,
		"partners: [{name: A, name: B}]":                                                      `"name"`,
		"partners: [{name: A, environments: {e: {networks: null}}}]":                          "networks is a list",
		"partners: [{name: A, closed: yes}]":                                                  "true or false is expected",
		"partners: [{name: A, environments: {e: {limits: [{rate: 1/s, burst: 0}]}}}]":         "a whole number from 1 to 1000000 is expected",
		"partners: [{name: A, environments: {e: {limits: [{daily: 99999999999999999999}]}}}]": "a whole number from 1 to 1000000000000 is expected",
		"{}": "the file needs partners",
	} {
		got, _, err := parseDesired("f", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || len(got.Partners) > 0 {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestTheCommandTakesALongerFileThanAPage: one reader, and bounds of their own.
func TestTheCommandTakesALongerFileThanAPage(t *testing.T) {
	text := []byte(manyPartners(10_000, -1))
	if _, err := desired.Parse("f", text, desired.OfPage()); err == nil {
		t.Errorf("a page takes %d bytes", len(text))
	}
	want, file, err := parseDesired("f", text)
	if err != nil || len(want.Partners) != 10_000 {
		t.Fatalf("%d partners, %v", len(want.Partners), err)
	}
	last := want.Partners[9_999].Environments[0]
	if last.Networks[0].Prefix.String() != "10.39.15.0/24" || last.Networks[1].API != "card" || last.Networks[2].Country != "DE" || last.Limits != nil {
		t.Errorf("%+v", last)
	}
	if at := file.Locate("/desired/partners[9999].environments[0].networks[2]", "m").String(); at != fmt.Sprintf("f:%d:13: m", 1+7*10_000) {
		t.Error(at)
	}
	if _, _, err := parseDesired("f", make([]byte, desired.OfCommand().Bytes+1)); err == nil {
		t.Error("the command takes a file beyond its bound")
	}
}
