package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/access"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

var requestIDForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

func newWhy() *cobra.Command {
	o := new(operator)
	c := &cobra.Command{
		Use:   "why REQUEST-ID",
		Short: "Say why a request was refused, or let in",
		Long: `Say what became of one request, step by step: the exact cause, which the outside was not told; how the client's address was
derived, hop by hop; which versions of the credential were tried; what the caller was told; and what to do next. REQUEST-ID is what
the caller was told.`,
		Example: "  countersign why 68daff8340eefb1a601a62a056a3a088",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id := strings.ToLower(strings.TrimSpace(args[0]))
			if !requestIDForm.MatchString(id) {
				return hinted{fmt.Errorf("%q is not the id of a request", args[0]), "32 hex digits, as the refused caller was told them; countersign audit search finds them by partner, address or time"}
			}
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				story, err := remote.Value(p.API.DecisionWhy(s.ctx, id))
				if errors.Is(err, registry.ErrNotFound) {
					return hinted{fmt.Errorf("request %s: %w", id, err), "is it of another installation, or older than the record? countersign audit search finds what is there"}
				}
				if err != nil {
					return err
				}
				return s.showStory(story)
			})
		},
	}
	o.flags(c)
	return c
}

func (s *session) showStory(t api.Story) error {
	if s.out.json {
		return s.out.encode(t)
	}
	var b strings.Builder
	outcome := "refused: " + t.Reason
	if t.Allowed {
		outcome = "let in"
	}
	if !t.Finished {
		outcome += " (what came of it is not recorded yet)"
	}
	fmt.Fprintf(&b, "%s at %s: %s\n", t.RequestID, recordTime(t.At), safeText([]byte(outcome)))
	claimed := ""
	if !t.Proved {
		claimed = " (claimed, not proved)"
	}
	partner := t.Partner
	if partner != "" {
		partner += claimed
	}
	credential := t.Credential
	if credential != "" {
		credential += claimed
	}
	facts(&b, [2]string{"cause", t.Cause}, [2]string{"request", strings.TrimSpace(t.Method + " " + t.Path)}, [2]string{"API", strings.Trim(t.Environment+"/"+t.API, "/")},
		[2]string{"partner", partner}, [2]string{"credential", credential}, [2]string{"where", t.Where}, [2]string{"warnings", strings.Join(t.Warnings, ", ")})
	printSteps(&b, t)
	printDerived(&b, t)
	printVersions(&b, t)
	if t.Told.Status != 0 {
		fmt.Fprintf(&b, "\nThe caller was told: %d %s\n%s", t.Told.Status, safeText([]byte(t.Told.Type)), safeLines(t.Told.Body, "  "))
	}
	if t.Shadow.Profile != "" {
		fmt.Fprintf(&b, "\nThe shadow profile %s says: %s\n", safeText([]byte(t.Shadow.Profile)), safeText([]byte(t.Shadow.Result)))
	}
	for i, hint := range t.Hints {
		if i == 0 {
			b.WriteString("\nNext\n")
		}
		fmt.Fprintf(&b, "  %s\n", safeText([]byte(hint)))
	}
	_, err := io.WriteString(s.out.out, b.String())
	return err
}

// printSteps marks how far the request came.
func printSteps(b *strings.Builder, t api.Story) {
	b.WriteString("\nSteps\n")
	marks := map[string]string{"passed": "ok", "failed": "FAILED", "not_reached": "-", "unclear": "?"}
	for _, step := range t.Steps {
		mark := marks[step.State]
		if mark == "" {
			mark = safeText([]byte(step.State))
		}
		fmt.Fprintf(b, "  %-6s  %s\n", mark, safeText([]byte(step.Title)))
		for _, fact := range step.Facts {
			fmt.Fprintf(b, "          %s\n", safeText([]byte(fact)))
		}
	}
}

func printDerived(b *strings.Builder, t api.Story) {
	b.WriteString("\nAddress\n")
	address := t.Address.Address
	if address == "" {
		address = "could not be derived"
	}
	if t.Address.Country != "" {
		address += " in " + t.Address.Country
	}
	fmt.Fprintf(b, "  %s\n", safeText([]byte(address)))
	for _, hop := range t.Address.Hops {
		fmt.Fprintf(b, "    %s\n", safeText([]byte(hop)))
	}
}

func printVersions(b *strings.Builder, t api.Story) {
	v := t.Versions
	if v.Proved == 0 && len(v.Tried)+len(v.Then) == 0 {
		return
	}
	b.WriteString("\nVersions\n")
	if v.Proved > 0 {
		fmt.Fprintf(b, "  version %d proved it\n", v.Proved)
	}
	if len(v.Tried) > 0 {
		outcome := "none fits"
		if t.Reason == access.RevokedCredential.String() {
			outcome = "none that counts fits"
		}
		fmt.Fprintf(b, "  tried, and %s: %s\n", outcome, strings.Trim(strings.Join(strings.Fields(fmt.Sprint(v.Tried)), ", "), "[]"))
	}
	for _, one := range v.Then {
		text := one.State
		if one.Text != "" {
			text += ", " + one.Text
		}
		fmt.Fprintf(b, "  version %d: %s\n", one.Version, safeText([]byte(text)))
	}
}
