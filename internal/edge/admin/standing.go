package admin

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// What is read of the whole register for a look at what needs a person. It is read anew when the register has changed: a large one
// in the background, while what was read before answers.
const (
	largeStock  = 4_000 // rows; so many are read in some 20 ms
	stockReader = time.Minute
)

// stock is what the register says of everybody, at one revision.
type stock struct {
	revision uint64
	rows     int               // that were read
	names    map[string]string // of the partners that the rest speaks of, by id
	reviews  []partner.Review  // that wait
	endings  []ending
	locked   []partner.Credential
	pending  []registry.PendingSecret
}

// ending is the moment from which on nothing can be proved with a credential, as things stand.
type ending struct {
	credential, partner, environment string
	version                          int
	at                               time.Time
}

// standing keeps the stock. Safe for concurrent use.
type standing struct {
	mu    sync.Mutex // one reads for all
	last  atomic.Pointer[stock]
	busy  atomic.Bool // somebody reads in the background
	large int         // rows above which that is done; 0: largeStock
}

// get is the stock: of now, unless the register is large.
func (s *standing) get(ctx context.Context, srv *Server) (*stock, error) {
	revision, err := srv.cfg.Registry.Revision(ctx)
	if err != nil {
		return nil, err
	}
	last := s.last.Load()
	switch {
	case last != nil && last.revision == revision:
		return last, nil
	case last == nil || last.rows < cmp.Or(s.large, largeStock):
		return s.read(ctx, srv, revision)
	case s.busy.CompareAndSwap(false, true):
		go func() {
			defer s.busy.Store(false)
			defer func() { // a fault here must not end the process, which also decides requests
				if fault := recover(); fault != nil {
					srv.cfg.Log.Error("what needs a person cannot be read anew", "cause", fmt.Sprint(fault))
				}
			}()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stockReader)
			defer cancel()
			if _, err := s.read(ctx, srv, revision); err != nil {
				srv.cfg.Log.Warn("what needs a person cannot be read anew", "cause", err.Error())
			}
		}()
	}
	return last, nil
}

// read reads the register. The revision was asked for before: what is read is never older than it says.
func (s *standing) read(ctx context.Context, srv *Server, revision uint64) (*stock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.last.Load(); last != nil && last.revision >= revision {
		return last, nil
	}
	next := &stock{revision: revision, names: map[string]string{}}
	if err := next.fill(ctx, srv.cfg.Registry); err != nil {
		return nil, err
	}
	s.last.Store(next)
	return next, nil
}

func (s *stock) fill(ctx context.Context, reg *registry.Registry) (err error) {
	reviews, err := reg.Reviews(ctx, "")
	if err != nil {
		return err
	}
	credentials, err := reg.Credentials(ctx, "")
	if err != nil {
		return err
	}
	if s.pending, err = reg.PendingSecrets(ctx, ""); err != nil {
		return err
	}
	partners, err := reg.Partners(ctx)
	if err != nil {
		return err
	}
	s.rows = len(reviews) + len(credentials) + len(partners)
	open := map[string]string{}
	for _, p := range partners {
		if !p.Closed {
			open[p.ID] = p.Name
		}
	}
	s.take(open, reviews, credentials)
	return nil
}

// take keeps what concerns open partners.
func (s *stock) take(open map[string]string, reviews []partner.Review, credentials []partner.Credential) {
	name := func(id string) bool {
		text, ok := open[id]
		if ok {
			s.names[id] = text
		}
		return ok
	}
	closed := map[[2]string]bool{}
	for _, r := range reviews {
		switch r.State {
		case partner.ReviewRequested, partner.ReviewStarted:
			if name(r.PartnerID) {
				s.reviews = append(s.reviews, r)
			}
		case partner.ReviewClosed:
			closed[[2]string{r.PartnerID, r.Environment}] = true
		}
	}
	for _, k := range credentials {
		if _, ok := open[k.PartnerID]; !ok || !k.RevokedAt.IsZero() || closed[[2]string{k.PartnerID, k.Environment}] {
			continue
		}
		if k.Locked() {
			name(k.PartnerID)
			s.locked = append(s.locked, k)
		}
		if e, ends := endingOf(k); ends {
			name(k.PartnerID)
			s.endings = append(s.endings, e)
		}
	}
	for _, p := range s.pending {
		name(p.PartnerID)
	}
}

// endingOf is the last end of all versions; one without an end, in force or still to come, succeeds all others.
func endingOf(k partner.Credential) (e ending, ends bool) {
	for _, v := range k.Versions {
		if v.NotAfter.IsZero() {
			return e, false
		}
		if v.NotAfter.After(e.at) {
			e = ending{credential: k.ID, partner: k.PartnerID, environment: k.Environment, version: v.Number, at: v.NotAfter}
		}
	}
	return e, !e.at.IsZero()
}
