package nodes_test

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// benchCallers is how many callers ask all nodes together, each one request after the other.
const benchCallers = 24

// BenchmarkNodes compares three nodes with one, on the same PostgreSQL and Redis, with the same callers. On a machine whose processors all
// processes share, the callers among them, requests a second say what the machine bears and not what three machines would: what carries over
// is the processor time that a request takes in a node, in Redis and in PostgreSQL.
//
//	go test -run '^$' -bench Nodes -benchtime 20000x ./e2e/nodes
func BenchmarkNodes(b *testing.B) {
	for _, nodes := range []int{1, 3} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			s := newSite(b, nodes, nil)
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				b.Run(method, func(b *testing.B) { s.measure(b, method) })
			}
		})
	}
}

// measure sends b.N honest requests and reports what they took.
func (s *site) measure(b *testing.B, method string) {
	callers := make([]*caller, benchCallers)
	for i := range callers {
		callers[i] = s.caller(b, s.nodes[i%len(s.nodes)])
		if a := callers[i].send(signed(s.given, time.Now(), method, s.id("warm"))); a.is() != "200" {
			b.Fatal(a.is(), a.cause)
		}
	}
	before := s.processors(b)
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for _, c := range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if a := c.send(signed(s.given, time.Now(), method, s.id("bench"))); a.is() != "200" {
					b.Error(a.is(), a.cause)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	for name, took := range s.processors(b) {
		b.ReportMetric(float64((took-before[name]).Microseconds())/float64(b.N), name+"-µs/request")
	}
}

// processors is the processor time that each part has used.
func (s *site) processors(b *testing.B) map[string]time.Duration {
	parts := map[string][]int{"callers": {os.Getpid()}, "postgres": s.store.family(b), "redis": {s.cachePID(b)}}
	for _, n := range s.nodes {
		parts["node"] = append(parts["node"], n.process.pid())
	}
	used := map[string]time.Duration{}
	for name, pids := range parts {
		for _, pid := range pids {
			took, err := cpu(pid)
			if err != nil && name != "postgres" { // whose children come and go
				b.Fatal(err)
			}
			used[name] += took
		}
	}
	return used
}

// cachePID is the process of Redis.
func (s *site) cachePID(b *testing.B) (pid int) {
	b.Helper()
	for _, one := range below([]string{s.cache.Dir}) {
		pid = one
	}
	if pid == 0 {
		b.Fatal("no process works in the folder of Redis")
	}
	return pid
}
