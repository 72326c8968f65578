//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// waiting is what a peer makes of many connections that have asked once and now do nothing.
type waiting struct {
	peer       *peer
	opened     time.Duration // for all of them, with a handshake and a request each
	each       int64         // bytes resident, for one connection
	cpu        time.Duration // used in ten seconds in which nothing happens
	asked, bad int           // requests on all of them afterwards, and how many failed
}

// idle opens count connections to each peer that can hold them, one peer after the other.
func (s *site) idle(ctx context.Context, peers []*peer, count int) (all []waiting, err error) {
	for _, p := range peers {
		if p.program == "nginx" || p.program == "haproxy" {
			continue // their bounds are set for the other workloads
		}
		w, err := s.hold(ctx, p, count)
		if err != nil {
			return nil, fmt.Errorf("%s: %d connections: %w", p.name, count, err)
		}
		all = append(all, w)
	}
	return all, nil
}

func (s *site) hold(ctx context.Context, p *peer, count int) (w waiting, err error) {
	w.peer = p
	before, err := p.process.usage()
	if err != nil {
		return w, err
	}
	start, conns := time.Now(), make([]*conn, count)
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.close()
			}
		}
	}()
	if err := each(conns, 16, func(c **conn) (err error) {
		if *c, err = dial(p.address, s.trust, nil); err == nil {
			err = s.ask(*c)
		}
		return err
	}); err != nil {
		return w, err
	}
	w.opened = time.Since(start)
	held, err := p.process.usage()
	if err != nil {
		return w, err
	}
	w.each = (held.resident - before.resident) / int64(count)
	select {
	case <-ctx.Done():
		return w, ctx.Err()
	case <-time.After(10 * time.Second):
	}
	rested, err := p.process.usage()
	if err != nil {
		return w, err
	}
	w.cpu = rested.cpu - held.cpu
	var mu sync.Mutex
	err = each(conns, 64, func(c **conn) error {
		failed := s.ask(*c)
		mu.Lock()
		defer mu.Unlock()
		if w.asked++; failed != nil {
			w.bad++
		}
		return nil
	})
	return w, err
}

// ask sends one honest request.
func (s *site) ask(c *conn) error {
	status, err := c.do((&form{site: s, method: "GET", target: cardTarget}).maker().next(nil))
	if err == nil && status != 200 {
		err = fmt.Errorf("answered %d", status)
	}
	return err
}

// each does the same with all connections, so many at a time, and returns the first error.
func each(conns []*conn, together int, do func(*(*conn)) error) error {
	var all sync.WaitGroup
	failed := make(chan error, together)
	for first := range together {
		all.Go(func() {
			for i := first; i < len(conns); i += together {
				if err := do(&conns[i]); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}

// idleText is the table.
func idleText(all []waiting, count int) string {
	var w strings.Builder
	fmt.Fprintf(&w, "### %d idle connections\n\nEach was opened with a handshake and one signed GET; then nothing happened for ten seconds; then each sent another.\n\n", count)
	w.WriteString("| peer | resident for one connection | processor time in the ten seconds | requests afterwards, failed |\n| --- | --- | --- | --- |\n")
	for _, one := range all {
		fmt.Fprintf(&w, "| %s | %.1f KiB | %s | %d, %d |\n", one.peer.name, float64(one.each)/1024, one.cpu.Round(time.Millisecond), one.asked, one.bad)
	}
	return w.String()
}
