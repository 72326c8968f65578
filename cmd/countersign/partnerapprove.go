package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

// approveOptions are the flags of `partner approve`.
type approveOptions struct {
	environment, reason, digest string
	force                       bool
}

func newPartnerApprove(o *operator) *cobra.Command {
	a := new(approveOptions)
	c := &cobra.Command{
		Use:   "approve PARTNER --environment NAME",
		Short: "Approve a partner's review, so that it is admitted",
		Long: `Approve a partner's review for an environment, so that credentials can be issued and its requests are admitted. Who asked
for the review does not approve it: on this disk the actor is the user of the operating system, also under sudo.

What is approved is the review's file as it is shown by "countersign review show": with its --digest, that very file and no other.
Required items of the checklist that are not done are named, and nothing is approved; on the server's own disk --force approves
all the same, and the record says what was open.

` + whoHelp,
		Example: `  countersign partner approve "Example Bank" --environment production --reason "ticket 4711" --wait
  countersign partner approve "Example Bank" --environment production --digest 93cb...`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkDigest(a.digest, false); err != nil {
				return err
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.partner(args[0])
				if err != nil {
					return err
				}
				if err := a.approve(s, p, found); err != nil {
					return err
				}
				return s.showReview(found.ID, a.environment, found.Name+": approved")
			})
		},
	}
	environmentFlag(c, &a.environment, true)
	reasonFlag(c, &a.reason)
	f := c.Flags()
	f.StringVar(&a.digest, "digest", "", "`HEX` that the review's file must have: 64 hex digits, as review show told")
	f.BoolVar(&a.force, "force", false, "although required items are open; on the server's disk alone")
	completeEnvironments(o, c)
	return o.changing(c)
}

// approve looks at the file, and approves what it looked at.
func (a *approveOptions) approve(s *session, p *remote.Client, found partner.Partner) error {
	file, err := remote.Value(p.API.ReviewGet(s.ctx, found.ID, a.environment))
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return hinted{fmt.Errorf("approve review: no review for %s was asked for: %w", a.environment, registry.ErrState), "countersign partner request-access asks for one"}
	case err != nil:
		return err
	case a.digest != "" && a.digest != file.Digest:
		return hinted{fmt.Errorf("approve review: %w: its digest is %s", registry.ErrStale, file.Digest), "look at it again with countersign review show, and then decide again"}
	case a.force && !s.local():
		return hinted{errors.New("--force is for whoever has the server's disk"), "do what is missing: " + strings.Join(file.Missing, ", ")}
	case len(file.Missing) > 0 && !a.force:
		return hinted{fmt.Errorf("approve review: not done yet: %s: %w", strings.Join(file.Missing, ", "), registry.ErrState),
			fmt.Sprintf("countersign review show %s -e %s tells the checklist, countersign review check ticks off", found.ID, a.environment)}
	}
	if !s.local() {
		_, err := remote.Value(p.API.ReviewApprove(s.ctx, found.ID, a.environment, api.ReviewApproveParams{}, api.ReviewApprove{Digest: file.Digest, Reason: a.reason}))
		return err
	}
	approval := registry.Approval{Reason: a.reason, Force: a.force}
	if raw, err := hex.DecodeString(file.Digest); err != nil || copy(approval.Digest[:], raw) != len(approval.Digest) {
		return remote.ErrAnswer
	}
	return s.disk.ApproveReview(s.ctx, s.actor, found.ID, a.environment, approval)
}
