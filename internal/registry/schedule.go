package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// RotationSchedule is the schedule of one credential.
type RotationSchedule struct {
	CredentialID string
	PartnerID    string
	Environment  string
	partner.Schedule
	SetBy   string // actor
	SetAt   time.Time
	Pending *PendingSecret // a version that was made and not handed over yet; nil: none
}

// scheduleRecord is how a schedule is kept.
type scheduleRecord struct {
	CredentialID string    `json:"credential"`
	PartnerID    string    `json:"partner"`
	Environment  string    `json:"environment"`
	CreatedAt    time.Time `json:"created_at"`
	Every        int64     `json:"every_seconds"`
	Overlap      int64     `json:"overlap_seconds"`
	Next         time.Time `json:"next"`
	SetBy        string    `json:"set_by"`
	SetAt        time.Time `json:"set_at"`
}

var scheduleNoun = noun[scheduleRecord]{kind: "rotation_schedule", row: func(s scheduleRecord) partner.Document {
	return partner.Document{ID: s.CredentialID, PartnerID: s.PartnerID, Environment: s.Environment, CreatedAt: s.CreatedAt}
}}

func (s scheduleRecord) schedule() partner.Schedule {
	return partner.Schedule{Every: time.Duration(s.Every) * time.Second, Overlap: time.Duration(s.Overlap) * time.Second, Next: s.Next}
}

// ScheduleRotation sets when the secret of a credential is replaced by itself, in the place of what was set before. A zero
// Every ends that; a zero Next is one Every from now. What RunSchedules makes then waits to be handed over by RevealSecret. Errors:
// ErrActor, partner.ErrInvalid, ErrArgument for a Next that has passed, ErrNotFound, ErrState (revoked, not approved, nothing to
// end), the store's.
func (r *Registry) ScheduleRotation(ctx context.Context, actor Actor, credentialID string, s partner.Schedule) (RotationSchedule, error) {
	return r.schedule(ctx, actor, credentialID, s, "")
}

// schedule is ScheduleRotation with a reason.
func (r *Registry) schedule(ctx context.Context, actor Actor, credentialID string, s partner.Schedule,
	reason string) (out RotationSchedule, err error) {
	if err := checkLine("a reason", reason, maxReason); err != nil {
		return RotationSchedule{}, fmt.Errorf("schedule rotation: %w", err)
	}
	err = r.update(ctx, actor, "schedule rotation", func(tx Tx) error {
		c, err := credential(tx, credentialID)
		if err != nil {
			return err
		}
		old, known, err := readSchedule(tx, c.ID)
		if err != nil {
			return err
		}
		if s.Every == 0 { // whatever has become of the credential
			out = RotationSchedule{CredentialID: c.ID, PartnerID: c.PartnerID, Environment: c.Environment}
			return r.unschedule(tx, actor, c, s, known, reason)
		}
		if c, err = usableCredential(tx, credentialID); err != nil {
			return err
		}
		if s.Next.IsZero() {
			s.Next = r.now().Truncate(time.Second).Add(s.Every)
		}
		s.Next = s.Next.UTC().Truncate(partner.Resolution)
		if err := s.Validate(); err != nil {
			return err
		}
		if !s.Next.After(r.now()) {
			return fmt.Errorf("%w: the next rotation lies in the future; to rotate now, rotate", ErrArgument)
		}
		kept := scheduleRecord{CredentialID: c.ID, PartnerID: c.PartnerID, Environment: c.Environment, CreatedAt: r.now(),
			Every: int64(s.Every / time.Second), Overlap: int64(s.Overlap / time.Second), Next: s.Next, SetBy: actor.String(), SetAt: r.now()}
		if known {
			kept.CreatedAt = old.CreatedAt
		}
		if err := scheduleNoun.put(tx, kept); err != nil {
			return err
		}
		if err := r.record(tx, actor, audit.RotationScheduled, c.ID, detail(c.Environment, because(scheduleText(s), reason))); err != nil {
			return err
		}
		out, err = scheduled(tx, kept)
		return err
	})
	if err != nil {
		return RotationSchedule{}, err
	}
	return out, nil
}

// unschedule ends a schedule. A version that waits to be handed over still does.
func (r *Registry) unschedule(tx Tx, actor Actor, c partner.Credential, s partner.Schedule, known bool, reason string) error {
	switch {
	case s != (partner.Schedule{}):
		return fmt.Errorf("%w: without a span between rotations there is neither an overlap nor a next one", ErrArgument)
	case !known:
		return fmt.Errorf("credential %s has no schedule: %w", c.ID, ErrState)
	}
	if err := tx.DeleteDocument(scheduleNoun.kind, c.ID); err != nil {
		return err
	}
	return r.record(tx, actor, audit.RotationScheduled, c.ID, detail(c.Environment, because("no rotation by schedule any more", reason)))
}

// because adds a reason to what was done.
func because(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}

func scheduleText(s partner.Schedule) string {
	return fmt.Sprintf("every %s, overlap %s, next at %s", s.Every, s.Overlap, s.Next.Format(time.RFC3339))
}

func readSchedule(tx Tx, credentialID string) (s scheduleRecord, known bool, err error) {
	s, err = scheduleNoun.get(tx, credentialID)
	if errors.Is(err, ErrNotFound) {
		return s, false, nil
	}
	return s, err == nil, err
}

// show is a schedule with the secret that waits, nil: none does.
func (s scheduleRecord) show(pending *PendingSecret) RotationSchedule {
	return RotationSchedule{CredentialID: s.CredentialID, PartnerID: s.PartnerID, Environment: s.Environment, Schedule: s.schedule(),
		SetBy: s.SetBy, SetAt: s.SetAt, Pending: pending}
}

// Schedules lists the schedules of one partner by the time of their making, of all if partnerID is empty. Errors: the store's.
func (r *Registry) Schedules(ctx context.Context, partnerID string) ([]RotationSchedule, error) {
	return view(ctx, r.store, func(tx Tx) ([]RotationSchedule, error) {
		list, err := scheduleNoun.list(tx, partner.DocumentQuery{PartnerID: partnerID})
		if err != nil {
			return nil, err
		}
		pending, err := pendingNoun.list(tx, partner.DocumentQuery{PartnerID: partnerID})
		waits := make(map[string]*PendingSecret, len(pending))
		for _, p := range pending {
			shown := p.show()
			waits[p.CredentialID] = &shown
		}
		out := make([]RotationSchedule, 0, len(list))
		for _, s := range list {
			out = append(out, s.show(waits[s.CredentialID]))
		}
		return out, err
	})
}

// Schedule finds the schedule of a credential. Errors: ErrNotFound where it has none, the store's.
func (r *Registry) Schedule(ctx context.Context, credentialID string) (RotationSchedule, error) {
	return view(ctx, r.store, func(tx Tx) (RotationSchedule, error) {
		s, err := scheduleNoun.get(tx, credentialID)
		if err != nil {
			return RotationSchedule{}, err
		}
		return scheduled(tx, s)
	})
}

// scheduled is a schedule as it stands.
func scheduled(tx Tx, s scheduleRecord) (RotationSchedule, error) {
	p, waits, err := readPending(tx, s.CredentialID)
	if err != nil || !waits {
		return s.show(nil), err
	}
	pending := p.show()
	return s.show(&pending), nil
}

// DueRotations lists the schedules whose time has come, the longest overdue first, without those whose last secret still waits to be
// handed over. Errors: the store's.
func (r *Registry) DueRotations(ctx context.Context, now time.Time) ([]RotationSchedule, error) {
	all, err := r.Schedules(ctx, "")
	if err != nil {
		return nil, err
	}
	return dueOf(all, now), nil
}
