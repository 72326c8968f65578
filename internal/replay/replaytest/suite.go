// Package replaytest holds the one suite that every replay guard has to pass. It
// owns the contract of package replay as tests and refuses any guard that lets
// an equal request through twice (security rule 8).
package replaytest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"countersign.dev/internal/replay"
)

// Now is the clock's reading, in Unix seconds, at which the suite starts and
// which a harness should open its guards with.
const Now = 1_763_625_600

// Harness makes the guards under test.
type Harness struct {
	// Open returns a guard that remembers nothing. The harness closes it at
	// the end of the test; the suite may close it before.
	Open func(t *testing.T) replay.Guard

	// Restart ends g, as abruptly as the harness can, and returns a guard that
	// remembers what g remembered. nil means that the guard promises nothing
	// beyond the process; the tests for it are then left out.
	Restart func(t *testing.T, g replay.Guard) replay.Guard

	// Node returns a guard of another node that shares what g remembers. nil means that the guard is of one node; the tests
	// for many are then left out.
	Node func(t *testing.T, g replay.Guard) replay.Guard
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	t.Run("Rule8FirstClaimIsFreshAndEqualOnesAreNot", h.once)
	t.Run("Rule8EveryByteOfTheKeyCounts", h.everyByte)
	t.Run("Rule8RefusedUntilExpiryInclusive", h.inclusive)
	t.Run("Rule8ExpiredClaimIsRefused", h.expired)
	t.Run("Rule8LaterExpiryOfALiveKeyIsRefusedAndKept", h.extended)
	t.Run("Rule8ClockSetBackRevivesNothing", h.clockBack)
	t.Run("Rule8OneOfHundredEqualClaimsWins", h.concurrent)
	t.Run("Rule8ClosedGuardRefuses", h.closed)
	if h.Restart != nil {
		t.Run("Rule8RefusedAfterRestart", h.restarted)
		t.Run("Rule8ClockSetBackOverARestartRevivesNothing", h.clockBackOverRestart)
	}
	if h.Node != nil {
		t.Run("Rule8WhatOneNodeLetInTheOthersRefuse", h.nodes)
		t.Run("Rule8OneOfEqualClaimsAtManyNodesWins", h.nodesAtOnce)
	}
}

// Key makes a key that differs for every n.
func Key(n int) replay.Key {
	var key replay.Key
	for i := range 8 {
		key[i] = byte(n >> (8 * i))
	}
	key[31] = byte(n)
	return key
}

// Fresh claims and fails the test unless the claim is fresh.
func Fresh(t *testing.T, g replay.Guard, key replay.Key, expires, now int64) {
	t.Helper()
	fresh, err := g.Claim(key, expires, now)
	if err != nil || !fresh {
		t.Fatalf("claim %x until %d at %d: fresh %v, error %v; want fresh", key[:4], expires, now, fresh, err)
	}
}

// Refused claims and fails the test unless the claim is refused without an error.
func Refused(t *testing.T, g replay.Guard, key replay.Key, expires, now int64) {
	t.Helper()
	fresh, err := g.Claim(key, expires, now)
	if err != nil || fresh {
		t.Fatalf("claim %x until %d at %d: fresh %v, error %v; want it refused", key[:4], expires, now, fresh, err)
	}
}

// Unknown claims and fails the test unless the claim is refused as one that nobody can judge any more: neither fresh nor told
// to be a replay.
func Unknown(t *testing.T, g replay.Guard, key replay.Key, expires, now int64) {
	t.Helper()
	fresh, err := g.Claim(key, expires, now)
	if fresh || !errors.Is(err, replay.ErrUnavailable) {
		t.Fatalf("claim %x until %d at %d: fresh %v, error %v; want ErrUnavailable", key[:4], expires, now, fresh, err)
	}
}

func (h Harness) once(t *testing.T) {
	g := h.Open(t)
	for n := range 200 {
		Fresh(t, g, Key(n), Now+300, Now)
	}
	for n := range 200 {
		Refused(t, g, Key(n), Now+300, Now)
	}
}

func (h Harness) everyByte(t *testing.T) {
	g := h.Open(t)
	Fresh(t, g, replay.Key{}, Now+300, Now)
	for i := range 32 {
		for bit := range 8 {
			var key replay.Key
			key[i] = 1 << bit
			Fresh(t, g, key, Now+300, Now)
		}
	}
	Refused(t, g, replay.Key{}, Now+300, Now)
}

func (h Harness) inclusive(t *testing.T) {
	g := h.Open(t)
	Fresh(t, g, Key(1), Now+300, Now)
	for _, later := range []int64{0, 1, 59, 60, 61, 299, 300} {
		Refused(t, g, Key(1), Now+300, Now+later)
		Fresh(t, g, Key(100+int(later)), Now+600, Now+later)
	}
	Fresh(t, g, Key(2), Now+659, Now+600)
	Fresh(t, g, Key(3), Now+719, Now+600)
	Refused(t, g, Key(3), Now+719, Now+719)
	Fresh(t, g, Key(4), Now+719, Now+719) // in its last second, with an older minute to forget
}

func (h Harness) expired(t *testing.T) {
	g := h.Open(t)
	Refused(t, g, Key(1), Now-1, Now)
	Refused(t, g, Key(2), 0, Now)
	Refused(t, g, Key(3), -1, Now)
	Fresh(t, g, Key(4), Now, Now)
}

func (h Harness) extended(t *testing.T) {
	g := h.Open(t)
	Fresh(t, g, Key(1), Now+60, Now)
	Refused(t, g, Key(1), Now+900, Now+1)
	Fresh(t, g, Key(2), Now+900, Now+500) // lets the guard forget what it may
	Refused(t, g, Key(1), Now+900, Now+501)
	Refused(t, g, Key(1), Now+900, Now+900)
}

func (h Harness) clockBack(t *testing.T) {
	g := h.Open(t)
	Fresh(t, g, Key(1), Now+300, Now)
	Fresh(t, g, Key(2), Now+2000, Now+1700)
	Unknown(t, g, Key(1), Now+300, Now)
	Unknown(t, g, Key(1), Now+300, Now-100)
	Refused(t, g, Key(2), Now+2000, Now)
	Fresh(t, g, Key(3), Now+2000, Now+1699)
}

func (h Harness) concurrent(t *testing.T) {
	g := h.Open(t)
	for round := range 20 {
		var wins, failures atomic.Int64
		var start, done sync.WaitGroup
		start.Add(1)
		for range 100 {
			done.Go(func() {
				start.Wait()
				fresh, err := g.Claim(Key(round), Now+300, Now)
				if err != nil {
					failures.Add(1)
				}
				if fresh {
					wins.Add(1)
				}
			})
		}
		start.Done()
		done.Wait()
		if wins.Load() != 1 || failures.Load() != 0 {
			t.Fatalf("round %d: %d of 100 equal claims won, %d failed; want 1 and 0", round, wins.Load(), failures.Load())
		}
	}
}

func (h Harness) closed(t *testing.T) {
	g := h.Open(t)
	Fresh(t, g, Key(1), Now+300, Now)
	for range 2 {
		if err := g.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	for n := range 2 {
		fresh, err := g.Claim(Key(n), Now+300, Now)
		if fresh || !errors.Is(err, replay.ErrUnavailable) {
			t.Fatalf("claim after close: fresh %v, error %v; want ErrUnavailable", fresh, err)
		}
	}
}

func (h Harness) restarted(t *testing.T) {
	g := h.Open(t)
	for n := range 500 {
		Fresh(t, g, Key(n), Now+300+int64(n%600), Now)
	}
	g = h.Restart(t, g)
	for n := range 500 {
		Refused(t, g, Key(n), Now+300+int64(n%600), Now)
	}
	Fresh(t, g, Key(1000), Now+300, Now)
	Refused(t, g, Key(1000), Now+900, Now)
	g = h.Restart(t, g)
	Refused(t, g, Key(1000), Now+300, Now+300)
	Fresh(t, g, Key(1001), Now+900, Now+800)
	Refused(t, g, Key(1000), Now+900, Now+800)
}

func (h Harness) clockBackOverRestart(t *testing.T) {
	g := h.Open(t)
	Fresh(t, g, Key(1), Now+300, Now)
	Fresh(t, g, Key(2), Now+2000, Now+1700)
	g = h.Restart(t, g)
	Unknown(t, g, Key(1), Now+300, Now)
	Refused(t, g, Key(2), Now+2000, Now)
	Fresh(t, g, Key(3), Now+2000, Now)
}
