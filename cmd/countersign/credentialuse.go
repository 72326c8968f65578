package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newCredentialRehearsal(o *operator) *cobra.Command {
	var since string
	c := &cobra.Command{
		Use:   "rehearsal CREDENTIAL",
		Short: "Tell who still uses which version, before you rotate or retire one",
		Long: `Tell for each version of a credential when it was used first and last, how often on each day, from which addresses, and what was
refused. Counts reach back as far as the per-minute counts are kept; addresses as far as --since. Nothing is changed.

` + credentialHelp,
		Example:           "  countersign credential rehearsal crd_... --since 14d",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCredential(o),
		RunE: func(c *cobra.Command, args []string) error {
			from, err := readSince(since)
			if err != nil {
				return err
			}
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				found, owner, err := s.credential(args[0])
				if err != nil {
					return err
				}
				r, err := remote.Value(p.API.CredentialRehearsal(s.ctx, found.ID, api.CredentialRehearsalParams{From: from}))
				if err != nil {
					return err
				}
				return s.showRehearsal(owner.Name, found.Environment, r)
			})
		},
	}
	sinceFlag(c, &since, "7d")
	return c
}

func (s *session) showRehearsal(name, environment string, r api.Rehearsal) error {
	if s.out.json {
		return s.out.encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s in %s, from %s to %s\n", name, r.Credential, environment, when(r.Span.From), when(r.Span.To))
	reaches := "a last use before that is not known: there are no per-minute counts"
	if !r.Reaches.IsZero() {
		reaches = "last uses are known back to " + when(r.Reaches)
	}
	fmt.Fprintln(&b, reaches)
	if r.Truncated {
		b.WriteString("NOT ALL OF THE RECORD WAS READ: addresses, days and refusals are of its first lines\n")
	}
	for _, segment := range r.Unread {
		fmt.Fprintf(&b, "COULD NOT BE READ: %s\n", safeText([]byte(segment)))
	}
	for _, v := range r.Versions {
		printUse(&b, fmt.Sprintf("version %d", v.Version), v)
	}
	if r.ByToken.Allowed+r.ByToken.Refused > 0 {
		printUse(&b, "by access token", r.ByToken)
	}
	if len(r.Unproved.Top) > 0 {
		b.WriteByte('\n')
		printCounts(&b, "refused before proof, by whoever knows the key id: ", r.Unproved)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", safeText([]byte(note)))
	}
	_, err := io.WriteString(s.out.out, b.String())
	return err
}

func printUse(b *strings.Builder, title string, v api.VersionUse) {
	var marks []string
	switch {
	case v.Gone:
		marks = append(marks, "the register does not have it any more")
	case v.Version > 0 && !v.Live:
		marks = append(marks, "not live")
	}
	if v.Newest {
		marks = append(marks, "the newest")
	}
	if !v.NotAfter.IsZero() {
		marks = append(marks, "until "+when(v.NotAfter))
	}
	fmt.Fprintf(b, "\n%s\n", strings.TrimSuffix(title+" ("+strings.Join(marks, ", ")+")", " ()"))
	last := "never, as far as is known"
	if !v.LastUse.IsZero() {
		last = when(v.LastUse)
	}
	fmt.Fprintf(b, "  last used      %s\n", last)
	if !v.FirstUse.IsZero() {
		fmt.Fprintf(b, "  first used     %s\n", when(v.FirstUse))
	}
	fmt.Fprintf(b, "  let in         %d\n", v.Allowed)
	if v.Refused > 0 {
		fmt.Fprintf(b, "  refused        %d\n", v.Refused)
		printCounts(b, "    for          ", v.Refusals)
	}
	for _, day := range v.Days {
		fmt.Fprintf(b, "  %s     %d let in, %d refused\n", safeText([]byte(day.Day)), day.Allowed, day.Refused)
	}
	printAddresses(b, "  ", v.Addresses)
}

func newCredentialPreview(o *operator) *cobra.Command {
	var since string
	var version int
	c := &cobra.Command{
		Use:   "preview CREDENTIAL",
		Short: "Tell whom revoking a credential now would have refused",
		Long: `Tell how many requests of the last day a revocation now would have refused, by API, method and address: of the whole credential,
or of one version with --version. Nothing is changed.

` + credentialHelp,
		Example:           "  countersign credential preview crd_... --version 1 --since 24h",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCredential(o),
		RunE: func(c *cobra.Command, args []string) error {
			from, err := readSince(since)
			if err != nil {
				return err
			}
			if version < 0 {
				return fmt.Errorf("--version %d: versions count from 1", version)
			}
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				found, owner, err := s.credential(args[0])
				if err != nil {
					return err
				}
				preview, err := remote.Value(p.API.CredentialRevocationPreview(s.ctx, found.ID, api.CredentialRevocationPreviewParams{Version: version, From: from}))
				if err != nil {
					return err
				}
				return s.showPreview(owner.Name, preview)
			})
		},
	}
	sinceFlag(c, &since, "24h")
	c.Flags().IntVar(&version, "version", 0, "only this version, by its `NUMBER`")
	return c
}

func (s *session) showPreview(name string, p api.RevocationPreview) error {
	if s.out.json {
		return s.out.encode(p)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", name, safeText([]byte(p.Text)))
	if p.Truncated {
		b.WriteString("NOT ALL OF THE RECORD WAS READ: the numbers are of its newest lines\n")
	}
	for _, segment := range p.Unread {
		fmt.Fprintf(&b, "COULD NOT BE READ: %s\n", safeText([]byte(segment)))
	}
	printCounts(&b, "  APIs      ", p.Apis)
	printCounts(&b, "  methods   ", p.Methods)
	printCounts(&b, "  versions  ", p.Versions)
	printAddresses(&b, "  ", p.Addresses)
	if !p.Last.At.IsZero() {
		fmt.Fprintf(&b, "  the last: %s at %s\n", safeText([]byte(p.Last.RequestID)), when(p.Last.At))
	}
	if p.Spared > 0 {
		fmt.Fprintf(&b, "  %s would have gone on, with another version or an access token\n", plural(int(p.Spared), "request"))
	}
	for _, note := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", safeText([]byte(note)))
	}
	_, err := io.WriteString(s.out.out, b.String())
	return err
}

// wholeSpan is a span of whole seconds, for people.
func wholeSpan(seconds int64) string {
	d := time.Duration(seconds) * time.Second
	if d > 0 && d%(24*time.Hour) == 0 {
		return plural(int(d/(24*time.Hour)), "day")
	}
	return d.String()
}
