package partner_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/partner"
)

func TestLimits(t *testing.T) {
	good := partner.Limit{ID: "lim_a", PartnerID: "ptn_a", Environment: "sandbox", Rate: 50, Per: time.Second, Burst: 100, Daily: 1000}
	for name, test := range map[string]struct {
		change func(*partner.Limit)
		valid  bool
	}{
		"rate and quota": {func(*partner.Limit) {}, true},
		"a rate alone":   {func(l *partner.Limit) { l.Daily = 0 }, true},
		"a quota alone":  {func(l *partner.Limit) { l.Rate, l.Per, l.Burst = 0, 0, 0 }, true},
		"the most": {func(l *partner.Limit) {
			l.Rate, l.Per, l.Burst, l.Daily = 1_000_000, 24*time.Hour, 1_000_000, 1_000_000_000_000
		}, true},
		"of one API":              {func(l *partner.Limit) { l.API, l.CredentialID = "card", "crd_a" }, true},
		"nothing":                 {func(l *partner.Limit) { l.Rate, l.Per, l.Burst, l.Daily = 0, 0, 0, 0 }, false},
		"without an id":           {func(l *partner.Limit) { l.ID = "" }, false},
		"without a partner":       {func(l *partner.Limit) { l.PartnerID = "" }, false},
		"without an environment":  {func(l *partner.Limit) { l.Environment = "" }, false},
		"a negative rate":         {func(l *partner.Limit) { l.Rate = -1 }, false},
		"too high a rate":         {func(l *partner.Limit) { l.Rate = 1_000_001 }, false},
		"no span":                 {func(l *partner.Limit) { l.Per = 0 }, false},
		"a short span":            {func(l *partner.Limit) { l.Per = time.Second / 2 }, false},
		"a broken span":           {func(l *partner.Limit) { l.Per = 1500 * time.Millisecond }, false},
		"a long span":             {func(l *partner.Limit) { l.Per = 24*time.Hour + time.Second }, false},
		"no burst":                {func(l *partner.Limit) { l.Burst = 0 }, false},
		"too large a burst":       {func(l *partner.Limit) { l.Burst = 1_000_001 }, false},
		"a span without a rate":   {func(l *partner.Limit) { l.Rate, l.Burst = 0, 0 }, false},
		"a burst without a rate":  {func(l *partner.Limit) { l.Rate, l.Per = 0, 0 }, false},
		"a negative quota":        {func(l *partner.Limit) { l.Daily = -1 }, false},
		"a quota that is too big": {func(l *partner.Limit) { l.Daily = 1_000_000_000_001 }, false},
	} {
		l := good
		test.change(&l)
		if err := l.Validate(); (err == nil) != test.valid || err != nil && !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimitsOfOneScope(t *testing.T) {
	l := partner.Limit{ID: "lim_a", PartnerID: "ptn_a", Environment: "sandbox", CredentialID: "crd_a", API: "card", Daily: 1}
	same := l
	same.ID, same.Daily, same.Rate = "lim_b", 2, 3
	if same.Scope() != l.Scope() {
		t.Error("what a limit allows is no part of its scope")
	}
	for _, change := range []func(*partner.Limit){
		func(l *partner.Limit) { l.PartnerID = "ptn_b" }, func(l *partner.Limit) { l.Environment = "production" },
		func(l *partner.Limit) { l.CredentialID = "" }, func(l *partner.Limit) { l.API = "" },
		func(l *partner.Limit) { l.CredentialID, l.API = l.API, l.CredentialID },
	} {
		other := l
		change(&other)
		if other.Scope() == l.Scope() {
			t.Errorf("%+v has the scope of %+v", other, l)
		}
	}
}

func TestClientKeysOfACredential(t *testing.T) {
	a, b := strings.Repeat("0a", 32), strings.Repeat("f9", 32)
	c := partner.Credential{ID: "crd_a", PartnerID: "ptn_a", Environment: "sandbox", Kind: partner.SigningKey, KeyID: strings.Repeat("a", 32)}
	for _, test := range []struct {
		keys  []string
		valid bool
	}{
		{nil, true}, {[]string{a}, true}, {[]string{a, b}, true}, {[]string{a, a}, false}, {[]string{""}, false}, {[]string{a[:63]}, false},
		{[]string{strings.ToUpper(a)}, false}, {[]string{a + "0"}, false}, {[]string{"g" + a[1:]}, false},
		{[]string{a, b, a[2:] + "00", a[2:] + "01"}, true}, {[]string{a, b, a[2:] + "00", a[2:] + "01", a[2:] + "02"}, false},
	} {
		c.ClientKeys = test.keys
		if err := c.Validate(); (err == nil) != test.valid {
			t.Errorf("%q: %v", test.keys, err)
		}
	}
}
