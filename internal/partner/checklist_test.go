package partner_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/partner"
)

func TestChecklistItems(t *testing.T) {
	good := partner.ChecklistItem{ID: "pentest-2", Title: "Penetration test", Evidence: partner.EvidenceFile, Required: true}
	for name, c := range map[string]struct {
		change func(*partner.ChecklistItem)
		valid  bool
	}{
		"as it should be":  {func(*partner.ChecklistItem) {}, true},
		"not required":     {func(i *partner.ChecklistItem) { i.Required = false }, true},
		"the longest":      {func(i *partner.ChecklistItem) { i.ID, i.Title = strings.Repeat("a", 40), strings.Repeat("b", 200) }, true},
		"no id":            {func(i *partner.ChecklistItem) { i.ID = "" }, false},
		"a long id":        {func(i *partner.ChecklistItem) { i.ID = strings.Repeat("a", 41) }, false},
		"a digit first":    {func(i *partner.ChecklistItem) { i.ID = "2fa" }, false},
		"a capital":        {func(i *partner.ChecklistItem) { i.ID = "Pentest" }, false},
		"a dot":            {func(i *partner.ChecklistItem) { i.ID = "a.b" }, false},
		"no title":         {func(i *partner.ChecklistItem) { i.Title = "" }, false},
		"a long title":     {func(i *partner.ChecklistItem) { i.Title = strings.Repeat("b", 201) }, false},
		"two lines":        {func(i *partner.ChecklistItem) { i.Title = "a\nb" }, false},
		"a hidden turn":    {func(i *partner.ChecklistItem) { i.Title = "a\u202eb" }, false},
		"space around it":  {func(i *partner.ChecklistItem) { i.Title = " a" }, false},
		"no evidence":      {func(i *partner.ChecklistItem) { i.Evidence = "" }, false},
		"unknown evidence": {func(i *partner.ChecklistItem) { i.Evidence = "gut feeling" }, false},
	} {
		item := good
		c.change(&item)
		if err := item.Validate(); (err == nil) != c.valid || err != nil && !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryKindOfEvidenceIsOnesOwn(t *testing.T) {
	kinds := partner.EvidenceKinds()
	people, attached, system := 0, 0, 0
	for i, k := range kinds {
		if !k.Known() || slices.Contains(kinds[:i], k) {
			t.Errorf("%q", k)
		}
		switch {
		case k.System() && k.Attached():
			t.Errorf("%q is both", k)
		case k.System():
			system++
		case k.Attached():
			attached++
		default:
			people++
		}
	}
	if people != 1 || attached != 2 || system != 4 {
		t.Errorf("%d, %d, %d", people, attached, system)
	}
}

func TestReviewPolicies(t *testing.T) {
	item := partner.ChecklistItem{ID: "a", Title: "A", Evidence: partner.EvidenceManual}
	many := make([]partner.ChecklistItem, partner.MaxChecklist+1)
	for i := range many {
		many[i] = item
		many[i].ID = "a" + strings.Repeat("b", i%35) + string(rune('a'+i/35))
	}
	type reviews = map[string]partner.ReviewPolicy
	for name, c := range map[string]struct {
		policies reviews
		valid    bool
	}{
		"none":                   {nil, true},
		"one after another":      {reviews{"production": {After: "sandbox", Items: []partner.ChecklistItem{item}}}, true},
		"two after one":          {reviews{"a": {After: "c"}, "b": {After: "c"}}, true},
		"the most":               {reviews{"a": {Items: many[:partner.MaxChecklist]}}, true},
		"one too many":           {reviews{"a": {Items: many}}, false},
		"an item twice":          {reviews{"a": {Items: []partner.ChecklistItem{item, item}}}, false},
		"one item in two places": {reviews{"a": {Items: []partner.ChecklistItem{item}}, "b": {Items: []partner.ChecklistItem{item}}}, true},
		"a bad item":             {reviews{"a": {Items: []partner.ChecklistItem{{ID: "a"}}}}, false},
		"after itself":           {reviews{"a": {After: "a"}}, false},
		"round and round":        {reviews{"a": {After: "b"}, "b": {After: "c"}, "c": {After: "a"}}, false},
		"into a round":           {reviews{"x": {After: "a"}, "a": {After: "b"}, "b": {After: "a"}}, false},
	} {
		if err := partner.ValidateReviews(c.policies); (err == nil) != c.valid || err != nil && !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func seen(addresses ...string) partner.Collected {
	c := partner.Collected{Since: start, At: start, Calls: 3, TLSCalls: 3, FirstCall: start, LastCall: start.Add(time.Hour)}
	for _, a := range addresses {
		c.Addresses = append(c.Addresses, partner.CollectedAddress{Address: netip.MustParseAddr(a), Count: 1, First: start, Last: start})
	}
	return c
}

func TestCollectedEvidence(t *testing.T) {
	zoned, _ := netip.ParseAddr("fe80::1%eth0")
	for name, c := range map[string]struct {
		change func(*partner.Collected)
		valid  bool
	}{
		"as it should be":      {func(*partner.Collected) {}, true},
		"nothing":              {func(c *partner.Collected) { *c = partner.Collected{} }, true},
		"calls without a time": {func(c *partner.Collected) { c.FirstCall = time.Time{} }, false},
		"a time without calls": {func(c *partner.Collected) { c.Calls, c.TLSCalls = 0, 0 }, false},
		"more TLS than calls":  {func(c *partner.Collected) { c.TLSCalls = 4 }, false},
		"no address":           {func(c *partner.Collected) { c.Addresses[0].Address = netip.Addr{} }, false},
		"an address of a zone": {func(c *partner.Collected) { c.Addresses[0].Address = zoned }, false},
		"many addresses":       {func(c *partner.Collected) { c.Addresses = make([]partner.CollectedAddress, 101) }, false},
		"many reasons":         {func(c *partner.Collected) { c.Refusals = make([]partner.CollectedRefusal, 101) }, false},
		"a reason": {func(c *partner.Collected) {
			c.Refusals = []partner.CollectedRefusal{{Reason: "bad_signature", Count: 1}}
		}, true},
		"a reason with a line": {func(c *partner.Collected) { c.Refusals = []partner.CollectedRefusal{{Reason: "bad\nsignature"}} }, false},
		"an empty reason":      {func(c *partner.Collected) { c.Refusals = []partner.CollectedRefusal{{}} }, false},
	} {
		v := seen("192.0.2.1")
		c.change(&v)
		if err := v.Validate(); (err == nil) != c.valid || err != nil && !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatCollectedEvidenceTells(t *testing.T) {
	before := seen("192.0.2.1")
	for name, c := range map[string]struct {
		change func(*partner.Collected)
		news   bool
	}{
		"the same":           {func(*partner.Collected) {}, false},
		"more of the same":   {func(c *partner.Collected) { c.Calls, c.TLSCalls, c.LastCall = 9, 9, start.Add(9*time.Hour) }, false},
		"an address less":    {func(c *partner.Collected) { c.Addresses = nil }, false},
		"another address":    {func(c *partner.Collected) { c.Addresses = append(c.Addresses, seen("192.0.2.2").Addresses...) }, true},
		"a reason":           {func(c *partner.Collected) { c.Refusals = []partner.CollectedRefusal{{Reason: "replayed", Count: 1}} }, true},
		"a call without TLS": {func(c *partner.Collected) { c.Calls = 4 }, true},
	} {
		v := seen("192.0.2.1")
		c.change(&v)
		if v.Tells(before) != c.news {
			t.Errorf("%s: %v", name, !c.news)
		}
	}
	if !before.Tells(partner.Collected{}) || (partner.Collected{}).Tells(partner.Collected{}) {
		t.Error("a first call is news, and nothing is none")
	}
}

// A first call stays seen when the record of it is gone.
func TestWhatWasSeenStaysSeen(t *testing.T) {
	before := seen("192.0.2.1")
	joined := partner.Collected{At: start.Add(time.Hour), Refusals: []partner.CollectedRefusal{{Reason: "replayed", Count: 2}}}.Joined(before)
	if !joined.FirstCall.Equal(start) || joined.Calls != 3 || len(joined.Addresses) != 1 || len(joined.Refusals) != 1 || !joined.At.Equal(start.Add(time.Hour)) {
		t.Errorf("%+v", joined)
	}
	later := seen("192.0.2.2")
	later.FirstCall, later.Calls = start.Add(time.Minute), 7
	if joined = later.Joined(before); !joined.FirstCall.Equal(start) || joined.Calls != 7 || joined.Addresses[0].Address.String() != "192.0.2.2" {
		t.Errorf("%+v", joined)
	}
	earlier := seen()
	earlier.FirstCall = start.Add(-time.Minute)
	if joined = earlier.Joined(before); !joined.FirstCall.Equal(start.Add(-time.Minute)) {
		t.Errorf("%+v", joined)
	}
	if err := joined.Validate(); err != nil {
		t.Error(err)
	}
}
