package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
)

// Bounds of --wait.
const (
	defaultWait = 10 * time.Second
	maxWait     = 10 * time.Minute
	waitEvery   = 50 * time.Millisecond
)

// standing is one server and one environment of it, as somebody who waits for a change sees it.
type standing struct {
	name     string // the environment, and the node where one was told
	revision uint64
	confirms bool // it decides by the change, or nothing
	awaited  bool // it does not, and it speaks
	starting bool
	stopsIn  time.Duration // until it decides nothing any more by itself; 0: not known
	why      string        // how it stands where it is not awaited; empty: nothing is known but its revision
	took     time.Duration // from the change to its being in force there; negative: not known
	ops      string        // where it says why; empty: not known
}

// await returns when every server decides by the register as it is now, or by nothing. Where all that speak do, it does not wait for one that
// is silent, unless that stops by itself within the time: else it is named, with when it stops.
func (s *session) await(atMost time.Duration) error {
	until := time.Now().Add(atMost)
	revision, err := s.written()
	if err != nil {
		return fmt.Errorf("the change is written, but not known to be live: %w", err)
	}
	deadline := time.NewTimer(atMost)
	defer deadline.Stop()
	poll := time.NewTicker(waitEvery)
	defer poll.Stop()
	for {
		all, err := s.standings(revision)
		if err != nil {
			return fmt.Errorf("the change is written, but not known to be live: %w", err)
		}
		behind := slices.DeleteFunc(slices.Clone(all), func(one standing) bool { return one.confirms })
		switch {
		case len(behind) == 0:
			s.sayLive(all, revision)
			return nil
		case !slices.ContainsFunc(behind, func(one standing) bool { return one.awaited || one.stopsIn > 0 && one.stopsIn < time.Until(until) }):
			return silent(behind, revision)
		}
		select {
		case <-s.ctx.Done():
			return errors.Join(errors.New("the change is written; waiting for it to be live was ended"), s.ctx.Err())
		case <-deadline.C:
			return lagging(behind, revision, atMost)
		case <-poll.C:
		}
	}
}

// written is the revision that has to be live: of what a server was asked to change, it told the revision itself.
func (s *session) written() (uint64, error) {
	if s.remote != nil && s.remote.Changed() > 0 {
		return s.remote.Changed(), nil
	}
	return s.Revision(s.ctx)
}

// standings are those that decide by the register: as this disk says, as the register that many machines share does, or as a server does.
func (s *session) standings(revision uint64) ([]standing, error) {
	switch {
	case s.remote != nil:
		return s.remoteStandings(revision)
	case s.store != nil && s.store.Shared():
		return s.sharedStandings(revision)
	}
	served, err := servedFrom(s.at.data)
	return views(served, func(one serving) standing {
		confirms := one.Revision >= revision
		return standing{name: one.Environment, revision: one.Revision, confirms: confirms, awaited: !confirms, starting: one.Revision == 0, took: -1, ops: one.Ops}
	}), err
}

func (s *session) sharedStandings(revision uint64) (all []standing, err error) {
	nodes, err := s.disk.Nodes(s.ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes.All {
		one := standing{revision: n.Revision, confirms: n.Confirms(revision), awaited: n.Awaited(revision), starting: n.State == registry.NodeStarting,
			why: n.Why(), took: -1}
		if n.Revision == revision {
			one.took = n.Took
		}
		if !n.StopsAt.IsZero() {
			one.stopsIn = max(1, n.StopsAt.Sub(nodes.At))
		}
		for _, environment := range n.Environments {
			one.name = environment + " on " + n.Name // cleaned by the registry
			all = append(all, one)
		}
	}
	return all, nil
}

func (s *session) remoteStandings(revision uint64) ([]standing, error) {
	nodes := s.remote.Confirmed()
	if len(nodes) == 0 || slices.ContainsFunc(nodes, func(n remote.Node) bool { return !n.Confirmed && n.State != api.NodeStateSilent }) {
		var err error
		if nodes, _, err = s.remote.Nodes(s.ctx); err != nil {
			return nil, err
		}
	}
	return views(nodes, func(n remote.Node) standing { return remoteStanding(n, revision) }), nil
}

func remoteStanding(n remote.Node, revision uint64) standing {
	confirms := n.Revision >= revision || n.State == api.NodeStateStopped
	one := standing{name: safeText([]byte(n.Environment + " on " + n.Name)), revision: n.Revision, confirms: confirms, awaited: !confirms && n.State != api.NodeStateSilent,
		starting: n.Revision == 0, took: -1}
	if n.TookMs != nil && n.Revision == revision {
		one.took = time.Duration(*n.TookMs * float64(time.Millisecond))
	}
	if n.State == api.NodeStateSilent {
		one.why = "says nothing"
	}
	if n.ReadAgeMs != nil && !n.StopsAt.IsZero() {
		one.why = strings.TrimPrefix(one.why+"; ", "; ") + fmt.Sprintf("it last read the register %s ago and stops by itself at %s",
			(time.Duration(*n.ReadAgeMs)*time.Millisecond).Round(100*time.Millisecond), n.StopsAt.UTC().Format(time.RFC3339))
	}
	return one
}

// sayLive names each that has confirmed the revision, or a later one, and how long after the change, where that was measured.
func (s *session) sayLive(all []standing, revision uint64) {
	if len(all) == 0 {
		where := s.at.data
		switch {
		case s.remote != nil:
			where = s.remote.Server()
		case s.store != nil && s.store.Shared():
			where = s.at.register.String()
		}
		s.out.note("no server runs on %s; the change counts from its next start", where)
		return
	}
	var names []string
	for _, one := range all {
		switch {
		case one.revision < revision:
			names = append(names, one.name+" (it has stopped by itself)")
		case one.took >= 0:
			names = append(names, fmt.Sprintf("%s after %d ms", one.name, one.took.Milliseconds()))
		default:
			names = append(names, one.name)
		}
	}
	s.out.note("live in %s (revision %d)", strings.Join(names, ", "), revision)
}

// silent is what is told where all that speak decide by the change, and some do not speak.
func silent(behind []standing, revision uint64) error {
	var texts []string
	for _, one := range behind {
		texts = append(texts, one.name+" "+one.why)
	}
	return hinted{fmt.Errorf("the change is written as revision %d and live wherever a server answers, but not confirmed: %s", revision, strings.Join(texts, "; ")),
		"if that server has ended, nothing is to be done; else it is cut off: end it, or wait for the time at which it stops by itself"}
}

func lagging(behind []standing, revision uint64, after time.Duration) error {
	var texts []string
	hint := "the server's log and its /readyz say why"
	for _, one := range behind {
		at := fmt.Sprintf("%s decides by revision %d", one.name, one.revision)
		if one.starting {
			at = one.name + " is starting"
		} else if one.why != "" {
			at += " (" + one.why + ")"
		}
		texts = append(texts, at)
		if one.ops != "" {
			hint = "why, says " + strings.TrimSuffix(one.ops, "/") + "/readyz"
		}
	}
	return hinted{fmt.Errorf("the change is written as revision %d, but after %s %s", revision, after, strings.Join(texts, ", ")), hint}
}
