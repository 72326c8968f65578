package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newProposalApprove(o *operator) *cobra.Command {
	var digest, comment string
	c := &cobra.Command{
		Use:   "approve PROPOSAL",
		Short: "Agree with exactly the change that is shown",
		Long: `Agree with exactly the change that is shown. The proposal is printed, and on a terminal its id has to be typed; what is
approved is what was printed, also if somebody edits it meanwhile. Elsewhere, --yes with the --digest that "proposal show" told
approves that very change and no other.`,
		Example:           "  countersign proposal approve prp_...\n  countersign proposal approve prp_... --yes --digest 5f0c...",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeProposal(o),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkDigest(digest, o.yes); err != nil {
				return err
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.proposal(p, args[0])
				if err != nil {
					return err
				}
				return s.approveProposal(c, o, p, found, digest, comment)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&digest, "digest", "", "`HEX` that the proposal must have: 64 hex digits, as proposal show told")
	f.StringVar(&comment, "comment", "", "`TEXT` beside the approval")
	return o.asking(c)
}

// checkDigest refuses an approval of something that nobody looked at: --yes alone would approve whatever is there.
func checkDigest(digest string, yes bool) error {
	if raw, err := hex.DecodeString(digest); digest != "" && (err != nil || len(raw) != 32 || digest != strings.ToLower(digest)) {
		return hinted{fmt.Errorf("--digest %s: not 64 hex digits in lower case", digest), "the digest stands at the end of what show prints"}
	}
	if yes && digest == "" {
		return hinted{errors.New("--yes approves nothing that was not looked at"), "give the --digest of what was shown, too"}
	}
	return nil
}

func (s *session) approveProposal(c *cobra.Command, o *operator, p *remote.Client, found api.Proposal, digest, comment string) error {
	if digest != "" && digest != found.Digest {
		return hinted{fmt.Errorf("%s is not what was looked at: its digest is %s", found.ID, found.Digest), "look at it again with countersign proposal show, and then decide again"}
	}
	if !o.yes {
		if _, err := io.WriteString(c.ErrOrStderr(), proposalPage(found)+"\n"); err != nil {
			return err
		}
	}
	if err := o.confirmApproval(c, found); err != nil {
		return err
	}
	body := api.ProposalApprove{Digest: found.Digest, Comment: comment}
	changed, err := remote.Value(p.API.ProposalApprove(s.ctx, found.ID, api.ProposalApproveParams{}, body))
	if err != nil {
		return err
	}
	return s.showProposal(changed, "approved")
}

// confirmApproval asks as confirm does, and says whether the change can be undone; where nobody can be asked, the digest stands for
// having looked.
func (o *operator) confirmApproval(c *cobra.Command, p api.Proposal) error {
	what := p.ID + " is approved as shown"
	switch {
	case o.yes:
		return nil
	case !isTerminal(c.InOrStdin()):
		return hinted{errors.New("not confirmed: " + what), "give --yes and the --digest of what was shown"}
	case final(p):
		return ask(c, "This cannot be undone: "+what, p.ID)
	}
	return ask(c, what, p.ID)
}

// proposalEnd is one of the two ways to end a proposal.
type proposalEnd struct {
	use, short, long, said string
	end                    func(s *session, p *remote.Client, id, reason string) (api.ProposalChanged, error)
}

var (
	rejectProposal = proposalEnd{"reject", "Refuse a proposal", "Refuse a proposal, as its second person. Whoever asked for it withdraws it instead.", "rejected",
		func(s *session, p *remote.Client, id, reason string) (api.ProposalChanged, error) {
			return remote.Value(p.API.ProposalReject(s.ctx, id, api.ProposalRejectParams{}, api.Act{Reason: reason}))
		}}
	withdrawProposal = proposalEnd{"withdraw", "Take your own proposal back", "Take your own proposal back.", "withdrawn",
		func(s *session, p *remote.Client, id, reason string) (api.ProposalChanged, error) {
			return remote.Value(p.API.ProposalWithdraw(s.ctx, id, api.ProposalWithdrawParams{}, api.Act{Reason: reason}))
		}}
)

func newProposalEnd(o *operator, way proposalEnd) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:               way.use + " PROPOSAL",
		Short:             way.short,
		Long:              way.long,
		Example:           "  countersign proposal " + way.use + ` prp_... --reason "the partner moves again next week"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeProposal(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				changed, err := way.end(s, p, args[0], reason)
				if err != nil {
					return err
				}
				return s.showProposal(changed, way.said)
			})
		},
	}
	reasonFlag(c, &reason)
	return o.changing(c)
}

func newProposalApply(o *operator) *cobra.Command {
	h := new(handover)
	c := &cobra.Command{
		Use:   "apply PROPOSAL",
		Short: "Make an approved change, and see the secret that comes of it",
		Long: `Make a change that was approved and that a secret comes of. Only whoever asked for it can; the secret is shown this once, or goes
into --secret-file.`,
		Example:           "  countersign proposal apply prp_... --secret-file new-secret",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeProposal(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error { return s.applyProposal(p, h, args[0]) })
		},
	}
	h.flag(c)
	return o.changing(c)
}

// applyProposal makes the file of the secret first, so that no secret is lost because it could not be made.
func (s *session) applyProposal(p *remote.Client, h *handover, id string) error {
	if err := h.open(); err != nil {
		return err
	}
	done, err := remote.Value(p.API.ProposalApply(s.ctx, id, api.ProposalApplyParams{}, api.Act{}))
	if err != nil {
		h.drop()
		return err
	}
	if done.Credential.ID != "" && done.Secret != "" {
		issued := api.CredentialIssued{Credential: done.Credential, KeyID: done.KeyID, Login: done.Login, Version: done.Version, Secret: done.Secret}
		return s.handOver(h, p.Issued(issued), olderUntil(done))
	}
	secret := done.Secret
	said := fmt.Sprintf("%s (%s): applied; the change is made", done.Proposal.ID, done.Proposal.Operation)
	return s.handSecret(h, secret, said, func(secret string) any { done.Secret = secret; return done })
}

// olderUntil is when the secrets before the one that came of a proposal end; zero: they have ended, or there are none.
func olderUntil(done api.ProposalChanged) time.Time {
	var rotation registry.CredentialRotate
	if done.Proposal.Operation != string(registry.OpCredentialRotate) || json.Unmarshal(done.Proposal.Params, &rotation) != nil {
		return time.Time{}
	}
	return rotation.OverlapUntil
}
