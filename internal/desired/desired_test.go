package desired_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/api"
	"countersign.dev/internal/config/document"
	"countersign.dev/internal/desired"
)

const whole = `partners:
  - name: Example Bank
    environments:
      production:
        review: requested
        networks:
          - 203.0.113.0/24
          - {prefix: 198.51.100.7, api: card, note: fallback}
          - {country: de}
        limits:
          - {api: card, rate: 50/s, burst: 100, daily: 1000000}
          - {rate: 20/10s}
      sandbox: {networks: []}
  - {name: Former Partner, closed: true}
`

func TestAFileIsReadWhole(t *testing.T) {
	f, err := desired.Parse("partners.yaml", []byte(whole), desired.OfPage())
	if err != nil {
		t.Fatal(err)
	}
	want := api.Desired{Partners: []api.DesiredPartner{
		{Name: "Example Bank", Environments: []api.DesiredEnvironment{
			{Name: "production", Requested: true,
				Networks: &[]api.DesiredNetwork{{Prefix: "203.0.113.0/24"}, {Prefix: "198.51.100.7", API: "card", Note: "fallback"}, {Country: "DE"}},
				Limits:   &[]api.DesiredLimit{{API: "card", Rate: 50, PerSeconds: 1, Burst: 100, Daily: 1000000}, {Rate: 20, PerSeconds: 10, Burst: 20}}},
			{Name: "sandbox", Networks: &[]api.DesiredNetwork{}},
		}},
		{Name: "Former Partner", Closed: true},
	}}
	if diff := cmp.Diff(want, f.Desired); diff != "" {
		t.Error(diff)
	}
}

// Every problem stands with its line and column, all of them at once (security rule 35).
func TestRule35AFileIsReadStrictly(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"partner: []", `1:1: unknown key "partner" (did you mean "partners"?)`},
		{"partners: {}", "1:11: partners is a list"},
		{"partners: [{closed: true}]", "1:12: a partner needs name"},
		{"partners:\n  - {name: A}\n  - {name: A}", `3:12: partner "A" stands in line 2 already`},
		{"partners: [{name: ' A'}]", "a name has no blanks around it"},
		{"partners: [{name: A, closed: yes}]", "true or false is expected"},
		{"partners: [{name: A, closed: true, environments: {}}]", ""},
		{"partners: [{name: A, closed: true, environments: {x: {}}}]", "a partner that is closed has no environments"},
		{"partners: [{name: A, environments: [x]}]", "environments is a mapping"},
		{"partners: [{name: A, environments: {x: {review: approved}}}]", "review can only be requested"},
		{"partners: [{name: A, environments: {x: {networks: [192.0.2.1/24]}}}]", "did you mean 192.0.2.0/24 or 192.0.2.1?"},
		{"partners: [{name: A, environments: {x: {networks: [0.0.0.0/0]}}}]", "is every address"},
		{"partners: [{name: A, environments: {x: {networks: ['fe80::1%eth0']}}}]", "is not a network"},
		{"partners: [{name: A, environments: {x: {networks: [{country: ZZ}]}}}]", "is not a country"},
		{"partners: [{name: A, environments: {x: {networks: [{prefix: 192.0.2.1, country: DE}]}}}]", "a prefix or a country"},
		{"partners: [{name: A, environments: {x: {networks: [{}]}}}]", "a prefix or a country"},
		{"partners: [{name: A, environments: {x: {limits: [{}]}}}]", "a limit has a rate, a daily quota or both"},
		{"partners: [{name: A, environments: {x: {limits: [{burst: 3, daily: 5}]}}}]", "a burst needs a rate"},
		{"partners: [{name: A, environments: {x: {limits: [{rate: 05/s}]}}}]", `1:57: not a rate: "05/s"`},
		{"partners: [{name: A, environments: {x: {limits: [{rate: 5/25h}]}}}]", "not a rate"},
		{"partners: [{name: A, environments: {x: {limits: [{daily: 0}]}}}]", "a whole number from 1"},
	} {
		_, err := desired.Parse("f.yaml", []byte(c.text), desired.OfPage())
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q: %v", c.text, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
	_, err := desired.Parse("f.yaml", []byte("partners:\n  - {nam: A}\n  - {name: B, closed: 7}\n"), desired.OfPage())
	var all document.Problems
	if !errors.As(err, &all) || len(all) < 3 {
		t.Errorf("not every problem is told: %v", err)
	}
}

// What the plane says of an item, in either of its forms, leads to the line where it stands, or to the nearest item around it.
func TestAProblemOfAnItemHasItsLine(t *testing.T) {
	f, err := desired.Parse("partners.yaml", []byte(whole), desired.OfPage())
	if err != nil {
		t.Fatal(err)
	}
	for pointer, want := range map[string]string{
		"/desired/partners[0]":                             "partners.yaml:2:5: m",
		"/desired/partners[0].environments[0]":             "partners.yaml:4:7: m",
		"/desired/partners[0].environments[0].networks[2]": "partners.yaml:9:13: m",
		"/desired/partners/0/environments/0/limits/1/rate": "partners.yaml:12:13: m",
		"/desired/partners/0/environments/1/networks":      "partners.yaml:13:7: m",
		"/desired/partners[1].name":                        "partners.yaml:14:5: m",
		"/desired":                                         "partners.yaml: m",
		"":                                                 "partners.yaml: m",
		"/desired/partners[99999999999999999999].environments[0].nix": "partners.yaml: m",
	} {
		if got := f.Locate(pointer, "m").String(); got != want {
			t.Errorf("%s: %s, want %s", pointer, got, want)
		}
	}
}

func TestARateIsReadAsPeopleWriteIt(t *testing.T) {
	for text, want := range map[string]string{"50/s": "50 1s", "100/m": "100 1m0s", "7/h": "7 1h0m0s", "1/d": "1 24h0m0s", "20/10s": "20 10s",
		"": "", "50": "", "0/s": "", "-1/s": "", "05/s": "", "1000001/s": "", "1/500ms": "", "1/1500ms": "", "1/25h": "", "1/": "", "1/x": "", "1 /s": ""} {
		rate, span, ok := desired.ParseRate(text)
		if got := fmt.Sprint(rate, " ", span); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %s %v, want %q", text, got, ok, want)
		}
		if !ok && (rate != 0 || span != time.Duration(0)) {
			t.Errorf("%q: refused and yet a value", text)
		}
	}
}

// FuzzParse: whatever the file holds, it is whole or refused with problems, and nothing panics.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole), "/desired/partners[0].environments[0].networks[1]")
	for _, seed := range []string{"partners: [{name: x, environments: {e: }}]", "- partners", "\x00", "partners: [[[[[", "partners:\n  - &a {name: x}\n  - *a",
		"partners: [{name: x, environments: {e: {limits: [{rate: 1/s, burst: 0}, {}, 7, {daily: -1}]}}}]"} {
		f.Add([]byte(seed), "/desired/partners/0/name")
	}
	f.Fuzz(func(t *testing.T, text []byte, pointer string) {
		file, err := desired.Parse("f", text, desired.OfPage())
		var problems document.Problems
		if err != nil && (!errors.As(err, &problems) || len(problems) == 0 || len(file.Desired.Partners) > 0) {
			t.Fatalf("neither whole nor refused: %v", err)
		}
		if at := file.Locate(pointer, "m"); at.Message != "m" || at.Line < 0 {
			t.Fatalf("%+v", at)
		}
	})
}
