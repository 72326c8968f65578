package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"countersign.dev/api"
)

// showReviewFile writes the whole file of a review for people, or as it is in JSON.
func (s *session) showReviewFile(name string, file api.ReviewFile) error {
	if s.out.json {
		return s.out.encode(file)
	}
	var b strings.Builder
	r := file.Review
	fmt.Fprintf(&b, "%s (%s) in %s: %s since %s\n", name, r.PartnerID, r.Environment, r.State, when(r.ChangedAt))
	started := file.StartedBy
	if started != "" {
		started += ", " + when(file.StartedAt)
	}
	facts(&b, [2]string{"asked for by", r.RequestedBy}, [2]string{"taken up by", started}, [2]string{"approved by", r.ApprovedBy},
		[2]string{"reason", r.Reason}, [2]string{"comes after", file.After}, [2]string{"stage", string(file.Stage)})
	b.WriteString("\nChecklist\n")
	if len(file.Items) == 0 {
		b.WriteString("  none is configured\n")
	}
	for _, item := range file.Items {
		printItem(&b, item)
	}
	printEvidence(&b, file.Evidence)
	printSeen(&b, file.Facts)
	printComments(&b, file.Comments)
	b.WriteByte('\n')
	missing := "nothing: it can be approved"
	if len(file.Missing) > 0 {
		missing = strings.Join(file.Missing, ", ")
	}
	facts(&b, [2]string{"missing", missing}, [2]string{"digest", file.Digest})
	_, err := io.WriteString(s.out.out, b.String())
	return err
}

func printItem(b *strings.Builder, item api.ReviewItem) {
	mark := " "
	if item.Done {
		mark = "x"
	}
	required := ""
	if !item.Required {
		required = " (not required)"
	}
	fmt.Fprintf(b, "  [%s] %s: %s%s\n", mark, item.ID, safeText([]byte(item.Title)), required)
	if item.Outdated {
		b.WriteString("      its evidence has changed since it was checked: look again\n")
	}
	if item.By != "" {
		fmt.Fprintf(b, "      by %s, %s\n", safeText([]byte(item.By)), when(item.At))
	}
	for _, text := range []string{item.Note, item.Fact} {
		if text != "" {
			fmt.Fprintf(b, "      %s\n", safeText([]byte(text)))
		}
	}
	if len(item.EvidenceIds) > 0 {
		fmt.Fprintf(b, "      evidence: %s\n", strings.Join(item.EvidenceIds, ", "))
	}
}

func printEvidence(b *strings.Builder, list []api.Evidence) {
	if len(list) == 0 {
		return
	}
	b.WriteString("\nEvidence\n")
	for _, e := range list {
		what := e.URL
		if what == "" {
			what = fmt.Sprintf("%s, %d bytes", e.MediaType, e.Size)
		}
		fmt.Fprintf(b, "  %s: %s (%s)\n", e.ID, safeText([]byte(e.Name)), safeText([]byte(what)))
		fmt.Fprintf(b, "      by %s, %s, sha256 %s\n", safeText([]byte(e.AddedBy)), when(e.AddedAt), e.Sha256)
		if e.Item != "" {
			fmt.Fprintf(b, "      for %s\n", e.Item)
		}
		if e.Note != "" {
			fmt.Fprintf(b, "      %s\n", safeText([]byte(e.Note)))
		}
		if e.SupersededBy != "" {
			fmt.Fprintf(b, "      superseded by %s\n", e.SupersededBy)
		}
	}
}

// printSeen tells what the system has collected of calls.
func printSeen(b *strings.Builder, list []api.SystemFacts) {
	for _, f := range list {
		fmt.Fprintf(b, "\nSeen in %s until %s\n", f.Environment, when(f.At))
		span := ""
		if f.Calls > 0 {
			span = fmt.Sprintf(", the first at %s, the last at %s", when(f.FirstCall), when(f.LastCall))
		}
		fmt.Fprintf(b, "  calls let in: %d%s\n", f.Calls, span)
		if len(f.Addresses) > 0 {
			var texts []string
			for _, a := range f.Addresses {
				texts = append(texts, safeText([]byte(a.Address))+" ("+strconv.FormatInt(a.Count, 10)+")")
			}
			fmt.Fprintf(b, "  addresses: %s\n", strings.Join(texts, ", "))
		}
		if len(f.Refusals) > 0 {
			var texts []string
			for _, r := range f.Refusals {
				texts = append(texts, safeText([]byte(r.Reason))+" ("+strconv.FormatInt(r.Count, 10)+")")
			}
			fmt.Fprintf(b, "  refused: %s\n", strings.Join(texts, ", "))
		}
	}
}

func printComments(b *strings.Builder, list []api.ReviewComment) {
	if len(list) > 0 {
		b.WriteString("\nComments\n")
	}
	for _, one := range list {
		fmt.Fprintf(b, "  %s, %s:\n%s", safeText([]byte(one.By)), when(one.At), safeLines(one.Text, "    "))
	}
}
