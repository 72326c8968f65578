package console_test

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"countersign.dev/internal/traffic"
)

// sums stand in for what was counted of the traffic: tests say what that is.
type sums struct {
	mu     sync.Mutex
	report traffic.Report
	calls  []traffic.LastCall
	usage  map[string]traffic.Usage // by partner
	rises  []traffic.Rise
	faults []string
}

// Report is the same for every span.
func (s *sums) Report(traffic.Span, traffic.Sees) (traffic.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.report, nil
}

// LastCalls are those of the partners that were asked for, in environments that sees lets through.
func (s *sums) LastCalls(partners []string, sees traffic.Sees) (list []traffic.LastCall, faults []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, call := range s.calls {
		if slices.Contains(partners, call.Partner) && (sees == nil || sees(call.Environment)) {
			list = append(list, call)
		}
	}
	return list, s.faults
}

// Usage is that of a partner, without what sees leaves out.
func (s *sums) Usage(partner string, credentials []string, _ traffic.Span, sees traffic.Sees) (traffic.Usage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.usage[partner]
	u.Faults = s.faults
	u.Environments = slices.DeleteFunc(slices.Clone(u.Environments), func(e traffic.EnvironmentUsage) bool {
		return sees != nil &&
			!sees(e.Environment)
	})
	for i := range u.Environments {
		u.Environments[i].Versions = slices.DeleteFunc(slices.Clone(u.Environments[i].Versions), func(v traffic.VersionUsage) bool {
			return !slices.Contains(credentials, v.Credential)
		})
	}
	return u, nil
}

// Rises are the same for everybody.
func (s *sums) Rises(traffic.Sees) []traffic.Rise {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rises
}

// Lost is nothing.
func (s *sums) Lost(time.Time) (uint64, []string) { return 0, nil }

// used says how a partner called in one environment.
func (s *sums) used(partner, environment string, count traffic.Count, last time.Time, versions ...traffic.VersionUsage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.usage == nil {
		s.usage = map[string]traffic.Usage{}
	}
	u := s.usage[partner]
	u.Environments = append(u.Environments, traffic.EnvironmentUsage{Environment: environment, Count: count, Last: last, Versions: versions})
	slices.SortFunc(u.Environments, func(a, b traffic.EnvironmentUsage) int { return cmp.Compare(a.Environment, b.Environment) })
	s.usage[partner] = u
	s.calls = append(s.calls, traffic.LastCall{Partner: partner, Environment: environment, At: last, Allowed: true})
}
