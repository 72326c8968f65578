package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// maxScheduleRun is how many credentials one RunSchedules rotates, so that it ends; the next one goes on.
const maxScheduleRun = 100

// ScheduleRun is what one RunSchedules did.
type ScheduleRun struct {
	Made    []PendingSecret // versions that wait to be handed over
	Lapsed  []PendingSecret // versions that nobody fetched in time, and that are ended
	Skipped []SkippedRotation
}

// SkippedRotation is a due rotation that could not be done; it stays due.
type SkippedRotation struct {
	CredentialID string
	Environment  string
	Why          string // for people
}

// RunSchedules makes a new version for every credential whose time has come, in these environments, nil: in all. Nobody sees its
// secret: it is sealed until RevealSecret hands it over, once, and only then do the older versions get their end. A version that
// nobody fetched within its overlap is ended, and its schedule goes on with its next time. A schedule whose credential was revoked is
// ended. One credential that cannot be rotated does not keep the others from it. Errors: ErrActor, the store's, secret.ErrBusy,
// secret.ErrRandom; what was done before an error is in the result.
func (r *Registry) RunSchedules(ctx context.Context, actor Actor, environments []string) (run ScheduleRun, err error) {
	const what = "run schedules"
	if err := actor.manages(); err != nil {
		return run, fmt.Errorf("%s: %w", what, err)
	}
	within := func(environment string) bool {
		return environments == nil || slices.Contains(environments, environment)
	}
	pending, err := r.PendingSecrets(ctx, "")
	if err != nil {
		return run, fmt.Errorf("%s: %w", what, err)
	}
	for _, p := range pending {
		if !within(p.Environment) || !r.now().After(p.Until) {
			continue
		}
		if err := r.lapse(ctx, actor, p); err != nil {
			return run, fmt.Errorf("%s: %w", what, err)
		}
		run.Lapsed = append(run.Lapsed, p)
	}
	due, err := r.DueRotations(ctx, r.now())
	if err != nil {
		return run, fmt.Errorf("%s: %w", what, err)
	}
	due = slices.DeleteFunc(due, func(s RotationSchedule) bool { return !within(s.Environment) })
	for _, s := range due {
		if len(run.Made) == maxScheduleRun {
			return run, nil
		}
		if err := r.runOne(ctx, actor, s, &run); err != nil {
			return run, fmt.Errorf("%s: %w", what, err)
		}
	}
	return run, nil
}

// dueOf picks the schedules whose time has come and whose last secret does not wait any more.
func dueOf(all []RotationSchedule, now time.Time) []RotationSchedule {
	due := slices.DeleteFunc(all, func(s RotationSchedule) bool { return s.Next.After(now) || s.Pending != nil })
	slices.SortStableFunc(due, func(a, b RotationSchedule) int { return a.Next.Compare(b.Next) })
	return due
}

// runOne rotates one credential. What concerns it alone is no error.
func (r *Registry) runOne(ctx context.Context, actor Actor, s RotationSchedule, run *ScheduleRun) error {
	made, err := r.rotateDue(ctx, actor, s)
	switch {
	case errors.Is(err, errUnscheduled):
		return nil
	case errors.Is(err, ErrState), errors.Is(err, ErrNoRing), errors.Is(err, ErrNotFound):
		run.Skipped = append(run.Skipped, SkippedRotation{CredentialID: s.CredentialID, Environment: s.Environment, Why: err.Error()})
		return nil
	case err != nil:
		return err
	}
	run.Made = append(run.Made, made)
	return nil
}

var errUnscheduled = errors.New("its credential is revoked")

// rotateDue makes the version and seals its secret.
func (r *Registry) rotateDue(ctx context.Context, actor Actor, s RotationSchedule) (PendingSecret, error) {
	c, err := view(ctx, r.store, func(tx Tx) (partner.Credential, error) { return credential(tx, s.CredentialID) })
	if err != nil {
		return PendingSecret{}, err
	}
	if !c.RevokedAt.IsZero() {
		return PendingSecret{}, cmp.Or(r.dropSchedule(ctx, actor, c), errUnscheduled)
	}
	if c, err = r.usable(ctx, c.ID); err != nil {
		return PendingSecret{}, err
	}
	version, plain, err := r.newVersion(ctx, c, nextNumber(c))
	if err != nil {
		return PendingSecret{}, err
	}
	defer plain.Zero()
	waits, err := r.sealPending(c, version.Number, plain, s.Overlap)
	if err != nil {
		return PendingSecret{}, err
	}
	err = r.update(ctx, actor, "rotate by schedule", func(tx Tx) error { return r.keepDue(tx, actor, s, version, waits) })
	return waits.show(), err
}

// keepDue writes the version, its sealed secret and the next time of the schedule.
func (r *Registry) keepDue(tx Tx, actor Actor, s RotationSchedule, version partner.Version, waits pendingRecord) error {
	kept, known, err := readSchedule(tx, s.CredentialID)
	if err != nil {
		return err
	}
	c, err := usableCredential(tx, s.CredentialID)
	if err != nil {
		return err
	}
	live := 0
	for _, v := range c.Versions {
		if v.Live(r.now()) {
			live++
		}
	}
	_, pending, err := readPending(tx, c.ID)
	switch {
	case err != nil:
		return err
	case !known || pending || kept.Next.After(r.now()) || kept.Overlap != waits.Overlap ||
		nextNumber(c) != version.Number:
		return fmt.Errorf("it was changed at the same time: %w", ErrState)
	case live >= MaxLiveVersions:
		return fmt.Errorf("it has %d live versions, and one more would end the oldest; retire one: %w", live, ErrState)
	}
	c.Versions = append([]partner.Version{version}, c.Versions...)
	kept.Next = kept.schedule().After(r.now())
	text := fmt.Sprintf("version %d by schedule; its secret can be handed over until %s", version.Number, waits.Until.Format(time.RFC3339))
	return firstOf(
		func() error { return tx.PutCredential(c) },
		func() error { return scheduleNoun.put(tx, kept) },
		func() error { return pendingNoun.put(tx, waits) },
		func() error { return r.record(tx, actor, audit.CredentialRotated, c.ID, detail(c.Environment, text)) },
	)
}

// firstOf runs steps until one fails.
func firstOf(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// dropSchedule ends the schedule of a revoked credential, with the secret that waits.
func (r *Registry) dropSchedule(ctx context.Context, actor Actor, c partner.Credential) error {
	return r.update(ctx, actor, "end schedule", func(tx Tx) error {
		return firstOf(
			func() error { return tx.DeleteDocument(scheduleNoun.kind, c.ID) },
			func() error { return tx.DeleteDocument(pendingNoun.kind, c.ID) },
			func() error {
				return r.record(tx, actor, audit.RotationScheduled, c.ID, detail(c.Environment, "no rotation by schedule any more: it is revoked"))
			},
		)
	})
}

// lapse ends a version whose secret nobody has seen, and drops the secret. The versions before it never had an end, and go on.
func (r *Registry) lapse(ctx context.Context, actor Actor, p PendingSecret) error {
	return r.update(ctx, actor, "end a version that was not fetched", func(tx Tx) error {
		now, waits, err := readPending(tx, p.CredentialID)
		if err != nil || !waits || now.Version != p.Version || !r.now().After(now.Until) {
			return err
		}
		c, err := credential(tx, p.CredentialID)
		if err != nil {
			return err
		}
		endVersion(&c, p.Version, r.now())
		text := fmt.Sprintf("version %d was made by schedule and not handed over in time", p.Version)
		return firstOf(
			func() error { return tx.PutCredential(c) },
			func() error { return tx.DeleteDocument(pendingNoun.kind, c.ID) },
			func() error { return r.record(tx, actor, audit.VersionRetired, c.ID, detail(c.Environment, text)) },
		)
	})
}

// endVersion ends one version of c one moment ago, never later than it would have.
func endVersion(c *partner.Credential, number int, now time.Time) {
	past := now.Add(-partner.Resolution)
	versions := slices.Clone(c.Versions)
	for i, v := range versions {
		if v.Number == number && (v.NotAfter.IsZero() || v.NotAfter.After(past)) {
			versions[i].NotAfter = past
		}
	}
	c.Versions = versions
}

// sealPending seals a secret to be handed over later, each to the very version that it belongs to (security rule 11).
func (r *Registry) sealPending(c partner.Credential, number int, plain secret.Value, overlap time.Duration) (pendingRecord, error) {
	now := r.now()
	p := pendingRecord{CredentialID: c.ID, PartnerID: c.PartnerID, Environment: c.Environment, Version: number, MadeAt: now,
		Until: now.Add(overlap), Overlap: int64(overlap / time.Second)}
	ring, err := r.ring(c.Environment)
	if err != nil {
		return p, err
	}
	p.Sealed, err = ring.Seal(p.identity(), plain.Bytes())
	return p, err
}
