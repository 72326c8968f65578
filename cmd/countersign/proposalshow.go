package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func isNotFound(err error) bool { return errors.Is(err, registry.ErrNotFound) }

// proposalPage is a proposal for people.
func proposalPage(p api.Proposal) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s\n", p.ID, p.Operation, proposalState(p))
	asked := p.RequestedBy + ", " + when(p.CreatedAt)
	closed := ""
	if p.EndedBy != "" {
		closed = p.EndedBy + ", " + when(p.EndedAt)
	}
	facts(&b, [2]string{"partner", partnerOf(p)}, [2]string{"environment", p.Environment}, [2]string{"asked for by", asked}, [2]string{"reason", p.Reason},
		[2]string{"edited by", strings.Join(p.Editors, ", ")}, [2]string{"ended by", closed}, [2]string{"because", p.EndReason}, [2]string{"could not be applied", p.Failure.Why},
		[2]string{"expires", when(p.ExpiresAt)}, [2]string{"could be approved by", strings.Join(p.Approvers, ", ")}, [2]string{"WARNING", p.Warning})
	b.WriteString("\nChange\n")
	b.WriteString(safeLines(indented(p.Params), "  "))
	printNames(&b, p)
	for i, a := range p.Approvals {
		if i == 0 {
			b.WriteString("\nApprovals\n")
		}
		fmt.Fprintf(&b, "  %s, %s\n", safeText([]byte(a.By)), when(a.At))
		if a.Comment != "" {
			b.WriteString(safeLines(a.Comment, "    "))
		}
	}
	for i, one := range p.Comments {
		if i == 0 {
			b.WriteString("\nComments\n")
		}
		fmt.Fprintf(&b, "  %s, %s:\n%s", safeText([]byte(one.By)), when(one.At), safeLines(one.Text, "    "))
	}
	printAttached(&b, p.WhatIf)
	if p.YieldsSecret {
		b.WriteString("\nA secret comes of it: whoever asked for it applies it, once it is approved, and sees the secret.\n")
	}
	fmt.Fprintf(&b, "\ndigest  %s\n", p.Digest)
	return b.String()
}

// partnerOf is the partner of a proposal by its name, with its id.
func partnerOf(p api.Proposal) string {
	if p.PartnerName == "" {
		return p.PartnerID
	}
	return p.PartnerName + " (" + p.PartnerID + ")"
}

// printNames says what the ids in the parameters stand for.
func printNames(b *strings.Builder, p api.Proposal) {
	for _, id := range slices.Sorted(maps.Keys(p.Names)) {
		if id != p.PartnerID {
			fmt.Fprintf(b, "  %s is %s\n", safeText([]byte(id)), safeText([]byte(p.Names[id])))
		}
	}
}

// final reports whether a change, once it is made, cannot be undone: what ends stays ended. Another secret or another setting can
// always be made.
func final(p api.Proposal) bool {
	var params struct {
		OverlapUntil time.Time               `json:"overlap_until"`
		ClosePruned  bool                    `json:"close_pruned"`
		Partners     []struct{ Closed bool } `json:"partners"`
	}
	if json.Unmarshal(p.Params, &params) != nil {
		return true
	}
	switch registry.OperationName(p.Operation) {
	case registry.OpPartnerClose, registry.OpReviewClose, registry.OpCredentialRevoke, registry.OpCredentialRetire, registry.OpTokensRevoke,
		registry.OpEndpointRemove, registry.OpSealingKeyDrop, registry.OpServiceRevoke, registry.OpBreakGlassEnd:
		return true
	case registry.OpCredentialRotate, registry.OpEndpointRotate:
		return params.OverlapUntil.IsZero()
	case registry.OpRegisterApply:
		return params.ClosePruned || slices.ContainsFunc(params.Partners, func(one struct{ Closed bool }) bool { return one.Closed })
	}
	return false
}

// indented writes parameters so that people can read them.
func indented(params json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, params, "", "  ") != nil {
		return string(params)
	}
	return out.String()
}

func printAttached(b *strings.Builder, w api.ProposalReport) {
	if w.At.IsZero() {
		return
	}
	stale := ""
	if w.Stale {
		stale = "; THE PROPOSAL WAS EDITED SINCE: run it again"
	}
	fmt.Fprintf(b, "\nWhat if, by %s at %s%s\n", safeText([]byte(w.By)), when(w.At), stale)
	var text strings.Builder
	printWhatIf(&text, w.Report)
	b.WriteString(safeLines(text.String(), "  "))
}

// showProposal says what became of a proposal, and hands a secret over that came of it.
func (s *session) showProposal(changed api.ProposalChanged, said string) error {
	p := changed.Proposal
	if changed.Applied {
		said += "; the change is made"
	} else if p.State == "approved" {
		said += "; whoever asked for it makes the change: countersign proposal apply " + p.ID
	} else if p.State == "open" {
		said += fmt.Sprintf("; %d of %d approvals", len(p.Approvals), p.Needed)
	}
	return s.out.show(changed, "%s (%s): %s", p.ID, p.Operation, said)
}

// completeProposal offers the proposals that wait.
func completeProposal(o *operator) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return candidatesOf(o, func(s *session) (found []cobra.Completion, err error) {
			err = s.onPlane(func(s *session, p *remote.Client) error {
				for _, state := range []api.ProposalState{"open", "approved"} {
					page, err := remote.Value(p.API.ProposalList(s.ctx, api.ProposalListParams{State: state}))
					if err != nil {
						return err
					}
					for _, one := range page.Items {
						if strings.HasPrefix(one.ID, typed) {
							found = append(found, cobra.CompletionWithDesc(one.ID, one.Operation+" "+partnerOf(one)))
						}
					}
				}
				return nil
			})
			return found, err
		})
	}
}
