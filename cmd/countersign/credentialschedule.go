package main

import (
	"errors"
	"fmt"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

// scheduleOptions are the flags of `credential schedule`.
type scheduleOptions struct {
	every, overlap, next, reason string
	off                          bool
}

func newCredentialSchedule(o *operator) *cobra.Command {
	w := new(scheduleOptions)
	c := &cobra.Command{
		Use:   "schedule CREDENTIAL --every SPAN --overlap SPAN | --off",
		Short: "Rotate a credential by itself, again and again",
		Long: `Have the server give a credential a new secret by itself, every so often. The new secret is kept sealed until somebody takes it
with "countersign credential reveal", once; until then the older ones go on, and from then on they overlap for a while. A rotation
that nobody attends to cuts nobody off.

` + credentialHelp,
		Example: `  countersign credential schedule crd_... --every 90d --overlap 14d
  countersign credential schedule crd_... --off`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCredential(o),
		RunE: func(c *cobra.Command, args []string) error {
			want, err := w.read(clock())
			if err != nil {
				return err
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, _, err := s.credential(args[0])
				if err != nil {
					return err
				}
				if err := s.schedule(p, found.ID, want, w.reason); err != nil {
					return err
				}
				return s.showSchedule(p, found.ID)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&w.every, "every", "", "`SPAN` between rotations, such as 90d")
	f.StringVar(&w.overlap, "overlap", "", "`SPAN` for which the older secrets count on, such as 14d")
	f.StringVar(&w.next, "next", "", "`WHEN` the first rotation is: a time, or a span from now; after one span of --every unless given")
	f.BoolVar(&w.off, "off", false, "rotate it by itself no more")
	reasonFlag(c, &w.reason)
	return o.changing(c)
}

// read turns the flags into a schedule; zero for --off.
func (w *scheduleOptions) read(now time.Time) (want partner.Schedule, err error) {
	if w.off {
		if w.every+w.overlap+w.next != "" {
			return want, hinted{errors.New("--off with a schedule"), "give one or the other"}
		}
		return want, nil
	}
	if w.every == "" || w.overlap == "" {
		return want, hinted{errors.New("which schedule?"), "give --every and --overlap, or --off"}
	}
	if want.Every, err = parseSpan(w.every); err != nil {
		return want, fmt.Errorf("--every %q: %w", w.every, errSpan)
	}
	if want.Overlap, err = parseSpan(w.overlap); err != nil {
		return want, fmt.Errorf("--overlap %q: %w", w.overlap, errSpan)
	}
	want.Next = now.Add(want.Every).UTC().Truncate(time.Second)
	if w.next == "" {
		return want, nil
	}
	if want.Next, err = parseMoment(w.next, now); err != nil || want.Next.IsZero() {
		return want, fmt.Errorf("--next %q: %w", w.next, errMoment)
	}
	return want, nil
}

var errSpan = hinted{errors.New("not a span"), "write 24h, 7d or 2w"}

// schedule sets or ends a schedule: on this disk at once, at a server by its rules.
func (s *session) schedule(p *remote.Client, id string, want partner.Schedule, reason string) error {
	if s.local() {
		_, err := s.disk.ScheduleRotation(s.ctx, s.actor, id, want)
		return err
	}
	present, err := remote.Value(p.API.CredentialGet(s.ctx, id))
	if err != nil {
		return err
	}
	tag := remote.Quoted("none") // where there is no schedule
	if present.Schedule.Etag != "" {
		tag = remote.Quoted(present.Schedule.Etag)
	}
	if want.Every == 0 {
		_, err = remote.Value(p.API.CredentialUnschedule(s.ctx, id, api.CredentialUnscheduleParams{IfMatch: tag, Reason: reason}))
		return err
	}
	body := api.SchedulePut{EverySeconds: int64(want.Every / time.Second), OverlapSeconds: int64(want.Overlap / time.Second), Next: want.Next, Reason: reason}
	_, err = remote.Value(p.API.CredentialSchedule(s.ctx, id, api.CredentialScheduleParams{IfMatch: tag}, body))
	return err
}

func (s *session) showSchedule(p *remote.Client, id string) error {
	c, err := remote.Value(p.API.CredentialGet(s.ctx, id))
	if err != nil {
		return err
	}
	if c.Schedule.EverySeconds == 0 {
		return s.out.show(c, "%s: is rotated by itself no more", c.ID)
	}
	return s.out.show(c, "%s: is rotated every %s, next at %s; older secrets count on for %s", c.ID, wholeSpan(c.Schedule.EverySeconds), when(c.Schedule.Next),
		wholeSpan(c.Schedule.OverlapSeconds))
}

func newCredentialRetire(o *operator) *cobra.Command {
	var reason string
	var version int
	c := &cobra.Command{
		Use:   "retire CREDENTIAL --version NUMBER",
		Short: "End an older version now",
		Long: `End a version of a credential now, instead of at its own end. "countersign credential rehearsal" tells who still uses it. The only
version that counts is never retired: to end the credential, revoke it. Versions that nobody used for a while retire by themselves
where the configuration says so (credentials.retire_silent).

` + credentialHelp,
		Example:           "  countersign credential retire crd_... --version 1 --yes --wait",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCredential(o),
		RunE: func(c *cobra.Command, args []string) error {
			if version < 1 {
				return hinted{errors.New("which version?"), "--version NUMBER; countersign credential show tells them"}
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, owner, err := s.credential(args[0])
				if err != nil {
					return err
				}
				what := fmt.Sprintf("version %d of %s of %s in %s ends now", version, found.ID, owner.Name, found.Environment)
				if err := o.confirm(c, what, owner.Name); err != nil {
					return err
				}
				if err := s.retire(p, found.ID, version, reason); err != nil {
					return err
				}
				return s.reshow(found.ID, owner.Name, fmt.Sprintf("version %d has ended", version))
			})
		},
	}
	c.Flags().IntVar(&version, "version", 0, "the version, by its `NUMBER`")
	_ = c.MarkFlagRequired("version")
	reasonFlag(c, &reason)
	return o.asking(c)
}

func (s *session) retire(p *remote.Client, id string, version int, reason string) error {
	if s.local() {
		return s.disk.RetireVersion(s.ctx, s.actor, id, version, reason)
	}
	_, err := remote.Value(p.API.CredentialRetire(s.ctx, id, api.CredentialRetireParams{}, api.CredentialRetire{Version: version, Reason: reason}))
	return err
}

func newCredentialReveal(o *operator) *cobra.Command {
	var version int
	h := new(handover)
	c := &cobra.Command{
		Use:   "reveal CREDENTIAL --version NUMBER",
		Short: "Take the secret that a scheduled rotation made, once",
		Long: `Take the secret that a scheduled rotation made. It is shown this once, or goes into --secret-file; whoever asks again gets nothing.
The overlap with the older secrets begins now.

` + credentialHelp,
		Example:           "  countersign credential reveal crd_... --version 2 --secret-file new-secret",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCredential(o),
		RunE: func(c *cobra.Command, args []string) error {
			if version < 1 {
				return hinted{errors.New("which version?"), "--version NUMBER; countersign credential show tells them"}
			}
			return o.change(c, func(s *session) error {
				found, _, err := s.credential(args[0])
				if err != nil {
					return err
				}
				return s.issue(h, time.Time{}, func() (registry.Issued, error) { return s.RevealSecret(s.ctx, s.actor, found.ID, version) })
			})
		},
	}
	c.Flags().IntVar(&version, "version", 0, "the version, by its `NUMBER`")
	_ = c.MarkFlagRequired("version")
	h.flag(c)
	return o.changing(c)
}
