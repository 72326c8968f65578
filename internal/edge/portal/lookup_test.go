package portal_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/edge/portal"
)

// stuck is a record whose answers to one partner wait until they are let go.
type stuck struct {
	portal.Records
	of      string
	entered chan struct{}
	free    chan struct{}
	at      atomic.Int32
	most    atomic.Int32
}

func (s *stuck) Find(ctx context.Context, q search.Query) (search.Page, error) {
	if q.Partner != s.of {
		return s.Records.Find(ctx, q)
	}
	s.most.Store(max(s.most.Load(), s.at.Add(1)))
	defer s.at.Add(-1)
	s.entered <- struct{}{}
	<-s.free
	return s.Records.Find(ctx, q)
}

// TestOnePartnersQuestionsWaitForEachOther: a partner that asks the record again and again is answered one question at a time, and
// told to wait beyond that; another partner is answered meanwhile.
func TestOnePartnersQuestionsWaitForEachOther(t *testing.T) {
	record := &stuck{entered: make(chan struct{}, 100), free: make(chan struct{})}
	w := newWorld(t, func(c *portal.Config) { record.Records = c.Records; c.Records = record })
	record.of = w.partner("Acme", "ann")
	w.partner("Bolt", "bob")
	const asked = 30
	answers := make(chan answer, asked)
	for range asked {
		go func() { answers <- w.get("ann", "/portal/calls") }()
	}
	<-record.entered
	refused := 0
	for ; refused < asked-8; refused++ { // eight are under way or wait
		if a := <-answers; a.Code != http.StatusServiceUnavailable || a.Header().Get("Retry-After") == "" {
			t.Fatalf("status %d", a.Code)
		}
	}
	w.get("bob", "/portal/calls").is(http.StatusOK)
	close(record.free)
	for range asked - refused {
		(<-answers).is(http.StatusOK)
	}
	if n := record.most.Load(); n != 1 {
		t.Errorf("%d questions of one partner at once", n)
	}
	if w.log.Len() > 0 {
		t.Errorf("the log says %s", w.log)
	}
}
