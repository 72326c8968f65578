package access_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/rate"
	"github.com/google/go-cmp/cmp"
)

// limits gives the signed API limits of its own.
func limits(l access.APILimits) func(*access.API) {
	return func(a *access.API) {
		if a.Protocol == access.Signed {
			a.Limits = l
		}
	}
}

// registered loads the register of the tests with limits.
func (d *door) registered(list ...partner.Limit) {
	d.t.Helper()
	r := testRoster()
	for _, l := range list {
		if l.ID, l.Environment = "lim_x", "sandbox"; l.PartnerID == "" {
			l.PartnerID = "ptn_good"
		}
		r.Limits = append(r.Limits, l)
	}
	d.load(r)
}

func perSecond(count, burst int) *access.Rate {
	return &access.Rate{Rate: count, Per: time.Second, Burst: burst}
}

// get is a signed read by a key; signed reads are not guarded against replay, so that equal ones may follow each other.
func (d *door) get(keyID string) *access.Request { return sign(request(), keyID, d.now) }

// times wants so many reads to be let in and the next one refused.
func (d *door) times(n int, reason access.Reason, where string, make func() *access.Request) *access.Decision {
	d.t.Helper()
	for range n {
		d.allow("within the limit", make())
	}
	out := d.refuse(reason, "beyond it", make())
	if out.Where != where {
		d.t.Errorf("where %q, want %q", out.Where, where)
	}
	return out
}

func TestLimitsOfTheAPI(t *testing.T) {
	good := func(d *door) func() *access.Request { return func() *access.Request { return d.get(goodToken) } }
	t.Run("per partner", func(t *testing.T) {
		d := newDoor(t, limits(access.APILimits{PerPartner: perSecond(2, 3)}))
		out := d.times(3, access.RateLimited, "partner_api", good(d))
		if want := (access.LimitStatus{Name: "partner_api", Reset: 1, Retry: 1}); out.Limit != want || !out.Proved {
			t.Errorf("%+v", out.Limit)
		}
		d.now = d.now.Add(time.Second)
		d.times(2, access.RateLimited, "partner_api", good(d))
		d.allow("another partner", with(d.get(canadaToken), func(r *access.Request) { r.Address = addr("198.51.100.1") }))
		prod := d.get(prodToken)
		prod.Environment = "production"
		d.allow("the same partner in another environment", prod)
	})
	t.Run("per credential", func(t *testing.T) {
		d := newDoor(t, limits(access.APILimits{PerCredential: &access.Rate{Daily: 2}}))
		out := d.times(2, access.QuotaExceeded, "credential_api", good(d))
		left := int64(86400 - start.Unix()%86400)
		if want := (access.LimitStatus{Name: "credential_api_day", Reset: left, Retry: left}); out.Limit != want {
			t.Errorf("%+v, want %+v", out.Limit, want)
		}
		if got := policies(out); !slices.Equal(got, []access.Policy{{Name: "credential_api_day", Quota: 2, Window: 86400}}) {
			t.Errorf("%v", got)
		}
	})
	t.Run("total", func(t *testing.T) {
		d := newDoor(t, limits(access.APILimits{Total: perSecond(2, 3)}))
		d.allow("another partner", with(d.get(canadaToken), func(r *access.Request) { r.Address = addr("198.51.100.1") }))
		out := d.times(2, access.RateLimited, "api", good(d))
		if want := (access.LimitStatus{Retry: 1}); out.Limit != want || policies(out) != nil {
			t.Errorf("what all do together was told: %+v %v", out.Limit, policies(out))
		}
	})
}

func policies(d *access.Decision) []access.Policy { return slices.Collect(d.Policies()) }

// TestLimitsOfTheRegister: one for an API takes the place of the API's own, rate and quota alike; one for all APIs comes on
// top; one for a credential does not touch another's.
func TestLimitsOfTheRegister(t *testing.T) {
	d := newDoor(t, limits(access.APILimits{PerPartner: &access.Rate{Rate: 1, Per: time.Second, Burst: 1, Daily: 2}, PerCredential: perSecond(10, 10)}))
	good := func() *access.Request { return d.get(goodToken) }
	d.registered(partner.Limit{API: "card", Rate: 5, Per: time.Second, Burst: 5})
	out := d.times(5, access.RateLimited, "partner_api", good)
	if diff := cmp.Diff([]access.Policy{{Name: "partner_api", Quota: 5, Window: 1}, {Name: "credential_api", Quota: 10, Window: 1}}, policies(out)); diff != "" {
		t.Error(diff)
	}
	d.now = d.now.Add(10 * time.Second)
	d.registered(partner.Limit{API: "card", Rate: 100, Per: time.Second, Burst: 100}, partner.Limit{Daily: 4})
	d.times(4, access.QuotaExceeded, "partner", good)
	d.now = d.now.Add(10 * time.Second)
	d.registered(partner.Limit{API: "aggregation", Rate: 1, Per: time.Second, Burst: 1})
	d.times(1, access.RateLimited, "partner_api", good) // one for another API leaves the API's own
	d.now = d.now.Add(10 * time.Second)
	d.registered(partner.Limit{CredentialID: "crd_" + goodToken, API: "card", Rate: 2, Per: time.Minute, Burst: 2}, partner.Limit{API: "card", Daily: 1000})
	out = d.times(2, access.RateLimited, "credential_api", good)
	if out.Limit.Retry != 30 {
		t.Errorf("retry after %d s, want 30", out.Limit.Retry)
	}
	d.now = d.now.Add(2 * time.Minute)
	d.registered(partner.Limit{CredentialID: "crd_" + prodToken, Daily: 1}, partner.Limit{PartnerID: "ptn_other", Daily: 1}, partner.Limit{API: "card", Daily: 1000})
	d.times(10, access.RateLimited, "credential_api", good)
}

// TestPoliciesAreTheRate: q in each w is the rate itself, and w at least what the burst takes, so that no more than q is left.
func TestPoliciesAreTheRate(t *testing.T) {
	for _, row := range []struct {
		rate          access.Rate
		quota, window int64
	}{
		{access.Rate{Rate: 50, Per: time.Second, Burst: 100}, 100, 2},
		{access.Rate{Rate: 50, Per: time.Second, Burst: 75}, 100, 2},
		{access.Rate{Rate: 50, Per: time.Second, Burst: 10}, 50, 1},
		{access.Rate{Rate: 50, Per: time.Second, Burst: 1}, 50, 1},
		{access.Rate{Rate: 1, Per: time.Minute, Burst: 2}, 2, 120},
		{access.Rate{Rate: 7, Per: 3 * time.Second, Burst: 1}, 2, 1},
		{access.Rate{Rate: 1_000_000, Per: time.Second, Burst: 1_000_000}, 1_000_000, 1},
		{access.Rate{Rate: 1, Per: 24 * time.Hour, Burst: 1_000_000}, 36_500, 36_500 * 86400},
	} {
		d := newDoor(t, limits(access.APILimits{PerPartner: &row.rate}))
		out := d.allow("one", d.get(goodToken))
		if got := policies(out); !slices.Equal(got, []access.Policy{{Name: "partner_api", Quota: row.quota, Window: row.window}}) || out.Limit.Remaining >= row.quota {
			t.Errorf("%+v: %+v, %d left", row.rate, got, out.Limit.Remaining)
		}
	}
}

// TestTheTightestIsTold: of several limits the one with the fewest left.
func TestTheTightestIsTold(t *testing.T) {
	d := newDoor(t, limits(access.APILimits{PerPartner: &access.Rate{Rate: 10, Per: time.Second, Burst: 20, Daily: 1000}, PerCredential: perSecond(1, 12), Total: perSecond(1, 11)}))
	out := d.allow("the first", d.get(goodToken))
	if want := (access.LimitStatus{Name: "credential_api", Remaining: 11, Reset: 1}); out.Limit != want {
		t.Errorf("%+v, want %+v", out.Limit, want)
	}
	d.registered(partner.Limit{Daily: 3})
	out = d.allow("the second", d.get(goodToken))
	if out.Limit.Name != "partner_day" || out.Limit.Remaining != 2 {
		t.Errorf("%+v", out.Limit)
	}
	want := []access.Policy{{Name: "partner_day", Quota: 3, Window: 86400}, {Name: "partner_api", Quota: 20, Window: 2}, {Name: "partner_api_day", Quota: 1000, Window: 86400}, {Name: "credential_api", Quota: 12, Window: 12}}
	if diff := cmp.Diff(want, policies(out)); diff != "" {
		t.Error(diff)
	}
}

// TestOnlyProvedRequestsCount: whoever cannot prove who he is takes nothing of a partner's room, nor does one whom the
// network rules refuse.
func TestOnlyProvedRequestsCount(t *testing.T) {
	d := newDoor(t, limits(access.APILimits{PerPartner: &access.Rate{Daily: 2}}))
	for range 10 {
		forged := d.get(goodToken)
		forged.Header["X-Auth-Signature"] = []string{"00" + forged.Header["X-Auth-Signature"][0][2:]}
		if out := d.refuse(access.BadSignature, "forged", forged); policies(out) != nil {
			t.Error("a stranger is told of limits")
		}
		d.refuse(access.AddressNotListed, "from elsewhere", with(d.get(goodToken), func(r *access.Request) { r.Address = addr("203.0.113.1") }))
	}
	d.times(2, access.QuotaExceeded, "partner_api", func() *access.Request { return d.get(goodToken) })
}

// TestRateBeforeReplay: a write that a limit refused was not remembered and may be sent again; one that is refused as a
// replay has been counted.
func TestRateBeforeReplay(t *testing.T) {
	d := newDoor(t, limits(access.APILimits{PerPartner: perSecond(1, 1)}))
	write := func(body string) *access.Request {
		return sign(with(request(), func(r *access.Request) { r.Method, r.Body = "POST", content(body) }), goodToken, start)
	}
	d.allow("the first", write(`{"n":1}`))
	d.refuse(access.RateLimited, "the second", write(`{"n":2}`))
	d.now = d.now.Add(time.Second)
	d.allow("the second again", write(`{"n":2}`))
	d.now = d.now.Add(time.Second)
	if out := d.refuse(access.Replayed, "the second once more", write(`{"n":2}`)); policies(out) == nil {
		t.Error("a request that was counted is not told so")
	}
	d.refuse(access.RateLimited, "a third", write(`{"n":3}`))
}

// TestLimitsOfTokenAPIs: a token proves the partner, and then its limits count; the call to the token endpoint is counted
// by the door, when the caller has proved itself.
func TestLimitsOfTokenAPIs(t *testing.T) {
	d := newDoor(t, func(a *access.API) {
		if a.Protocol == access.Token {
			a.Limits.PerPartner = &access.Rate{Daily: 3}
		}
	})
	token := d.token("sandbox", goodApp)
	d.allow("one", tokenCall("sandbox", goodApp, token))
	r := request()
	r.Method, r.Target = "POST", "/aggregation/v2/partners/authentication"
	r.Header[access.AppKeyHeader] = []string{goodApp}
	out := d.allow("an exchange", r)
	if policies(out) != nil {
		t.Error("a caller who has not proved itself is told of limits")
	}
	out.Proved = true
	if !d.a.Limit(r, out) || out.Limit.Remaining != 1 {
		t.Errorf("%s %+v", out.Reason, out.Limit)
	}
	d.times(1, access.QuotaExceeded, "partner_api", func() *access.Request { return tokenCall("sandbox", goodApp, token) })
	if d.a.Limit(r, out) || out.Reason != access.QuotaExceeded {
		t.Errorf("a further exchange: %s", out.Reason)
	}
}

type brokenLimiter struct{}

func (brokenLimiter) Take([]rate.Bucket) (bool, error) { return true, rate.ErrFull }

// TestALimiterThatFailsRefuses, and what cannot be counted is not configured.
func TestALimiterThatFailsRefuses(t *testing.T) {
	d := newDoor(t)
	api := *d.apis["sandbox/card"]
	api.Limits.Total = perSecond(1, 1)
	cfg := access.Config{APIs: []*access.API{&api}, Replay: d.guard, Countries: countries{}, Now: func() time.Time { return d.now }}
	if _, err := access.New(cfg); !errors.Is(err, access.ErrAPI) {
		t.Errorf("limits without a limiter: %v", err)
	}
	cfg.Limiter = brokenLimiter{}
	var err error
	if d.a, err = access.New(cfg); err != nil {
		t.Fatal(err)
	}
	d.load(testRoster())
	if out := d.refuse(access.Unavailable, "a limiter that fails", d.get(goodToken)); !errors.Is(out.Cause, rate.ErrFull) || policies(out) != nil {
		t.Errorf("%v", out.Cause)
	}
	plain := *d.apis["sandbox/card"]
	cfg.APIs, cfg.Limiter = []*access.API{&plain}, nil
	if d.a, err = access.New(cfg); err != nil {
		t.Fatal(err)
	}
	roster := testRoster()
	roster.Limits = []partner.Limit{{ID: "lim_x", PartnerID: "ptn_good", Environment: "sandbox", Daily: 1}}
	if err := d.a.Load(roster, d.now); !errors.Is(err, access.ErrRoster) {
		t.Errorf("a register with limits without a limiter: %v", err)
	}
}

func TestLimitsAreChecked(t *testing.T) {
	d := newDoor(t)
	for what, bad := range map[string]access.Rate{
		"nothing": {}, "negative": {Rate: -1, Per: time.Second, Burst: 1}, "no span": {Rate: 1, Burst: 1}, "no burst": {Rate: 1, Per: time.Second},
		"a broken second": {Rate: 1, Per: 1500 * time.Millisecond, Burst: 1}, "a burst without a rate": {Burst: 1, Daily: 1}, "too much": {Daily: partner.MaxLimitDaily + 1},
	} {
		api := *d.apis["sandbox/card"]
		api.Limits.PerPartner = &bad
		if _, err := access.New(access.Config{APIs: []*access.API{&api}, Replay: d.guard, Limiter: brokenLimiter{}, Now: time.Now}); !errors.Is(err, access.ErrAPI) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, list := range map[string][]partner.Limit{
		"bounds":          {{ID: "a", PartnerID: "ptn_good", Environment: "sandbox"}},
		"one scope twice": {{ID: "a", PartnerID: "ptn_good", Environment: "sandbox", Daily: 1}, {ID: "b", PartnerID: "ptn_good", Environment: "sandbox", Daily: 2}},
	} {
		roster := testRoster()
		roster.Limits = list
		if err := d.a.Load(roster, d.now); !errors.Is(err, access.ErrRoster) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestAllocationsOfLimits: counting leaves nothing for the garbage collector, too.
func TestAllocationsOfLimits(t *testing.T) {
	many := &access.Rate{Rate: 1_000_000, Per: time.Second, Burst: 1_000_000, Daily: 1 << 39}
	d := newDoor(t, limits(access.APILimits{PerPartner: many, PerCredential: many, Total: many}))
	d.registered(partner.Limit{Daily: 1 << 39}, partner.Limit{CredentialID: "crd_" + goodToken, Daily: 1 << 39})
	r, out := d.get(goodToken), new(access.Decision)
	n := testing.AllocsPerRun(1000, func() {
		*out = access.Decision{}
		if !d.a.Decide(r, out) {
			t.Fatal(out.Reason, out.Cause)
		}
	})
	if n >= 1 && !raceEnabled {
		t.Errorf("%v allocations, want none", n)
	}
}
