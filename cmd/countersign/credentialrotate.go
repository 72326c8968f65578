package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/registry"
	"github.com/spf13/cobra"
)

func newCredentialRotate(o *operator) *cobra.Command {
	var overlap string
	h := new(handover)
	c := &cobra.Command{
		Use:   "rotate CREDENTIAL --overlap-until WHEN",
		Short: "Give a credential a new secret; the older ones count until a moment that you name",
		Long: `Give a credential a new secret, which is shown once or goes into --secret-file. The older secrets count until WHEN: a time
(2026-12-01T00:00:00Z), or a span from now (24h, 7d, 2w), which is turned into a time and printed; at most 90 days. With
"now" they end at once, which cannot be undone and is asked for. Access tokens live on: see revoke-tokens.

` + credentialHelp,
		Example:           "  countersign credential rotate crd_... --overlap-until 7d --secret-file new-secret --wait",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCredential(o),
		RunE: func(c *cobra.Command, args []string) error {
			until, err := parseMoment(overlap, clock())
			if err != nil {
				return fmt.Errorf("--overlap-until %q: %w", overlap, err)
			}
			return o.change(c, func(s *session) error {
				found, p, err := s.credential(args[0])
				if err != nil {
					return err
				}
				if until.IsZero() {
					what := fmt.Sprintf("the present secrets of %s of %s end at once", found.ID, p.Name)
					if err := o.confirm(c, what, p.Name); err != nil {
						return err
					}
				}
				return s.issue(h, until, func() (registry.Issued, error) { return s.Rotate(s.ctx, s.actor, found.ID, until) })
			})
		},
	}
	c.Flags().StringVar(&overlap, "overlap-until", "", "`WHEN` the older secrets end: a time, a span from now, or now")
	_ = c.MarkFlagRequired("overlap-until")
	h.flag(c)
	reasonFlag(c, &o.reason)
	return o.asking(c)
}

var errMoment = hinted{errors.New("not a moment to come"), "write a time such as 2026-12-01T00:00:00Z, a span such as 24h, 7d or 2w, or now"}

// parseMoment reads a time in the future, or a span from now, as an absolute time of whole seconds; zero for "now"
// (security rule 36: what is stored is one absolute end).
func parseMoment(text string, now time.Time) (time.Time, error) {
	if text == "now" {
		return time.Time{}, nil
	}
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		span, err := parseSpan(text)
		if err != nil {
			return time.Time{}, errMoment
		}
		moment = now.Add(span)
	}
	if moment = moment.UTC().Truncate(time.Second); !moment.After(now) {
		return time.Time{}, errMoment
	}
	return moment, nil
}

// parseSpan reads Go's durations and whole days and weeks: 90m, 24h, 7d, 2w. Negative ones and zero are refused.
func parseSpan(text string) (time.Duration, error) {
	unit := time.Duration(0)
	switch {
	case strings.HasSuffix(text, "d"):
		unit = 24 * time.Hour
	case strings.HasSuffix(text, "w"):
		unit = 7 * 24 * time.Hour
	}
	var span time.Duration
	if unit != 0 {
		n, err := strconv.ParseUint(text[:len(text)-1], 10, 16)
		if err != nil {
			return 0, errMoment
		}
		span = time.Duration(n) * unit
	} else {
		var err error
		if span, err = time.ParseDuration(text); err != nil {
			return 0, errMoment
		}
	}
	if span <= 0 {
		return 0, errMoment
	}
	return span, nil
}
