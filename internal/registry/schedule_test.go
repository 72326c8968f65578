package registry_test

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

const day = 24 * time.Hour

var quarterly = partner.Schedule{Every: 90 * day, Overlap: 14 * day}

// issue makes a credential of either kind.
func (w *world) issue(kind partner.Kind) registry.Issued {
	w.t.Helper()
	if kind == partner.App {
		return w.app()
	}
	return w.signingKey()
}

var bothKinds = []partner.Kind{partner.App, partner.SigningKey}

// due is a credential with a schedule whose time has come.
func due(t *testing.T, kind partner.Kind) (*world, registry.Issued) {
	t.Helper()
	w := newWorld(t)
	c := w.issue(kind)
	_, err := w.ScheduleRotation(ctx, alice, c.Credential.ID, quarterly)
	w.must(err)
	w.clock.pass(quarterly.Every)
	return w, c
}

// made is one whose new version waits to be handed over.
func made(t *testing.T, kind partner.Kind) (*world, registry.Issued) {
	t.Helper()
	w, c := due(t, kind)
	w.run(1, 0, 0)
	return w, c
}

// run runs the schedules, which must do this much.
func (w *world) run(made, lapsed, skipped int) registry.ScheduleRun {
	w.t.Helper()
	run, err := w.RunSchedules(ctx, robot, nil)
	w.must(err)
	if len(run.Made) != made || len(run.Lapsed) != lapsed || len(run.Skipped) != skipped {
		w.t.Errorf("made, lapsed, skipped %+v; expected %d, %d, %d", run, made, lapsed, skipped)
	}
	return run
}

// live is the numbers of the versions that count now, newest first.
func (w *world) live(id string) (numbers []int) {
	w.t.Helper()
	for _, v := range w.credential(id).Versions {
		if v.Live(w.clock.now()) {
			numbers = append(numbers, v.Number)
		}
	}
	return numbers
}

func TestAScheduledRotationFromBeginningToEnd(t *testing.T) {
	for _, kind := range bothKinds {
		w, first := due(t, kind)
		id := first.Credential.ID
		before := w.clock.now().UTC().Truncate(partner.Resolution)
		run := w.run(1, 0, 0)
		if p := run.Made[0]; p.CredentialID != id || p.Version != 2 || !p.Until.Equal(before.Add(quarterly.Overlap)) {
			t.Errorf("%+v", p)
		}
		if row := w.last(robot, audit.CredentialRotated, id); !strings.HasPrefix(row.Detail, "sandbox: version 2 by schedule;") {
			t.Error(row.Detail)
		}
		w.run(0, 0, 0)
		c := w.credential(id)
		if len(w.live(id)) != 2 || !c.Versions[1].NotAfter.IsZero() {
			t.Errorf("an older version ends although nobody has the new secret: %+v", c.Versions)
		}
		w.clock.pass(3 * day)
		got, err := w.RevealSecret(ctx, alice, id, 2)
		w.must(err)
		end := w.clock.now().UTC().Truncate(partner.Resolution).Add(quarterly.Overlap)
		if row := w.last(alice, audit.CredentialRotated, id); !strings.Contains(row.Detail, end.Format(time.RFC3339)) {
			t.Error(row.Detail)
		}
		if c = w.credential(id); !c.Versions[1].NotAfter.Equal(end) || !c.Versions[0].NotAfter.IsZero() || got.Version != 2 || got.KeyID != c.KeyID {
			t.Errorf("%+v, %+v", got, c.Versions)
		}
		w.proves(kind, got)
		w.clock.pass(quarterly.Overlap + partner.Resolution)
		if live := w.live(id); len(live) != 1 || live[0] != 2 {
			t.Errorf("after the overlap: %v", live)
		}
		s, err := w.Schedule(ctx, id)
		w.must(err)
		if s.Pending != nil || !s.Next.After(w.clock.now()) || s.SetBy != "operator:alice" {
			t.Errorf("%+v", s)
		}
		w.clock.pass(quarterly.Every)
		w.run(1, 0, 0)
	}
}

// proves checks that a secret is that of its version.
func (w *world) proves(kind partner.Kind, got registry.Issued) {
	w.t.Helper()
	if kind == partner.App {
		w.try(got, string(got.Secret.Bytes()), registry.Proved)
		return
	}
	roster, err := w.Roster(ctx)
	w.must(err)
	defer roster.Wipe()
	for _, v := range roster.Credentials[0].Versions {
		if v.Number == got.Version && !v.Secret.Equal(got.Secret) {
			w.t.Error("another secret was handed over")
		}
	}
}

// However many ask at once, one gets the secret, and nobody after that.
func TestASecretIsHandedOverOnce(t *testing.T) {
	for _, kind := range bothKinds {
		w, c := made(t, kind)
		var all sync.WaitGroup
		var got atomic.Int32
		for range 8 {
			all.Go(func() {
				_, err := w.RevealSecret(ctx, alice, c.Credential.ID, 0)
				switch {
				case err == nil:
					got.Add(1)
				case !errors.Is(err, registry.ErrNotFound):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got.Load() != 1 {
			t.Errorf("%s: handed over %d times", kind, got.Load())
		}
		w.restart()
		w.refuse(registry.ErrNotFound, func() error { _, err := w.RevealSecret(ctx, bob, c.Credential.ID, 2); return err })
		if list, err := w.PendingSecrets(ctx, ""); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	}
}

// A secret that nobody fetched is forgotten with its version, and nobody is cut off.
func TestASecretThatNobodyFetches(t *testing.T) {
	for _, kind := range bothKinds {
		w, first := made(t, kind)
		id := first.Credential.ID
		w.clock.pass(quarterly.Overlap)
		w.run(0, 0, 0) // the last moment counts
		w.clock.pass(partner.Resolution)
		w.refuse(registry.ErrNotFound, func() error { _, err := w.RevealSecret(ctx, alice, id, 2); return err })
		w.run(0, 1, 0)
		w.last(robot, audit.VersionRetired, id)
		if live := w.live(id); len(live) != 1 || live[0] != 1 || !w.credential(id).Versions[1].NotAfter.IsZero() {
			t.Errorf("live: %v", live)
		}
		w.proves(kind, first)
		w.run(0, 0, 0)
		w.clock.pass(quarterly.Every)
		if run := w.run(1, 0, 0); run.Made[0].Version != 3 {
			t.Errorf("%+v", run)
		}
		report, err := w.VerifyChanges(ctx, nil)
		w.must(err)
		if !report.OK() {
			t.Error(report.Lines())
		}
	}
}

// What happens to a credential while its secret waits decides whether it can still be had.
func TestWhatHappensWhileASecretWaits(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(w *world, c partner.Credential)
		want    error
	}{
		"nothing":             {func(*world, partner.Credential) {}, nil},
		"another version":     {func(*world, partner.Credential) {}, registry.ErrNotFound},
		"suspended":           {func(w *world, c partner.Credential) { w.must(w.Suspend(ctx, bob, c.PartnerID, "sandbox", "")) }, registry.ErrState},
		"revoked":             {func(w *world, c partner.Credential) { w.must(w.RevokeCredential(ctx, bob, c.ID, "")) }, registry.ErrState},
		"closed":              {func(w *world, c partner.Credential) { w.must(w.ClosePartner(ctx, bob, c.PartnerID, "")) }, registry.ErrState},
		"rotated by a person": {func(w *world, c partner.Credential) { _, err := w.Rotate(ctx, bob, c.ID, time.Time{}); w.must(err) }, registry.ErrState},
		"retired by a person": {func(w *world, c partner.Credential) { w.must(w.RetireVersion(ctx, bob, c.ID, 2, "")) }, registry.ErrNotFound},
	} {
		w, issued := made(t, partner.SigningKey)
		c.happens(w, issued.Credential)
		number := map[string]int{"another version": 1}[name]
		if c.want == nil {
			_, err := w.RevealSecret(ctx, alice, issued.Credential.ID, number)
			w.must(err)
			continue
		}
		w.refuse(c.want, func() error {
			_, err := w.RevealSecret(ctx, alice, issued.Credential.ID, number)
			if !errors.Is(err, c.want) {
				t.Errorf("%s:", name)
			}
			return err
		})
	}
}

// A person's rotation while a secret waits ends the waiting version as every older one; the schedule then drops it.
func TestARotationByAPersonOvertakesTheSchedule(t *testing.T) {
	w, first := made(t, partner.App)
	next, err := w.Rotate(ctx, bob, first.Credential.ID, w.clock.now().Add(day))
	w.must(err)
	w.clock.pass(quarterly.Overlap + time.Second)
	w.run(0, 1, 0)
	if live := w.live(first.Credential.ID); len(live) != 1 || live[0] != next.Version {
		t.Errorf("live: %v", live)
	}
}

func TestDueRotationsThatCannotBeDone(t *testing.T) {
	for name, c := range map[string]struct {
		happens       func(w *world, c partner.Credential)
		made, skipped int
	}{
		"suspended": {func(w *world, c partner.Credential) { w.must(w.Suspend(ctx, bob, c.PartnerID, "sandbox", "")) }, 0, 1},
		"closed":    {func(w *world, c partner.Credential) { w.must(w.ClosePartner(ctx, bob, c.PartnerID, "")) }, 0, 1},
		"four live versions": {func(w *world, c partner.Credential) {
			for range 3 {
				_, err := w.Rotate(ctx, bob, c.ID, w.clock.now().Add(day))
				w.must(err)
			}
		}, 0, 1},
		"locked": {func(w *world, c partner.Credential) {
			for range partner.MaxFailures {
				_, err := w.Authenticate(ctx, c.ID, c.Login, []byte("wrong"))
				w.must(err)
			}
		}, 1, 0},
	} {
		w, issued := due(t, partner.App)
		c.happens(w, issued.Credential)
		live := w.live(issued.Credential.ID)
		run, err := w.RunSchedules(ctx, robot, nil)
		w.must(err)
		if len(run.Made) != c.made || len(run.Skipped) != c.skipped || len(w.live(issued.Credential.ID)) != len(live)+c.made {
			t.Errorf("%s: %+v", name, run)
		}
	}
	w, issued := due(t, partner.App)
	if run, err := w.RunSchedules(ctx, robot, []string{"production"}); err != nil || len(run.Made)+len(run.Skipped) != 0 {
		t.Errorf("another environment's: %+v, %v", run, err)
	}
	w.must(w.RevokeCredential(ctx, bob, issued.Credential.ID, ""))
	w.run(0, 0, 0)
	w.last(robot, audit.RotationScheduled, issued.Credential.ID)
	if list, err := w.Schedules(ctx, ""); err != nil || len(list) != 0 {
		t.Errorf("a revoked credential has a schedule: %v, %v", list, err)
	}
}

// A process that serves one environment rotates what it has the key ring of, and leaves the rest due.
func TestARotationWithoutAKeyRingStaysDue(t *testing.T) {
	w, _ := due(t, partner.SigningKey)
	cfg := w.cfg
	cfg.Ring, cfg.RingOf = nil, func(string) registry.Sealer { return nil }
	blind, err := registry.New(cfg)
	w.must(err)
	run, err := blind.RunSchedules(ctx, robot, nil)
	if err != nil || len(run.Skipped) != 1 || len(run.Made) != 0 {
		t.Errorf("%+v, %v", run, err)
	}
	w.run(1, 0, 0)
}

func TestSchedulesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	key := w.signingKey()
	id := key.Credential.ID
	set := func(s partner.Schedule) func() error {
		return func() error { _, err := w.ScheduleRotation(ctx, alice, id, s); return err }
	}
	w.refuse(registry.ErrState, set(partner.Schedule{})) // there is none to end
	w.refuse(partner.ErrInvalid, set(partner.Schedule{Every: day, Overlap: time.Hour}))
	w.refuse(partner.ErrInvalid, set(partner.Schedule{Every: 90 * day}))
	past := quarterly
	past.Next = w.clock.now()
	w.refuse(registry.ErrArgument, set(past))
	w.refuse(registry.ErrNotFound, func() error { _, err := w.ScheduleRotation(ctx, alice, "crd_none", quarterly); return err })
	w.refuse(registry.ErrNotFound, func() error { _, err := w.Schedule(ctx, id); return err })

	s, err := w.ScheduleRotation(ctx, alice, id, quarterly)
	w.must(err)
	w.last(alice, audit.RotationScheduled, id)
	if want := w.clock.now().UTC().Truncate(time.Second).Add(quarterly.Every); !s.Next.Equal(want) {
		t.Errorf("next at %s, expected %s", s.Next, want)
	}
	half := partner.Schedule{Every: 180 * day, Overlap: day, Next: w.clock.now().Add(time.Hour)}
	w.must(set(half)())
	if list, err := w.Schedules(ctx, key.Credential.PartnerID); err != nil || len(list) != 1 || list[0].Every != 180*day {
		t.Errorf("%+v, %v", list, err)
	}
	w.refuse(registry.ErrArgument, set(partner.Schedule{Overlap: day}))
	w.must(set(partner.Schedule{})())
	if row := w.last(alice, audit.RotationScheduled, id); row.Detail != "sandbox: no rotation by schedule any more" {
		t.Error(row.Detail)
	}
	w.must(set(quarterly)())
	w.must(w.Suspend(ctx, bob, key.Credential.PartnerID, "sandbox", ""))
	w.refuse(registry.ErrState, set(quarterly))
	w.must(set(partner.Schedule{})()) // ending one is always possible
}

// A key of the ring is needed as long as a secret that it sealed waits, and Reseal frees it.
func TestAWaitingSecretIsSealedAgain(t *testing.T) {
	w, c := made(t, partner.App)
	used, err := w.SealedWith(ctx)
	w.must(err)
	if used[w.ring.Newest()] != 1 {
		t.Errorf("sealed with: %v", used)
	}
	old := w.ring.Newest()
	file := secret.KeyFile{Path: filepath.Join(filepath.Dir(w.path), "keys"), Rand: rand.Reader}
	_, err = file.Add(ctx)
	w.must(err)
	w.must(w.ring.Reload(ctx))
	n, err := w.Reseal(ctx, alice)
	w.must(err)
	if used, err = w.SealedWith(ctx); err != nil || used[old] != 0 || n != 1 {
		t.Errorf("%d sealed again, sealed with %v, %v", n, used, err)
	}
	got, err := w.RevealSecret(ctx, alice, c.Credential.ID, 0)
	w.must(err)
	w.proves(partner.App, got)
	report, err := w.VerifyChanges(ctx, nil)
	w.must(err)
	if !report.OK() {
		t.Error(report.Lines())
	}
}

// A fault at any step leaves the schedule due or done, never half, and never shows a secret that is not in force.
func TestRule12AFaultWhileASecretIsMadeOrHandedOver(t *testing.T) {
	for _, committed := range []bool{false, true} {
		for at := 1; at <= 6; at++ {
			w, c := due(t, partner.App)
			f := &faulty{at: at, committed: committed, Store: w.cfg.Store}
			cfg := w.cfg
			cfg.Store = f
			broken, err := registry.New(cfg)
			w.must(err)
			_, ran := broken.RunSchedules(ctx, robot, nil)
			if (ran == nil) != (f.calls < at) || ran != nil && !errors.Is(ran, errInjected) {
				t.Errorf("call %d fails: %v after %d calls", at, ran, f.calls)
			}
			run, err := w.RunSchedules(ctx, robot, nil)
			w.must(err)
			if live := w.live(c.Credential.ID); len(live) != 2 || live[0] != 2 || len(run.Skipped) != 0 {
				t.Errorf("call %d failed, committed %v: live %v", at, committed, live)
			}
			f.calls, f.at = 0, 1
			got, err := broken.RevealSecret(ctx, alice, c.Credential.ID, 0)
			if !errors.Is(err, errInjected) || !got.Secret.IsZero() {
				t.Errorf("%+v, %v", got, err)
			}
		}
	}
}

// TestAVersionThatNobodyHasIsInNoRoster: while a secret waits to be handed over, callers are not told that a newer version is there,
// and a signature is not compared with it.
func TestAVersionThatNobodyHasIsInNoRoster(t *testing.T) {
	for _, kind := range bothKinds {
		w, c := made(t, kind)
		id := c.Credential.ID
		numbers := func() (list []int) {
			t.Helper()
			roster, err := w.Roster(ctx)
			w.must(err)
			defer roster.Wipe()
			for _, v := range roster.Credentials[0].Versions {
				list = append(list, v.Number)
			}
			return list
		}
		if got := numbers(); len(got) != 1 || got[0] != 1 {
			t.Errorf("%s: versions %v while the second one waits", kind, got)
		}
		_, err := w.RevealSecret(ctx, alice, id, 0)
		w.must(err)
		if got := numbers(); len(got) != 2 || got[0] != 2 {
			t.Errorf("%s: versions %v when it was handed over", kind, got)
		}
	}
}
