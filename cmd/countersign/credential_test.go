package main

import (
	"net/netip"
	"testing"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
)

// TestRule36AnOverlapIsOneAbsoluteEnd: whatever is written, what is stored is a moment to come, in UTC and whole seconds.
func TestRule36AnOverlapIsOneAbsoluteEnd(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 500, time.UTC)
	for text, want := range map[string]string{
		"24h": "2026-11-21T10:00:00Z", "7d": "2026-11-27T10:00:00Z", "2w": "2026-12-04T10:00:00Z", "90m": "2026-11-20T11:30:00Z",
		"2026-12-01T00:00:00Z": "2026-12-01T00:00:00Z", "2026-12-01T00:00:00+02:00": "2026-11-30T22:00:00Z",
		"now": "", "0s": "refused", "-1h": "refused", "1": "refused", "d": "refused", "-1d": "refused", "1.5d": "refused", "99999d": "refused", "": "refused",
		"2026-11-20T10:00:00Z": "refused", "2020-01-01T00:00:00Z": "refused", "2026-12-01": "refused", "tomorrow": "refused", "1ms": "refused",
	} {
		got, err := parseMoment(text, now)
		said := when(got)
		if err != nil {
			said = "refused"
		}
		if said != want || err == nil && !got.IsZero() && (got.Location() != time.UTC || got.Nanosecond() != 0) {
			t.Errorf("%q: %s, want %s", text, said, want)
		}
	}
}

func TestRatesAreReadAndWrittenAlike(t *testing.T) {
	for text, want := range map[string]struct {
		rate int
		per  time.Duration
	}{
		"50/s": {50, time.Second}, "600/m": {600, time.Minute}, "5000/h": {5000, time.Hour}, "1/d": {1, 24 * time.Hour}, "10/30s": {10, 30 * time.Second},
		"": {}, "50": {}, "/s": {}, "0/s": {}, "-1/s": {}, "+5/s": {}, "05/s": {}, "5/ms": {}, "5/25h": {}, "5/1500ms": {}, "1000001/s": {}, "5/s/s": {}, "5/w": {},
	} {
		rate, per, err := parseRate(text)
		if rate != want.rate || per != want.per || (err != nil) != (want.rate == 0) {
			t.Errorf("%q: %d in %s, %v", text, rate, per, err)
		}
		if err == nil && formatRate(rate, per) != text {
			t.Errorf("%q is written as %q", text, formatRate(rate, per))
		}
	}
	if formatRate(0, 0) != "" {
		t.Error("no rate has a text")
	}
}

// TestNetworksAreReadOrRefused: what is admitted is a prefix without host bits, and never every address.
func TestNetworksAreReadOrRefused(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.0/24": "203.0.113.0/24", "203.0.113.7": "203.0.113.7/32", "2001:db8::/32": "2001:db8::/32", "2001:db8::7": "2001:db8::7/128",
		"::ffff:203.0.113.7": "203.0.113.7/32",
		"203.0.113.7/24":     "", "0.0.0.0/0": "", "::/0": "", "fe80::1%eth0": "", "203.0.113.0/33": "", "203.0.113": "", "": "", "example.com": "", "10.0.0.0/8/8": "",
	} {
		got, err := parseNetwork(text)
		if (err != nil) != (want == "") || err == nil && got != netip.MustParsePrefix(want) {
			t.Errorf("%q: %s, %v, want %q", text, got, err, want)
		}
	}
}

func TestAStateSaysWhetherACredentialCounts(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	live := []partner.Version{{Number: 1}}
	for want, c := range map[string]partner.Credential{
		"live":    {Kind: partner.App, Versions: live},
		"revoked": {Kind: partner.App, Versions: live, RevokedAt: now},
		"locked":  {Kind: partner.App, Versions: live, LockedAt: now},
		"ended":   {Kind: partner.SigningKey, Versions: []partner.Version{{Number: 1, NotAfter: now.Add(-time.Second)}}},
	} {
		if got := viewCredential(c, now).State; got != want {
			t.Errorf("%+v is %s, want %s", c, got, want)
		}
	}
}

// TestASecretThatWaitsIsShown: who looks at a credential learns that a schedule has made a version, and how to take its secret.
func TestASecretThatWaitsIsShown(t *testing.T) {
	at := time.Date(2026, 12, 4, 17, 0, 0, 0, time.UTC)
	s := api.Schedule{EverySeconds: 90 * 86400, OverlapSeconds: 14 * 86400, Next: at.AddDate(0, 2, 0), Pending: api.PendingSecret{Version: 2, Until: at}}
	const want = "\n    rotated by itself every 90 days, next at 2027-02-04T17:00:00Z; older secrets count on for 14 days" +
		"\n    the secret of version 2 waits until 2026-12-04T17:00:00Z: countersign credential reveal crd_a --version 2"
	if got := scheduled("crd_a", s); got != want {
		t.Errorf("%q", got)
	}
	if got := scheduled("crd_a", api.Schedule{}); got != "" {
		t.Errorf("without a schedule: %q", got)
	}
}
