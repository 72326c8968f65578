package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newProposal() *cobra.Command {
	o := new(operator)
	return o.group("proposal", "See and decide on changes that wait for a second person", `See and decide on changes that wait for a second person. What waits is said by "countersign settings approvals show"; commands on
the server's own disk wait for nobody.

An approval binds the digest of the change as it was shown. Whoever edits a proposal voids all approvals of it, and whoever asked
for it or edited it does not approve it. The last approval makes the change, unless a secret comes of it: then whoever asked for
it applies it and sees the secret.`,
		newProposalList(o), newProposalShow(o), newProposalApprove(o), newProposalEnd(o, rejectProposal), newProposalEnd(o, withdrawProposal), newProposalApply(o),
		newProposalEdit(o), newProposalComment(o), newProposalWhatIf(o))
}

var proposalStates = []string{"open", "approved", "applied", "rejected", "withdrawn", "expired"}

func newProposalList(o *operator) *cobra.Command {
	var environment, state string
	var all bool
	var limit int
	c := &cobra.Command{
		Use:               "list [PARTNER]",
		Short:             "List proposals, the newest first",
		Long:              "List the proposals that wait, the newest first; with --all also those that are decided.\n\n" + whoHelp,
		Example:           "  countersign proposal list\n  countersign proposal list --state rejected",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkLimit(limit); err != nil {
				return err
			}
			if state != "" && !slices.Contains(proposalStates, state) {
				return hinted{errors.New("no such state: " + state), strings.Join(proposalStates, ", ")}
			}
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				id, err := s.optionalPartner(args)
				if err != nil {
					return err
				}
				q := api.ProposalListParams{Partner: id, Environment: environment, State: api.ProposalState(state)}
				return s.listProposals(p, q, limit, all || state != "")
			})
		},
	}
	environmentFlag(c, &environment, false)
	c.Flags().StringVar(&state, "state", "", "only those in this `STATE`: "+strings.Join(proposalStates, ", "))
	c.Flags().BoolVar(&all, "all", false, "decided ones, too")
	limitFlag(c, &limit, 100)
	completeEnvironments(o, c)
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(proposalStates, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// listProposals shows those that wait, or all that fit.
func (s *session) listProposals(p *remote.Client, q api.ProposalListParams, limit int, all bool) error {
	states := []api.ProposalState{q.State}
	if !all {
		states = []api.ProposalState{"open", "approved"}
	}
	list, cut := []api.Proposal{}, false
	for _, state := range states {
		found, more, err := pageOf(limit, func(after string, n int) ([]api.Proposal, string, error) {
			q.State, q.After, q.Limit = state, after, n
			page, err := remote.Value(p.API.ProposalList(s.ctx, q))
			return page.Items, page.Next, err
		})
		if err != nil {
			return err
		}
		list, cut = append(list, found...), cut || more
	}
	slices.SortStableFunc(list, func(a, b api.Proposal) int { return b.CreatedAt.Compare(a.CreatedAt) })
	var rows [][]string
	for _, one := range list {
		rows = append(rows, []string{one.ID, one.Operation, partnerOf(one), one.Environment, proposalState(one), one.RequestedBy, when(one.CreatedAt)})
	}
	if err := s.out.table(list, "no proposal waits", []string{"ID", "CHANGE", "PARTNER", "ENVIRONMENT", "STATE", "ASKED FOR BY", "AT"}, rows); err != nil {
		return err
	}
	s.noteMore(cut)
	return nil
}

// proposalState says how far a proposal is.
func proposalState(p api.Proposal) string {
	switch p.State {
	case "open":
		return fmt.Sprintf("open, %d of %d approvals", len(p.Approvals), p.Needed)
	case "approved":
		return "approved, waits to be applied"
	}
	return string(p.State)
}

func newProposalShow(o *operator) *cobra.Command {
	return &cobra.Command{
		Use:               "show PROPOSAL",
		Short:             "Show a proposal with its parameters, its what-if report and its digest",
		Example:           "  countersign proposal show prp_...",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeProposal(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.proposal(p, args[0])
				if err != nil {
					return err
				}
				if s.out.json {
					return s.out.encode(found)
				}
				_, err = io.WriteString(s.out.out, proposalPage(found))
				return err
			})
		},
	}
}

// proposal reads one; a slip is told with what to do.
func (s *session) proposal(p *remote.Client, id string) (api.Proposal, error) {
	found, err := remote.Value(p.API.ProposalGet(s.ctx, id))
	if isNotFound(err) {
		err = hinted{fmt.Errorf("proposal %q: %w", id, err), "countersign proposal list --all shows the ids"}
	}
	return found, err
}

// maxParams bounds the parameters of a change in a file.
const maxParams = 1 << 20

func newProposalEdit(o *operator) *cobra.Command {
	var file, reason string
	c := &cobra.Command{
		Use:   "edit PROPOSAL --params FILE",
		Short: "Change what is proposed; approvals of it are void",
		Long: `Change the parameters of a proposal, given as JSON as "proposal show -o json" has them (params). Every approval that it has is
void, and whoever edits it does not approve it. The same parameters again bring it up to date, where what it changes has moved on
since it was made. Without --reason the former reason stays.`,
		Example:           "  countersign proposal show prp_... -o json | jq .params > params.json\n  countersign proposal edit prp_... --params params.json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeProposal(o),
		RunE: func(c *cobra.Command, args []string) error {
			params, err := readParams(c, file)
			if err != nil {
				return err
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.proposal(p, args[0])
				if err != nil {
					return err
				}
				if !c.Flags().Changed("reason") {
					reason = found.Reason
				}
				match := api.ProposalEditParams{IfMatch: remote.Quoted(found.Etag)}
				changed, err := remote.Value(p.API.ProposalEdit(s.ctx, found.ID, match, api.ProposalEdit{Params: params, Reason: reason}))
				if err != nil {
					return err
				}
				return s.showProposal(changed, "edited; approvals that it had are void")
			})
		},
	}
	c.Flags().StringVar(&file, "params", "", "`FILE` with the new parameters (JSON), or - for standard input")
	_ = c.MarkFlagRequired("params")
	_ = c.MarkFlagFilename("params", "json")
	reasonFlag(c, &reason)
	return o.changing(c)
}

// readParams reads one JSON object.
func readParams(c *cobra.Command, file string) (json.RawMessage, error) {
	in := c.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxParams+1))
	if err != nil {
		return nil, fmt.Errorf("--params %s: %w", file, err)
	}
	var object map[string]json.RawMessage
	if len(text) > maxParams || json.Unmarshal(text, &object) != nil {
		return nil, hinted{fmt.Errorf("--params %s: not one JSON object", file), "write it as `proposal show -o json` has it under params"}
	}
	return text, nil
}

func newProposalComment(o *operator) *cobra.Command {
	c := &cobra.Command{
		Use:               "comment PROPOSAL TEXT",
		Short:             "Say something about a proposal",
		Long:              "Say something about a proposal, for everybody who looks at it. TEXT may have several lines; - reads it from standard input.",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeProposal(o),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := textOr(c, args[1])
			if err != nil {
				return err
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				changed, err := remote.Value(p.API.ProposalComment(s.ctx, args[0], api.ProposalCommentParams{}, api.Comment{Text: text}))
				if err != nil {
					return err
				}
				return s.showProposal(changed, "said")
			})
		},
	}
	return o.changing(c)
}
