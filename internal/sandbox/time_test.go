package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/sandbox"
)

// TestDatesFollowTheClock sets the clock on between calls: a later refresh moves the
// account's dates and leaves the transactions as they were.
func TestDatesFollowTheClock(t *testing.T) {
	moment := int64(now)
	model, err := sandbox.NewAggregation(sandbox.Config{Now: func() time.Time { return time.Unix(moment, 999) }})
	if err != nil {
		t.Fatal(err)
	}
	d := door{model, "sandbox", "acme"}
	one := "/v1/customers/" + first
	d.call("POST", "/v1/customers/testing", `{"username":"ann"}`)
	list := func() string { return d.call("GET", "/v3/customers/"+first+"/transactions", "").Body }

	moment += 100
	refreshed := d.call("POST", one+"/accounts", "").Body
	if n := strings.Count(refreshed, "1763625700"); n != 6 {
		t.Errorf("first refresh: 2 accounts with 3 dates, got %d in %s", n, refreshed)
	}
	before := list()
	if n := strings.Count(before, `"createdDate":1763625700`); n != 80 {
		t.Errorf("80 transactions were created by the refresh, got %d", n)
	}

	moment += 86400 * 30
	again := d.call("POST", one+"/accounts", "").Body
	if strings.Contains(again, "1763625700") || strings.Count(again, "1766217700") != 6 {
		t.Errorf("second refresh: %s", again)
	}
	if list() != before {
		t.Error("a second refresh changed the transactions")
	}
	historic := one + "/accounts/" + first + "1/transactions/historic"
	d.call("POST", historic, "")
	loaded := list()
	moment += 100
	d.call("POST", historic, "")
	if list() != loaded || loaded == before {
		t.Error("a historic load happens once")
	}
}

// TestRunsAreAlike shows that nothing depends on the run: the printed examples of
// the docs stay true.
func TestRunsAreAlike(t *testing.T) {
	walk := func() string {
		d := aggregationDoor(t)
		made := d.call("POST", "/v1/customers/testing", `{"username":"ann"}`).Body
		d.call("POST", "/v1/customers/"+first+"/accounts", "")
		return made + d.call("GET", "/v3/customers/"+first+"/transactions", "").Body
	}
	if one, other := walk(), walk(); one != other || !strings.Contains(one, `"found":80`) {
		t.Error("two runs differ, or the first call failed")
	}
}
