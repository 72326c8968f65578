package partner_test

import (
	"errors"
	"testing"
	"time"

	"countersign.dev/internal/partner"
)

const day = 24 * time.Hour

func TestSchedules(t *testing.T) {
	for name, c := range map[string]struct {
		schedule partner.Schedule
		valid    bool
	}{
		"as it should be":           {partner.Schedule{Every: 90 * day, Overlap: 14 * day, Next: start}, true},
		"the shortest":              {partner.Schedule{Every: 7 * day, Overlap: time.Hour, Next: start}, true},
		"the longest":               {partner.Schedule{Every: 730 * day, Overlap: 90 * day, Next: start}, true},
		"nothing":                   {partner.Schedule{}, false},
		"too often":                 {partner.Schedule{Every: 7*day - time.Second, Overlap: time.Hour, Next: start}, false},
		"too seldom":                {partner.Schedule{Every: 730*day + time.Second, Overlap: time.Hour, Next: start}, false},
		"a part of a second":        {partner.Schedule{Every: 90*day + time.Millisecond, Overlap: time.Hour, Next: start}, false},
		"no overlap":                {partner.Schedule{Every: 90 * day, Next: start}, false},
		"a short overlap":           {partner.Schedule{Every: 90 * day, Overlap: time.Hour - time.Second, Next: start}, false},
		"a long overlap":            {partner.Schedule{Every: 180 * day, Overlap: 90*day + time.Second, Next: start}, false},
		"an overlap with a part":    {partner.Schedule{Every: 90 * day, Overlap: time.Hour + 1, Next: start}, false},
		"an overlap past the next":  {partner.Schedule{Every: 14 * day, Overlap: 14 * day, Next: start}, false},
		"no time of the next":       {partner.Schedule{Every: 90 * day, Overlap: 14 * day}, false},
		"a negative span":           {partner.Schedule{Every: -90 * day, Overlap: 14 * day, Next: start}, false},
		"a span that cannot be one": {partner.Schedule{Every: 1<<63 - 1, Overlap: 14 * day, Next: start}, false},
	} {
		if err := c.schedule.Validate(); (err == nil) != c.valid || err != nil && !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Rotations that nobody could do are left out, not made up for one after the other.
func TestTheNextRotationLiesAhead(t *testing.T) {
	s := partner.Schedule{Every: 90 * day, Overlap: day, Next: start}
	for _, c := range []struct{ now, next time.Time }{
		{start.Add(-time.Second), start}, {start, start.Add(90 * day)}, {start.Add(90*day - 1), start.Add(90 * day)},
		{start.Add(90 * day), start.Add(180 * day)}, {start.Add(1000 * day), start.Add(1080 * day)},
	} {
		if got := s.After(c.now); !got.Equal(c.next) {
			t.Errorf("at %s: %s, expected %s", c.now, got, c.next)
		}
	}
}

func TestRule36ASunsetIsTheAbsoluteEnd(t *testing.T) {
	if _, ends := (partner.Version{}).Sunset(); ends {
		t.Error("a version without an end has a sunset")
	}
	if end, ends := (partner.Version{NotAfter: start}).Sunset(); !ends || !end.Equal(start) {
		t.Errorf("%s, %v", end, ends)
	}
}
