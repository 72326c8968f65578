package traffic

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"countersign.dev/internal/audit/rollup"
)

// LastCalls are the last calls of partners (row ids) within Reach, in each environment that sees lets through: by partner in the
// order that was asked for, then by environment. Requests that were refused before their sender was known are nobody's.
func (s *Sums) LastCalls(partners []string, sees Sees) (list []LastCall, faults []string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	environments := s.environments()
	for _, id := range partners {
		for _, environment := range environments {
			c := s.state.partners[place{environment, id}]
			if c != nil && sees.all(environment) {
				list = append(list, LastCall{Partner: id, Environment: environment, At: timeOf(c.last), Allowed: c.allowed})
			}
		}
	}
	return list, s.told()
}

func timeOf(minute int64) time.Time { return time.Unix(minute*60, 0).UTC() }

// environments are those of which something was counted, by name.
func (s *Sums) environments() (names []string) {
	for k := range s.state.flows {
		names = append(names, k.environment)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// window is where a span of a Usage lies: whole hours for a day, else whole days of UTC.
type window struct {
	grid
	hours bool
}

func windowOf(now int64, span Span) (window, error) {
	switch span {
	case Day:
		return window{gridOf(now, hour, 25), true}, nil
	case Week:
		return window{grid: gridOf(now, day, 8)}, nil
	case Month:
		return window{grid: gridOf(now, day, 31)}, nil
	}
	return window{}, ErrSpan
}

func (w window) count(c *calls) Count {
	if w.hours {
		return sumPairs(&c.hours, w.first, w.end)
	}
	return sumPairs(&c.days, w.first, w.end)
}

// Usage is how a partner (row id) called in the span, and how the versions of its credentials (row ids) were used, in the
// environments that sees lets through. The span begins with a whole hour or day, so that it is a little longer than its name.
// The error is ErrSpan.
func (s *Sums) Usage(partner string, credentials []string, span Span, sees Sees) (Usage, error) {
	at := s.cfg.Now()
	w, err := windowOf(minuteOf(at), span)
	if err != nil {
		return Usage{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	u := Usage{From: w.at(w.first), To: at.UTC(), Faults: s.told()}
	for _, environment := range s.environments() {
		if !sees.all(environment) {
			continue
		}
		one := EnvironmentUsage{Environment: environment, Versions: s.versions(environment, credentials, w)}
		if c := s.state.partners[place{environment, partner}]; c != nil {
			one.Count, one.Last = w.count(c), timeOf(c.last)
		}
		if !one.Last.IsZero() || len(one.Versions) > 0 {
			u.Environments = append(u.Environments, one)
		}
	}
	return u, nil
}

func (s *Sums) versions(environment string, credentials []string, w window) (list []VersionUsage) {
	for _, id := range credentials {
		for _, k := range s.state.credentials[id] {
			if k.Environment == environment {
				list = append(list, s.state.versions[k].usage(k, w))
			}
		}
	}
	slices.SortFunc(list, func(a, b VersionUsage) int {
		return cmp.Or(cmp.Compare(a.Credential, b.Credential), cmp.Compare(b.Version, a.Version))
	})
	return list
}

func (u *use) usage(k rollup.VersionKey, w window) VersionUsage {
	from := w.first * w.unit
	v := VersionUsage{Credential: k.Credential, Version: k.Version, Count: w.count(&u.calls), Last: u.at, Cut: u.cut > 0 && u.cut >= from}
	for _, one := range u.addresses {
		if one.last >= from {
			v.Addresses = append(v.Addresses, one.address)
		}
	}
	slices.SortFunc(v.Addresses, netip.Addr.Compare)
	return v
}
